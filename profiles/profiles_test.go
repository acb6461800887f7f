package profiles_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/profiles"
)

// definition is what the test looks at in a profile, value set or code system.
type definition struct {
	ResourceType   string
	ID             string
	URL            string
	Type           string
	BaseDefinition string
	Concept        []struct{ Code string }
	Differential   struct {
		Element []struct{ ID, Path string }
	}
}

func TestOurProfilesAreFHIR(t *testing.T) {
	names, err := fs.Glob(profiles.FS, "fhir/*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d definitions: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := profiles.FS.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fhirjson.Parse(text); err != nil {
				t.Fatal(err)
			}
			var d definition
			if err := json.Unmarshal(text, &d); err != nil {
				t.Fatal(err)
			}
			if want := "fhir/" + d.ResourceType + "-" + d.ID + ".json"; name != want {
				t.Errorf("the file is to be named %s", want)
			}
			if want := "https://consentry.dev/fhir/" + d.ResourceType + "/" + d.ID; d.URL != want {
				t.Errorf("url %s, want %s", d.URL, want)
			}
			elementsExist(t, d)
		})
	}
}

// elementsExist looks each element of a differential up in FHIR's definition of the type.
func elementsExist(t *testing.T, d definition) {
	t.Helper()
	if d.ResourceType != "StructureDefinition" {
		return
	}
	shape := fhirjson.ShapeNamed(d.Type)
	if shape == nil || d.BaseDefinition == "" || len(d.Differential.Element) < 2 {
		t.Fatal("it constrains nothing")
	}
	for _, e := range d.Differential.Element[1:] {
		path := strings.TrimSuffix(strings.TrimPrefix(e.Path, d.Type+"."), "[x]")
		if !strings.HasPrefix(e.Path, d.Type+".") || shape.Find(path) == nil {
			t.Errorf("no element %s", e.Path)
		}
	}
}

func TestTheCodesThatTheGatewayUsesAreDefined(t *testing.T) {
	text, err := profiles.FS.ReadFile("fhir/CodeSystem-sensitivity.json")
	if err != nil {
		t.Fatal(err)
	}
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.URL != fhir.SystemSensitivity {
		t.Errorf("the gateway calls it %s", fhir.SystemSensitivity)
	}
	codes := map[string]bool{}
	for _, c := range d.Concept {
		codes[c.Code] = true
	}
	if !codes[fhir.CodeSUDCounselingNote] || !codes["LEGALPROC"] {
		t.Errorf("%v", codes)
	}
}
