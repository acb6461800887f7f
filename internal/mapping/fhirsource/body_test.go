package fhirsource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
)

const (
	actCode = `"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"`
	inline  = `"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{` + actCode + `,"code":"HIV"}}]`
)

// The body is sealed; its digest tells whether it is what it should be.
func TestWhatIsTakenOutOfAForeignBody(t *testing.T) {
	const base = `http://hl7.org/fhir/StructureDefinition/Condition`
	cases := []struct{ name, json, want string }{
		{"labels, wherever they stand", `{"resourceType":"Condition","id":"c","meta":{"lastUpdated":"2026-01-01T00:00:00Z","security":[{` + actCode + `,"code":"PSYTHPN"}]},"subject":{"reference":"Patient/a"},"code":{"text":"x",` + inline + `}}`,
			`{"code":{"text":"x"},"id":"c","meta":{"lastUpdated":"2026-01-01T00:00:00Z","profile":["` + base + `"]},"resourceType":"Condition","subject":{"reference":"Patient/a"}}`},
		{"in an extension of a primitive", `{"resourceType":"Condition","id":"c","meta":{"profile":["p"]},"subject":{"reference":"Patient/a"},"recordedDate":"2026","_recordedDate":{` + inline + `}}`,
			`{"id":"c","meta":{"profile":["p"]},"recordedDate":"2026","resourceType":"Condition","subject":{"reference":"Patient/a"}}`},
		{"the narrative", `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"text":{"status":"generated","div":"<div><script>1</script></div>"}}`,
			`{"id":"c","meta":{"profile":["` + base + `"]},"resourceType":"Condition","subject":{"reference":"Patient/a"}}`},
		{"the label of a document", `{"resourceType":"DocumentReference","id":"d","meta":{"profile":["p"],"tag":[{"code":"t"}]},"status":"current","securityLabel":[{"coding":[{` + actCode + `,"code":"NOPAT"}]}],"content":[{"attachment":{"data":"eA=="}}]}`,
			`{"content":[{"attachment":{"data":"eA=="}}],"id":"d","meta":{"profile":["p"],"tag":[{"code":"t"}]},"resourceType":"DocumentReference","status":"current"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := fhirjson.Parse([]byte(c.want))
			if err != nil {
				t.Fatal(err)
			}
			if plain, _ := fhirjson.Append(nil, m, fhirjson.Projection{}); string(plain) != c.want {
				t.Fatalf("the test's own expectation is not in the written form: %s", plain)
			}
			got, want := digestOf(t, c.json), digestOf(t, c.want)
			if got != want {
				t.Error("something else is left")
			}
		})
	}
}

func TestLabelsOfTheSourceAreKept(t *testing.T) {
	f := candidate(t, `{"resourceType":"Condition","id":"c","meta":{"security":[{`+actCode+`,"code":"PSYTHPN"}]},"subject":{"reference":"Patient/a",`+inline+`}}`, options(t))
	want := []fhir.Coding{{System: fhir.SystemActCode, Code: "PSYTHPN"}, {System: fhir.SystemActCode, Code: "HIV"}}
	if d := cmp.Diff(want, f.SourceLabels); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhatIsNoCandidate(t *testing.T) {
	for name, json := range map[string]string{
		"no id":         `{"resourceType":"Condition","subject":{"reference":"Patient/a"}}`,
		"a key twice":   `{"resourceType":"Condition","id":"c","id":"d","subject":{"reference":"Patient/a"}}`,
		"not valid":     `{"resourceType":"Condition","id":"c"}`,
		"no resource":   `[]`,
		"another thing": `{"resourceType":"Thing","id":"c"}`,
	} {
		if c, err := fhirsource.Candidate([]byte(json), options(t)); err == nil || c.Facts() != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCandidatesAreReadTogether(t *testing.T) {
	json := [][]byte{
		[]byte(`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}}`),
		[]byte(`{"resourceType":"Provenance","id":"p","target":[{"reference":"Condition/c"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/x"}}]}`),
		[]byte(`{"resourceType":"Provenance","id":"q","target":[{"reference":"Condition/c"},{"reference":"Condition/elsewhere"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/x"}}]}`),
		[]byte(`{"resourceType":"Broken"}`),
		[]byte(`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/a"}}]}`),
		[]byte(`{"resourceType":"Group","id":"h","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}},{"entity":{"display":"somebody"}}]}`),
		[]byte(`{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Group/g"}}`),
		[]byte(`{"resourceType":"Encounter","id":"f","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Group/h"}}`),
	}
	all, unread := fhirsource.Candidates(json, options(t))
	if len(unread) != 1 || unread[0].Index != 3 {
		t.Errorf("unread: %v", unread)
	}
	a, b := ref("Patient", "a"), ref("Patient", "b")
	want := map[string][]fhir.Reference{"c": {a}, "p": {a}, "q": {a}, "g": nil, "h": nil, "e": {a, b}, "f": nil}
	got := map[string][]fhir.Reference{}
	for _, c := range all {
		got[c.Facts().ID] = c.Facts().Clients
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
