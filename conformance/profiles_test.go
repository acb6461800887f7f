package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/gofhir/fhirpath"
)

// profile is what a differential asks of a resource, as far as this test reads it: elements that must or must not be there, patterns, required
// slices by pattern, and invariants.
type profile struct {
	URL      string
	Type     string
	Elements []element
}

type element struct {
	ID, Path, SliceName string
	Min                 int
	Max                 string
	Pattern             any
	Constraints         []constraint
}

type constraint struct{ Key, Expression string }

const (
	usCore = "http://hl7.org/fhir/us/core/StructureDefinition/"
	ours   = "https://consentry.dev/fhir/StructureDefinition/consentry-"
	pcf    = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
	balp   = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
)

// The files of the profiles that released resources may claim. US Core lies beside the project, and is not copied into it; of IHE PCF, whose
// package nobody can install everywhere, pcf.json has the constraints, and balp.json those of IHE BALP.
const (
	usCoreFiles = "../../shared/data/us-core-6.1.0/*tructure*efinition-*.json"
	ourFiles    = "../profiles/fhir/StructureDefinition-*.json"
	pcfFile     = "pcf.json"
	balpFile    = "balp.json"
)

// definitionFiles are the files of all profiles at hand: ours and IHE's always, US Core's where they are.
func definitionFiles(t testing.TB) (files []string, hasUSCore bool) {
	t.Helper()
	core, _ := filepath.Glob(usCoreFiles)
	own, _ := filepath.Glob(ourFiles)
	if len(own) < 5 {
		t.Fatalf("%d profiles of ours", len(own))
	}
	return slices.Concat(core, own, []string{pcfFile, balpFile}), len(core) > 0
}

// profiles reads them, by canonical.
func profiles(t testing.TB) map[string]profile {
	t.Helper()
	files, _ := definitionFiles(t)
	out := map[string]profile{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var several struct{ Definitions []json.RawMessage }
		if err := json.Unmarshal(text, &several); err != nil {
			t.Fatalf("%s: %v", filepath.Base(f), err)
		}
		if len(several.Definitions) == 0 {
			several.Definitions = []json.RawMessage{text}
		}
		for _, d := range several.Definitions {
			p, err := readProfile(d)
			if err != nil || p.URL == "" || len(p.Elements) < 2 {
				t.Fatalf("%s: %v", filepath.Base(f), err)
			}
			out[p.URL] = p
		}
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
			case name == "max":
				into = &x.Max
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
		path := below(e.Path)
		switch {
		case e.SliceName != "":
			if e.Min > 0 && e.Pattern != nil && !slices.ContainsFunc(at(r.Tree, path), func(v any) bool { return fits(v, e.Pattern) }) {
				out = append(out, e.ID+": the required slice is missing")
			}
			continue
		case strings.Contains(e.ID, ":"): // of one slice only
		case e.Min > 0 && !present(r.Tree, path):
			out = append(out, e.ID+" is missing")
		case e.Max == "0" && len(at(r.Tree, path)) > 0:
			out = append(out, e.ID+" must not be there")
		case e.Pattern != nil && slices.ContainsFunc(at(r.Tree, path), func(v any) bool { return !fits(v, e.Pattern) }):
			out = append(out, e.ID+" does not fit the pattern")
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
		if len(at(x, leaf)) == 0 && !hasChoice(x, leaf) {
			return false
		}
	}
	return true
}

// hasChoice tells whether an object has an element of many types, source[x], under the name of one of them.
func hasChoice(tree any, leaf string) bool {
	name, isChoice := strings.CutSuffix(leaf, "[x]")
	object, _ := tree.(map[string]any)
	for key := range object {
		if typ, ok := strings.CutPrefix(key, name); isChoice && ok && typ != "" && unicode.IsUpper(rune(typ[0])) {
			return true
		}
	}
	return false
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
