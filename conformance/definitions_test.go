package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ourBase = "https://consentry.dev/fhir/"

// canonicals are those that a CapabilityStatement names: of profiles, search parameters and operations.
func canonicals(t testing.TB, statement resource) []string {
	t.Helper()
	var out []string
	for _, path := range []string{"supportedProfile", "searchParam.definition", "operation.definition"} {
		out = append(out, texts(statement.Tree, "rest.resource."+path)...)
	}
	return append(out, texts(statement.Tree, "rest.operation.definition")...)
}

// TestTheCapabilityStatementNamesOurDefinitions: whatever it names of ours is in profiles/fhir, and what is there of a kind that it can name, it
// names. The rest, code systems and value sets, is named by the profiles.
func TestTheCapabilityStatementNamesOurDefinitions(t *testing.T) {
	c := sharedClinic(t)
	statement := (&caller{base: c.base}).get(t, "metadata").resource(t)
	named := canonicals(t, statement)
	files, err := filepath.Glob("../profiles/fhir/*.json")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d struct{ ResourceType, URL string }
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		have[d.URL] = true
		switch d.ResourceType {
		case "StructureDefinition", "SearchParameter", "OperationDefinition":
			if !slices.Contains(named, d.URL) {
				t.Errorf("/metadata does not name %s", d.URL)
			}
		}
	}
	for _, url := range named {
		if strings.HasPrefix(url, ourBase) && !have[url] {
			t.Errorf("/metadata names %s, and profiles/fhir has no such thing", url)
		}
	}
}

// TestEveryProfileThatIsClaimedIsSupported: what a released resource names in meta.profile, /metadata lists for its type.
func TestEveryProfileThatIsClaimedIsSupported(t *testing.T) {
	c := sharedClinic(t)
	statement := (&caller{base: c.base}).get(t, "metadata").resource(t)
	supported, claimed := map[string][]string{}, map[string]bool{}
	for _, r := range at(statement.Tree, "rest.resource") {
		supported[texts(r, "type")[0]] = texts(r, "supportedProfile")
	}
	for _, r := range slices.Concat(everythingReleased(t), auditEvents(t)) {
		for _, url := range claims(r) {
			if claimed[url] = true; !slices.Contains(supported[r.Type], url) && url != "http://hl7.org/fhir/StructureDefinition/"+r.Type {
				t.Errorf("a %s claims %s", r.Type, url)
			}
		}
	}
	for typ, urls := range supported {
		for _, url := range urls {
			if !claimed[url] && url != pcf+"Advanced" { // no form of the demo's practice is one
				t.Errorf("no %s claims %s", typ, url)
			}
		}
	}
}

// operationValues is a good value for each parameter of an operation; ID is a client.
var operationValues = map[string]string{
	"patient": "ID", "start": "1990-01-01", "end": "2990-01-01", "_since": "1990-01-01T00:00:00Z", "_type": "Encounter,DocumentReference", "_count": "7",
	"type": "http://loinc.org|11506-3", "on-demand": "false", "profile": usCore + "us-core-documentreference",
}

// TestTheOperationsTakeWhatTheirDefinitionsSay asks strictly for each operation with each parameter of its definition, and with one that it lacks.
func TestTheOperationsTakeWhatTheirDefinitionsSay(t *testing.T) {
	c := sharedClinic(t)
	ask, id := c.as(t, newDawn), c.id(t, c.practice.Story.Referred)
	for name, path := range map[string]string{"Patient-everything": "Patient/ID/$everything?", "DocumentReference-docref": "DocumentReference/$docref?patient=ID&"} {
		text, err := os.ReadFile("../profiles/fhir/OperationDefinition-" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		status := func(parameter, value string) int {
			path := strings.ReplaceAll(path, parameter+"="+value+"&", "") // once is enough
			return ask.do(t, http.MethodGet, strings.ReplaceAll(path+parameter+"="+url.QueryEscape(value), "ID", id), nil, strictly).status
		}
		definition, asked := parseResource(t, text), 0
		for _, p := range at(definition.Tree, "parameter") {
			parameter := texts(p, "name")[0]
			if texts(p, "use")[0] != "in" {
				continue
			}
			if value := operationValues[parameter]; value == "" || status(parameter, value) != http.StatusOK {
				t.Errorf("%s does not take %s", name, parameter)
			}
			asked++
		}
		for parameter, value := range operationValues {
			if !slices.Contains(texts(definition.Tree, "parameter.name"), parameter) && status(parameter, value) != http.StatusBadRequest {
				t.Errorf("%s takes %s, of which its definition says nothing", name, parameter)
			}
		}
		if asked < 5 || status("shoe-size", "42") != http.StatusBadRequest {
			t.Errorf("%s: %d parameters, or one that nobody knows is taken", name, asked)
		}
	}
}
