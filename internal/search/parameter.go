package search

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// Kind is the type of a search parameter (FHIR R4 3.1.1.4).
type Kind string

// The kinds of parameter that the table uses.
const (
	Token     Kind = "token"
	Date      Kind = "date"
	String    Kind = "string"
	Reference Kind = "reference"
)

// Parameter is one search parameter of one resource type.
type Parameter struct {
	Name string
	Kind Kind
	// Paths are the elements that it searches, as Facts name them. A path that ends in ".*" means everything below the element.
	Paths []string
	// Targets are the types that a reference may point to; a bare id means any of them.
	Targets []string
	// System is the code system of a required binding: a primitive code states none, but `system|code` finds it (3.1.1.4.10).
	System string
	// Definition is the canonical URL of the SearchParameter.
	Definition string

	origin origin
}

// origin says where in Facts the values stand.
type origin uint8

const (
	fromElements    origin = iota
	fromID                 // Facts.ID
	fromLastUpdated        // Facts.LastUpdated
	fromSubject            // Facts.Subject: the client in whose chart the resource stands
)

// Resource is what can be searched of one type.
type Resource struct {
	Type       string
	Parameters []Parameter
	// Combinations are the sets of parameters that US Core 6.1 names together; any others work as well.
	Combinations [][]string
	// Open says that a search need not name a client: the practice's directory, and Patient (over the requester's reach).
	Open bool
	// Apart says that what a resource of the type refers to stands in no view with it: nothing is included with it, and it is included with nothing.
	Apart bool
}

// Resources are the types that can be read and searched, in alphabetical order. The caller must not change them.
func Resources() []Resource { return resources }

// Types are the names of the types in the table.
func Types() []string {
	names := make([]string, len(resources))
	for i := range resources {
		names[i] = resources[i].Type
	}
	return names
}

// Lookup gives the type's entry in the table.
func Lookup(resourceType string) (*Resource, bool) {
	r, ok := byType[resourceType]
	return r, ok
}

// Parameter finds a parameter by its name.
func (r *Resource) Parameter(name string) (*Parameter, bool) {
	for i := range r.Parameters {
		if r.Parameters[i].Name == name {
			return &r.Parameters[i], true
		}
	}
	return nil, false
}

// at tells whether the parameter searches the element at path.
func (p *Parameter) at(path string) bool {
	for _, want := range p.Paths {
		if below, ok := strings.CutSuffix(want, ".*"); ok {
			if len(path) > len(below) && path[len(below)] == '.' && path[:len(below)] == below || path == below {
				return true
			}
		} else if path == want {
			return true
		}
	}
	return false
}

// names tells whether the parameter names the client whom a resource is about.
func (p *Parameter) names() bool {
	return p.Kind == Reference && (p.Name == "patient" || p.Name == "subject") && slices.Contains(p.Targets, "Patient")
}

func (p *Parameter) eachToken(f *stage.Facts, visit func(system, code string, primitive bool) bool) bool {
	if p.origin == fromID {
		return f.ID != "" && visit("", f.ID, false)
	}
	for i := range f.Codings {
		if c := &f.Codings[i]; p.at(c.Path) && visit(c.Value.System, c.Value.Code, c.Value.System == "") {
			return true
		}
	}
	for i := range f.Identifiers {
		if c := &f.Identifiers[i]; p.at(c.Path) && visit(c.Value.System, c.Value.Value, false) {
			return true
		}
	}
	return false
}

func (p *Parameter) eachDate(f *stage.Facts, visit func(fhir.Interval) bool) bool {
	if p.origin == fromLastUpdated {
		return f.LastUpdated != (fhir.Interval{}) && visit(f.LastUpdated)
	}
	for i := range f.Dates {
		if d := &f.Dates[i]; p.at(d.Path) && visit(d.Value) {
			return true
		}
	}
	return false
}

func (p *Parameter) eachString(f *stage.Facts, visit func(string) bool) bool {
	for i := range f.Strings {
		if s := &f.Strings[i]; p.at(s.Path) && visit(s.Value) {
			return true
		}
	}
	return false
}

func (p *Parameter) eachReference(f *stage.Facts, visit func(fhir.Reference) bool) bool {
	if p.origin == fromSubject {
		return f.Subject != (fhir.Reference{}) && visit(f.Subject)
	}
	return p.eachStated(f, visit)
}

// eachStated visits what the resource itself says at the parameter's elements.
func (p *Parameter) eachStated(f *stage.Facts, visit func(fhir.Reference) bool) bool {
	for i := range f.References {
		r := &f.References[i]
		if p.at(r.Path) && slices.Contains(p.Targets, r.Value.Type) && visit(r.Value) {
			return true
		}
	}
	return false
}

// present tells whether the resource has any value for the parameter (`:missing`).
func (p *Parameter) present(f *stage.Facts) bool {
	switch p.Kind {
	case Token:
		return p.eachToken(f, func(string, string, bool) bool { return true })
	case Date:
		return p.eachDate(f, func(fhir.Interval) bool { return true })
	case String:
		return p.eachString(f, func(string) bool { return true })
	case Reference:
		return p.eachReference(f, func(fhir.Reference) bool { return true }) || p.unnamed(f)
	}
	return false
}

// unnamed tells whether the resource has a reference for the parameter that names nothing here, by an identifier or another server's URL.
func (p *Parameter) unnamed(f *stage.Facts) bool {
	return slices.ContainsFunc(f.Unnamed, func(u stage.At[[]string]) bool {
		return p.at(u.Path) && slices.ContainsFunc(u.Value, func(typ string) bool { return typ == "Resource" || slices.Contains(p.Targets, typ) })
	})
}
