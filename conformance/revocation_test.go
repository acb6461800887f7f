package conformance

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// toHarbor is a signed form that releases everything to the referring clinic.
func toHarbor(now time.Time) demo.Release {
	return demo.Release{Form: "roi", Status: "active", Signed: now.Add(-time.Hour), EntireRecord: true, Recipients: []demo.Recipient{{Organization: demo.ReferringClinic.ID}},
		Purposes: []string{"coordination_of_care", "treatment"}}
}

// revokingClinic is a clinic of the test's own, one of whose clients has released nothing yet.
func revokingClinic(ctx context.Context, t *testing.T) (*clinic, *demo.Writer, practice.ClientKey) {
	t.Helper()
	c := ownClinic(t)
	w, client := c.writer(t), c.practice.Story.Represented
	if err := w.RevokeAll(ctx, client, time.Now()); err != nil {
		t.Fatal(err)
	}
	return c, w, client
}

// TestARevocationHoldsFromTheNextRequest signs and revokes again and again while others keep asking: the first request after either, on any
// connection, sees it.
func TestARevocationHoldsFromTheNextRequest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, w, client := revokingClinic(ctx, t)
	id, ask := c.id(t, client), c.as(t, harbor)
	paths := []string{"Patient/" + id, "Patient?_id=" + id, "DocumentReference?patient=" + id, "Patient?_count=200"}

	var wg sync.WaitGroup
	asked := make(chan int, 8) // what the noise asks for
	for range 2 {              // it keeps views warm, and reads of the version under way
		noise := c.as(t, harbor)
		wg.Go(func() {
			for i := range asked {
				_, _ = noise.try(http.MethodGet, paths[i%3], nil, nil)
			}
		})
	}
	defer func() { close(asked); wg.Wait() }()
	beside := func(i int) { // before each change, and once it is made
		for n := range 4 {
			select {
			case asked <- i + n:
			default: // there is enough of it
			}
		}
	}
	for i := range 200 {
		path := paths[i%3]
		if i%10 == 0 {
			path = paths[3] // all whom the partner may know of
		}
		beside(i)
		release, err := w.Sign(ctx, client, toHarbor(time.Now()), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		beside(i)
		if a := ask.get(t, path); a.status != 200 || !strings.Contains(string(a.body), "Patient/"+id+`"`) && !strings.Contains(string(a.body), `"id":"`+id+`"`) {
			t.Fatalf("round %d: after the signature %s answers %d", i, withoutQuery(path)[:7], a.status)
		}
		beside(i)
		if err := w.Revoke(ctx, release, time.Now()); err != nil {
			t.Fatal(err)
		}
		beside(i)
		a := ask.get(t, path)
		if strings.Contains(string(a.body), `"id":"`+id+`"`) || strings.Contains(string(a.body), "Patient/"+id+`"`) {
			t.Fatalf("round %d: released after the revocation (%d)", i, a.status)
		}
	}
}

// TestARevocationHoldsForEveryEntryOfABatch revokes before a batch is sent: no entry of it sees what was.
func TestARevocationHoldsForEveryEntryOfABatch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, w, client := revokingClinic(ctx, t)
	id, ask := c.id(t, client), c.as(t, harbor)
	requests := []string{"GET Patient/" + id, "GET Patient?_id=" + id, "GET DocumentReference?patient=" + id, "GET Patient/" + id + "/$everything", "GET Patient?_count=200", "GET Patient/" + id + "/Encounter", "GET Patient/" + id}
	for i := range 40 {
		release, err := w.Sign(ctx, client, toHarbor(time.Now()), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for at, e := range ask.batch(t, requests...).batchEntries(t) {
			if !strings.Contains(string(e.Resource), id) || !strings.HasPrefix(e.Response.Status, "200") {
				t.Fatalf("round %d: after the signature entry %d is %s", i, at, e.Response.Status)
			}
		}
		if err := w.Revoke(ctx, release, time.Now()); err != nil {
			t.Fatal(err)
		}
		for at, e := range ask.batch(t, requests...).batchEntries(t) {
			if strings.Contains(string(e.Resource), `"id":"`+id+`"`) || strings.Contains(string(e.Resource), `"reference":"Patient/`+id+`"`) {
				t.Fatalf("round %d: entry %d has something of the client after the revocation (%s)", i, at, e.Response.Status)
			}
		}
	}
}

// TestARevocationReachesPagesAndTagsThatAreOut revokes between two pages, and after an ETag was given.
func TestARevocationReachesPagesAndTagsThatAreOut(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	w := c.writer(t)
	client := c.practice.Story.Referred
	id := c.id(t, client)
	ask := c.as(t, harbor)
	first := ask.get(t, "DocumentReference?_count=2&_revinclude=Provenance:target&patient="+id).bundle(t)
	read := ask.get(t, "Patient/"+id)
	page := ask.get(t, "Encounter?patient="+id)
	document := ask.get(t, first.Matches[0].ref())
	if first.Next == "" || read.status != 200 || document.status != 200 || len(page.bundle(t).Matches) == 0 {
		t.Fatal("there is nothing to revoke")
	}
	if err := w.RevokeTo(context.Background(), client, demo.ReferringClinic.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	second := ask.get(t, first.Next).bundle(t)
	if len(second.Matches)+len(second.Includes) > 0 || second.Next != "" || second.Total != nil && *second.Total != 0 {
		t.Errorf("page 2 after the revocation has %d resources, total %v", len(second.Matches)+len(second.Includes), second.Total)
	}
	want := ask.get(t, "Patient/"+stranger())
	for _, before := range []struct {
		path string
		a    *answer
	}{{"Patient/" + id, read}, {first.Matches[0].ref(), document}} {
		again := ask.do(t, http.MethodGet, before.path, nil, http.Header{"If-None-Match": {before.a.header.Get("Etag")}})
		if diff := sameAnswer(want, again); diff != "" {
			t.Errorf("a conditional read after the revocation is not the 404 of an unknown id:\n%s", diff)
		}
	}
	again := ask.do(t, http.MethodGet, "Encounter?patient="+id, nil, http.Header{"If-None-Match": {page.header.Get("Etag")}})
	if again.status != http.StatusOK || len(again.bundle(t).Matches) != 0 {
		t.Errorf("a conditional search after the revocation: %d", again.status)
	}
}

// TestWhatChangesInTheRecordChangesTheAnswer deletes, adds and reclassifies: the next answer follows, and an ETag of before is worth nothing.
func TestWhatChangesInTheRecordChangesTheAnswer(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	w := c.writer(t)
	ctx := context.Background()
	client := c.practice.Story.Referred
	path := "DocumentReference?_count=200&patient=" + c.id(t, client)
	ask := c.as(t, harbor)
	before := ask.get(t, path)
	n := len(before.bundle(t).Matches)
	note, err := w.InsertNote(ctx, demo.Note{Client: client, Kind: "soap", Author: 2, At: time.Now().Add(-time.Hour), Body: "Added while the gateway runs.", Status: "draft"})
	if err != nil {
		t.Fatal(err)
	}
	count := func(when string, want int) {
		t.Helper()
		a := ask.do(t, http.MethodGet, path, nil, http.Header{"If-None-Match": {before.header.Get("Etag")}})
		if want == n && a.status == http.StatusNotModified {
			return
		}
		if got := len(a.bundle(t).Matches); got != want {
			t.Errorf("%s: %d documents, want %d", when, got, want)
		}
	}
	count("a draft", n)
	if err := w.SignNote(ctx, note, 2, time.Now()); err != nil {
		t.Fatal(err)
	}
	count("signed", n+1)
	for when, kind := range map[string]string{"of a kind that no map lists": "psychotherapy_stub", "of a kind that nobody knows": "diary"} {
		if _, err := w.Exec(ctx, "UPDATE notes SET note_type=? WHERE id=?", kind, note); err != nil {
			t.Fatal(err)
		}
		count(when, n)
		if _, err := w.Exec(ctx, "UPDATE notes SET note_type='soap' WHERE id=?", note); err != nil {
			t.Fatal(err)
		}
		count("and back", n+1)
	}
	if err := w.DeleteNote(ctx, note, time.Now()); err != nil {
		t.Fatal(err)
	}
	count("deleted", n)
}
