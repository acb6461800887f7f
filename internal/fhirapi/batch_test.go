package fhirapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/smart"
)

// batchOf is a batch of requests; one that begins with a brace is an entry as it stands.
func batchOf(requests ...string) string {
	entries := make([]string, len(requests))
	for i, r := range requests {
		if entries[i] = r; !strings.HasPrefix(r, "{") {
			method, target, _ := strings.Cut(r, " ")
			text, _ := json.Marshal(map[string]any{"request": map[string]string{"method": method, "url": target}})
			entries[i] = string(text)
		}
	}
	return `{"resourceType":"Bundle","type":"batch","entry":[` + strings.Join(entries, ",") + `]}`
}

// batchEntry is what came back for one entry.
type batchEntry struct {
	Resource json.RawMessage
	Response struct {
		Status, ETag, LastModified string
		Outcome                    json.RawMessage
	}
}

func (e batchEntry) code() int {
	code, _ := strconv.Atoi(strings.SplitN(e.Response.Status, " ", 2)[0])
	return code
}

func batchResponse(t testing.TB, w *httptest.ResponseRecorder) []batchEntry {
	t.Helper()
	var b struct {
		ResourceType, Type string
		Entry              []batchEntry
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 200 || b.ResourceType != "Bundle" || b.Type != "batch-response" {
		t.Fatalf("no batch-response: %d %.500s", w.Code, w.Body)
	}
	if _, err := fhirjson.Parse(w.Body.Bytes()); err != nil {
		t.Fatalf("google/fhir refuses it: %v", err)
	}
	return b.Entry
}

func (c *clinic) batch(body string, headers ...string) *httptest.ResponseRecorder {
	return c.ask("POST", "/fhir", body, append([]string{"Content-Type: application/fhir+json"}, headers...)...)
}

// asAlone are requests of every sort, good and bad.
var asAlone = []string{
	"GET DocumentReference/n1", "GET DocumentReference/m1", "GET DocumentReference/zz", "GET Patient/p1", "GET Patient/p2", "GET DocumentReference?patient=p1", "GET DocumentReference?patient=p2",
	"GET DocumentReference?patient=p1&_count=1&_revinclude=Provenance:target", "GET DocumentReference?patient=p1&shoe=1", "GET DocumentReference?patient=p1&date=x", "GET DocumentReference", "GET Practitioner",
	"GET Patient", "GET Patient/p1/$everything", "GET Patient/p1/%24everything?_type=Patient", "GET Patient/p1/$everything?_count=2", "GET Patient/p2/$everything", "GET DocumentReference/$docref?patient=p1",
	"GET Patient/p1/DocumentReference", "GET Patient/p1/Practitioner", "GET Nothing/x", "GET Patient/p1/", "GET Patient/../Patient/p1", "GET Patient//p1", "GET x/../Patient/p1", "GET ./Patient/p1", "GET Patient%2Fp1",
	"GET Patient/%70%31", "GET Patient/p1%00", "GET Patient/p1;x=y", "GET patient/p1", "GET Patient/_search", "GET Patient/p1?_format=xml", "GET Patient/p1?_format=json", "GET DocumentReference?patient=%zz",
	"GET DocumentReference?patient=p1&x=" + strings.Repeat("a", 17000), "GET DocumentReference?patient=p1&access_token=good.partner.system/*.rs", "PUT Patient/p1", "DELETE Patient/p1", "PATCH Patient/p1", "PUT Nothing/x",
}

// TestAnEntryOfABatchIsARequestAlone compares status, body, tag, date and ledger records of each entry with the same request sent alone, in one batch and
// in one each.
func TestAnEntryOfABatchIsARequestAlone(t *testing.T) {
	for _, headers := range [][]string{nil, {"Prefer: handling=strict"}, {"Authorization: Bearer good.partner.system/DocumentReference.rs"}, {"Authorization: Bearer good.partner.system/*.r"}} {
		c := newClinic(t)
		got := batchResponse(t, c.batch(batchOf(asAlone...), headers...))
		batched := c.ledger
		c.ledger = nil
		for i, request := range asAlone {
			method, target, _ := strings.Cut(request, " ")
			alone := c.ask(method, "/fhir/"+target, "", headers...)
			single := batchResponse(t, c.batch(batchOf(request), headers...))
			for _, e := range []batchEntry{got[i], single[0]} {
				body := e.Resource
				if alone.Code != 200 {
					body = e.Response.Outcome
				}
				modified := ""
				if m := alone.Header().Get("Last-Modified"); m != "" {
					modified = "2026-11-20T10:00:00Z"
				}
				if e.code() != alone.Code || string(body) != alone.Body.String() || e.Response.ETag != alone.Header().Get("ETag") || e.Response.LastModified != modified || alone.Code != 200 && e.Resource != nil {
					t.Errorf("%.60s: %d %s, alone %d:\n%.300s\n%.300s", request, e.code(), e.Response.ETag, alone.Code, body, alone.Body)
				}
			}
		}
		var one, many []string
		for _, r := range batched {
			one = append(one, fmt.Sprint(r.Interaction, r.Status, r.Client, r.Released, r.Digest, r.Withheld, r.Consents, r.Accountable))
		}
		for i := 0; i < len(c.ledger); i += 2 { // each was asked alone, and alone in a batch
			r, again := c.ledger[i], c.ledger[min(i+1, len(c.ledger)-1)]
			many = append(many, fmt.Sprint(r.Interaction, r.Status, r.Client, r.Released, r.Digest, r.Withheld, r.Consents, r.Accountable))
			if r.RequestID == again.RequestID || r.Interaction != again.Interaction {
				t.Errorf("%s and %s in the ledger", r.Interaction, again.Interaction)
			}
		}
		if diff := cmp.Diff(many, one); diff != "" || len(many) == 0 && headers == nil {
			t.Error(diff)
		}
	}
}

func TestConditionsOfAnEntry(t *testing.T) {
	c := newClinic(t)
	tag := c.get("/fhir/DocumentReference/n1").Header().Get("ETag")
	entry := func(more string) string {
		return `{"request":{"method":"GET","url":"DocumentReference/n1",` + more + `}}`
	}
	quoted, _ := json.Marshal(tag)
	c.ledger = nil
	got := batchResponse(t, c.batch(batchOf(entry(`"ifNoneMatch":`+string(quoted)), entry(`"ifNoneMatch":"W/\"x\""`), entry(`"ifModifiedSince":"2026-11-20T11:00:00+01:00"`), entry(`"ifModifiedSince":"2026-11-20T09:00:00Z"`),
		entry(`"ifModifiedSince":"yesterday"`), entry(`"ifMatch":"W/\"x\""`), "HEAD DocumentReference/n1", "HEAD DocumentReference/zz"), "If-None-Match: *", "If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT"))
	for i, want := range []int{304, 200, 304, 200, 400, 200, 200, 404} {
		if e := got[i]; e.code() != want || (e.Resource != nil) != (want == 200 && i < 6) || want < 400 && e.Response.ETag != tag {
			t.Errorf("entry %d: %s, resource %t, tag %s", i, e.Response.Status, e.Resource != nil, e.Response.ETag)
		}
	}
	if len(c.ledger) != 7 || c.ledger[0].Status != 304 || len(c.ledger[0].Released) != 1 || c.ledger[5].Interaction != "HEAD /fhir/DocumentReference/:id" {
		t.Errorf("the ledger has %+v", c.ledger)
	}
}

// TestOddEntries: what is no request fails alone.
func TestOddEntries(t *testing.T) {
	c := newClinic(t)
	good := "GET DocumentReference/n1"
	for entry, want := range map[string]int{
		"GET " + base + "/DocumentReference/n1": 200, "GET /DocumentReference/n1": 200, "GET https://evil.example/fhir/DocumentReference/n1": 404, "GET http://gateway.example/fhir/DocumentReference/n1": 404,
		"GET " + base + ".evil.example/DocumentReference/n1": 404, "GET //evil.example/DocumentReference/n1": 404, "GET " + base: 404, "GET urn:uuid:6f0e4f5e-3b8e-4a2a-9d43-0d4f5b1f2a11": 404, "GET file:///etc/passwd": 404,
		"GET DocumentReference/n1#x": 400, "GET #x": 400, "GET DocumentReference?patient=p1#x": 400, "GET DocumentReference/n1\u0000": 400, "GET DocumentReference/n1\r\nX": 400, "GET ../fhir/DocumentReference/n1": 404,
		"GET ../../readyz": 404, "GET /fhir/DocumentReference/n1": 404, "GET metadata": 404, "GET .well-known/smart-configuration": 404, "GET /": 404, "GET ?_type=Patient": 404, "POST /": 405, "GET Patient/%": 400,
		"POST DocumentReference/_search?patient=p1": 405, "POST DocumentReference": 405, "get DocumentReference/n1": 405, "TRACE DocumentReference/n1": 405, "OPTIONS metadata": 405,
		`{"fullUrl":"urn:uuid:1"}`: 400, `{"request":{"url":"DocumentReference/n1"}}`: 400, `{"request":{"method":"GET"}}`: 400, `{"request":"GET"}`: 400, `{"request":{"method":["GET"],"url":"DocumentReference/n1"}}`: 400,
		`{"request":{"method":"GET","url":"DocumentReference/n1","authorization":"Bearer good.other.system/*.rs"}}`:                                                      400,
		`{"request":{"method":"GET","url":"DocumentReference/n1"},"modifierExtension":[{"url":"http://x"}]}`:                                                             400,
		`{"request":{"method":"GET","url":"DocumentReference/n1","modifierExtension":[{"url":"http://x"}]}}`:                                                             400,
		`{"request":{"method":"GET","url":"DocumentReference/n1"},"resource":{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"x"}}]}}`: 400,
		`{"request":{"method":"POST","url":"Patient"},"resource":` + patient("p1") + `}`:                                                                                 405,
		`{"request":{"method":"PUT","url":"Patient/p1"},"resource":` + patient("p1") + `}`:                                                                               405,
		`{"fullUrl":"urn:uuid:1","request":{"method":"GET","url":"DocumentReference/n1"}}`:                                                                               200,
	} {
		c.ledger = nil
		got := batchResponse(t, c.batch(batchOf(good, entry, good)))
		if len(got) != 3 || got[0].code() != 200 || got[2].code() != 200 || !bytes.Equal(got[0].Resource, got[2].Resource) {
			t.Errorf("%.80q disturbs others", entry)
			continue
		}
		if e := got[1]; e.code() != want || (want == 200) != (e.Resource != nil) || (want >= 400) != (e.Response.Outcome != nil) {
			t.Errorf("%.80q: %s, want %d", entry, e.Response.Status, want)
		}
		if n := len(c.ledger); want != 200 && n != 2 || want == 200 && n != 3 {
			t.Errorf("%.80q: %d records", entry, n)
		}
	}
}

// TestABatchThatIsNone is refused as a whole.
func TestABatchThatIsNone(t *testing.T) {
	c := newClinic(t)
	calls := 0
	c.onView = func(context.Context) { calls++ }
	good := batchOf("GET DocumentReference/n1")
	many := make([]string, 51)
	for i := range many {
		many[i] = "GET DocumentReference/n1"
	}
	for name, x := range map[string]struct {
		body    string
		headers []string
		want    int
	}{
		"empty": {"", nil, 400}, "no JSON": {"{", nil, 400}, "a list": {"[]", nil, 400}, "another resource": {patient("p1"), nil, 400}, "no type": {`{"resourceType":"Bundle"}`, nil, 400},
		"a transaction": {strings.Replace(good, `"batch"`, `"transaction"`, 1), nil, 400}, "a searchset": {strings.Replace(good, `"batch"`, `"searchset"`, 1), nil, 400},
		"a history": {strings.Replace(good, `"batch"`, `"history"`, 1), nil, 400}, "a response": {strings.Replace(good, `"batch"`, `"batch-response"`, 1), nil, 400},
		"two types": {strings.Replace(good, `"type":"batch"`, `"type":"batch","type":"batch"`, 1), nil, 400}, "another case": {strings.Replace(good, `"type"`, `"Type"`, 1), nil, 400},
		"an unknown member": {strings.Replace(good, `"type"`, `"foo":1,"type"`, 1), nil, 400}, "implicit rules": {strings.Replace(good, `"type"`, `"implicitRules":"http://x","type"`, 1), nil, 400},
		"a total": {strings.Replace(good, `"type"`, `"total":1,"type"`, 1), nil, 400}, "two documents": {good + good, nil, 400}, "no UTF-8": {strings.Replace(good, "n1", "\xff", 1), nil, 400},
		"no entries' list": {`{"resourceType":"Bundle","type":"batch","entry":{}}`, nil, 400}, "an empty entry": {batchOf(`{}`), nil, 400}, "an empty URL": {batchOf("GET "), nil, 400}, "an empty list": {`{"resourceType":"Bundle","type":"batch","entry":[]}`, nil, 400},
		"deep":                    {strings.Replace(good, `"entry"`, `"identifier":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`,"entry"`, 1), nil, 400},
		"a key twice deep inside": {batchOf(`{"request":{"method":"GET","url":"DocumentReference/m1","url":"DocumentReference/n1"}}`), nil, 400},
		"51 entries":              {batchOf(many...), nil, 413}, "10 MB": {good + strings.Repeat(" ", 10<<20), nil, 413}, "a form": {good, []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		"XML": {good, []string{"Content-Type: application/fhir+xml"}, 415}, "no type of content": {good, []string{"Content-Type: "}, 415}, "packed": {good, []string{"Content-Encoding: gzip"}, 415},
		"another version": {good, []string{"Content-Type: application/fhir+json; fhirVersion=5.0"}, 415}, "XML wanted": {good, []string{"Accept: application/fhir+xml"}, 406},
		"no token": {good, []string{"Authorization: "}, 401}, "a bad token": {good, []string{"Authorization: Bearer x"}, 401}, "nobody's token": {good, []string{"Authorization: Bearer good.stranger.system/*.rs"}, 401},
	} {
		w := c.batch(x.body, x.headers...)
		if w.Code != x.want || len(c.ledger) != 0 || calls != 0 {
			t.Errorf("%s: %d, %d records, %d views", name, w.Code, len(c.ledger), calls)
			continue
		}
		code(t, w)
	}
	if got := batchResponse(t, c.batch(`{"resourceType":"Bundle","type":"batch"}`)); len(got) != 0 || len(c.ledger) != 0 {
		t.Errorf("no entries: %v", got)
	}
	if w := c.ask("POST", "/fhir/?_pretty=true", good, "Content-Type: application/json; charset=UTF-8", "Accept: application/fhir+json; fhirVersion=4.0"); len(batchResponse(t, w)) != 1 ||
		w.Header().Get("Content-Type") != "application/fhir+json; fhirVersion=4.0; charset=utf-8" {
		t.Errorf("with a slash and a version: %d %v", w.Code, w.Header())
	}
	if w := c.ask("POST", "/fhir?_format=xml", good, "Content-Type: application/json"); w.Code != 406 {
		t.Errorf("_format=xml: %d", w.Code)
	}
}

// TestAFaultInABatch: a panic or a practice that is away is an entry's own; without the ledger nothing leaves.
func TestAFaultInABatch(t *testing.T) {
	c := newClinic(t)
	n := 0
	c.onView = func(context.Context) {
		if n++; n == 2 {
			panic("Jane Roe, born 1985")
		}
	}
	body := batchOf("GET DocumentReference/n1", "GET DocumentReference/n2", "GET DocumentReference/n3")
	w := c.batch(body)
	got := batchResponse(t, w)
	if got[0].code() != 200 || got[1].code() != 500 || got[2].code() != 200 || strings.Contains(string(got[1].Response.Outcome)+c.log.String(), "Jane") || len(c.ledger) != 2 {
		t.Errorf("%.300s, %d records", w.Body, len(c.ledger))
	}
	if !strings.Contains(c.log.String(), `"msg":"panic"`) || strings.Count(c.log.String(), `"batch":"`) != 3 {
		t.Errorf("the log: %s", &c.log)
	}
	c.ledger, c.onView, c.ledgerErr = nil, nil, errors.New("disk full")
	if w := c.batch(body); w.Code != 503 || code(t, w) != "transient" || strings.Contains(w.Body.String(), "n1") {
		t.Errorf("without the ledger: %d %s", w.Code, w.Body)
	}
	c.ledgerErr, c.viewErr = nil, errors.New("away")
	for _, e := range batchResponse(t, c.batch(body)) {
		if e.code() != 503 {
			t.Errorf("a practice that is away: %s", e.Response.Status)
		}
	}
	if len(c.ledger) != 0 {
		t.Errorf("%d records of nothing", len(c.ledger))
	}
	c.viewErr = nil
	c.build(20 * time.Millisecond)
	c.onView = func(ctx context.Context) { <-ctx.Done() }
	if w := c.batch(body); w.Code != 503 && w.Code != 200 || strings.Contains(w.Body.String(), `"resource"`) {
		t.Errorf("a slow practice: %d %.300s", w.Code, w.Body)
	}
}

// TestABatchThatTheLedgerRefusesIsCounted: that entries were refused is in the log and in the metrics as it would be had they come alone, also where the
// ledger fails by a panic.
func TestABatchThatTheLedgerRefusesIsCounted(t *testing.T) {
	for name, x := range map[string]struct {
		err    error
		status string
	}{"an error": {errors.New("disk full"), "503"}, "a panic": {errPanics, "500"}} {
		c := newClinic(t)
		c.ledgerErr = x.err
		if w := c.batch(batchOf("GET DocumentReference/n1", "GET DocumentReference?patient=p1", "GET DocumentReference/zz")); strconv.Itoa(w.Code) != x.status || strings.Contains(w.Body.String(), "n1") {
			t.Errorf("%s: %d", name, w.Code)
		}
		if text := c.log.String(); strings.Count(text, `"batch":"`) != 3 || strings.Count(text, `"msg":"request"`) != 4 || strings.Count(text, `"status":`+x.status) != 4 || strings.Contains(text, `"released":1`) {
			t.Errorf("%s: the log: %s", name, text)
		}
		w := httptest.NewRecorder()
		c.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{`gateway_requests_total{route="GET /fhir/DocumentReference/:id",status="` + x.status + `"} 2`, `gateway_requests_total{route="GET /fhir/DocumentReference",status="` + x.status + `"} 1`,
			`gateway_released_resources_total{route="GET /fhir/DocumentReference/:id"} 0`} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: the metrics lack %s", name, want)
			}
		}
	}
}

// TestABatchSeesTheRecordsOfAfterItCameIn: its entries share the moment that is taken when the whole batch has come in, and use no other.
func TestABatchSeesTheRecordsOfAfterItCameIn(t *testing.T) {
	c := newClinic(t)
	for range 2 {
		c.arrivals, c.seenAt = 0, nil
		batchResponse(t, c.batch(batchOf("GET DocumentReference/n1", "GET DocumentReference?patient=p1", "GET Patient/p1/$everything")))
		if len(c.seenAt) != 3 || c.arrivals != 2 || slices.Min(c.seenAt) != 2 || slices.Max(c.seenAt) != 2 {
			t.Errorf("views are of %v", c.seenAt)
		}
	}
}

// limited is a gate that admits so many.
type limited struct {
	gate
	left, asked, entered int
}

func (g *limited) Enter(context.Context) error {
	g.entered++
	return nil
}

func (g *limited) Admit(context.Context, *smart.Token) error {
	if g.asked++; g.left == 0 {
		return outcome.Retry(outcome.TooManyRequests, time.Minute, nil)
	}
	g.left--
	return nil
}

// TestABatchCountsAsItsRequests: the limits of a partner hold for entries as for requests, and a batch of nothing counts as one.
func TestABatchCountsAsItsRequests(t *testing.T) {
	unknown := make([]string, 50)
	for i := range unknown {
		unknown[i] = "GET DocumentReference/unknown" + strconv.Itoa(i)
	}
	for name, x := range map[string]struct {
		body        string
		left, asked int
		want        int // entries that were not throttled
	}{
		"within":         {batchOf("GET DocumentReference/n1", "GET DocumentReference/n2", "GET DocumentReference/n3"), 3, 3, 3},
		"beyond":         {batchOf("GET DocumentReference/n1", "GET DocumentReference/n2", "GET DocumentReference/n3"), 2, 3, 2},
		"50 unknown ids": {batchOf(unknown...), 100, 50, 50},
		"no requests":    {batchOf("PUT Patient/p1", "GET Nothing/x", `{"fullUrl":"urn:uuid:1"}`), 1, 1, 3},
		"empty":          {`{"resourceType":"Bundle","type":"batch"}`, 1, 1, 0},
	} {
		c := newClinic(t)
		g := &limited{left: x.left}
		o := c.Options
		o.Gate = g
		api, err := fhirapi.New(o)
		must(t, err)
		c.API = api
		passed := 0
		for _, e := range batchResponse(t, c.batch(x.body)) {
			if e.code() != 429 {
				passed++
			}
		}
		if g.asked != x.asked || g.entered != 1 || passed != x.want {
			t.Errorf("%s: the gate was asked %d times, entered %d times, %d entries passed", name, g.asked, g.entered, passed)
		}
	}
	c := newClinic(t)
	o := c.Options
	o.Gate = &limited{}
	api, err := fhirapi.New(o)
	must(t, err)
	c.API = api
	if w := c.batch(batchOf("GET DocumentReference/n1")); w.Code != 429 || len(c.ledger) != 0 {
		t.Errorf("a partner who has no more requests: %d", w.Code)
	}
}

// TestTheAnswerOfABatchIsBounded: what is beyond the bound is that entry's refusal, and is recorded.
func TestTheAnswerOfABatchIsBounded(t *testing.T) {
	c := newClinic(t)
	large := strings.Replace(note("n9", "p1"), `"data":"`, `"data":"`+strings.Repeat("QUJD", 200<<10), 1) // 800 KB
	c.charts["p1"].all = append(c.charts["p1"].all, released(t, large))
	c.owners[fhir.Reference{Type: "DocumentReference", ID: "n9"}] = "p1"
	requests := slices.Repeat([]string{"GET DocumentReference/n9"}, 48)
	w := c.batch(batchOf(append(requests, "GET DocumentReference/n1", "GET DocumentReference/zz")...))
	var b struct{ Entry []batchEntry }
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || len(b.Entry) != 50 {
		t.Fatal(len(b.Entry), err)
	}
	for i, e := range b.Entry {
		want := 200
		if i >= 40 && i < 48 {
			want = 413
		} else if i == 49 {
			want = 404
		}
		if e.code() != want {
			t.Errorf("entry %d: %s", i, e.Response.Status)
		}
	}
	if r := c.ledger[45]; w.Body.Len() > 32<<20 || len(c.ledger) != 50 || r.Status != 413 || len(r.Released) != 0 || r.Client != "Patient/p1" || r.Accountable {
		t.Errorf("%d bytes, the ledger has %d records, one is %+v", w.Body.Len(), len(c.ledger), r)
	}
}

// The notice of 42 CFR 2.32 and the consent's scope, which a read has in headers, stand beside the resource in its entry.
func TestABatchCarriesTheNotice(t *testing.T) {
	c := newClinic(t)
	body := strings.Replace(note("q1", "p1"), `"security":[`, `"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"},`, 1)
	ref := fhir.Reference{Type: "DocumentReference", ID: "q1"}
	v := c.charts["p1"]
	v.all, v.terms = append(v.all, released(t, body)), map[fhir.Reference][]*consent.Terms{ref: {{Client: p1, Recipient: consent.Recipient{Name: "the partner"}, Permits: []consent.Permit{{}}}}}
	c.owners[ref] = "p1"
	w := c.batch(batchOf("GET DocumentReference/q1", "GET DocumentReference/n1", "GET DocumentReference?patient=p1"))
	got := batchResponse(t, w)
	if o := string(got[0].Response.Outcome); !strings.Contains(o, "42 CFR part 2") || !strings.Contains(o, "Recipient: the partner.") {
		t.Errorf("the entry of a Part 2 record: %.300s", o)
	}
	if got[1].Response.Outcome != nil || got[2].Response.Outcome != nil || !strings.Contains(string(got[2].Resource), "Recipient: the partner.") {
		t.Error("the notice stands where it does not belong, or not in the search")
	}
	if w.Header().Get("Redisclosure-Notice") == "" || c.batch(batchOf("GET DocumentReference/n1")).Header().Get("Redisclosure-Notice") != "" {
		t.Error("the batch has no notice of its own, or always")
	}
}

// A hit of the guard closes the entry, as it would close the request alone.
func TestTheGuardClosesAnEntry(t *testing.T) {
	c := newClinic(t)
	bad := strings.Replace(note("n1", "p1"), `"status":"current"`, `"status":"current","category":[{"coding":[{"code":"PSYTHPN"}]}]`, 1)
	c.charts["p1"].all = []stage.Released{released(t, bad), released(t, note("n2", "p1"))}
	got := batchResponse(t, c.batch(batchOf("GET DocumentReference/n1", "GET DocumentReference?patient=p1", "GET Patient/p1/$everything", "GET DocumentReference/n2", "GET DocumentReference/zz")))
	if got[0].code() != 404 || !bytes.Equal(got[0].Response.Outcome, got[4].Response.Outcome) || got[3].code() != 200 || c.alarms < 2 {
		t.Errorf("%d alarms, %+v", c.alarms, got)
	}
	if strings.Contains(string(got[1].Resource), `"entry"`) || c.ledger[0].Withheld["guard"] != 1 || c.ledger[1].Withheld["guard"] != 1 {
		t.Errorf("a search gives %.200s, the ledger has %+v", got[1].Resource, c.ledger[:2])
	}
}

// FuzzBatch: no batch, however odd, panics or answers with what is not in a view, and each entry that is answered is recorded.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(batchOf(asAlone[:8]...)))
	f.Add([]byte(batchOf(`{"request":{"method":"GET","url":"DocumentReference/n1","ifNoneMatch":"*"}}`, "HEAD Patient/p1")))
	c := newClinic(f)
	c.charts["p2"] = &view{all: []stage.Released{released(f, note("m1", "p2"))}} // a view that no id leads to
	delete(c.owners, p2)
	delete(c.owners, fhir.Reference{Type: "DocumentReference", ID: "m1"})
	f.Fuzz(func(t *testing.T, body []byte) {
		c.t, c.ledger = t, nil
		c.log.Reset()
		w := c.batch(string(body))
		if w.Code >= 500 || strings.Contains(w.Body.String(), `"id":"m1"`) {
			t.Fatalf("%d %.500s", w.Code, w.Body)
		}
		if w.Code != 200 {
			return
		}
		for _, e := range batchResponse(t, w) {
			if e.code() >= 500 {
				t.Errorf("an entry of %q: %s", body, e.Response.Status)
			}
			if e.Resource != nil && len(c.ledger) == 0 {
				t.Error("something was released and nothing recorded")
			}
		}
	})
}
