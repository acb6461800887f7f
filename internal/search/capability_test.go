package search

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

func statementOf(t *testing.T, types ...string) []byte {
	t.Helper()
	if len(types) == 0 {
		types = Types()
	}
	b, err := Capability{Base: "https://records.example.org/fhir", Version: "1.2.3", Types: types, Released: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		Token: "https://records.example.org/token"}.Statement()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheCapabilityStatementIsValid(t *testing.T) {
	b := statementOf(t)
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Unmarshal(b); err != nil {
		t.Error(err)
	}
	if _, err := fhirjson.Parse(b); err != nil {
		t.Error(err)
	}
}

func TestTheCapabilityStatementSaysWhatTheTableSays(t *testing.T) {
	var s struct {
		Instantiates []string
		Rest         []struct {
			Security    struct{ CORS bool }
			Interaction []struct{ Code string }
			Compartment []string
			Resource    []struct {
				Type             string
				ConditionalRead  string
				Operation        []struct{ Name, Definition string }
				Interaction      []struct{ Code string }
				SearchInclude    []string
				SearchRevInclude []string
				SearchParam      []struct{ Name, Type, Definition string }
				Extension        []struct {
					Extension []struct{ ValueString string }
				}
			}
		}
	}
	if err := json.Unmarshal(statementOf(t), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Instantiates) != 0 {
		t.Error("claims to be a full US Core server, which a gateway that creates nothing is not")
	}
	if len(s.Rest) != 1 || len(s.Rest[0].Resource) != len(Resources())+1 {
		t.Fatal("not one entry for each type, and one for Binary")
	}
	if !s.Rest[0].Security.CORS {
		t.Error("does not say that pages of registered origins may call")
	}
	if system := s.Rest[0].Interaction; len(system) != 1 || system[0].Code != "batch" || len(s.Rest[0].Compartment) != 1 {
		t.Errorf("the whole system offers %v, compartments %v", system, s.Rest[0].Compartment)
	}
	of, binary := s.Rest[0].Resource[:len(Resources())], s.Rest[0].Resource[len(Resources())]
	if binary.Type != "Binary" || len(binary.Interaction) != 1 || binary.Interaction[0].Code != "read" || len(binary.SearchParam)+len(binary.SearchRevInclude) > 0 {
		t.Errorf("content can be read, and nothing else: %+v", binary)
	}
	for i, got := range of {
		r := Resources()[i]
		if got.Type != r.Type || len(got.Interaction) != 2 || len(got.Extension) != len(r.Combinations) {
			t.Errorf("%s: %+v", r.Type, got)
		}
		if want := map[string]int{"Patient": 1, "DocumentReference": 1}[r.Type]; len(got.Operation) != want || got.ConditionalRead != "full-support" {
			t.Errorf("%s: %d operations, conditional read %q", r.Type, len(got.Operation), got.ConditionalRead)
		}
		// What is listed is taken, under strict handling too, and from the directory nothing leads back.
		for name, values := range map[string][]string{"_include": got.SearchInclude, "_revinclude": got.SearchRevInclude} {
			for _, v := range values {
				if q := mustParse(t, r.Type, "_id=x&"+name+"="+v); !q.Includes() {
					t.Errorf("%s?%s=%s", r.Type, name, v)
				}
			}
		}
		leadsBack := !slices.Contains([]string{"AuditEvent", "Location", "Organization", "Practitioner", "PractitionerRole", "Provenance"}, r.Type)
		if leadsBack != slices.Contains(got.SearchRevInclude, "Provenance:target") || !leadsBack && got.SearchRevInclude != nil {
			t.Errorf("%s: _revinclude=%q", r.Type, got.SearchRevInclude)
		}
		if all := strings.Join(append(got.SearchRevInclude, got.SearchInclude...), " "); strings.Contains(all, "AuditEvent:") || r.Type == "AuditEvent" && all != "" {
			t.Errorf("%s: what is made of the ledger is included: %s", r.Type, all)
		}
		for j, p := range r.Parameters {
			sp := got.SearchParam[j]
			if sp.Name != p.Name || sp.Type != string(p.Kind) || sp.Definition != p.Definition {
				t.Errorf("%s?%s: %+v", r.Type, p.Name, sp)
			}
		}
	}
}

// What the practice's records cannot hold is nowhere in the statement, and so not said to be absent of a client's.
func TestTheCapabilityStatementSaysWhatTheSourceHolds(t *testing.T) {
	held := []string{"Patient", "Encounter", "Organization"}
	b := string(statementOf(t, held...))
	for _, r := range Resources() {
		if strings.Contains(b, `"type":"`+r.Type+`"`) != slices.Contains(held, r.Type) {
			t.Errorf("%s is stated, or is not", r.Type)
		}
		if strings.Contains(b, `"`+r.Type+`:`) != (r.Type == "Encounter") { // of the three alone it refers to others by a parameter
			t.Errorf("what %s refers to can be included, or cannot", r.Type)
		}
	}
}
