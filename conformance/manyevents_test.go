package conformance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/store"
)

// shownEvents is how many AuditEvents of a client there are at most: the newest. What is older stands in the accounting that the practice prints.
const shownEvents = 2000

// TestOfManyDisclosuresTheNewestAreShown: of a ledger with more than that about one client, among others and much that told nothing, the newest are paged to the end, and
// nothing stands there twice, is left out, or is counted and not shown; also while others are added.
func TestOfManyDisclosuresTheNewestAreShown(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	id, other := c.id(t, c.practice.Story.Referred), c.id(t, c.practice.Story.Couple[0])
	app := c.person(t, id, "Patient/"+id)
	documents := app.get(t, "DocumentReference?patient="+id).bundle(t).Matches
	if len(documents) == 0 {
		t.Fatal("the client has no document")
	}
	own := app.get(t, "AuditEvent?patient="+id).bundle(t).Matches // the client's own look at the documents, which stays the newest
	if len(own) != 1 {
		t.Fatalf("%d AuditEvents at first", len(own))
	}
	began := time.Now().Add(-100 * time.Hour).Truncate(time.Second)
	told := func(i int) ledger.Record {
		return ledger.Record{At: began.Add(time.Duration(i) * time.Minute), RequestID: fmt.Sprintf("request-%d", i), Partner: harbor, Purposes: []string{"http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"},
			Interaction: "GET /fhir/DocumentReference/:id", Status: http.StatusOK, Client: "Patient/" + id, Released: []string{documents[0].ref()}}
	}
	const all = shownEvents + 150
	c.append(t, all, func(i int) []ledger.Record {
		refused, looked, others := told(i), told(i), told(i)
		refused.Status, refused.Released = http.StatusNotFound, nil
		looked.Interaction, looked.Released = "GET /fhir/AuditEvent", []string{"AuditEvent/" + stranger()}
		others.Client = "Patient/" + other
		return []ledger.Record{told(i), refused, looked, others}[:1+3*(i%2)]
	})
	instants := func(from, to int) (out []string) {
		for i := from; i < to; i++ {
			out = append(out, told(i).At.UTC().Format(time.RFC3339))
		}
		return out
	}
	oldest, search := all+1-shownEvents, "AuditEvent?patient="+id+"&_count=200"
	shown := func(to int) []string { return append(instants(oldest, to), instantOf(t, own[0])) }
	if got := app.everyEvent(t, search+"&_sort=date", func(int) {}); !slices.Equal(got, shown(all)) {
		t.Errorf("%d events; want %d", len(got), shownEvents)
	}
	if newest := app.get(t, search+"&_sort=-date").bundle(t); *newest.Total != shownEvents || newest.Matches[0].ID != own[0].ID || instantOf(t, newest.Matches[1]) != instants(all-1, all)[0] {
		t.Errorf("the newest do not come first: a total of %d", *newest.Total)
	}
	if count := app.get(t, search+"&_summary=count").bundle(t); *count.Total != shownEvents {
		t.Errorf("counted: %d", *count.Total)
	}
	for name, c := range map[string]struct {
		query string
		want  int
	}{
		"older than all":    {"&date=lt" + instants(oldest, all)[0], 0},
		"the oldest":        {"&date=le" + instants(oldest, all)[0], 1},
		"from a day on":     {"&date=ge" + instants(all-20, all)[0], 21},
		"one that is older": {"&date=" + instants(oldest-1, all)[0], 0},
	} {
		if b := app.get(t, search+c.query).bundle(t); len(b.Matches) != c.want || *b.Total != c.want {
			t.Errorf("%s: %d events, a total of %d; want %d", name, len(b.Matches), *b.Total, c.want)
		}
	}
	if r := app.get(t, own[0].ref()); r.status != http.StatusOK {
		t.Errorf("a read of one: %d", r.status)
	}
	// The oldest make room while somebody reads: nothing comes twice, and what was there all the time is there.
	got := app.everyEvent(t, search+"&_sort=date", func(page int) {
		if page == 3 {
			c.append(t, 10, func(i int) []ledger.Record { return []ledger.Record{told(all + i)} })
		}
	})
	if !slices.Equal(got, shown(all+10)) {
		t.Errorf("%d events while others are added; want %d", len(got), shownEvents+10)
	}
}

// instantOf is when what an AuditEvent tells of happened, to the second.
func instantOf(t *testing.T, event resource) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, texts(event.Tree, "recorded")[0])
	must(t, err)
	return at.UTC().Format(time.RFC3339)
}

// everyEvent gives the instants of all AuditEvents of a search, page by page, each of which must say that there are as many as ever.
func (c *caller) everyEvent(t *testing.T, path string, before func(page int)) (instants []string) {
	t.Helper()
	seen := map[string]bool{}
	for pages := 0; path != ""; pages++ {
		before(pages)
		page := c.get(t, path).bundle(t)
		if page.Total == nil || *page.Total != shownEvents || len(page.Matches) == 0 {
			t.Fatalf("page %d has %d entries and a total of %v", pages, len(page.Matches), page.Total)
		}
		for _, e := range page.Matches {
			if seen[e.ID] {
				t.Fatalf("page %d shows an AuditEvent again", pages)
			}
			seen[e.ID] = true
			instants = append(instants, instantOf(t, e))
		}
		path = strings.TrimPrefix(page.Next, c.base+"/")
	}
	return instants
}

// append writes into the clinic's ledger as another process of the gateway does.
func (c *clinic) append(t *testing.T, n int, of func(i int) []ledger.Record) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "keys", "ledger.key"))
	must(t, err)
	seed, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	must(t, err)
	l, err := ledger.Open(t.Context(), store.Place{SQLite: filepath.Join(c.dir, "ledger.db")}, ledger.Options{Key: ed25519.NewKeyFromSeed(seed)})
	must(t, err)
	var answer []ledger.Record
	for i := range n {
		if answer = append(answer, of(i)...); len(answer) >= 200 || i == n-1 {
			must(t, l.Append(t.Context(), answer...))
			answer = nil
		}
	}
	must(t, l.Close())
}
