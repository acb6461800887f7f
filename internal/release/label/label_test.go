package label_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

func rules(t testing.TB) *label.Rules {
	t.Helper()
	r, err := label.Load(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// entry is one record of a chart in a test.
type entry struct {
	json      string
	kind      string
	programme string
	labels    []string
	chart     bool // takes the labels of the whole chart
}

func chart(t testing.TB, entries ...entry) []stage.Candidate {
	t.Helper()
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	var all []stage.Candidate
	for _, e := range entries {
		o := fhirsource.Options{Zone: time.UTC, Types: types, InheritsChart: e.chart, Origin: stage.Origin{Listed: true, Kind: e.kind, Programme: e.programme}}
		for _, l := range e.labels {
			o.Labels = append(o.Labels, coding(l))
		}
		c, err := fhirsource.Candidate([]byte(e.json), o)
		if err != nil {
			t.Fatalf("%v: %s", err, e.json)
		}
		all = append(all, c)
	}
	return all
}

func coding(s string) fhir.Coding {
	if len(s) == 1 {
		return fhir.Coding{System: fhir.SystemConfidentiality, Code: s}
	}
	if i := strings.LastIndexByte(s, '|'); i > 0 {
		return fhir.Coding{System: s[:i], Code: s[i+1:]}
	}
	return fhir.Coding{System: fhir.SystemActCode, Code: s}
}

// codesOf writes labels in short, sorted.
func codesOf(l stage.Labeled) string {
	var codes []string
	for _, c := range l.Labels() {
		codes = append(codes, c.Code)
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

func condition(id, code, more string) string {
	return `{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/a"},"code":{"coding":[` + code + `]}` + more + `}`
}

func icd(code string) string {
	return `{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"` + code + `"}`
}

func encounter(id, more string) string {
	return `{"resourceType":"Encounter","id":"` + id + `","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/a"}` + more + `}`
}

func note(id, loinc, more string) string {
	return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","subject":{"reference":"Patient/a"},"type":{"coding":[{"system":"http://loinc.org","code":"` + loinc +
		`"}]},"content":[{"attachment":{"contentType":"text/plain","data":"eA=="}}]` + more + `}`
}

const atEncounter = `,"context":{"encounter":[{"reference":"Encounter/e"}]}`

func TestLabels(t *testing.T) {
	cases := []struct {
		name  string
		chart []entry // the first is asked about
		want  string
	}{
		{"a Patient", []entry{{json: `{"resourceType":"Patient","id":"a"}`}}, "N"},
		{"an ordinary diagnosis", []entry{{json: condition("c", icd("F33.1"), "")}}, "MH N"},
		{"a diagnosis that no rule knows", []entry{{json: condition("c", icd("Z63.0"), "")}}, "MH N"},
		{"alcohol", []entry{{json: condition("c", icd("F10.20"), "")}}, "ETHUD R"},
		{"alcohol, without the dot", []entry{{json: condition("c", icd("F1020"), "")}}, "ETHUD R"},
		{"alcohol, in small letters", []entry{{json: condition("c", icd("f10.20"), "")}}, "ETHUD R"},
		{"alcohol, by an OID", []entry{{json: condition("c", `{"system":"urn:oid:2.16.840.1.113883.6.90","code":"F10.20"}`, "")}}, "ETHUD R"},
		{"opioids", []entry{{json: condition("c", icd("F11.20"), "")}}, "OPIOIDUD R"},
		{"cannabis", []entry{{json: condition("c", icd("F12.20"), "")}}, "R SUD"},
		{"tobacco is no substance use disorder", []entry{{json: condition("c", icd("F17.210"), "")}}, "MH N"},
		{"a symptomless HIV infection", []entry{{json: condition("c", icd("Z21"), "")}}, "HIV R"},
		{"abuse", []entry{{json: condition("c", icd("T74.11XA"), "")}}, "R SDV"},
		{"two codes of one concept", []entry{{json: condition("c", icd("F33.1")+","+icd("B20"), "")}}, "HIV MH R"},
		{"a word in the display", []entry{{json: condition("c", `{"system":"http://snomed.info/sct","code":"1","display":"Severe alcohol dependence (disorder)"}`, "")}}, "ETHUD R"},
		{"no part of a word", []entry{{json: condition("c", `{"system":"http://snomed.info/sct","code":"1","display":"grapeseed allergy"}`, "")}}, "MH N"},
		{"a code without a system", []entry{{json: condition("c", icd("F33.1")+`,{"code":"F10.20"}`, "")}}, "ETHUD MH R"},
		{"a diagnosis in free text only", []entry{{json: strings.Replace(condition("c", icd("x"), ""), `"coding":[`+icd("x")+`]`, `"text":"alcohol"`, 1)}}, "MH"},
		{"a code of an unknown system only", []entry{{json: condition("c", `{"system":"urn:local","code":"1"}`, "")}}, "MH"},
		{"one that a person classified", []entry{{json: condition("c", `{"system":"urn:local","code":"1"}`, ""), labels: []string{"N"}}}, "MH N"},
		{"buprenorphine", []entry{{json: `{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/a"},"medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"1010604"}]}}`}}, "OPIOIDUD R"},
		{"Suboxone by NDC", []entry{{json: `{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/a"},"medicationCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/sid/ndc","code":"12496120803"}]}}`}}, "OPIOIDUD R"},
		{"a medication by reference", []entry{{json: `{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/a"},"medicationReference":{"reference":"Medication/x"}}`}}, "MH"},
		{"a counselling note waits for a person", []entry{{json: note("d", "74282-5", "")}}, "MH"},
		{"who has classified it", []entry{{json: note("d", "74282-5", ""), labels: []string{"N"}}}, "MH N"},
		{"a progress note", []entry{{json: note("d", "11506-3", "")}}, "MH N"},
		{"a psychotherapy kind", []entry{{json: note("d", "11506-3", ""), kind: "psychotherapy-note"}}, "HIPAAPsyNotes NOAUTH PSYTHPN R"},
		{"a SUD counselling note", []entry{{json: note("d", "11506-3", ""), kind: "sud-counseling-note"}}, "R SUDCOUNSELNOTE"},
		{"a Part 2 programme", []entry{{json: note("d", "11506-3", ""), programme: "sud-part2"}}, "42CFRPart2 NORDSCLCD R SUD"},
		{"a programme that nobody listed", []entry{{json: note("d", "11506-3", ""), programme: "new"}}, "MH"},
		{"a type that nobody listed", []entry{{json: `{"resourceType":"Flag","id":"f","status":"active","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`}}, ""},
		{"of two confidentialities the higher", []entry{{json: note("d", "11506-3", ""), labels: []string{"L", "V"}}}, "MH V"},
		{"one below that of the type is raised", []entry{{json: note("d", "11506-3", ""), labels: []string{"L"}}}, "MH N"},
		{"a label of the source, wherever it stands", []entry{{json: strings.Replace(note("d", "11506-3", `,"securityLabel":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSYTHPN"}]}]`), `"id":"d"`, `"id":"d","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}]}`, 1)}}, "N NOPAT PSYTHPN"},

		{"a note takes what its encounter says", []entry{{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", ""), labels: []string{"PSYTHPN"}}}, "N PSYTHPN"},
		{"and of the diagnosis that the encounter names", []entry{{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", `,"diagnosis":[{"condition":{"reference":"Condition/c"}}]`)}, {json: condition("c", icd("F10.20"), "")}}, "ETHUD R"},
		{"and of one that was recorded at it", []entry{{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", "")}, {json: condition("c", icd("B20"), `,"encounter":{"reference":"Encounter/e"}`)}}, "HIV R"},
		{"not of one recorded elsewhere", []entry{{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", "")}, {json: condition("c", icd("B20"), "")}}, "MH N"},
		{"an encounter that is not in the chart", []entry{{json: note("d", "11506-3", atEncounter)}}, "MH"},
		{"an unclassified diagnosis makes its note so", []entry{{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", "")}, {json: condition("c", `{"system":"urn:local","code":"1"}`, `,"encounter":{"reference":"Encounter/e"}`)}}, "MH"},
		{"the programme of an encounter is that of its diagnosis", []entry{{json: condition("c", icd("F33.1"), `,"encounter":{"reference":"Encounter/e"}`)}, {json: encounter("e", ""), programme: "sud-part2"}}, "42CFRPart2 MH NORDSCLCD R SUD"},
		{"so is its handling, but not what it is about", []entry{{json: condition("c", icd("F33.1"), `,"encounter":{"reference":"Encounter/e"}`)}, {json: encounter("e", ""), labels: []string{"HIPAASelfPay", "SDV", "R"}}}, "HIPAASelfPay MH N"},
		{"a scan takes the whole chart's", []entry{{json: note("d", "11506-3", ""), chart: true}, {json: condition("c", icd("F33.1"), "")}, {json: condition("h", icd("B20"), "")}, {json: note("x", "11506-3", ""), programme: "sud-part2"}}, "42CFRPart2 HIV MH NORDSCLCD R SUD"},
		{"until a person classifies it", []entry{{json: note("d", "11506-3", ""), chart: true, labels: []string{"N"}}, {json: condition("h", icd("B20"), "")}, {json: note("x", "11506-3", ""), programme: "sud-part2"}}, "MH N"},
		{"a label of the source alone does not", []entry{{json: note("d", "11506-3", ""), chart: true, labels: []string{"SDV"}}, {json: condition("h", icd("B20"), "")}}, "HIV R SDV"},
		{"a Provenance shows nothing of its targets", []entry{{json: `{"resourceType":"Provenance","id":"p","target":[{"reference":"Condition/c"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/x"}}]}`}, {json: condition("c", icd("F10.20"), "")}}, "N"},
	}
	r := rules(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := r.Apply(chart(t, c.chart...))
			if codesOf(got[0]) != c.want {
				t.Errorf("got %q, want %q", codesOf(got[0]), c.want)
			}
		})
	}
}

func TestTheOrderOfTheChartDoesNotMatter(t *testing.T) {
	entries := []entry{
		{json: note("d", "11506-3", atEncounter)}, {json: encounter("e", `,"diagnosis":[{"condition":{"reference":"Condition/c"}}]`), programme: "sud-part2"},
		{json: condition("c", icd("F10.20"), "")}, {json: condition("h", icd("B20"), `,"encounter":{"reference":"Encounter/e"}`)}, {json: note("s", "11506-3", ""), chart: true},
	}
	r := rules(t)
	want := map[string]string{}
	for _, l := range r.Apply(chart(t, entries...)) {
		want[l.Facts().ID] = codesOf(l)
	}
	slices.Reverse(entries)
	for _, l := range r.Apply(chart(t, entries...)) {
		if d := cmp.Diff(want[l.Facts().ID], codesOf(l)); d != "" {
			t.Errorf("%s (-want +got)\n%s", l.Facts().ID, d)
		}
	}
}

func TestMissingOrEmptyRulesAreAnError(t *testing.T) {
	read := func(name string) []byte {
		b, err := profiles.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := func() fstest.MapFS {
		return fstest.MapFS{"labels/rules.yaml": {Data: read("labels/rules.yaml")}, "labels/sensitivity.yaml": {Data: read("labels/sensitivity.yaml")}}
	}
	if _, err := label.Load(good()); err != nil {
		t.Fatal(err)
	}
	replace := func(name, old, new string) func(fstest.MapFS) {
		return func(m fstest.MapFS) {
			if !strings.Contains(string(m[name].Data), old) {
				t.Fatalf("%s has no %q", name, old)
			}
			m[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(m[name].Data), old, new, 1))}
		}
	}
	cases := map[string]func(fstest.MapFS){
		"no rules file":             func(m fstest.MapFS) { delete(m, "labels/rules.yaml") },
		"an empty one":              func(m fstest.MapFS) { m["labels/rules.yaml"] = &fstest.MapFile{} },
		"no sensitivity file":       func(m fstest.MapFS) { delete(m, "labels/sensitivity.yaml") },
		"an empty one of that":      func(m fstest.MapFS) { m["labels/sensitivity.yaml"] = &fstest.MapFile{} },
		"a misspelt key":            replace("labels/rules.yaml", "programmes:", "programs:"),
		"a misspelt element":        replace("labels/rules.yaml", "narrative: context.encounter", "narrative: context.encouter"),
		"a misspelt type":           replace("labels/rules.yaml", "  Condition:  ", "  Conditon:  "),
		"an unknown system":         replace("labels/rules.yaml", "icd10: [F10,", "icd9: [F10,"),
		"a range that ends earlier": replace("labels/rules.yaml", "F12-F16", "F16-F12"),
		"no confidentiality":        replace("labels/rules.yaml", "Patient:            {confidentiality: N}", "Patient:            {labels: [MH]}"),
		"an unknown one":            replace("labels/rules.yaml", "Patient:            {confidentiality: N}", "Patient:            {confidentiality: X}"),
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			m := good()
			spoil(m)
			if _, err := label.Load(m); err == nil {
				t.Error("loaded")
			}
		})
	}
}

func TestTheDigestFollowsTheFiles(t *testing.T) {
	a, b := rules(t), rules(t)
	if a.Digest() != b.Digest() || a.Digest() == [32]byte{} {
		t.Error("the same files have different digests, or none")
	}
	text, _ := profiles.FS.ReadFile("labels/rules.yaml")
	s, _ := profiles.FS.ReadFile("labels/sensitivity.yaml")
	c, err := label.Load(fstest.MapFS{"labels/rules.yaml": {Data: append(text, '\n')}, "labels/sensitivity.yaml": {Data: s}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Digest() == a.Digest() {
		t.Error("other files have the same digest")
	}
}

func TestAsTheyStandAppliesNoRule(t *testing.T) {
	got := label.AsTheyStand(chart(t, entry{json: condition("c", icd("F10.20"), ""), labels: []string{"N", "MH", "N"}}))
	if codesOf(got[0]) != "MH N" {
		t.Error(codesOf(got[0]))
	}
	if got := label.AsTheyStand(make([]stage.Candidate, 1)); got[0].Facts() != nil {
		t.Error("a Candidate that is none was labeled")
	}
}

func BenchmarkApply(b *testing.B) {
	var entries []entry
	for i := range 60 {
		e := fmt.Sprintf("e%d", i)
		entries = append(entries, entry{json: encounter(e, "")}, entry{json: note(fmt.Sprintf("d%d", i), "11506-3", strings.ReplaceAll(atEncounter, "Encounter/e", "Encounter/"+e))},
			entry{json: condition(fmt.Sprintf("c%d", i), icd("F33.1"), `,"encounter":{"reference":"Encounter/`+e+`"}`)})
	}
	c, r := chart(b, entries...), rules(b)
	for b.Loop() {
		r.Apply(c)
	}
}
