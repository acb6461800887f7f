package profiles_test

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/profiles"
)

// definition is what the test looks at in a profile, value set or code system.
type definition struct {
	ResourceType   string
	ID             string
	URL            string
	Type           any // a name, and of an operation whether it is one of the type
	BaseDefinition string
	UniqueID       []struct{ Value string }
	Concept        []struct{ Code string }
	Differential   struct {
		Element []struct{ ID, Path string }
	}
}

func TestOurProfilesAreFHIR(t *testing.T) {
	names, err := fs.Glob(profiles.FS, "fhir/*.json")
	if err != nil || len(names) < 13 {
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
			if len(d.UniqueID) == 1 { // a NamingSystem has no url
				d.URL = d.UniqueID[0].Value
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
	typ, _ := d.Type.(string)
	shape := fhirjson.ShapeNamed(typ)
	if shape == nil || d.BaseDefinition == "" || len(d.Differential.Element) < 2 {
		t.Fatal("it constrains nothing")
	}
	for _, e := range d.Differential.Element[1:] {
		path := strings.TrimSuffix(strings.TrimPrefix(e.Path, typ+"."), "[x]")
		if !strings.HasPrefix(e.Path, typ+".") || shape.Find(path) == nil {
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

// valueSet is what the tests look at in a value set: systems with their codes.
type valueSet struct {
	Compose struct {
		Include []struct {
			System  string
			Concept []struct{ Code, Display string }
		}
	}
}

func readValueSet(t *testing.T, name string) map[string]map[string]string {
	t.Helper()
	text, err := profiles.FS.ReadFile("fhir/ValueSet-" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var v valueSet
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for _, i := range v.Compose.Include {
		out[i.System] = map[string]string{}
		for _, c := range i.Concept {
			out[i.System][c.Code] = c.Display
		}
	}
	return out
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := profiles.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestTheValueSetOfDocumentTypesIsTheTableOfTheMaps(t *testing.T) {
	var table struct {
		Rows map[string]struct{ System, Code, Display string }
	}
	readYAML(t, "maps/shapes/document-types.yaml", &table)
	want := map[string]map[string]string{}
	for _, r := range table.Rows {
		if want[r.System] == nil {
			want[r.System] = map[string]string{}
		}
		want[r.System][r.Code] = r.Display
	}
	if diff := cmp.Diff(want, readValueSet(t, "document-types")); diff != "" || len(table.Rows) < 10 {
		t.Errorf("(-table +value set)\n%s", diff)
	}
}

// TestTheValueSetOfLabelsIsWhatTheRulesCanWrite: the labels that the rules know, but for those that never leave.
func TestTheValueSetOfLabelsIsWhatTheRulesCanWrite(t *testing.T) {
	var known struct {
		Confidentiality struct {
			System string
			Order  []string
		}
		Sensitivity struct {
			System string
			Tree   map[string][]string
		}
		Never    []string `yaml:"never-released"`
		Internal []string
	}
	readYAML(t, "labels/sensitivity.yaml", &known)
	want := map[string]map[string]string{known.Confidentiality.System: {}, known.Sensitivity.System: {}}
	for _, code := range known.Confidentiality.Order {
		want[known.Confidentiality.System][code] = ""
	}
	for code, below := range known.Sensitivity.Tree {
		for _, c := range append(below, code) {
			want[known.Sensitivity.System][c] = ""
		}
	}
	type labels struct{ Labels []string }
	var rules struct {
		Types, Programmes, Kinds map[string]labels
		Rules                    []labels
	}
	readYAML(t, "labels/rules.yaml", &rules)
	written := rules.Rules
	for _, of := range []map[string]labels{rules.Types, rules.Programmes, rules.Kinds} {
		for _, l := range of {
			written = append(written, l)
		}
	}
	for _, l := range written {
		for _, code := range l.Labels {
			_, own, ours := strings.Cut(code, "|")
			if !ours {
				own = code
			}
			if !slices.Contains(known.Never, own) && !slices.Contains(known.Internal, own) {
				want[known.Sensitivity.System][code] = ""
			}
		}
	}
	if diff := cmp.Diff(want, readValueSet(t, "labels")); diff != "" || len(written) < 20 {
		t.Errorf("(-rules +value set)\n%s", diff)
	}
}

// TestWhatOneDefinitionNamesAnotherIs: value sets, code systems and profiles of ours that are named are there, and each value set is named.
func TestWhatOneDefinitionNamesAnotherIs(t *testing.T) {
	names, err := fs.Glob(profiles.FS, "fhir/*.json")
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`"https://consentry\.dev/fhir/(\w+)/([\w-]+)"`)
	named := map[string]int{}
	for _, name := range names {
		text, err := profiles.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ours.FindAllStringSubmatch(string(text), -1) {
			file := "fhir/" + m[1] + "-" + m[2] + ".json"
			if named[file]++; !slices.Contains(names, file) {
				t.Errorf("%s names %s", name, m[0])
			}
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "fhir/ValueSet-") && named[name] < 2 { // once by itself
			t.Errorf("nothing names %s", name)
		}
	}
}
