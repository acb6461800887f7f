package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofhir/fhirpath"
)

// profile is what a US Core 6.1 differential asks of a resource, as far as this test reads it: required elements, required slices by pattern,
// and invariants.
type profile struct {
	URL      string
	Type     string
	Elements []element
}

type element struct {
	ID, Path, SliceName string
	Min                 int
	Pattern             any
	Constraints         []constraint
}

type constraint struct{ Key, Expression string }

const usCore = "http://hl7.org/fhir/us/core/StructureDefinition/"

// usCoreProfiles reads the differentials beside the project; they are not copied into it.
func usCoreProfiles(t testing.TB) map[string]profile {
	t.Helper()
	files, _ := filepath.Glob("../../shared/data/us-core-6.1.0/*tructure*efinition-*.json")
	if len(files) == 0 {
		t.Skip("the US Core profiles are not beside the project (../shared/data/us-core-6.1.0)")
	}
	out := map[string]profile{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		p, err := readProfile(text)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(f), err)
		}
		out[p.URL] = p
	}
	return out
}

func readProfile(text []byte) (profile, error) {
	var raw struct {
		URL, Type    string
		Differential struct{ Element []map[string]json.RawMessage }
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return profile{}, err
	}
	p := profile{URL: raw.URL, Type: raw.Type}
	for _, e := range raw.Differential.Element {
		var x element
		for name, v := range e {
			var into any
			switch {
			case name == "id":
				into = &x.ID
			case name == "path":
				into = &x.Path
			case name == "sliceName":
				into = &x.SliceName
			case name == "min":
				into = &x.Min
			case name == "constraint":
				into = &x.Constraints
			case strings.HasPrefix(name, "pattern"):
				into = &x.Pattern
			default:
				continue
			}
			if err := json.Unmarshal(v, into); err != nil {
				return p, err
			}
		}
		p.Elements = append(p.Elements, x)
	}
	return p, nil
}

// breaks lists what a resource does not keep of a profile.
func (p profile) breaks(r resource) []string {
	var out []string
	for _, e := range p.Elements {
		if e.SliceName != "" {
			if e.Min > 0 && e.Pattern != nil && !slices.ContainsFunc(at(r.Tree, below(e.Path)), func(v any) bool { return fits(v, e.Pattern) }) {
				out = append(out, e.ID+": the required slice is missing")
			}
			continue
		}
		if e.Min > 0 && !strings.Contains(e.ID, ":") && !present(r.Tree, below(e.Path)) {
			out = append(out, e.ID+" is missing")
		}
		for _, c := range e.Constraints {
			if !holds(r, e.Path, c) {
				out = append(out, e.ID+": "+c.Key)
			}
		}
	}
	return out
}

func below(path string) string {
	_, rest, _ := strings.Cut(path, ".")
	return rest
}

// present tells whether each of the element's parents that is there has the element.
func present(tree any, path string) bool {
	parent, leaf := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		parent, leaf = path[:i], path[i+1:]
	}
	parents := []any{tree}
	if parent != "" {
		parents = at(tree, parent)
	}
	for _, x := range parents {
		if len(at(x, leaf)) == 0 {
			return false
		}
	}
	return true
}

// fits tells whether a value has everything of a pattern.
func fits(v, pattern any) bool {
	switch p := pattern.(type) {
	case map[string]any:
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		for name, want := range p {
			if !fits(m[name], want) {
				return false
			}
		}
		return true
	case []any:
		list, _ := v.([]any)
		for _, want := range p {
			if !slices.ContainsFunc(list, func(x any) bool { return fits(x, want) }) {
				return false
			}
		}
		return true
	}
	return fmt.Sprint(v) == fmt.Sprint(pattern)
}

// holds evaluates an invariant on each element at the path. Those that follow references are looked at by the tests below.
func holds(r resource, path string, c constraint) bool {
	if strings.Contains(c.Expression, "resolve()") || strings.HasPrefix(c.Key, "us-core-17") {
		return true
	}
	expression := c.Expression
	if path != r.Type {
		expression = path + ".all(" + c.Expression + ")"
	}
	got, err := fhirpath.Evaluate(r.Raw, expression)
	if err != nil {
		return false
	}
	return len(got) == 0 || got[0].String() == "true"
}

// TestWhatIsReleasedKeepsTheUSCoreProfilesThatItNames checks every released resource against the US Core profiles in its meta.profile.
func TestWhatIsReleasedKeepsTheUSCoreProfilesThatItNames(t *testing.T) {
	profiles := usCoreProfiles(t)
	checked, broken := map[string]int{}, map[string]int{}
	for _, r := range everythingReleased(t) {
		for _, url := range at(r.Tree, "meta.profile") {
			p, ok := profiles[fmt.Sprint(url)]
			if !ok {
				continue
			}
			if p.Type != r.Type {
				t.Errorf("a %s names the profile %s", r.Type, p.URL)
			}
			checked[strings.TrimPrefix(p.URL, usCore)]++
			for _, b := range p.breaks(r) {
				broken[strings.TrimPrefix(p.URL, usCore)+" "+b]++
			}
		}
	}
	for b, n := range broken {
		t.Errorf("%d times: %s", n, b)
	}
	for _, name := range []string{"us-core-documentreference", "us-core-provenance", "us-core-patient", "us-core-practitioner", "us-core-organization", "us-core-encounter"} {
		if checked[name] == 0 {
			t.Errorf("no released resource names the profile %s", name)
		}
	}
	t.Logf("checked: %v", checked)
}

// TestTheProfileCheckWorks holds it against resources that break the profiles.
func TestTheProfileCheckWorks(t *testing.T) {
	profiles := usCoreProfiles(t)
	for name, c := range map[string]struct{ profile, raw, want string }{
		"required element":  {"us-core-documentreference", `{"resourceType":"DocumentReference","category":[{}],"subject":{},"content":[]}`, "DocumentReference.type is missing"},
		"required below":    {"us-core-patient", `{"resourceType":"Patient","identifier":[{"system":"x"}],"name":[{"family":"x"}],"gender":"male"}`, "Patient.identifier.value is missing"},
		"invariant":         {"us-core-documentreference", `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/plain"}}]}`, "DocumentReference.content.attachment: us-core-6"},
		"slice by pattern":  {"us-core-observation-screening-assessment", `{"resourceType":"Observation","category":[{"coding":[{"system":"x","code":"survey"}]}]}`, "Observation.category:survey: the required slice is missing"},
		"invariant on root": {"us-core-medicationrequest", `{"resourceType":"MedicationRequest","intent":"order"}`, "MedicationRequest: us-core-21"},
	} {
		p, ok := profiles[usCore+c.profile]
		if !ok {
			t.Fatalf("no profile %s", c.profile)
		}
		if got := p.breaks(parseResource(t, []byte(c.raw))); !slices.Contains(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestDocumentsAndTheirProvenance checks what US Core 6.1 asks of DocumentReference and Provenance and a differential cannot say by itself.
func TestDocumentsAndTheirProvenance(t *testing.T) {
	const (
		category    = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note"
		author      = "http://terminology.hl7.org/CodeSystem/provenance-participant-type|author"
		transmitter = "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type|transmitter"
	)
	c := sharedClinic(t)
	caller := c.as(t, newDawn)
	documents, provenances := 0, 0
	for _, client := range c.practice.Clients {
		found, included := caller.all(t, "DocumentReference?_count=200&_revinclude=Provenance:target&patient="+c.id(t, client))
		of := map[string]bool{}
		for _, p := range included {
			provenances++
			agents := codings(p.Tree, "agent.type")
			if !slices.Contains(agents, author) || !slices.Contains(agents, transmitter) {
				t.Errorf("a Provenance has the agents %v", agents)
			}
			for _, a := range at(p.Tree, "agent") {
				who := strings.Join(texts(a, "who.reference"), "")
				if (strings.HasPrefix(who, "Practitioner/") || strings.HasPrefix(who, "Device/")) && len(at(a, "onBehalfOf")) == 0 {
					t.Error("provenance-1: a practitioner's agent has no onBehalfOf")
				}
			}
			for _, target := range texts(p.Tree, "target.reference") {
				of[target] = true
			}
		}
		for _, d := range found {
			documents++
			if types := codings(d.Tree, "type"); len(types) == 0 || !strings.HasPrefix(types[0], "http://loinc.org|") && !strings.HasSuffix(types[0], "v3-NullFlavor|UNK") {
				t.Errorf("a document has the type %v", types)
			}
			if !slices.Contains(codings(d.Tree, "category"), category) {
				t.Error("a document has no category clinical-note")
			}
			if len(at(d.Tree, "custodian")) == 0 {
				t.Error("a document has no custodian")
			}
			if !of[d.ref()] {
				t.Error("a document has no Provenance")
			}
		}
	}
	if documents == 0 || provenances == 0 {
		t.Errorf("%d documents and %d Provenances were seen", documents, provenances)
	}
}

// codings are the codes of CodeableConcepts at a path, as "system|code".
func codings(tree any, path string) []string {
	var out []string
	for _, coding := range at(tree, path+".coding") {
		out = append(out, strings.Join(texts(coding, "system"), "")+"|"+strings.Join(texts(coding, "code"), ""))
	}
	return out
}

func texts(tree any, path string) []string {
	var out []string
	for _, v := range at(tree, path) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
