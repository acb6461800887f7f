package egress

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

const subsetMeta = `"meta":{"lastUpdated":"2026-11-20T10:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}],"tag":[{"code":"own"}]}`

// bodies are one of each sort: narrative, choices, modifiers, extensions of primitives, nested attachments.
var bodies = []string{
	note("n1"),
	`{"resourceType":"Observation","id":"o1",` + subsetMeta + `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},"status":"final","code":{"text":"c"},` +
		`"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":7},"component":[{"code":{"text":"x"},"valueString":"y"}],"note":[{"text":"n"}]}`,
	`{"resourceType":"Patient","id":"p1",` + subsetMeta + `,"active":true,"name":[{"family":"Roe"}],"deceasedBoolean":false,"_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},` +
		`"photo":[{"contentType":"image/png","data":"QUJD"}],"telecom":[{"system":"phone","value":"1"}],"extension":[{"url":"https://example.org/x","valueString":"y"}]}`,
	`{"resourceType":"Provenance","id":"v1",` + subsetMeta + `,"target":[{"reference":"DocumentReference/n1"}],"recorded":"2026-11-20T10:00:00Z","activity":{"text":"a"},"agent":[{"type":{"text":"t"},"who":{"reference":"Practitioner/d1"},"onBehalfOf":{"reference":"Organization/o1"}}]}`,
	`{"resourceType":"MedicationRequest","id":"m1",` + subsetMeta + `,"status":"active","intent":"order","doNotPerform":true,"medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/p1"},"note":[{"text":"n"}],"authoredOn":"2026-01-01"}`,
	`{"resourceType":"Condition","id":"c1",` + subsetMeta + `,"clinicalStatus":{"coding":[{"code":"active"}]},"code":{"text":"x"},"subject":{"reference":"Patient/p1"},"onsetString":"long ago","abatementDateTime":"2026"}`,
	`{"resourceType":"Organization","id":"g1",` + subsetMeta + `,"active":true,"name":"x","telecom":[{"value":"1"}],"contact":[{"name":{"family":"x"}}]}`,
}

// read answers with a part of a resource.
func read(e *Egress, r stage.Released, s fhirjson.Subset) *Answer {
	return e.Encode(&Resource{Released: r, Subset: s, Terms: []*consent.Terms{terms("c1")}}, "")
}

// Whatever is asked for, what leaves is valid, is a part of the whole, and holds what must never be missing.
func TestASubsetIsValidAndAPartOfTheWhole(t *testing.T) {
	e := newEgress(t)
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.SampledFrom(bodies).Draw(rt, "body")
		whole := release(t, body)
		s := fhirjson.Subset{Summary: rapid.SampledFrom([]fhirjson.Summary{fhirjson.SummaryTrue, fhirjson.SummaryText, fhirjson.SummaryData}).Draw(rt, "summary")}
		if rapid.Bool().Draw(rt, "elements") {
			s = fhirjson.Subset{Elements: []string{}}
			elements := fhirjson.ShapeNamed(whole.Facts().Type).Elements
			for range rapid.IntRange(0, 4).Draw(rt, "n") {
				el := rapid.SampledFrom(elements).Draw(rt, "element")
				s.Elements = append(s.Elements, rapid.SampledFrom([]string{el.Name, el.Key, el.Name + ".text", "note.psychotherapy"}).Draw(rt, "name"))
			}
		}
		a := read(e, whole, s)
		defer a.Close()
		if a.Status != 200 {
			rt.Fatalf("%d", a.Status)
		}
		if m, err := fhirjson.Parse(a.body); err != nil || fhirjson.Validate(m) != nil {
			rt.Fatalf("not valid: %s", a.body)
		}
		part, all := members(t, a.body), members(t, []byte(body))
		for _, name := range []string{"resourceType", "id", "status", "subject", "active", "deceasedBoolean", "clinicalStatus", "doNotPerform", "target", "recorded", "agent"} {
			if !cmp.Equal(part[name], all[name]) {
				rt.Fatalf("%v: %s is missing", s, name)
			}
		}
		meta := part["meta"].(map[string]any)
		tags := meta["tag"].([]any)
		last := tags[len(tags)-1].(map[string]any)
		if last["code"] != "SUBSETTED" || last["system"] != fhir.SystemObservation {
			rt.Fatalf("the last tag is %v", last)
		}
		if meta["tag"] = tags[:len(tags)-1]; len(tags) == 1 {
			delete(meta, "tag")
		}
		if !isPart(part, all) {
			rt.Fatalf("%v: %s is no part", s, a.body)
		}
	})
}

func members(t *testing.T, body []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// isPart tells whether all of a stands in b, at the same place.
func isPart(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		for name, v := range a {
			ok = ok && m[name] != nil && isPart(v, m[name])
		}
		return ok
	case []any:
		l, ok := b.([]any)
		ok = ok && len(l) == len(a)
		for i := range a {
			ok = ok && isPart(a[i], l[i])
		}
		return ok
	}
	return a == b
}

func TestWhatASummaryHolds(t *testing.T) {
	e := newEgress(t)
	for _, c := range []struct {
		body int
		s    fhirjson.Subset
		want string
	}{
		{0, fhirjson.Subset{Summary: fhirjson.SummaryTrue}, "author content context date id meta resourceType status subject type"},
		{1, fhirjson.Subset{Summary: fhirjson.SummaryTrue}, "code component effectiveDateTime id meta resourceType status subject valueQuantity"},
		{1, fhirjson.Subset{Summary: fhirjson.SummaryText}, "code id meta resourceType status subject text"},
		{1, fhirjson.Subset{Elements: []string{"valueQuantity"}}, "code id meta resourceType status subject valueQuantity"},
		{1, fhirjson.Subset{Elements: []string{"valueString"}}, "code id meta resourceType status subject"},
		{1, fhirjson.Subset{Elements: []string{"value"}}, "code id meta resourceType status subject valueQuantity"},
		{2, fhirjson.Subset{Summary: fhirjson.SummaryTrue}, "_birthDate active deceasedBoolean id meta name resourceType telecom"},
		{2, fhirjson.Subset{Elements: []string{"birthDate"}}, "_birthDate active deceasedBoolean id meta resourceType"},
		{3, fhirjson.Subset{Elements: []string{"target"}}, "agent id meta recorded resourceType target"},
		{3, fhirjson.Subset{Summary: fhirjson.SummaryTrue}, "agent id meta recorded resourceType target"},
		{5, fhirjson.Subset{Elements: []string{"abatement"}}, "abatementDateTime clinicalStatus id meta resourceType subject"},
	} {
		a := read(e, release(t, bodies[c.body]), c.s)
		var names []string
		for name := range members(t, a.body) {
			names = append(names, name)
		}
		slices.Sort(names)
		if d := cmp.Diff(c.want, strings.Join(names, " ")); d != "" {
			t.Errorf("%s %v: %s", bodies[c.body][:40], c.s, d)
		}
	}
	if a := read(e, release(t, note("n1")), fhirjson.Subset{Summary: fhirjson.SummaryTrue}); strings.Contains(string(a.body), `"data"`) || !strings.Contains(string(a.body), `"contentType":"text/plain"`) {
		t.Errorf("a summary has the data: %s", a.body)
	}
	if a := read(e, release(t, note("n1")), fhirjson.Subset{Elements: []string{"content"}}); !strings.Contains(string(a.body), `"data"`) {
		t.Error("what is asked for is not whole")
	}
}

// A part of a Part 2 record goes with the notice, and is refused without the terms, like the whole.
func TestASubsetGoesWithTheNotice(t *testing.T) {
	e, s := newEgress(t), fhirjson.Subset{Elements: []string{"status"}}
	a := e.Encode(&Page{Self: "DocumentReference", Subset: s, Entries: []Entry{{Released: part2(t, "n1"), Terms: []*consent.Terms{terms("c1")}}}}, "")
	if got := texts(t, a.body); len(got) != 2 || got[0] != fullNotice || !strings.HasPrefix(got[1], preface) {
		t.Errorf("%q", got)
	}
	if a := read(e, part2(t, "n1"), s); a.notice == nil || len(a.notice.scopes) != 1 {
		t.Error("a read has no notice")
	}
	if a := e.Encode(&Resource{Released: part2(t, "n1"), Subset: s}, ""); a.Status != 500 {
		t.Errorf("without terms: %d", a.Status)
	}
}

// Of a Consent a part of the extract is to be had, and of the whole nothing.
func TestASubsetOfAnExtract(t *testing.T) {
	e := newEgress(t)
	x, ok := e.ConsentExtract(signed(t, "c1", `,"securityLabel":[{"code":"HIV"}]`), terms("c1"))
	if !ok {
		t.Fatal("no extract")
	}
	for _, s := range []fhirjson.Subset{{Elements: []string{"provision", "dateTime", "source"}}, {Summary: fhirjson.SummaryTrue}, {Summary: fhirjson.SummaryText}, {Summary: fhirjson.SummaryData}} {
		a := read(e, x, s)
		if a.Status != 200 || strings.Contains(string(a.body), "secret") || strings.Contains(string(a.body), "HIV") {
			t.Errorf("%v: %d %s", s, a.Status, a.body)
		}
		part, whole := members(t, a.body), members(t, sealed.Open(x))
		delete(part["meta"].(map[string]any), "tag")
		if !isPart(part, whole) {
			t.Errorf("%v: %s", s, a.body)
		}
	}
}

// The whole body is examined, whatever of it would leave; what is included is not cut.
func TestTheGuardExaminesWhatASubsetIsCutFrom(t *testing.T) {
	var alarms []Alarm
	o := options(t)
	o.Alarm = func(a Alarm) { alarms = append(alarms, a) }
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := fhirjson.Subset{Elements: []string{"status"}}
	marked := release(t, strings.Replace(note("n1"), `"content":`, `"extension":[{"url":"https://example.org/x","valueCode":"PSYTHPN"}],"content":`, 1))
	if a := read(e, marked, s); a.Status != 404 || !a.Guarded {
		t.Errorf("%d", a.Status)
	}
	if a := e.Encode(&Page{Self: "DocumentReference", HasTotal: true, Total: 2, Subset: s, Entries: []Entry{{Released: release(t, note("n2"))}, {Released: marked}}}, ""); !a.Guarded || len(a.Released) != 0 || strings.Contains(string(a.body), "entry") {
		t.Errorf("%s", a.body)
	}
	if len(alarms) != 2 {
		t.Errorf("%d alarms", len(alarms))
	}
	a := e.Encode(&Page{Self: "DocumentReference", Subset: s, Entries: []Entry{{Released: release(t, note("n2"))}, {Released: release(t, bodies[1]), Mode: Include}}}, "")
	if a.Status != 200 || strings.Count(string(a.body), "SUBSETTED") != 1 || !strings.Contains(string(a.body), bodies[1]) {
		t.Errorf("%s", a.body)
	}
	if a := e.Encode(&Page{Self: "DocumentReference", Subset: s, Entries: []Entry{{Released: release(t, bodies[1]), Mode: Include}, {Released: release(t, note("n2"))}}}, ""); a.Status != 500 {
		t.Errorf("a match after what is included: %d", a.Status)
	}
}

func TestASubsetIsCutOnce(t *testing.T) {
	e, r := newEgress(t), release(t, note("n1"))
	first, ok := e.subset(r, fhirjson.Subset{Elements: []string{"status"}})
	again, _ := e.subset(r, fhirjson.Subset{Elements: []string{"status"}})
	other, _ := e.subset(r, fhirjson.Subset{Elements: []string{"type"}})
	if !ok || first.Facts() != again.Facts() || first.Facts() == other.Facts() || first.Digest() == other.Digest() {
		t.Error("cut twice, or one for another")
	}
	if f := first.Facts(); f.Subject != r.Facts().Subject || f.When != r.Facts().When || f.LastUpdated != r.Facts().LastUpdated || len(f.Authors) != 0 || f.Origin != r.Facts().Origin {
		t.Errorf("%+v", f)
	}
	if a, b := read(e, r, fhirjson.Subset{}), read(e, r, fhirjson.Subset{Summary: fhirjson.SummaryData}); a.tag == b.tag || a.Digest == b.Digest {
		t.Error("the part has the tag of the whole")
	}
}
