package search

import "github.com/consentry/gateway/internal/release/stage"

// Matches tells whether a resource fits one search parameter of a granular SMART scope (SMART App Launch 2.2, "Scopes for requesting FHIR
// resources"). Only tokens and references narrow a scope, without modifiers, and codes are compared with their case; whatever else a
// scope asks for is an error, which the caller takes for no.
func Matches(f *stage.Facts, name, text string) (bool, error) {
	if f == nil {
		return false, fail("", UnknownType)
	}
	r, ok := Lookup(f.Type)
	if !ok {
		return false, fail("", UnknownType)
	}
	p, ok := r.Parameter(name)
	if !ok || p.Kind != Token && p.Kind != Reference {
		return false, fail("", NotForAScope)
	}
	c := criterion{param: p, strict: true}
	for _, part := range split(text, ',') {
		v, ok := (&Parser{}).parseValue(p, "", part)
		if !ok {
			return false, fail(name, Malformed)
		}
		c.values = append(c.values, v)
	}
	return c.matches(f), nil
}
