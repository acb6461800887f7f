package label

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// compile turns the file into lookups, and names everything in it that cannot be right.
func (r *Rules) compile(f file) error {
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	names := map[string]system{}
	r.systems = map[string]system{}
	for _, name := range slices.Sorted(maps.Keys(f.Systems)) {
		e := f.Systems[name]
		s := system{name: name, match: match(e.Match)}
		if !s.match.valid() || len(e.URIs) == 0 {
			note(fmt.Errorf("label: %s: system %s: match is exact, prefix or product, and it has a URI", rulesFile, name))
		}
		names[name] = s
		for _, uri := range e.URIs {
			r.systems[uri] = s
		}
	}
	note(r.compileTypes(f))
	r.programmes, r.kinds = map[string]*gift{}, map[string]*gift{}
	note(r.gifts(f.Programmes, func(k string, g *gift) error { r.programmes[k] = g; return nil }))
	note(r.gifts(f.Kinds, func(k string, g *gift) error { r.kinds[k] = g; return nil }))
	r.parties = map[fhir.Identifier]*gift{}
	note(r.gifts(f.Organizations, func(k string, g *gift) error {
		i := strings.LastIndexByte(k, '|')
		if i <= 0 || i == len(k)-1 {
			return fmt.Errorf("label: %s: organization %q is not system|value", rulesFile, k)
		}
		r.parties[fhir.Identifier{System: k[:i], Value: k[i+1:]}] = g
		return nil
	}))
	r.held, r.codes = newCodes(), newCodes()
	note(r.held.add(names, f.Hold, &gift{}))
	for _, e := range f.Rules {
		note(r.compileRule(names, e))
	}
	return errors.Join(problems...)
}

func (r *Rules) compileTypes(f file) error {
	var problems []error
	r.types = map[string]typeRule{}
	for _, name := range slices.Sorted(maps.Keys(f.Types)) {
		t := f.Types[name]
		g, err := r.gift(giftEntry{t.Confidentiality, t.Labels})
		if err != nil || t.Confidentiality == "" {
			problems = append(problems, cmp.Or(err, fmt.Errorf("label: %s: type %s has no confidentiality", rulesFile, name)))
			continue
		}
		t.labels = g.labels
		r.types[name] = t
		problems = append(problems, t.check(name))
	}
	return errors.Join(problems...)
}

// check holds a type's elements against FHIR's definition of it: a misspelt one would take no labels and be silent about it.
func (t typeRule) check(name string) error {
	shape := fhirjson.ShapeNamed(name)
	if shape == nil {
		return fmt.Errorf("label: %s: %s is no resource type", rulesFile, name)
	}
	var problems []error
	need := func(path string, fits func(*fhirjson.Element) bool) {
		if e := shape.Find(path); path != "" && (e == nil || !fits(e)) {
			problems = append(problems, fmt.Errorf("label: %s: %s has no such element as %s", rulesFile, name, path))
		}
	}
	need(t.Code, func(e *fhirjson.Element) bool { return e.Type == "CodeableConcept" })
	for _, p := range slices.Concat(t.Takes, []string{t.Narrative}) {
		need(p, func(e *fhirjson.Element) bool { return e.Kind == fhirjson.Reference })
	}
	return errors.Join(problems...)
}

func (r *Rules) compileRule(names map[string]system, e ruleEntry) error {
	g, err := r.gift(giftEntry{e.Confidentiality, e.Labels})
	if err != nil {
		return err
	}
	if e.Name == "" || len(g.labels) == 0 || g.level == 0 || len(e.Codes)+len(e.Words) == 0 {
		return fmt.Errorf("label: %s: rule %q needs a name, labels, a confidentiality and codes", rulesFile, e.Name)
	}
	for _, w := range e.Words {
		if strings.TrimSpace(w) == "" {
			return fmt.Errorf("label: %s: rule %q has an empty word", rulesFile, e.Name)
		}
		r.words = append(r.words, word{text: strings.ToLower(w), gift: g})
	}
	return r.codes.add(names, e.Codes, g)
}

func (r *Rules) gifts(entries map[string]giftEntry, each func(string, *gift) error) error {
	var problems []error
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		g, err := r.gift(entries[k])
		if err == nil {
			err = each(k, g)
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (r *Rules) gift(e giftEntry) (*gift, error) {
	g := &gift{}
	if e.Confidentiality != "" {
		if g.level = r.level(e.Confidentiality); g.level == 0 {
			return nil, fmt.Errorf("label: %s: %q is no confidentiality", rulesFile, e.Confidentiality)
		}
	}
	for _, s := range e.Labels {
		l, err := labelOf(s)
		if err != nil {
			return nil, err
		}
		g.labels = append(g.labels, l)
	}
	return g, nil
}

// quote encodes a JSON string. A code or URI of a source may hold anything.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string always encodes
		return []byte(`""`)
	}
	return b
}
