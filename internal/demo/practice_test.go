package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"io"
	"os"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// write makes a practice for a test.
func write(t *testing.T, clients int, seed uint64) *Practice {
	t.Helper()
	p, err := Write(context.Background(), Options{Clients: clients, Seed: seed, Now: testNow, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// least are the numbers of rows that a practice of a hundred clients has at least.
var least = []struct {
	what  string
	query string
	least int
}{
	{"clinicians with an NPI", "SELECT COUNT(*) FROM staff WHERE npi IS NOT NULL", 8},
	{"interns without one", "SELECT COUNT(*) FROM staff WHERE npi IS NULL AND supervisor_id IS NOT NULL", 2},
	{"minors", "SELECT COUNT(*) FROM clients WHERE birth_date > '2008-11-20'", 15},
	{"clients who turned 18 this week", "SELECT COUNT(*) FROM clients WHERE birth_date BETWEEN '2008-11-13' AND '2008-11-20'", 5},
	{"legal representatives", "SELECT COUNT(*) FROM client_contacts WHERE is_legal_representative", 25},
	{"representatives whose authority has ended", "SELECT COUNT(*) FROM client_contacts WHERE authority_until < '2026-11-20'", 10},
	{"individual sessions", "SELECT COUNT(*) FROM sessions WHERE kind='individual' AND status='completed'", 200},
	{"couple sessions", "SELECT COUNT(*) FROM sessions WHERE kind='couple'", 40},
	{"family sessions", "SELECT COUNT(*) FROM sessions WHERE kind='family'", 20},
	{"group sessions", "SELECT COUNT(*) FROM sessions WHERE kind='group'", 40},
	{"self-paid sessions", "SELECT COUNT(*) FROM sessions WHERE self_pay", 15},
	{"sessions in the Part 2 programme", "SELECT COUNT(*) FROM sessions WHERE programme='sud-part2'", 50},
	{"no-shows and cancellations", "SELECT COUNT(*) FROM sessions WHERE status IN ('no_show','cancelled','late_cancel')", 10},
	{"booked sessions", "SELECT COUNT(*) FROM sessions WHERE status='scheduled'", 40},
	{"SOAP notes", "SELECT COUNT(*) FROM notes WHERE note_type='soap'", 80},
	{"DAP notes", "SELECT COUNT(*) FROM notes WHERE note_type='dap'", 80},
	{"intakes", "SELECT COUNT(*) FROM notes WHERE note_type='intake'", 100},
	{"treatment plan notes", "SELECT COUNT(*) FROM notes WHERE note_type='treatment_plan'", 50},
	{"discharge summaries", "SELECT COUNT(*) FROM notes WHERE note_type='discharge_summary'", 5},
	{"consultations", "SELECT COUNT(*) FROM notes WHERE note_type='consultation'", 10},
	{"SUD progress notes", "SELECT COUNT(*) FROM notes WHERE note_type='sud_progress'", 30},
	{"group notes", "SELECT COUNT(*) FROM notes WHERE note_type='group_progress'", 60},
	{"notes of kinds that no map lists", "SELECT COUNT(*) FROM notes WHERE note_type IN ('phone_message','supervision')", 30},
	{"drafts", "SELECT COUNT(*) FROM notes WHERE status='draft'", 5},
	{"unsigned notes", "SELECT COUNT(*) FROM notes WHERE status='unsigned'", 5},
	{"deleted notes", "SELECT COUNT(*) FROM notes WHERE deleted", 3},
	{"amended notes with their successors", "SELECT COUNT(*) FROM notes n JOIN notes o ON o.id=n.replaces_id WHERE o.status='amended'", 8},
	{"co-signed notes", "SELECT COUNT(*) FROM notes WHERE cosigned_at IS NOT NULL", 5},
	{"notes waiting for a co-signature", "SELECT COUNT(*) FROM notes WHERE cosign_required AND cosigned_at IS NULL AND status='signed'", 1},
	{"PHQ-9", "SELECT COUNT(*) FROM assessments WHERE instrument='PHQ-9'", 150},
	{"GAD-7", "SELECT COUNT(*) FROM assessments WHERE instrument='GAD-7'", 150},
	{"medications", "SELECT COUNT(*) FROM medications", 40},
	{"substance use diagnoses", "SELECT COUNT(*) FROM diagnoses WHERE icd10 LIKE 'F1%'", 15},
	{"guarded diagnoses", "SELECT COUNT(*) FROM diagnoses WHERE icd10 IN ('Z21','Z69.11')", 8},
	{"scanned PDFs", "SELECT COUNT(*) FROM documents WHERE content IS NOT NULL", 100},
	{"scans that stand in their document", "SELECT COUNT(*) FROM documents WHERE LENGTH(content)<=32768", 90},
	{"scans that are too long for that", "SELECT COUNT(*) FROM documents WHERE LENGTH(content)>32768", 8},
	{"papers for a legal proceeding", "SELECT COUNT(*) FROM documents WHERE category='legal'", 8},
	{"goals", "SELECT COUNT(*) FROM plan_goals", 90},
	{"texts with quotes, newlines and beyond ASCII", "SELECT COUNT(*) FROM notes WHERE subjective LIKE '%\"%' OR subjective LIKE '%'||char(10)||'%' OR subjective LIKE '%🙂%' OR subjective LIKE '%ï%'", 10},
}

func TestAPracticeOfAHundredClientsHasEveryShape(t *testing.T) {
	p := write(t, 100, 7)
	db := open(t, p.Database)
	for _, c := range least {
		if n := count(t, db, c.query); n < c.least {
			t.Errorf("%s: %d, want at least %d", c.what, n, c.least)
		}
	}
	for s := range shapes {
		least := 1
		switch s {
		case ToClinic, InsurerAuthorization, Part2Named, ExceptSubstanceUse, GuardianSigned, GuardianOutgrown, SelfPayRestriction, Part2TPO, RepresentativeSigned, PrivacyNoticeOnly:
			least = 5
		}
		if n := len(p.Shapes[s]); n < least {
			t.Errorf("signed forms of shape %q: %d, want at least %d", s, n, least)
		}
	}
}

func TestTheSameSeedGivesTheSamePractice(t *testing.T) {
	a, b, other := write(t, 25, 3), write(t, 25, 3), write(t, 25, 4)
	if !bytes.Equal(digest(t, a.Database), digest(t, b.Database)) || !bytes.Equal(digest(t, a.Psychotherapy), digest(t, b.Psychotherapy)) {
		t.Error("two practices with one seed differ")
	}
	if bytes.Equal(digest(t, a.Database), digest(t, other.Database)) {
		t.Error("two seeds gave one practice")
	}
}

func digest(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return h.Sum(nil)
}

func TestPsychotherapyNotesLieApart(t *testing.T) {
	p := write(t, 20, 1)
	canaries, err := p.ReadCanaries(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(canaries) < 40 {
		t.Fatalf("%d canaries, want at least 40", len(canaries))
	}
	record, err := os.ReadFile(p.Database)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range canaries {
		if seen[c] {
			t.Error("a canary stands twice")
		}
		seen[c] = true
		if bytes.Contains(record, []byte(c)) {
			t.Error("a canary stands in the practice's record")
		}
	}
}

func TestNotesThatMustNotLeaveAreMarked(t *testing.T) {
	p := write(t, 60, 1)
	marks, err := p.ReadNeverReleased(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, p.Database)
	want := count(t, db, `SELECT COUNT(*) FROM notes WHERE deleted OR status IN ('draft','unsigned') OR (cosign_required AND cosigned_at IS NULL)
		OR note_type IN ('phone_message','supervision','psychotherapy_stub') OR author_id IS NULL OR written_at='soon'
		OR session_id=1 AND client_id<>1001`)
	if len(marks) != want || want < 30 {
		t.Errorf("%d marked notes, want %d", len(marks), want)
	}
}

func TestWriteRefusesAForeignFile(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/" + DatabaseFile
	if err := os.WriteFile(path, []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), Options{Clients: 1, Seed: 1, Now: testNow, Dir: dir}); err == nil {
		t.Fatal("wrote over a file that is not ours")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "somebody's own" {
		t.Error("the foreign file was changed")
	}
}

func TestNPIsHaveAValidCheckDigit(t *testing.T) {
	if got := luhn("80840123456789"); got != 3 { // 1234567893 is the example of the NPI check digit rule
		t.Errorf("check digit of 123456789 is %d, want 3", got)
	}
	if n := npi(1); len(n) != 10 {
		t.Errorf("an NPI of %d digits", len(n))
	}
}

func TestOneClientIsEnough(t *testing.T) {
	p := write(t, 1, 5)
	if len(p.Clients) != 1 || p.Story.Referred != "1001" {
		t.Errorf("clients %v, story %v", p.Clients, p.Story)
	}
}

// What is booked for next week has been written by now: nothing is dated from the future but when it is to happen.
func TestNothingIsWrittenInTheFuture(t *testing.T) {
	p := write(t, 30, 4)
	db := open(t, p.Database)
	now := testNow.In(p.Zone).Format(layoutTime)
	if n := count(t, db, "SELECT COUNT(*) FROM sessions WHERE starts_at > ?", now); n == 0 {
		t.Fatal("nobody has an appointment")
	}
	for _, table := range []string{"sessions", "notes", "clients", "releases"} {
		if n := count(t, db, "SELECT COUNT(*) FROM "+table+" WHERE updated_at > ?", now); n > 0 {
			t.Errorf("%d rows of %s were written in the future", n, table)
		}
	}
}
