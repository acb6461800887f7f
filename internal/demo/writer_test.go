package demo

import (
	"context"
	"errors"
	"testing"
)

func TestTheWriterChangesTheRecordAsTheEHRWould(t *testing.T) {
	ctx := context.Background()
	p := write(t, 20, 2)
	w, err := p.Writer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	db := open(t, p.Database)

	id, err := w.InsertNote(ctx, Note{Client: p.Story.Referred, Kind: "soap", Author: 2, At: testNow, Body: "First.", Status: "draft"})
	if err != nil {
		t.Fatal(err)
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	must("update", w.UpdateNote(ctx, id, "Second.", testNow))
	must("sign", w.SignNote(ctx, id, 2, testNow))
	if n := count(t, db, "SELECT COUNT(*) FROM notes WHERE id=? AND subjective='Second.' AND signed_by=2 AND written_at='2026-11-20 10:00:00'", id); n != 1 {
		t.Error("the note is not as it was written, in the practice's local time")
	}
	must("delete", w.DeleteNote(ctx, id, testNow))
	if n := count(t, db, "SELECT COUNT(*) FROM notes WHERE id=? AND deleted", id); n != 1 {
		t.Error("the note is not deleted")
	}
	must("remove", w.RemoveNote(ctx, id))
	if err := w.RemoveNote(ctx, id); !errors.Is(err, ErrNoSuchRow) {
		t.Errorf("removing a note twice: %v", err)
	}
}

func TestRevokingEndsReleasesAndNoRestriction(t *testing.T) {
	ctx := context.Background()
	p := write(t, 20, 2)
	w, err := p.Writer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	db := open(t, p.Database)
	active := func(and string) int {
		return count(t, db, "SELECT COUNT(*) FROM releases WHERE status='active' AND revoked_at IS NULL AND client_id=?"+and, string(p.Story.Referred))
	}
	before := active("")
	if err := w.RevokeTo(ctx, p.Story.Referred, ReferringClinic.ID, testNow); err != nil {
		t.Fatal(err)
	}
	if got := active(""); got != before-1 {
		t.Errorf("%d active forms after one was revoked, want %d", got, before-1)
	}
	if err := w.RevokeAll(ctx, p.Story.Referred, testNow); err != nil {
		t.Fatal(err)
	}
	if all, kept := active(""), active(" AND form='self_pay_restriction'"); all != 1 || kept != 1 {
		t.Errorf("%d active forms of which %d restrict, want the one restriction", all, kept)
	}
	id, err := w.Sign(ctx, p.Story.Referred, Release{Form: "roi", Status: "active", Signed: testNow, EntireRecord: true,
		Recipients: []Recipient{{Organization: ReferringClinic.ID}}, Purposes: []string{"coordination_of_care"}}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := w.Releases(ctx, p.Story.Referred); err != nil || ids[len(ids)-1] != id {
		t.Errorf("the new form is not the client's last: %v", err)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM release_recipients WHERE release_id=?", id); n != 1 {
		t.Errorf("%d recipients", n)
	}
}
