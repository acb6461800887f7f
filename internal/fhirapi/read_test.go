package fhirapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

func TestReadGivesWhatIsInTheView(t *testing.T) {
	c := newClinic(t)
	for target, want := range map[string]string{
		"/fhir/DocumentReference/n1":    note("n1", "p1"),
		"/fhir/Patient/p1":              patient("p1"),
		"/fhir/Provenance/v1":           provenance("v1", "DocumentReference/n1"),
		"/fhir/Practitioner/d1":         practitioner("d1"),
		"/fhir/Practitioner/outside":    practitioner("outside"),
		"/fhir/Patient/p1?_format=json": patient("p1"),
	} {
		w := c.get(target)
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		if w.Header().Get("ETag") == "" || w.Header().Get("Last-Modified") != "Fri, 20 Nov 2026 10:00:00 GMT" || w.Header().Get("Content-Type") != "application/fhir+json; charset=utf-8" {
			t.Errorf("%s: headers %v", target, w.Header())
		}
	}
}

// TestWhatIsNotInTheViewNeverExisted: unknown, malformed, tampered, foreign and withheld are one answer, to the byte and the header, and so
// is what the guard stops.
func TestWhatIsNotInTheViewNeverExisted(t *testing.T) {
	c := newClinic(t)
	want := c.get("/fhir/DocumentReference/invented")
	if want.Code != 404 || code(t, want) != "not-found" {
		t.Fatalf("%d %s", want.Code, want.Body)
	}
	for name, target := range map[string]string{
		"withheld":               "/fhir/DocumentReference/m1",
		"another client's":       "/fhir/Patient/p2",
		"of another type":        "/fhir/Observation/n1",
		"no id":                  "/fhir/DocumentReference/!!",
		"a very long id":         "/fhir/DocumentReference/" + strings.Repeat("a", 5000),
		"another case":           "/fhir/DocumentReference/N1",
		"an id and a suffix":     "/fhir/DocumentReference/n1;v=1",
		"a percent-encoded id":   "/fhir/DocumentReference/%6E1",
		"an encoded slash":       "/fhir/DocumentReference/x%2fn1",
		"an operation's name":    "/fhir/Patient/$everything",
		"a search's name by GET": "/fhir/DocumentReference/_search",
		"history":                "/fhir/DocumentReference/_history",
		"an id with a dot":       "/fhir/DocumentReference/..",
		"a directory resource":   "/fhir/Practitioner/d9",
	} {
		got := c.get(target)
		if diff := cmp.Diff(want.Result().Header, got.Result().Header); got.Code != 404 || got.Body.String() != want.Body.String() || diff != "" {
			t.Errorf("%s: %d %s %s", name, got.Code, got.Body, diff)
		}
	}
}

func TestHeadIsAGetWithoutABody(t *testing.T) {
	c := newClinic(t)
	for _, target := range []string{"/fhir/DocumentReference/n1", "/fhir/DocumentReference/m1", "/fhir/DocumentReference?patient=p1", "/fhir/DocumentReference", "/fhir/metadata"} {
		get, head := c.get(target), c.ask("HEAD", target, "")
		if diff := cmp.Diff(get.Result().Header, head.Result().Header); head.Code != get.Code || head.Body.Len() != 0 || diff != "" {
			t.Errorf("%s: %d for %d, %d bytes, %s", target, head.Code, get.Code, head.Body.Len(), diff)
		}
	}
}

func TestNotModifiedIsDecidedAfterConsent(t *testing.T) {
	c := newClinic(t)
	tag := c.get("/fhir/DocumentReference/n1").Header().Get("ETag")
	c.ledger = nil
	if w := c.get("/fhir/DocumentReference/n1", "If-None-Match: "+tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(c.ledger) != 1 || c.ledger[0].Status != 304 || len(c.ledger[0].Released) != 1 {
		t.Errorf("the ledger has %+v", c.ledger)
	}
	c.charts["p1"].all = nil // the client has revoked
	for _, header := range []string{tag, "*"} {
		if w := c.get("/fhir/DocumentReference/n1", "If-None-Match: "+header); w.Code != 404 {
			t.Errorf("after the revocation: %d", w.Code)
		}
	}
}

func TestTheLedgerIsWrittenBeforeTheBytes(t *testing.T) {
	c := newClinic(t)
	want := ledger.Record{
		At: noon, Partner: "partner", Purposes: []string{"http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"},
		Interaction: "GET /fhir/DocumentReference/:id", Status: 200, Client: "Patient/p1", ChartVersion: "chart-p1",
		Consents: []ledger.ConsentUse{{Reference: "Consent/c-p1", Version: [32]byte{7}}}, Released: []string{"DocumentReference/n1"},
		Withheld: map[string]uint32{"no-consent": 4}, Accountable: true,
	}
	c.get("/fhir/DocumentReference/n1")
	if len(c.ledger) != 1 || c.ledger[0].RequestID == "" || c.ledger[0].Digest == [32]byte{} {
		t.Fatalf("%+v", c.ledger)
	}
	got := c.ledger[0]
	got.RequestID, got.Digest = "", [32]byte{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c.ledger = nil
	c.ask("HEAD", "/fhir/DocumentReference/n1", "")
	c.get("/fhir/DocumentReference/m1")
	c.get("/fhir/Practitioner/d1")
	c.get("/fhir/Practitioner/outside")
	var seen []string
	for _, r := range c.ledger {
		seen = append(seen, r.Interaction+" "+http.StatusText(r.Status)+" "+r.Client+" "+strings.Join(r.Released, ","))
	}
	if diff := cmp.Diff([]string{"HEAD /fhir/DocumentReference/:id OK Patient/p1 DocumentReference/n1", "GET /fhir/DocumentReference/:id Not Found  ",
		"GET /fhir/Practitioner/:id OK  Practitioner/d1", "GET /fhir/Practitioner/:id OK Patient/p1 Practitioner/outside"}, seen); diff != "" {
		t.Error(diff)
	}
}

// The scope of a consent goes with the Part 2 records that it permits, of whichever client's view they are (rule 23).
func TestPart2RecordsGoWithTheirTerms(t *testing.T) {
	c := newClinic(t)
	part2 := func(id, client string) stage.Released {
		body := strings.Replace(note(id, client), `"security":[`, `"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"},`, 1)
		c.owners[fhir.Reference{Type: "DocumentReference", ID: id}] = client
		return released(t, body)
	}
	c.charts["p3"] = c.chart("p3", patient("p3"))
	c.owners[fhir.Reference{Type: "Patient", ID: "p3"}] = "p3"
	for _, client := range []string{"p1", "p3"} {
		v := c.charts[client]
		v.all = append(v.all, part2("q-"+client, client))
		v.terms = map[fhir.Reference][]*consent.Terms{{Type: "DocumentReference", ID: "q-" + client}: {{
			Client: fhir.Reference{Type: "Patient", ID: client}, Recipient: consent.Recipient{Name: "the partner of " + client}, Permits: []consent.Permit{{}}}}}
	}
	w := c.get("/fhir/DocumentReference/q-p1")
	if got := w.Header().Values("Consent-Scope"); len(got) != 1 || !strings.Contains(got[0], "Recipient: the partner of p1.") {
		t.Errorf("a read: %v", got)
	}
	if got := c.get("/fhir/DocumentReference/n1").Header().Values("Consent-Scope"); len(got) != 0 {
		t.Errorf("a read of another note: %v", got)
	}
	for target, want := range map[string]int{"DocumentReference?patient=p1": 1, "DocumentReference?_id=q-p1,q-p3": 2, "DocumentReference?patient=p1&_id=n1": 0} {
		c.ledger = nil
		body := c.get("/fhir/" + target).Body.String()
		for _, r := range c.ledger {
			if r.Part2 != (want > 0) {
				t.Errorf("%s: the ledger says %v of Part 2 records", target, r.Part2)
			}
		}
		if n := strings.Count(body, "Recipient: the partner of p"); n != want {
			t.Errorf("%s: %d scopes", target, n)
		}
	}
}

func TestTheGuardClosesAnAnswer(t *testing.T) {
	c := newClinic(t)
	bad := note("n1", "p1")
	bad = strings.Replace(bad, `"status":"current"`, `"status":"current","category":[{"coding":[{"code":"PSYTHPN"}]}]`, 1)
	c.charts["p1"].all = []stage.Released{released(t, bad)}
	w, none := c.get("/fhir/DocumentReference/n1"), c.get("/fhir/DocumentReference/invented")
	if w.Code != 404 || w.Body.String() != none.Body.String() || c.alarms == 0 {
		t.Errorf("%d %s, %d alarms", w.Code, w.Body, c.alarms)
	}
	if r := c.ledger[0]; len(r.Released) != 0 || r.Withheld["guard"] != 1 || r.Withheld["no-consent"] != 4 || r.Accountable {
		t.Errorf("the ledger has %+v", r)
	}
	if got := page(t, c.get("/fhir/DocumentReference?patient=p1")); len(got.Entry) != 0 || got.Total == nil || *got.Total != 0 {
		t.Errorf("a search gives %v of %v", got.entries(), got.Total)
	}
}

// The date of the resource counts only on a read, and beside no If-None-Match.
func TestIfModifiedSince(t *testing.T) {
	c := newClinic(t)
	const updated, before, after = "Fri, 20 Nov 2026 10:00:00 GMT", "Fri, 20 Nov 2026 09:59:59 GMT", "Sat, 21 Nov 2026 00:00:00 GMT"
	if got := c.get("/fhir/DocumentReference/n1").Header().Get("Last-Modified"); got != updated {
		t.Fatalf("Last-Modified is %q", got)
	}
	for name, x := range map[string]struct {
		target, since string
		headers       []string
		want          int
	}{
		"not since":             {"DocumentReference/n1", updated, nil, 304},
		"later":                 {"DocumentReference/n1", after, nil, 304},
		"since":                 {"DocumentReference/n1", before, nil, 200},
		"another tag":           {"DocumentReference/n1", after, []string{`If-None-Match: W/"x"`}, 200},
		"RFC 850":               {"DocumentReference/n1", "Friday, 20-Nov-26 10:00:00 GMT", nil, 304},
		"no HTTP date":          {"DocumentReference/n1", "2026-11-21", nil, 200},
		"a search":              {"DocumentReference?patient=p1", after, nil, 200},
		"a compartment":         {"Patient/p1/DocumentReference", after, nil, 200},
		"$everything":           {"Patient/p1/$everything", after, nil, 200},
		"withheld":              {"DocumentReference/m1", after, nil, 404},
		"of the directory":      {"Practitioner/d1", after, nil, 304},
		"a fixed document":      {"metadata", after, nil, 200},
		"a path of another API": {"nothing", after, nil, 404},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			c.ledger = nil
			w := c.ask(method, "/fhir/"+x.target, "", append(x.headers, "If-Modified-Since: "+x.since)...)
			if w.Code != x.want || w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("Last-Modified") != updated || len(c.ledger) != 1 || c.ledger[0].Status != 304 || len(c.ledger[0].Released) != 1) {
				t.Errorf("%s, %s: %d %v, ledger %+v", method, name, w.Code, w.Header(), c.ledger)
			}
		}
	}
	c.charts["p1"].all = nil // the client has revoked
	if w := c.get("/fhir/DocumentReference/n1", "If-Modified-Since: "+after); w.Code != 404 {
		t.Errorf("after the revocation: %d", w.Code)
	}
}

// The answer states the version of FHIR where it was asked for, and nowhere else.
func TestTheVersionOfFHIR(t *testing.T) {
	c := newClinic(t)
	const plain, stated = "application/fhir+json; charset=utf-8", "application/fhir+json; fhirVersion=4.0; charset=utf-8"
	for accept, want := range map[string]string{
		"application/fhir+json": plain, "*/*": plain, "application/fhir+json; fhirVersion=4.0": stated, "application/json;fhirVersion=4.0;q=0.9": "application/json; fhirVersion=4.0; charset=utf-8", "*/*;fhirVersion=4.0": stated,
		"application/fhir+xml, application/fhir+json; FhirVersion=4.0.1": stated, "application/fhir+json, application/fhir+json; fhirVersion=4.0": plain,
		"application/fhir+json; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0": stated,
	} {
		for _, target := range []string{"Patient/p1", "Patient/zz", "DocumentReference?patient=p1", "metadata", "Patient/p1/$everything", "DocumentReference?patient=p1&date=x"} {
			for range 3 { // a kept page is the same to everybody
				if got := c.get("/fhir/"+target, "Accept: "+accept).Header().Get("Content-Type"); got != want {
					t.Errorf("%s, %s: %s", target, accept, got)
				}
			}
		}
	}
	if got := c.get("/fhir/Patient/p1?_format=application/fhir%2Bjson;fhirVersion=4.0", "Accept: text/html"); got.Code != 400 {
		t.Errorf("a semicolon that is not escaped: %d", got.Code)
	}
	if got := c.get("/fhir/Patient/p1?_format=application/fhir%2Bjson%3BfhirVersion=4.0", "Accept: text/html").Header().Get("Content-Type"); got != stated {
		t.Errorf("by _format: %s", got)
	}
	for _, version := range []string{"1.0", "3.0", "4.3", "5.0", "4", ""} {
		if w := c.get("/fhir/Patient/p1", "Accept: application/fhir+json; fhirVersion="+version); w.Code != 406 {
			t.Errorf("version %q: %d", version, w.Code)
		}
	}
}

// Who takes JSON in general and FHIR's own type less, or not at all, is answered with what was asked for (R4 3.1.0.1.9); _format only says which format.
func TestAGeneralTypeIsAnsweredWithIt(t *testing.T) {
	c := newClinic(t)
	const own, json, text = "application/fhir+json; charset=utf-8", "application/json; charset=utf-8", "text/json; charset=utf-8"
	for accept, want := range map[string]string{
		"application/json": json, "text/json": text, "text/html, text/json": text, "application/json, text/json": json, "text/json;q=0.5, application/json;q=0.4": text,
		"application/json, text/plain, */*": own, "application/json, application/fhir+json": own, "application/json, application/fhir+json;q=0.9": json,
		"application/json, */*;q=0.1": json, "application/json;q=0, */*": own, "application/json;q=0.2, application/*;q=0.3": own, "application/fhir+xml, application/json": json,
	} {
		for _, target := range []string{"Patient/p1", "Patient/zz", "DocumentReference?patient=p1", "metadata", "Binary/zz"} {
			if got := c.get("/fhir/"+target, "Accept: "+accept).Header().Get("Content-Type"); got != want {
				t.Errorf("%s, %s: %s", target, accept, got)
			}
		}
		for _, format := range []string{"json", "application/json", "text/json"} {
			if got := c.get("/fhir/Patient/p1?_format="+format, "Accept: "+accept).Header().Get("Content-Type"); got != own {
				t.Errorf("by _format=%s: %s", format, got)
			}
		}
	}
}

// AuditEvents come from their own view alone, and to look at them is recorded, but is no disclosure to be accounted for.
func TestAuditEventsComeFromTheLedgerAlone(t *testing.T) {
	event := func(id string) stage.Released {
		return released(t, fmt.Sprintf(`{"resourceType":"AuditEvent","id":%q,%s,"type":{"code":"rest"},"recorded":"2026-11-20T10:00:00Z","agent":[{"requestor":true}],`+
			`"source":{"observer":{"display":"x"}},"entity":[{"what":{"reference":"Patient/p1"}}]}`, id, meta))
	}
	c := newClinic(t)
	c.charts["p1"].all = append(c.charts["p1"].all, event("inChart"))
	c.owners[fhir.Reference{Type: "AuditEvent", ID: "inChart"}] = "p1"
	c.owners[fhir.Reference{Type: "AuditEvent", ID: "inLedger"}] = "p1"
	for _, target := range []string{"AuditEvent?patient=p1", "AuditEvent?_id=inChart", "AuditEvent?_id=inChart,inLedger"} {
		if got := page(t, c.get("/fhir/"+target)); len(got.Entry) != 0 {
			t.Errorf("%s finds what stands in a chart", target)
		}
	}
	if w := c.get("/fhir/AuditEvent/inChart"); w.Code != 404 {
		t.Errorf("a read of what stands in a chart: %d", w.Code)
	}
	c.audit, c.ledger = &view{all: []stage.Released{event("inLedger")}, evidence: release.Evidence{Client: fhir.Reference{Type: "Patient", ID: "p1"}, SelfAccess: true}}, nil
	for _, target := range []string{"AuditEvent?patient=p1", "AuditEvent?_id=inLedger", "AuditEvent?_id=inChart,inLedger"} {
		if got := page(t, c.get("/fhir/"+target)); len(got.Entry) != 1 {
			t.Errorf("%s finds %v", target, got.entries())
		}
	}
	if w := c.get("/fhir/AuditEvent/inLedger"); w.Code != 200 {
		t.Errorf("a read: %d", w.Code)
	}
	if len(c.ledger) != 4 {
		t.Errorf("%d records", len(c.ledger))
	}
	for _, r := range c.ledger {
		if r.Client != "Patient/p1" || len(r.Released) != 1 || r.Accountable || !r.ToIndividual {
			t.Errorf("the ledger has %+v", r)
		}
	}
}
