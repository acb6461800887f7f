package conformance

import (
	"encoding/json"
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
		case "StructureDefinition", "SearchParameter":
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
	for _, r := range everythingReleased(t) {
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
