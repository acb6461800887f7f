package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// everythingReleased is each resource that anybody gets of the shared clinic, once for each different form: the extract of a Consent differs by
// who reads it.
var released struct {
	once sync.Once
	all  []resource
}

func everythingReleased(t testing.TB) []resource {
	t.Helper()
	released.once.Do(func() { released.all = collect(t, sharedClinic(t)) })
	if len(released.all) < 500 {
		t.Fatalf("only %d resources are released", len(released.all))
	}
	return released.all
}

func collect(t testing.TB, c *clinic) []resource {
	seen := map[string]resource{}
	add := func(of []resource) {
		for _, r := range of {
			seen[string(r.Raw)] = r
		}
	}
	for _, p := range machines {
		caller := c.as(t, p)
		for _, k := range c.practice.Clients {
			add(caller.chart(t, c.id(t, k)))
		}
		for _, typ := range []string{"Practitioner", "Organization"} {
			if a := caller.get(t, typ+"?_count=200"); a.status == 200 {
				add(a.bundle(t).Matches)
			}
		}
		add(referred(t, caller, seen))
	}
	for _, k := range c.practice.Clients {
		id := c.id(t, k)
		add(c.person(t, id, "Patient/"+id).chart(t, id))
	}
	return slices.Collect(maps.Values(seen))
}

// referred reads the people and organisations that the charts refer to and the directory does not have.
func referred(t testing.TB, c *caller, seen map[string]resource) []resource {
	targets := map[string]bool{}
	for _, r := range seen {
		r.eachReference(func(ref string) {
			if strings.HasPrefix(ref, "Organization/") || strings.HasPrefix(ref, "Practitioner/") {
				targets[ref] = true
			}
		})
	}
	var out []resource
	for ref := range targets {
		if a := c.get(t, ref); a.status == 200 {
			out = append(out, a.resource(t))
		}
	}
	return out
}

// excused are findings of the validators that are no fault of a resource: each is a code of a system that the validator does not have whole.
var excused = []struct {
	validator, path *regexp.Regexp
	message         *regexp.Regexp
	why             string
}{
	{regexp.MustCompile(`^fhir warning$`), regexp.MustCompile(``), regexp.MustCompile(`^Code .* not found in value set$`),
		"a warning on extensible, preferred and example bindings: the validator's value sets hold few codes of CPT, ICD-10-CM, LOINC or US Core, and required bindings are checked by @medplum/core and below"},
	{regexp.MustCompile(`^@medplum/core (error|warning)$`), regexp.MustCompile(`^PractitionerRole$`), regexp.MustCompile(`^(Error evaluating invariant expression|Constraint pd-1 not met)`),
		"pd-1 is `telecom or endpoint`, which FHIRPath cannot evaluate where there are two telecoms: validInPart looks itself"},
}

// excusedInPart are those of a resource of which `_elements` shows a part: what FHIR asks for by an invariant, and not of one element.
var excusedInPart = regexp.MustCompile(`^Constraint ppc-1 not met`) // a Consent without policy and policyRule

func isExcused(validator, path, message string, inPart bool) bool {
	if inPart && excusedInPart.MatchString(message) {
		return true
	}
	for _, e := range excused {
		if e.validator.MatchString(validator) && e.path.MatchString(path) && e.message.MatchString(message) {
			return true
		}
	}
	return false
}

func ndjson(t testing.TB, resources []resource) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, r := range resources {
		if err := json.Compact(&b, r.Raw); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestTheValidatorsWork holds the validators against resources that are wrong, each of another type.
func TestTheValidatorsWork(t *testing.T) {
	needsNode(t)
	wrong := map[string]string{
		"Bundle":            `"type":"searchset","total":1,"entry":[{"resource":{"resourceType":"Basic","id":"a","code":{"text":"x"}},"response":{"status":"200"}}]`, // bdl-4
		"OperationOutcome":  `"issue":[{"severity":"bad","code":"x"}]`,
		"DocumentReference": `"content":[{"attachment":{"contentType":"text/plain"}}]`, // no status
		"Patient":           `"shoeSize":42`,
		"Encounter":         `"status":"none","class":{"code":"AMB"}`,
		"Procedure":         `"status":"completed","subject":{"reference":"Patient/a"},"performedDateTime":"01/02/2003"`,
		"Consent":           `"status":"active","scope":{"text":"x"},"category":[{"text":"x"}]`, // ppc-1
	}
	var input bytes.Buffer
	for typ, members := range wrong {
		fmt.Fprintf(&input, "{\"resourceType\":%q,\"id\":\"a\",%s}\n", typ, members)
	}
	v := validate(t, input.Bytes())
	for typ := range wrong {
		if !v.finds(typ) {
			t.Errorf("nothing was found wrong with the %s", typ)
		}
	}
}

// TestAnAmendmentNamesWhatItReplacesWhereBothAreReleased looks at each chart as each partner gets it.
func TestAnAmendmentNamesWhatItReplacesWhereBothAreReleased(t *testing.T) {
	c := sharedClinic(t)
	amendments := 0
	for _, p := range machines {
		caller := c.as(t, p)
		for _, k := range c.practice.Clients {
			status := map[string]string{}
			chart := caller.chart(t, c.id(t, k))
			for _, r := range chart {
				status[r.ref()] = strings.Join(texts(r.Tree, "status"), "")
			}
			for _, r := range chart {
				for _, relation := range at(r.Tree, "relatesTo") {
					amendments++
					code, target := strings.Join(texts(relation, "code"), ""), strings.Join(texts(relation, "target.reference"), "")
					if r.Type != "DocumentReference" || code != "replaces" || status[r.ref()] != "current" || status[target] != "superseded" {
						t.Errorf("a %s that is %q %s one that is %q", r.Type, status[r.ref()], code, status[target])
					}
				}
			}
		}
	}
	if amendments == 0 {
		t.Error("no amendment is released together with what it replaces")
	}
}

// TestNothingReleasedIsEmpty finds empty arrays, objects and texts, which FHIR JSON does not have (R4 2.6.2) and the validators let pass.
func TestNothingReleasedIsEmpty(t *testing.T) {
	for _, r := range everythingReleased(t) {
		if path := emptyAt(r.Tree, r.Type); path != "" {
			t.Errorf("empty: %s", path)
		}
	}
}

// emptyAt is the path of the first empty value, "" for none.
func emptyAt(tree any, path string) string {
	switch x := tree.(type) {
	case string:
		if strings.TrimSpace(x) == "" {
			return path
		}
	case nil:
		return path
	case []any:
		if len(x) == 0 {
			return path
		}
		for _, e := range x {
			if p := emptyAt(e, path+"[]"); p != "" {
				return p
			}
		}
	case map[string]any:
		if len(x) == 0 {
			return path
		}
		for name, e := range x {
			if p := emptyAt(e, path+"."+name); p != "" {
				return p
			}
		}
	}
	return ""
}

// validation is what the validators say: each problem with its number, begun by the type or the profile that it breaks.
type validation struct {
	problems map[string]int
	count    int            // of resources
	checked  map[string]int // how many were held against a profile
	wrong    map[int]string // the types and profiles that the resource of a number, from 1, breaks
}

// finds tells whether something is wrong with a type, or with what claims a profile.
func (v validation) finds(typeOrProfile string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(v.problems)), func(p string) bool { return strings.HasPrefix(p, typeOrProfile+" ") })
}

func validate(t testing.TB, ndjson []byte) validation {
	t.Helper()
	files, _ := definitionFiles(t)
	v := validation{problems: map[string]int{}, wrong: map[int]string{}}
	for line := range bytes.Lines(node(t, "validate.mjs", ndjson, files...)) {
		var p struct {
			Number                                   int
			Validator, Severity, Type, Path, Message string
			InPart                                   bool
			Count                                    *int
			Checked                                  map[string]int
		}
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		if p.Count != nil {
			v.count, v.checked = *p.Count, p.Checked
		} else if !isExcused(p.Validator+" "+p.Severity, p.Path, p.Message, p.InPart) {
			v.problems[fmt.Sprintf("%s (%s) %s: %s", p.Type, p.Validator, p.Path, p.Message)]++
			v.wrong[p.Number] += " " + p.Type
		}
	}
	return v
}
