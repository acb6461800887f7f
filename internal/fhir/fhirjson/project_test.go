package fhirjson_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

const head = `{"resourceType":`

func TestAReferenceThatIsGoneTakesItsElementAndWhatCannotBeWithoutIt(t *testing.T) {
	cases := []struct {
		name, json, want string // want "" for ErrLost
	}{
		{"nothing is gone", `"Condition","subject":{"reference":"Patient/a"}}`, `"Condition","subject":{"reference":"Patient/a"}}`},
		{"the display and the identifier go with it", `"Condition","recorder":{"display":"Dr. X","identifier":{"value":"1"},"reference":"Practitioner/gone"},"subject":{"reference":"Patient/a"}}`,
			`"Condition","subject":{"reference":"Patient/a"}}`},
		{"an element left empty goes", `"Encounter","class":{"code":"AMB"},"participant":[{"individual":{"reference":"Practitioner/gone"}}],"status":"finished"}`,
			`"Encounter","class":{"code":"AMB"},"status":"finished"}`},
		{"one that still says something stays", `"Encounter","class":{"code":"AMB"},"participant":[{"individual":{"reference":"Practitioner/gone"},"period":{"start":"2026"}}],"status":"finished"}`,
			`"Encounter","class":{"code":"AMB"},"participant":[{"period":{"start":"2026"}}],"status":"finished"}`},
		{"only the gone one of a list goes", `"Encounter","class":{"code":"AMB"},"status":"finished","reasonReference":[{"reference":"Condition/gone"},{"reference":"Condition/here"}]}`,
			`"Encounter","class":{"code":"AMB"},"reasonReference":[{"reference":"Condition/here"}],"status":"finished"}`},
		{"an element that requires it goes", `"Encounter","class":{"code":"AMB"},"diagnosis":[{"condition":{"reference":"Condition/gone"},"rank":1}],"status":"finished"}`,
			`"Encounter","class":{"code":"AMB"},"status":"finished"}`},
		{"an agent without who goes", `"Provenance","agent":[{"who":{"reference":"Practitioner/gone"},"type":{"text":"x"}},{"who":{"reference":"Practitioner/here"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/here"}]}`,
			`"Provenance","agent":[{"who":{"reference":"Practitioner/here"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/here"}]}`},
		{"no agent is left", `"Provenance","agent":[{"who":{"reference":"Practitioner/gone"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/here"}]}`, ""},
		{"a hidden target goes", `"Provenance","agent":[{"who":{"reference":"Practitioner/here"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/gone"},{"reference":"Condition/here"}]}`,
			`"Provenance","agent":[{"who":{"reference":"Practitioner/here"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/here"}]}`},
		{"no target is left", `"Provenance","agent":[{"who":{"reference":"Practitioner/here"}}],"recorded":"2026-01-01T00:00:00Z","target":[{"reference":"Condition/gone"}]}`, ""},
		{"what a document replaces goes with its code", `"DocumentReference","content":[{"attachment":{"contentType":"text/plain"}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/gone"}},{"code":"appends","target":{"reference":"DocumentReference/here"}}],"status":"current"}`,
			`"DocumentReference","content":[{"attachment":{"contentType":"text/plain"}}],"relatesTo":[{"code":"appends","target":{"reference":"DocumentReference/here"}}],"status":"current"}`},
		{"and nothing is left of the only one", `"DocumentReference","content":[{"attachment":{"contentType":"text/plain"}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/gone"}}],"status":"current"}`,
			`"DocumentReference","content":[{"attachment":{"contentType":"text/plain"}}],"status":"current"}`},
		{"a required choice", `"MedicationRequest","intent":"order","medicationReference":{"reference":"Medication/gone"},"status":"active","subject":{"reference":"Patient/a"}}`, ""},
		{"a reference that is not literal", `"Condition","recorder":{"reference":"https://x.example/Practitioner/here"},"subject":{"reference":"Patient/a"}}`,
			`"Condition","subject":{"reference":"Patient/a"}}`},
		{"a display alone", `"Condition","recorder":{"display":"the mother"},"subject":{"reference":"Patient/a"}}`, `"Condition","subject":{"reference":"Patient/a"}}`},
		{"in an extension", `"Condition","extension":[{"url":"u","valueReference":{"reference":"Patient/gone"}},{"url":"v","valueBoolean":true}],"subject":{"reference":"Patient/a"}}`,
			`"Condition","extension":[{"url":"v","valueBoolean":true}],"subject":{"reference":"Patient/a"}}`},
		{"in an extension of a primitive", `"Condition","_recordedDate":{"extension":[{"url":"u","valueReference":{"reference":"Patient/gone"}}]},"recordedDate":"2026","subject":{"reference":"Patient/a"}}`,
			`"Condition","recordedDate":"2026","subject":{"reference":"Patient/a"}}`},
		{"in an identifier", `"Patient","identifier":[{"assigner":{"reference":"Organization/gone"},"value":"1"}]}`, `"Patient","identifier":[{"value":"1"}]}`},
		{"the narrative goes with it", `"Condition","recorder":{"reference":"Practitioner/gone"},"subject":{"reference":"Patient/a"},"text":{"status":"generated","div":"<div>Dr. X</div>"}}`,
			`"Condition","subject":{"reference":"Patient/a"}}`},
		{"an attachment elsewhere", `"DocumentReference","content":[{"attachment":{"contentType":"text/plain","url":"https://x.example/1"}}],"status":"current"}`, ""},
		{"contained resources", `"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"Patient/a"}}`, `"Condition","subject":{"reference":"Patient/a"}}`},
	}
	gone := func(r fhir.Reference) bool { return r == (fhir.Reference{}) || r.ID == "gone" }
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := fhirjson.Parse([]byte(head + c.json))
			if err != nil {
				t.Fatal(err)
			}
			before, _ := fhirjson.Append(nil, m, fhirjson.Projection{})
			left, err := fhirjson.Project(m, fhirjson.Projection{Gone: gone})
			if after, _ := fhirjson.Append(nil, m, fhirjson.Projection{}); string(after) != string(before) {
				t.Fatal("the resource itself was changed")
			}
			if c.want == "" {
				if !errors.Is(err, fhirjson.ErrLost) {
					t.Fatalf("%v, want ErrLost", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantMsg, err := fhirjson.Parse([]byte(head + c.want))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := fhirjson.Append(nil, wantMsg, fhirjson.Projection{})
			got, err := fhirjson.Append(nil, left, fhirjson.Projection{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if err := fhirjson.Validate(left); err != nil {
				t.Errorf("what is left is not valid: %v", err)
			}
		})
	}
}

func TestSubsets(t *testing.T) {
	const json = `{"resourceType":"Observation","id":"o","meta":{"profile":["p"]},"status":"final","code":{"text":"c"},"issued":"2026-01-01T00:00:00Z","valueString":"v","text":{"status":"generated","div":"<div>x</div>"}}`
	cases := []struct {
		name string
		p    fhirjson.Projection
		keys string
	}{
		{"elements", fhirjson.Projection{Subset: fhirjson.Subset{Elements: []string{"issued"}}}, "code,id,issued,meta,resourceType,status"},
		{"a choice by its name", fhirjson.Projection{Subset: fhirjson.Subset{Elements: []string{"value"}}}, "code,id,meta,resourceType,status,valueString"},
		{"no element that exists", fhirjson.Projection{Subset: fhirjson.Subset{Elements: []string{}}}, "code,id,meta,resourceType,status"},
		{"data", fhirjson.Projection{Subset: fhirjson.Subset{Summary: fhirjson.SummaryData}}, "code,id,issued,meta,resourceType,status,valueString"},
		{"text", fhirjson.Projection{Subset: fhirjson.Subset{Summary: fhirjson.SummaryText}}, "code,id,meta,resourceType,status,text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := fhirjson.Parse([]byte(json))
			if err != nil {
				t.Fatal(err)
			}
			out, err := fhirjson.Append(nil, m, c.p)
			if err != nil {
				t.Fatal(err)
			}
			if got := topKeys(t, out); got != c.keys {
				t.Errorf("%s, want %s", got, c.keys)
			}
			if !strings.Contains(string(out), `"SUBSETTED"`) {
				t.Error("not tagged")
			}
		})
	}
}

func topKeys(t *testing.T, json []byte) string {
	t.Helper()
	var keys []string
	depth := 0
	for i := 0; i < len(json); i++ {
		switch json[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := i + 1
			for json[end] != '"' {
				end++
			}
			if depth == 1 && json[end+1] == ':' {
				keys = append(keys, string(json[i+1:end]))
			}
			i = end
		}
	}
	if !slices.IsSorted(keys) {
		t.Errorf("keys are not sorted: %v", keys)
	}
	return strings.Join(keys, ",")
}
