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
	t.Run("the directory", func(t *testing.T) { w.directory(t) })
	t.Run("parameters", func(t *testing.T) { w.parameters(t) })
	t.Run("every id by everybody", func(t *testing.T) { w.everyID(t) })
	t.Run("what cannot be", func(t *testing.T) { w.malformed(t) })
	t.Run("traces", func(t *testing.T) { w.traces(t) })

	for _, typ := range []string{"Patient", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal", "DocumentReference", "Consent", "Provenance", "Practitioner", "Organization", "Binary", "AuditEvent"} {
		if w.types[typ] == 0 {
			t.Errorf("no %s was ever released: the walk has seen too little", typ)
		}
	}
	if w.types["DocumentReference"] < 100 || w.answers < 10_000 || w.batched < 20_000 {
		t.Errorf("only %d DocumentReferences in %d answers, %d questions in batches", w.types["DocumentReference"], w.answers, w.batched)
	}
	for who := range w.leaks {
		t.Errorf("a text that must never leave was in an answer to %s", who)
	}
	t.Logf("%d answers scanned, %d more in batches, %d resources", w.answers, w.batched, len(w.ids))
}

// searchesOf are the ways in which a type is asked for: everything it can include, a count, and parts.
func searchesOf(target string) (out []string) {
	for _, more := range []string{"&_count=200&_revinclude=*&_revinclude:iterate=*&_total=accurate", "&_count=0", "&_include=*&_include:iterate=*&_elements=content,note,text,extension,code", "&_summary=true"} {
		out = append(out, target+more)
	}
	return out
}

// inDirectory tells whether the answers for a type are the same whichever client is asked for.
func inDirectory(typ string) bool { return slices.Contains(directoryTypes, typ) }

// charts asks for each type of each client with all there is to include, small pages to the end, and by POST. For some clients every question stands
// alone, and the questions are there to which others have the answers already: $everything by type, and of AuditEvents more than their pages.
func (w *walk) charts(t *testing.T) {
	w.inParallel(w.c.practice.Clients, func(i int, client practice.ClientKey) {
		id, whole := w.c.id(t, client), i%8 == 0
		for _, r := range w.requesters(t, client) {
			for _, target := range []string{"Patient/" + id + "/$everything", "Patient/" + id + "/$everything?_count=20&start=2000", "DocumentReference/$docref?patient=" + id, "DocumentReference/$docref?start=1900&_count=5&patient=" + id} {
				w.follow(t, r.caller, target)
			}
			var rest []string
			for _, typ := range w.routes.Rest[0].Resource {
				if typ.Type == "Binary" { // found by the URLs that the documents name
					continue
				}
				rest = append(rest, typ.Type+"/"+id, "Patient/"+id+"/"+typ.Type+"?_revinclude=Provenance:target")
				if whole {
					rest = append(rest, "Patient/"+id+"/$everything?_type="+typ.Type)
				}
				if inDirectory(typ.Type) {
					continue
				}
				name := "patient=" + id
				if typ.Type == "Patient" {
					name = "_id=" + id
				}
				w.typed(t, r, typ.Type, name)
				if whole || typ.Type != "AuditEvent" {
					rest = append(rest, searchesOf(typ.Type+"?"+name)...)
				}
			}
			w.ask(t, r, whole, rest...)
		}
	})
}

// directory asks for what belongs to no client.
func (w *walk) directory(t *testing.T) {
	for _, r := range w.requesters(t, w.c.practice.Story.Referred) {
		for _, typ := range w.routes.Rest[0].Resource {
			if inDirectory(typ.Type) {
				w.typed(t, r, typ.Type, "_id:missing=false")
				w.ask(t, r, true, searchesOf(typ.Type+"?_id:missing=false")...)
			}
		}
	}
}

// typed asks for one type, by small pages and by POST.
func (w *walk) typed(t testing.TB, r requester, typ, name string) {
	t.Helper()
	w.follow(t, r.caller, typ+"?"+name+"&_count=9")
	form, _ := url.ParseQuery(name)
	if a := r.post(t, typ+"/_search", form); a.status != http.StatusOK && a.status != http.StatusForbidden {
		t.Errorf("%s: POST %s/_search: %d", r.who, typ, a.status)
	}
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
	w.inParallel(clients, func(_ int, client practice.ClientKey) {
		id := w.c.id(t, client)
		var targets []string
		for _, r := range w.routes.Rest[0].Resource {
			base := r.Type + "?patient=" + id
			if r.Type == "Patient" {
				base = "Patient?_id=" + id
			} else if inDirectory(r.Type) {
				base = r.Type + "?"
			}
			for _, p := range r.SearchParam {
				for _, q := range []string{p.Name + ":missing=true", p.Name + ":missing=false", "_sort=" + p.Name, "_sort=-" + p.Name, p.Name + ":not=x", p.Name + ":text=x"} {
					targets = append(targets, base+"&"+q)
				}
				for _, v := range values(p.Type, id) {
					targets = append(targets, base+"&"+p.Name+"="+url.QueryEscape(v))
				}
			}
		}
		for _, r := range w.requesters(t, client) {
			w.ask(t, r, r.who == newDawn, targets...) // the partner to whom most is released
		}
	})
}

// everyID reads every id ever seen as everybody, in batches, each alone as one of them, and of these some by HEAD, in part and with a condition.
func (w *walk) everyID(t *testing.T) {
	ids := slices.Sorted(maps.Keys(w.ids))
	if len(ids) < 500 {
		t.Fatalf("only %d ids were seen", len(ids))
	}
	var events []string
	ids = slices.DeleteFunc(ids, func(id string) bool { // the walk itself makes AuditEvents by the thousand, and the gateway makes them of the ledger for each read
		is := strings.HasPrefix(id, "AuditEvent/")
		if is && len(events) < 20 {
			events = append(events, id)
		}
		return is
	})
	var wg sync.WaitGroup
	all := w.requesters(t, w.c.practice.Story.Referred)
	for k, r := range all {
		wg.Go(func() {
			w.ask(t, r, false, ids...)
			w.ask(t, r, true, events...)
			for i := k; i < len(ids); i += len(all) {
				a := r.get(t, ids[i])
				if a.status != http.StatusOK && a.status != http.StatusNotFound && a.status != http.StatusForbidden {
					t.Errorf("%s: GET of a %s: %d", r.who, withoutID(ids[i]), a.status)
				}
				if i/len(all)%4 == 0 || strings.HasPrefix(ids[i], "Binary/") {
					r.do(t, http.MethodHead, ids[i], nil, nil)
					r.do(t, http.MethodGet, ids[i], nil, http.Header{"Range": {"bytes=1-"}, "Accept": {"application/fhir+json;q=0.1, */*"}})
					r.do(t, http.MethodGet, ids[i], nil, http.Header{"If-None-Match": {a.header.Get("Etag")}, "Accept-Encoding": {"gzip"}})
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
	for _, r := range w.requesters(t, w.c.practice.Story.Referred) {
		for _, p := range paths {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions} {
				a := r.do(t, method, p, strings.NewReader("patient="+id), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Prefer": {"handling=strict"}})
				if a.status >= 500 {
					t.Errorf("%s: %s of a malformed request: %d", r.who, method, a.status)
				}
			}
		}
	}
	(&caller{base: w.c.base, heard: w.asking("nobody", &caller{}).heard}).get(t, "Patient/"+id)
}

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
		if len(runs(text, 64, &idAlphabet)) > 0 {
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
