package fhirapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// narrow is a clinic with a client of some 200 KB, whose answers may hold so much.
func narrow(t testing.TB, answers int64) *clinic {
	t.Helper()
	c := newClinic(t)
	c.answers = answers
	c.build(0)
	bodies := []string{patient("p1")}
	for i := range 100 {
		bodies = append(bodies, note("n"+strconv.Itoa(i), "p1"))
	}
	c.charts["p1"] = c.chart("p1", bodies...)
	return c
}

// Where answers hold too much already, nothing more is released, nothing is recorded as released, and who asks is told to come back.
func TestWithoutRoomNothingIsReleased(t *testing.T) {
	c := narrow(t, 1)
	for _, target := range []string{"Patient/p1/$everything", "DocumentReference?patient=p1&_count=100"} {
		for range 3 { // the second and third time the page is kept
			w := c.get("/fhir/" + target)
			if w.Code != http.StatusServiceUnavailable || code(t, w) != "transient" || w.Header().Get("Retry-After") == "" || len(c.ledger) > 0 {
				t.Errorf("%s: %d %v, %d records", target, w.Code, w.Header(), len(c.ledger))
			}
		}
	}
	if w := c.get("/fhir/DocumentReference/n1"); w.Code != http.StatusOK || len(c.ledger) != 1 {
		t.Errorf("a short answer: %d", w.Code)
	}
	if text := c.log.String(); strings.Count(text, `"status":503`) != 6 || strings.Contains(text, `"status":503,"seconds":0,"released":1`) {
		t.Errorf("the log: %s", text)
	}
}

// The entries of a batch for which there is no room are refused, each for itself, and what is given is recorded.
func TestABatchWithoutRoom(t *testing.T) {
	c := narrow(t, 2<<20)
	var requests []string
	for range 20 {
		requests = append(requests, "GET Patient/p1/$everything")
	}
	given := 0
	for _, e := range batchResponse(t, c.batch(batchOf(requests...))) {
		switch {
		case e.code() == http.StatusOK && len(e.Resource) > 150_000:
			given++
		case e.code() != http.StatusServiceUnavailable || e.Resource != nil || !strings.Contains(string(e.Response.Outcome), "transient"):
			t.Errorf("%d %.200s", e.code(), e.Response.Outcome)
		}
	}
	if given == 0 || given == len(requests) || len(c.ledger) != given {
		t.Errorf("%d are given and %d recorded", given, len(c.ledger))
	}
	if n := c.egress.AnswerBytes(); n != 0 {
		t.Errorf("%d bytes are not given back", n)
	}
}

// Whatever becomes of an answer, what it took is given back.
func TestWhatIsTakenIsGivenBack(t *testing.T) {
	for name, fault := range map[string]func(c *clinic){
		"nothing":                func(*clinic) {},
		"the ledger fails":       func(c *clinic) { c.ledgerErr = errors.New("disk full") },
		"the ledger panics":      func(c *clinic) { c.ledgerErr = errPanics },
		"a view cannot be given": func(c *clinic) { c.viewErr = errors.New("the database is gone") },
	} {
		c := narrow(t, 64<<20)
		fault(c)
		for range 3 {
			c.get("/fhir/Patient/p1/$everything")
			c.ask("HEAD", "/fhir/Patient/p1/$everything", "")
			c.batch(batchOf("GET Patient/p1/$everything", "HEAD Patient/p1/$everything", "GET Patient/p1/$everything?_count=99"))
		}
		if n := c.egress.AnswerBytes(); n != 0 {
			t.Errorf("%s: %d bytes are not given back", name, n)
		}
	}
}

// An operator must see that it is the ledger which closes everything, and not the error's own text, which may say more than a log may hold.
func TestTheLogSaysThatTheLedgerCannotBeWritten(t *testing.T) {
	c := newClinic(t)
	c.ledgerErr = fmt.Errorf("record of p1: %w", errors.Join(errors.New("disk full")))
	c.get("/fhir/Patient/p1")
	if log := c.log.String(); !strings.Contains(log, "the ledger cannot be written") || !strings.Contains(log, "*errors.joinError *errors.errorString") || strings.Contains(log, "p1") {
		t.Error(log)
	}
}

// crowd is a clinic whose requester may know of n clients with three records each besides.
func crowd(t testing.TB, n int) *clinic {
	t.Helper()
	c := newClinic(t)
	c.reach = nil
	for i := range n {
		k := fmt.Sprintf("q%02d", i)
		c.charts[k] = c.chart(k, patient(k), encounter("e"+k, k), encounter("f"+k, k), note("n"+k, k))
		c.reach = append(c.reach, fhir.Reference{Type: "Patient", ID: k})
	}
	return c
}

// A search over many clients holds their matches, and what may be included with them of those on the page alone.
func TestASearchOverManyHoldsWhatIsOnThePage(t *testing.T) {
	c := crowd(t, 30)
	got := page(t, c.get("/fhir/Patient?_revinclude=*&_count=2"))
	want := "match Patient/q00, match Patient/q01, include DocumentReference/nq00, include DocumentReference/nq01, include Encounter/eq00, include Encounter/eq01, include Encounter/fq00, include Encounter/fq01"
	if d := cmp.Diff(want, strings.Join(got.entries(), ", ")); d != "" || *got.Total != 30 {
		t.Errorf("%d: %s", *got.Total, d)
	}
	if d := cmp.Diff([]int{30, 8}, c.kept); d != "" {
		t.Errorf("resources held at once: %s", d)
	}
	c.kept = nil
	page(t, c.get("/fhir/Patient?_revinclude=*&_count=10"))
	if d := cmp.Diff([]int{30, 16, 16, 8}, c.kept); d != "" {
		t.Errorf("resources held at once: %s", d)
	}
}

// What is revoked, or comes in, between the two looks at a chart is seen: an answer is never of two states of one chart. One that is overtaken again and again
// is given up.
func TestASearchThatIsOvertaken(t *testing.T) {
	const target = "/fhir/Patient?_revinclude=Encounter:patient&_count=1"
	change := map[string]func(c *clinic){
		"revoked":   func(c *clinic) { c.charts["q00"] = &view{evidence: c.charts["q00"].evidence} },
		"corrected": func(c *clinic) { c.charts["q00"] = c.chart("q00", strings.Replace(patient("q00"), "Jane", "Joan", 1)) },
	}
	for name, want := range map[string]string{"revoked": "match Patient/q01, include Encounter/eq01, include Encounter/fq01", "corrected": "match Patient/q00"} {
		c := crowd(t, 3)
		seen := 0
		c.onView = func(context.Context) {
			if seen++; seen == 4 { // all three, and then the first again
				change[name](c)
			}
		}
		if d := cmp.Diff(want, strings.Join(page(t, c.get(target)).entries(), ", ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for _, r := range c.ledger {
			if name == "revoked" && r.Client == "Patient/q00" {
				t.Errorf("%s: a release is recorded of %v", name, r.Released)
			}
		}
	}
	c, seen := crowd(t, 3), 0
	c.onView = func(context.Context) {
		seen++
		c.charts["q00"] = c.chart("q00", strings.Replace(patient("q00"), "Jane", "Jane"+strings.Repeat("e", seen), 1))
	}
	if w := c.get(target); w.Code != http.StatusServiceUnavailable || len(c.ledger) > 0 {
		t.Errorf("without end: %d", w.Code)
	}
}

// A page that holds something of the directory is of the directory as it is.
func TestAKeptPageIsOfTheDirectoryAsItIs(t *testing.T) {
	const target = "/fhir/DocumentReference?patient=p1&_include=DocumentReference:author"
	c := visits(t)
	for range 2 {
		if got := c.get(target).Body.String(); !strings.Contains(got, `"Practitioner/d1"`) || !strings.Contains(got, `"include"`) {
			t.Fatalf("%.300s", got)
		}
	}
	c.directory = &view{all: []stage.Released{released(t, practitioner("d2"))}}
	if got := c.get(target).Body.String(); strings.Contains(got, `"include"`) {
		t.Error("it is included though it is not in the directory any more")
	}
}
