package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/practice"
)

// capability is what the CapabilityStatement says can be asked: the canary's routes are derived from it, so that a route that is added is walked.
type capability struct {
	Rest []struct {
		Resource []struct {
			Type             string
			SearchParam      []struct{ Name, Type string }
			SearchRevInclude []string
		}
	}
}

func readCapability(t testing.TB, base string) capability {
	t.Helper()
	var c capability
	a := (&caller{base: base}).get(t, "metadata")
	if err := json.Unmarshal(a.body, &c); err != nil || len(c.Rest) != 1 || len(c.Rest[0].Resource) < 13 {
		t.Fatalf("the CapabilityStatement cannot be read: %v", err)
	}
	return c
}

// walk is the canary's way through the gateway.
type walk struct {
	t       *testing.T
	c       *clinic
	scan    *scanner
	routes  capability
	mu      sync.Mutex
	leaks   map[string]bool
	answers int
	types   map[string]int // resources seen
	ids     map[string]bool
}

// asking gives the caller, heard by the scanner. who names it in a failure.
func (w *walk) asking(who string, c *caller) *caller {
	c.heard = func(a *answer) {
		leak := w.scan.hear(a)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answers++
		if leak {
			w.leaks[who] = true
		}
	}
	return c
}

// note keeps what types and ids were seen.
func (w *walk) note(of []resource) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range of {
		refs := []string{r.ref()}
		for _, url := range at(r.Tree, "content.attachment.url") {
			if binary, ours := strings.CutPrefix(fmt.Sprint(url), w.c.base+"/"); ours {
				refs = append(refs, binary)
			}
		}
		for _, ref := range refs {
			if !w.ids[ref] {
				w.ids[ref] = true
				w.types[withoutID(ref)]++
			}
		}
	}
}

func withoutID(ref string) string { return strings.SplitN(ref, "/", 2)[0] }

func startWalk(t *testing.T) *walk {
	t.Helper()
	c := sharedClinic(t)
	canaries, err := c.practice.ReadCanaries(context.Background())
	if err != nil || len(canaries) < 50 {
		t.Fatalf("%d canaries, %v", len(canaries), err)
	}
	never, err := c.practice.ReadNeverReleased(context.Background())
	if err != nil || len(never) < 20 {
		t.Fatalf("%d texts of notes that must not leave, %v", len(never), err)
	}
	return &walk{t: t, c: c, scan: newScanner(append(canaries, never...)...), routes: readCapability(t, c.base), leaks: map[string]bool{}, types: map[string]int{}, ids: map[string]bool{}}
}

// TestNoCanaryLeavesByAnyRoute walks every route for every partner and client.
func TestNoCanaryLeavesByAnyRoute(t *testing.T) {
	w := startWalk(t)
	t.Run("charts", func(t *testing.T) { w.charts(t) })
	t.Run("parameters", func(t *testing.T) { w.parameters(t) })
	t.Run("every id by everybody", func(t *testing.T) { w.everyID(t) })
	t.Run("what cannot be", func(t *testing.T) { w.malformed(t) })
	t.Run("traces", func(t *testing.T) { w.traces(t) })

	for _, typ := range []string{"Patient", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal", "DocumentReference", "Consent", "Provenance", "Practitioner", "Organization", "Binary", "AuditEvent"} {
		if w.types[typ] == 0 {
			t.Errorf("no %s was ever released: the walk has seen too little", typ)
		}
	}
	if w.types["DocumentReference"] < 100 || w.answers < 5000 {
		t.Errorf("only %d DocumentReferences in %d answers", w.types["DocumentReference"], w.answers)
	}
	for who := range w.leaks {
		t.Errorf("a text that must never leave was in an answer to %s", who)
	}
	t.Logf("%d answers scanned, %d resources", w.answers, len(w.ids))
}

// requesters are all who ask, by name, for a client: each partner's software and the client in person.
func (w *walk) requesters(t testing.TB, client practice.ClientKey) map[string]*caller {
	out := map[string]*caller{}
	for _, p := range machines {
		out[p] = w.asking(p, w.c.as(t, p))
	}
	id := w.c.id(t, client)
	out[myRecords] = w.asking(myRecords, w.c.person(t, id, "Patient/"+id))
	return out
}

// inParallel runs f for each client, some at a time.
func (w *walk) inParallel(clients []practice.ClientKey, f func(practice.ClientKey)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for _, c := range clients {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(c)
		})
	}
	wg.Wait()
}

// charts asks for each type of each client with all there is to include, small pages to the end, and by POST.
func (w *walk) charts(t *testing.T) {
	w.inParallel(w.c.practice.Clients, func(client practice.ClientKey) {
		for who, c := range w.requesters(t, client) {
			id, batch := w.c.id(t, client), []string(nil)
			for _, target := range []string{"Patient/" + id + "/$everything", "Patient/" + id + "/$everything?_count=20&start=2000", "DocumentReference/$docref?patient=" + id, "DocumentReference/$docref?start=1900&_count=5&patient=" + id} {
				for a := c.get(t, target); a.status == http.StatusOK; {
					b := a.bundle(t)
					w.note(b.Matches)
					if b.Next == "" {
						break
					}
					a = c.get(t, b.Next)
				}
			}
			for _, r := range w.routes.Rest[0].Resource {
				if r.Type == "Binary" { // found by the URLs that the documents name
					continue
				}
				name := "patient=" + w.c.id(t, client)
				switch r.Type {
				case "Patient":
					name = "_id=" + w.c.id(t, client)
				case "Practitioner", "Organization":
					name = "_id:missing=false"
				}
				for _, more := range []string{"&_count=9", "&_count=200&_revinclude=*&_revinclude:iterate=*&_total=accurate", "&_count=0", "&_include=*&_include:iterate=*&_elements=content,note,text,extension,code", "&_summary=true"} {
					a := c.get(t, r.Type+"?"+name+more)
					for a.status == http.StatusOK {
						b := a.bundle(t)
						w.note(append(b.Matches, b.Includes...))
						if b.Next == "" || strings.HasPrefix(more, "&_count=0") {
							break
						}
						a = c.get(t, b.Next)
					}
				}
				batch = append(batch, "GET "+r.Type+"/"+id, "GET Patient/"+id+"/"+r.Type+"?_revinclude=Provenance:target", "GET Patient/"+id+"/$everything?_type="+r.Type)
				form, _ := url.ParseQuery(name)
				if a := c.post(t, r.Type+"/_search", form); a.status != http.StatusOK && a.status != http.StatusForbidden {
					t.Errorf("%s: POST %s/_search: %d", who, r.Type, a.status)
				}
			}
			if got := c.batch(t, batch[:min(len(batch), 50)]...).batchEntries(t); len(got) < 30 {
				t.Errorf("%s: a batch of %d has %d answers", who, len(batch), len(got))
			}
		}
	})
}

// values are a good and a hostile value for each kind of search parameter.
func values(kind, patient string) []string {
	switch kind {
	case "date":
		return []string{"gt1900-01-01", "lt2999", "ap2026-11", "9999-99-99"}
	case "reference":
		return []string{"Patient/" + patient, "http://elsewhere.example/Patient/1"}
	case "string":
		return []string{"a", "%"}
	}
	return []string{"clinical-note", "http://loinc.org|11506-3", "|", "psychotherapy,PSYTHPN"}
}

// parameters asks with every parameter of every type, with its modifiers and as an order, for the clients of the story.
func (w *walk) parameters(t *testing.T) {
	s := w.c.practice.Story
	clients := []practice.ClientKey{s.Referred, s.Unreleased}
	w.inParallel(clients, func(client practice.ClientKey) {
		id := w.c.id(t, client)
		for _, c := range w.requesters(t, client) {
			for _, r := range w.routes.Rest[0].Resource {
				base := r.Type + "?patient=" + id
				if r.Type == "Patient" {
					base = "Patient?_id=" + id
				} else if r.Type == "Practitioner" || r.Type == "Organization" {
					base = r.Type + "?"
				}
				for _, p := range r.SearchParam {
					for _, q := range []string{p.Name + ":missing=true", p.Name + ":missing=false", "_sort=" + p.Name, "_sort=-" + p.Name, p.Name + ":not=x", p.Name + ":text=x"} {
						c.get(t, base+"&"+q)
					}
					for _, v := range values(p.Type, id) {
						c.get(t, base+"&"+p.Name+"="+url.QueryEscape(v))
					}
				}
			}
		}
	})
}

// everyID reads every id ever seen as everybody, by GET and, for some, by HEAD and with a condition.
func (w *walk) everyID(t *testing.T) {
	ids := slices.Sorted(maps.Keys(w.ids))
	if len(ids) < 500 {
		t.Fatalf("only %d ids were seen", len(ids))
	}
	events := 0
	ids = slices.DeleteFunc(ids, func(id string) bool { // the walk itself makes AuditEvents by the thousand
		if strings.HasPrefix(id, "AuditEvent/") {
			events++
		}
		return strings.HasPrefix(id, "AuditEvent/") && events > 50
	})
	var wg sync.WaitGroup
	for who, c := range w.requesters(t, w.c.practice.Story.Referred) {
		wg.Go(func() {
			for i, id := range ids {
				a := c.get(t, id)
				if a.status != http.StatusOK && a.status != http.StatusNotFound && a.status != http.StatusForbidden {
					t.Errorf("%s: GET of a %s: %d", who, strings.SplitN(id, "/", 2)[0], a.status)
				}
				if i%16 == 0 {
					c.do(t, http.MethodHead, id, nil, nil)
					c.do(t, http.MethodGet, id, nil, http.Header{"Range": {"bytes=1-"}, "Accept": {"application/fhir+json;q=0.1, */*"}})
					c.do(t, http.MethodGet, id, nil, http.Header{"If-None-Match": {a.header.Get("Etag")}, "Accept-Encoding": {"gzip"}})
				}
			}
		})
	}
	wg.Wait()
}

// malformed asks for what is not there and in ways that are wrong.
func (w *walk) malformed(t *testing.T) {
	id := w.c.id(t, w.c.practice.Story.Referred)
	paths := []string{"", "Patient/x", "Patient/" + stranger(), "Binary/" + id, "Composition?patient=" + id, "Patient/" + id + "/$everything", "DocumentReference/$docref?patient=" + id,
		"Patient/" + id + "/_history", "Patient/" + id + "/DocumentReference", "_history", "$export", "Group/1/$export", "DocumentReference", "DocumentReference?patient=" + id + "&_sort=nothing",
		"DocumentReference?patient=" + id + "&date=99", "DocumentReference?patient=%zz", "DocumentReference?_page=x", "DocumentReference?patient=" + id + "&_format=xml", "Basic?code=psychotherapy",
		"DocumentReference?patient=" + id + "&_query=x&_text=psychotherapy&_content=cnry&_filter=id%20eq%20x", "Provenance?target=DocumentReference/" + stranger()}
	for who, c := range w.requesters(t, w.c.practice.Story.Referred) {
		for _, p := range paths {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions} {
				a := c.do(t, method, p, strings.NewReader("patient="+id), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Prefer": {"handling=strict"}})
				if a.status >= 500 {
					t.Errorf("%s: %s of a malformed request: %d", who, method, a.status)
				}
			}
		}
	}
	(&caller{base: w.c.base, heard: w.asking("nobody", &caller{}).heard}).get(t, "Patient/"+id)
}

var sealed = regexp.MustCompile(`[a-z2-7]{64}`)

// traces scans what the gateway wrote besides its answers: output, metrics and every file of its own.
func (w *walk) traces(t *testing.T) {
	logs := slices.Concat(w.c.stdout.Bytes(), w.c.stderr.Bytes())
	metrics := w.c.scrape(t)
	if !bytes.Contains(logs, []byte(`"status":200`)) || !bytes.Contains(metrics.body, []byte("gateway_requests_total")) {
		t.Fatal("there is no log or no metric to scan")
	}
	for name, text := range map[string][]byte{"the log": logs, "the metrics": metrics.body} {
		if w.scan.search(text, 1) {
			t.Errorf("a text that must never leave is in %s", name)
		}
		if sealed.Match(text) {
			t.Errorf("an id of a resource is in %s", name)
		}
		for _, word := range []string{"patient=", "clinical-note", "Bearer", "eyJ"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(w.c.dir, "*.db*"))
	if err != nil {
		t.Fatal(err)
	}
	scanned := 0
	for _, f := range files {
		if name := filepath.Base(f); strings.HasPrefix(name, "practice.db") || strings.HasPrefix(name, "psychotherapy.db") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		scanned++
		if w.scan.search(text, 1) {
			t.Errorf("a text that must never leave is in %s", filepath.Base(f))
		}
	}
	if scanned < 2 {
		t.Errorf("%d files of the gateway's own were scanned", scanned)
	}
}

// TestNoCanaryLeavesTheDemo asks the demo itself, with tokens of its own issuer, and scans what it prints.
func TestNoCanaryLeavesTheDemo(t *testing.T) {
	c, d := sharedClinic(t), sharedDemo(t)
	// The demo's practice is another than the clinic's only by the story's revocation; its canaries are read from its own file.
	p := *c.practice
	p.Database, p.Psychotherapy = d.PracticeDatabase, d.PsychotherapyDatabase
	canaries, err := p.ReadCanaries(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	never, err := p.ReadNeverReleased(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner(append(canaries, never...)...)
	seen := 0
	for _, partner := range d.Partners {
		if partner.Kind == "patient" {
			continue // its tokens need a person who signs in; the walk above has them
		}
		caller := d.as(t, partner.PartnerID)
		caller.heard = func(a *answer) {
			if s.hear(a) {
				t.Errorf("a text that must never leave was in an answer to %s", partner.PartnerID)
			}
		}
		for _, client := range d.Clients {
			seen += len(caller.chart(t, client.ID))
		}
	}
	if seen < 500 {
		t.Errorf("only %d resources were released", seen)
	}
	if out := slices.Concat(d.stdout.Bytes(), d.stderr.Bytes()); len(out) < 1000 || s.found(out) {
		t.Errorf("a text that must never leave is in what the demo prints, or it prints nothing (%d bytes)", len(out))
	}
	for _, f := range []string{"ledger.db", "ledger.db-wal", "state.db", "demo.json", "gateway.yaml"} {
		text, err := os.ReadFile(filepath.Join(d.dir, f))
		if err != nil && !strings.HasSuffix(f, "-wal") {
			t.Error(err)
		}
		if s.found(text) {
			t.Errorf("a text that must never leave is in %s", f)
		}
	}
}

// TestTheWalkWouldSeeALeak holds the walk against a gateway that leaks: the same way, through a proxy that plants a canary in one answer.
func TestTheWalkWouldSeeALeak(t *testing.T) {
	const text = "cnryabcdefghijklmnopqrst7"
	w := &walk{t: t, scan: newScanner(text), leaks: map[string]bool{}}
	c := w.asking("somebody", &caller{})
	c.heard(&answer{status: 200, header: http.Header{}, body: []byte(`{"total":1}`)})
	if len(w.leaks) != 0 {
		t.Fatal("a clean answer was taken for a leak")
	}
	planted := fmt.Sprintf(`{"entry":[{"resource":{"content":[{"attachment":{"data":%q}}]}}]}`, "eHh"+"Y25yeWFiY2RlZmdoaWprbG1ub3BxcnN0Nw==")
	body, _ := io.ReadAll(strings.NewReader(planted))
	c.heard(&answer{status: 200, header: http.Header{}, body: body})
	if !w.leaks["somebody"] {
		t.Error("a planted canary was not seen")
	}
}
