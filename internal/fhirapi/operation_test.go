package fhirapi_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/release/stage"
)

// longClinic has a client with records of several types, times and states.
func longClinic(t testing.TB) *clinic {
	c := newClinic(t)
	at := func(body, date string) string { return strings.ReplaceAll(body, "2026-11-20", date) }
	c.charts["p1"] = c.chart("p1",
		patient("p1"),
		at(note("n1", "p1"), "2026-01-10"), at(note("n2", "p1"), "2026-06-10"),
		strings.Replace(at(note("n3", "p1"), "2026-06-20"), `"current"`, `"superseded"`, 1),
		at(provenance("v1", "DocumentReference/n1"), "2026-10-10"), at(provenance("v2", "DocumentReference/n2"), "2026-10-10"),
		condition("c1", `"onsetDateTime":"2025-03-01",`), condition("c2", ""),
		practitioner("outside"))
	return c
}

func condition(id, onset string) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":%q,%s,"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},%s`+
		`"code":{"coding":[{"system":"http://snomed.info/sct","code":"35489007"}]},"subject":{"reference":"Patient/p1"}}`, id, meta, onset)
}

func matches(refs ...string) (all []string) {
	for _, r := range refs {
		all = append(all, "match "+r)
	}
	return all
}

var whole = matches("Patient/p1", "Condition/c1", "Condition/c2", "DocumentReference/n1", "DocumentReference/n2", "DocumentReference/n3", "Practitioner/d1", "Practitioner/outside",
	"Provenance/v1", "Provenance/v2")

func TestEverythingIsTheWholeViewInOrder(t *testing.T) {
	c := longClinic(t)
	without := func(refs ...string) []string {
		var rest []string
		for _, w := range whole {
			if !strings.Contains(" "+strings.Join(refs, " ")+" ", " "+strings.TrimPrefix(w, "match ")+" ") {
				rest = append(rest, w)
			}
		}
		return rest
	}
	for query, want := range map[string][]string{
		"":                          whole,
		"?_type=DocumentReference":  matches("DocumentReference/n1", "DocumentReference/n2", "DocumentReference/n3"),
		"?_type=Patient,Condition":  matches("Patient/p1", "Condition/c1", "Condition/c2"),
		"?_type=Patient&_type=Goal": matches("Patient/p1"),
		"?_type=Practitioner":       matches("Practitioner/d1", "Practitioner/outside"),
		"?_type=Provenance":         matches("Provenance/v1", "Provenance/v2"),
		"?_type=Immunization":       nil,
		"?_type=":                   whole,
		// Of two notes one is in the period, with its Provenance; the state goes on, and what has no date is in every period.
		"?start=2026-06-01":                           without("DocumentReference/n1", "Provenance/v1"),
		"?end=2026-01-31":                             without("DocumentReference/n2", "DocumentReference/n3", "Provenance/v2"),
		"?start=2026-02&end=2026-06-10":               without("DocumentReference/n1", "DocumentReference/n3", "Provenance/v1"),
		"?end=2024":                                   without("DocumentReference/n1", "DocumentReference/n2", "DocumentReference/n3", "Condition/c1", "Provenance/v1", "Provenance/v2", "Practitioner/d1"),
		"?_since=2026-06-15T00:00:00Z":                without("DocumentReference/n1", "DocumentReference/n2", "Provenance/v1", "Provenance/v2", "Practitioner/d1"),
		"?_since=2026-06-10T12:00:00%2B02:00":         without("DocumentReference/n1", "Provenance/v1"),
		"?_since=2026-06-10T12:00:00+02:00":           without("DocumentReference/n1", "Provenance/v1"),
		"?_since=2027-01-01T00:00:00Z":                nil,
		"?_format=json&_pretty=true":                  whole,
		"?_count=100":                                 whole,
		"?_count=0":                                   nil,
		"?_type=DocumentReference&start=2026-06-11&_": matches("DocumentReference/n3"),
	} {
		for _, path := range []string{"/$everything", "/%24everything"} {
			if got := page(t, c.get("/fhir/Patient/p1"+path+query)).entries(); !cmp.Equal(got, want) {
				t.Errorf("%s: %s", query, cmp.Diff(want, got))
			}
		}
		w := c.ask("POST", "/fhir/Patient/p1/$everything", strings.TrimPrefix(query, "?"), "Content-Type: application/x-www-form-urlencoded")
		if query != "" && !cmp.Equal(page(t, w).entries(), want) {
			t.Errorf("%s by POST: %s", query, cmp.Diff(want, page(t, w).entries()))
		}
	}
	if b := page(t, c.get("/fhir/Patient/p1/$everything?_type=Condition&_count=0")); b.Total == nil || *b.Total != 2 || b.link("next") != "" {
		t.Errorf("_count=0: %+v", b)
	}
}

func TestEverythingIsPaged(t *testing.T) {
	c := longClinic(t)
	for count := 1; count <= len(whole); count++ {
		var got []string
		pages := 0
		for target := fmt.Sprintf("/fhir/Patient/p1/$everything?_count=%d", count); target != ""; pages++ {
			b := page(t, c.get(target))
			if len(b.Entry) > count || *b.Total != len(whole) {
				t.Fatalf("_count=%d: %d entries of %d", count, len(b.Entry), *b.Total)
			}
			got = append(got, b.entries()...)
			target = strings.TrimPrefix(b.link("next"), strings.TrimSuffix(base, "/fhir"))
		}
		if want := (len(whole) + count - 1) / count; !cmp.Equal(got, whole) || pages != want {
			t.Errorf("_count=%d: %d pages, %s", count, pages, cmp.Diff(whole, got))
		}
	}
	next := strings.TrimPrefix(page(t, c.get("/fhir/Patient/p1/$everything?_count=2")).link("next"), strings.TrimSuffix(base, "/fhir"))
	_, token, _ := strings.Cut(next, "?")
	c.charts["p3"] = c.chart("p3", patient("p3"))
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another requester":   c.get(next, "Authorization: Bearer good.other.system/*.rs"),
		"other scopes":        c.get(next, "Authorization: Bearer good.partner.system/*.cruds"),
		"another client":      c.get("/fhir/Patient/p3/$everything?" + token),
		"a search":            c.get("/fhir/Patient?" + token),
		"$docref":             c.get("/fhir/DocumentReference/$docref?" + token),
		"with a parameter":    c.get(next + "&_type=Patient"),
		"a token cut short":   c.get(next[:len(next)-1]),
		"the token of a find": c.get("/fhir/Patient/p1/$everything?" + strings.SplitN(page(t, c.get("/fhir/DocumentReference?patient=p1&_count=1")).link("next"), "?", 2)[1]),
	} {
		if w.Code != 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := c.get(next + "&_count=9"); len(page(t, w).Entry) != 2 {
		t.Error("the count of the search that began does not hold")
	}
	c.charts["p1"] = &view{all: c.charts["p1"].all[:1], evidence: c.charts["p1"].evidence} // the client has revoked but for the Patient
	if b := page(t, c.get(next)); len(b.Entry) != 0 || *b.Total != 1 {
		t.Errorf("a page that had begun gives %v", b.entries())
	}
}

func TestEverythingOfNobodyIsARead(t *testing.T) {
	c := longClinic(t)
	want := c.get("/fhir/Patient/invented")
	for _, target := range []string{"Patient/p2/$everything", "Patient/invented/$everything", "Patient/n1/$everything", "Patient/..%2fp1/$everything", "Patient/p1%00/$everything", "Patient/%70%31/$everything"} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			got := c.ask(method, "/fhir/"+target, "")
			if got.Code != 404 || method != "HEAD" && got.Body.String() != want.Body.String() || !cmp.Equal(got.Result().Header, want.Result().Header) {
				t.Errorf("%s %s: %d %.200s", method, target, got.Code, got.Body)
			}
		}
	}
	c.charts["p1"] = &view{all: c.charts["p1"].all[1:]}
	if got := c.get("/fhir/Patient/p1/$everything"); got.Code != 404 {
		t.Errorf("without the Patient: %d", got.Code)
	}
}

func TestEverythingNeedsBothPermissions(t *testing.T) {
	c := longClinic(t)
	for scopes, want := range map[string]int{
		"system/Patient.r": 403, "system/*.r": 403, "system/*.s": 403, "system/Patient.r+system/*.s": 200, "system/Patient.r+system/Observation.s": 403, "system/Patient.rs": 200,
		"system/DocumentReference.rs": 403,
	} {
		if w := c.get("/fhir/Patient/p1/$everything", "Authorization: Bearer good.partner."+scopes); w.Code != want {
			t.Errorf("%s: %d", scopes, w.Code)
		}
	}
}

func TestWhatAnOperationCannotAnswer(t *testing.T) {
	c := longClinic(t)
	const everything, docref = "Patient/p1/$everything", "DocumentReference/$docref"
	for target, status := range map[string]int{
		everything + "?start=yesterday": 400, everything + "?start=2026-01-01&start=2026-01-02": 400, everything + "?end=ge2026": 400, everything + "?_since=1": 400, everything + "?_count=-1": 400,
		everything + "?_count=x": 400, everything + "?_type=patient": 400, everything + "?_type=Patient/x": 400, everything + "?_type=$x": 400, everything + "?_page=x": 400,
		everything + "?_format=xml": 406, everything + "?start=%zz": 400, everything + "?x=" + strings.Repeat("a", 17000): 414,
		docref: 400, docref + "?patient=": 400, docref + "?patient=p1&patient=p2": 400, docref + "?patient=p1,p2": 400, docref + "?patient=p1&start=x": 400, docref + "?patient=p1&on-demand=yes": 400,
		docref + "?patient=p1&type=a|b|c": 400, docref + "?patient=p1&_count=-1": 400, docref + "?_page=x": 400, docref + "?patient=p1&_format=xml": 406,
	} {
		if w := c.get("/fhir/" + target); w.Code != status {
			t.Errorf("%.60s: %d", target, w.Code)
		} else {
			code(t, w)
		}
	}
	for _, target := range []string{everything + "?category=x", docref + "?patient=p1&category=x&_sort=date"} {
		if w := c.get("/fhir/"+target, "Prefer: handling=strict"); w.Code != 400 || code(t, w) != "invalid" {
			t.Errorf("%s, strictly: %d", target, w.Code)
		}
		b := page(t, c.get("/fhir/"+target, "Prefer: handling=lenient"))
		if n := len(b.Entry); n == 0 || b.Entry[n-1].Search.Mode != "outcome" {
			t.Errorf("%s: the ignored parameter is not named", target)
		}
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		for _, target := range []string{everything, docref} {
			if w := c.ask(method, "/fhir/"+target, ""); w.Code != 405 {
				t.Errorf("%s %s: %d", method, target, w.Code)
			}
		}
	}
}

func TestParametersOfAnOperation(t *testing.T) {
	c := longClinic(t)
	const everything, docref = "/fhir/Patient/p1/$everything", "/fhir/DocumentReference/$docref"
	parameters := func(list ...string) string {
		return `{"resourceType":"Parameters","parameter":[` + strings.Join(list, ",") + `]}`
	}
	for name, x := range map[string]struct {
		target, body string
		want         []string
	}{
		"types": {everything, parameters(`{"name":"_type","valueCode":"Patient"}`, `{"name":"_type","valueString":"Condition"}`), matches("Patient/p1", "Condition/c1", "Condition/c2")},
		"dates": {everything, parameters(`{"name":"_type","valueCode":"DocumentReference"}`, `{"name":"start","valueDate":"2026-06-11"}`, `{"name":"_count","valueInteger":5}`), matches("DocumentReference/n3")},
		"since": {everything, parameters(`{"name":"_since","valueInstant":"2027-01-01T00:00:00Z"}`), nil},
		"none":  {everything, `{"resourceType":"Parameters"}`, whole},
		"documents": {docref, parameters(`{"name":"patient","valueId":"p1"}`, `{"name":"type","valueCoding":{"system":"http://loinc.org","code":"11506-3","display":"Progress note"}}`,
			`{"name":"on-demand","valueBoolean":false}`, `{"name":"start","valueDateTime":"2026-06-01T00:00:00Z"}`), matches("DocumentReference/n2", "DocumentReference/n3")},
		"another type":        {docref, parameters(`{"name":"patient","valueId":"p1"}`, `{"name":"type","valueCoding":{"system":"http://loinc.org|x","code":"11506-3"}}`), nil},
		"both in one request": {docref + "?patient=p1", parameters(`{"name":"end","valueDateTime":"2026-02-01T00:00:00Z"}`), matches("DocumentReference/n1")},
	} {
		w := c.ask("POST", x.target, x.body, "Content-Type: application/fhir+json; fhirVersion=4.0")
		if got := page(t, w).entries(); !cmp.Equal(got, x.want) {
			t.Errorf("%s: %s", name, cmp.Diff(x.want, got))
		}
	}
	for name, body := range map[string]string{
		"no JSON": "{", "an array": "[]", "another resource": patient("p1"), "a part": parameters(`{"name":"patient","part":[{"name":"x","valueId":"p1"}]}`),
		"a resource": parameters(`{"name":"patient","resource":` + patient("p1") + `}`), "two values": parameters(`{"name":"patient","valueId":"p1","valueString":"p2"}`),
		"no name": parameters(`{"valueId":"p1"}`), "no value": parameters(`{"name":"patient"}`), "a key twice": parameters(`{"name":"patient","valueId":"p1","valueId":"p2"}`),
		"a modifier": parameters(`{"name":"patient","valueId":"p1","modifierExtension":[{"url":"http://x"}]}`), "a member of ours": `{"resourceType":"Parameters","patient":"p1"}`,
		"implicit rules": `{"resourceType":"Parameters","implicitRules":"http://x","parameter":[{"name":"patient","valueId":"p1"}]}`,
		"a quantity":     parameters(`{"name":"patient","valueQuantity":{"value":1}}`), "a text after it": parameters(`{"name":"patient","valueId":"p1"}`) + "{}",
		"deep": `{"resourceType":"Parameters","parameter":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, "empty": "",
	} {
		if w := c.ask("POST", docref, body, "Content-Type: application/json"); w.Code != 400 {
			t.Errorf("%s: %d %.200s", name, w.Code, w.Body)
		}
	}
	good := parameters(`{"name":"patient","valueId":"p1"}`)
	for name, headers := range map[string][]string{
		"XML": {"Content-Type: application/fhir+xml"}, "no type": {"Content-Type: "}, "another version": {"Content-Type: application/fhir+json; fhirVersion=3.0"},
		"packed": {"Content-Type: application/fhir+json", "Content-Encoding: gzip"}, "Latin 1": {"Content-Type: application/json; charset=iso-8859-1"},
	} {
		if w := c.ask("POST", docref, good, headers...); w.Code != 415 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := c.ask("POST", docref, good+strings.Repeat(" ", 70<<10), "Content-Type: application/json"); w.Code != 413 {
		t.Errorf("70 KB: %d", w.Code)
	}
	if w := c.ask("POST", "/fhir/DocumentReference/_search", good, "Content-Type: application/fhir+json"); w.Code != 415 {
		t.Errorf("to a search: %d", w.Code)
	}
}

func TestDocrefFindsDocuments(t *testing.T) {
	c := longClinic(t)
	profiled := strings.Replace(note("n4", "p1"), `"meta":{`, `"meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"],`, 1)
	period := strings.Replace(note("n5", "p1"), `"content":`, `"context":{"period":{"start":"2020-05-01","end":"2020-05-02"}},"content":`, 1)
	undated := strings.Replace(note("n6", "p1"), `"date":"2026-11-20T10:00:00Z",`, "", 1)
	for _, body := range []string{profiled, period, undated} {
		c.charts["p1"].all = append(c.charts["p1"].all, released(t, body))
	}
	docs := func(ids ...string) (all []string) {
		for _, id := range ids {
			all = append(all, "match DocumentReference/"+id)
		}
		return all
	}
	for query, want := range map[string][]string{
		"":                                      docs("n1", "n2", "n4", "n5", "n6"), // all that are current
		"&on-demand=false":                      docs("n1", "n2", "n4", "n5", "n6"),
		"&on-demand=true":                       nil,
		"&start=2000":                           docs("n1", "n2", "n3", "n4", "n5"),
		"&start=2026-06-20T10:00:00Z":           docs("n3", "n4", "n5"),
		"&end=2020":                             docs("n5"),
		"&start=2026-05-01&end=2026-06-15":      docs("n2"),
		"&type=http://loinc.org|11506-3":        docs("n1", "n2", "n3", "n4", "n5", "n6"),
		"&type=http://loinc.org|18842-5":        nil,
		"&type=x&type=http://loinc.org|11506-3": docs("n1", "n2", "n3", "n4", "n5", "n6"),
		"&profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference": docs("n4"),
		"&profile=http://x": nil,
	} {
		b := page(t, c.get("/fhir/DocumentReference/$docref?patient=p1"+query))
		if got := b.entries(); !cmp.Equal(got, want) || *b.Total != len(want) {
			t.Errorf("%s: total %d, %s", query, *b.Total, cmp.Diff(want, got))
		}
		var paged []string
		for target := "/fhir/DocumentReference/$docref?patient=Patient/p1&_count=2" + query; target != ""; {
			b := page(t, c.get(target))
			paged = append(paged, b.entries()...)
			target = strings.TrimPrefix(b.link("next"), strings.TrimSuffix(base, "/fhir"))
		}
		if !cmp.Equal(paged, want) {
			t.Errorf("%s, paged: %s", query, cmp.Diff(want, paged))
		}
	}
	real, invented := c.get("/fhir/DocumentReference/$docref?patient=p2"), c.get("/fhir/DocumentReference/$docref?patient=zz")
	if real.Code != 200 || strings.ReplaceAll(real.Body.String(), "p2", "zz") != invented.Body.String() {
		t.Errorf("an unknown patient: %d %s", real.Code, real.Body)
	}
}

func TestACompartmentIsASearch(t *testing.T) {
	c := longClinic(t)
	for _, query := range []string{"", "_count=1", "_sort=-date&_count=2", "type=http://loinc.org|11506-3&_revinclude=Provenance:target", "patient=p1", "shoe=1", "date=99", "patient=p2", "_page=x"} {
		u, _ := url.ParseQuery(query)
		u.Add("patient", "p1")
		want, got := c.get("/fhir/DocumentReference?"+u.Encode()), c.get("/fhir/Patient/p1/DocumentReference?"+query)
		if want.Code != got.Code || want.Body.String() != got.Body.String() || !cmp.Equal(want.Result().Header, got.Result().Header) {
			t.Errorf("%s: %d %.300s", query, got.Code, got.Body)
		}
	}
	unknown := page(t, c.get("/fhir/Patient/zz/DocumentReference"))
	if len(unknown.Entry) != 0 || *unknown.Total != 0 {
		t.Errorf("an unknown client: %v", unknown.entries())
	}
	for _, id := range []string{"p1,p2", "p1%00", "%70%31", "p1|", "Patient%2fp1", "$x"} {
		if w := c.get("/fhir/Patient/" + id + "/DocumentReference"); w.Code != 404 || code(t, w) != "not-found" {
			t.Errorf("%s: %d", id, w.Code)
		}
	}
	for scopes, want := range map[string]int{"system/DocumentReference.s": 200, "system/DocumentReference.r": 403, "system/Patient.rs": 403} {
		if w := c.get("/fhir/Patient/p1/DocumentReference", "Authorization: Bearer good.partner."+scopes); w.Code != want {
			t.Errorf("%s: %d", scopes, w.Code)
		}
	}
}

func TestTheLedgerHasWhatAnOperationReleased(t *testing.T) {
	c := longClinic(t)
	for target, interaction := range map[string]string{
		"Patient/p1/$everything?_type=Condition": "GET /fhir/Patient/:id/$everything", "Patient/p1/%24everything?_type=Condition": "GET /fhir/Patient/:id/$everything",
		"Patient/p1/Condition": "GET /fhir/Patient/:id/Condition",
	} {
		c.ledger = nil
		c.get("/fhir/" + target)
		if len(c.ledger) != 1 || c.ledger[0].Interaction != interaction || c.ledger[0].Client != "Patient/p1" || strings.Join(c.ledger[0].Released, " ") != "Condition/c1 Condition/c2" {
			t.Errorf("%s: %+v", target, c.ledger)
		}
	}
	c.ledger = nil
	c.get("/fhir/DocumentReference/$docref?patient=p2")
	c.get("/fhir/Patient/p2/$everything")
	if len(c.ledger) != 2 || c.ledger[0].Status != 200 || c.ledger[1].Status != 404 || c.ledger[0].Client+c.ledger[1].Client != "" {
		t.Errorf("of nobody: %+v", c.ledger)
	}
}

// A page that is remembered is of the view and of the directory that it was made of.
func TestEverythingFollowsTheDirectory(t *testing.T) {
	c := longClinic(t)
	first := c.get("/fhir/Patient/p1/$everything")
	if again := c.get("/fhir/Patient/p1/$everything"); again.Body.String() != first.Body.String() {
		t.Error("the same request has another answer")
	}
	c.directory = &view{all: []stage.Released{released(t, practitioner("d9"))}}
	if got := page(t, c.get("/fhir/Patient/p1/$everything")).entries(); strings.Contains(strings.Join(got, " "), "Practitioner/d1") || len(got) != len(whole)-1 {
		t.Errorf("after a change of the directory: %v", got)
	}
}
