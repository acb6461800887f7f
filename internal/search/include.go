package search

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// inclusion is one reference parameter that `_include` or `_revinclude` follows (FHIR R4 3.1.1.5.4). A wildcard is read as many.
type inclusion struct {
	of      string // the type that refers
	param   *Parameter
	target  string // the type that is referred to, "" for any that the parameter has
	reverse bool   // from what is referred to, to what refers
	iterate bool   // on what was included as well
}

// refers calls visit for every reference of the resource that the inclusion follows, and stops where visit says so.
func (i *inclusion) refers(f *stage.Facts, visit func(fhir.Reference) bool) bool {
	return f.Type == i.of && i.param.eachStated(f, func(r fhir.Reference) bool {
		return (i.target == "" || r.Type == i.target) && visit(r)
	})
}

// leadsTo tells whether the inclusion may bring resources of a type.
func (i *inclusion) leadsTo(resourceType string) bool {
	if i.reverse {
		return resourceType == i.of
	}
	return resourceType == i.target || i.target == "" && slices.Contains(i.param.Targets, resourceType)
}

const (
	// includeDepth is how far `:iterate` goes: what is included with a match, with that, and with that again.
	includeDepth = 3
	// maxIncluded bounds what one page includes.
	maxIncluded = 1000
)

// include reads one value of `_include` or `_revinclude`: `Type:param`, `Type:param:Target`, `Type:*`, `Type:*:Target` or `*`. What the table does not
// have is unknown, like a parameter. From the directory nothing leads back: whom a practitioner wrote about is not the directory's to tell.
func (b *builder) include(name, text string) error {
	base, modifier, _ := strings.Cut(name, ":")
	reverse, iterate := base == "_revinclude", modifier == "iterate"
	if reverse && InDirectory(b.query.resource.Type) {
		return fail(name, NotHere)
	}
	found, known := b.inclusions(text, reverse, iterate)
	switch {
	case !known && b.strict:
		return fail(name, NotHere)
	case !known:
		b.ignore(name + "=" + text)
		return nil
	}
	b.including = true
	b.query.includes = append(b.query.includes, found...)
	b.self = append(b.self, name+"="+text)
	return nil
}

// inclusions reads a value. It may be known and lead nowhere from the type that is searched.
func (b *builder) inclusions(text string, reverse, iterate bool) (found []inclusion, known bool) {
	of, name, target := "*", "*", ""
	if text != "*" {
		parts := strings.Split(text, ":")
		if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") || parts[0] == "*" {
			return nil, false
		}
		if of, name = parts[0], parts[1]; len(parts) == 3 {
			target = parts[2]
		}
	}
	here := b.query.resource.Type
	for i := range resources {
		r := &resources[i]
		if r.Apart || of != "*" && of != r.Type || !reverse && !iterate && r.Type != here {
			continue
		}
		known = known || name == "*" && target == ""
		for j := range r.Parameters {
			p := &r.Parameters[j]
			if p.Kind != Reference || name != "*" && name != p.Name || target != "" && !slices.Contains(p.Targets, target) {
				continue
			}
			known = true
			if reverse && !iterate && (target != "" && target != here || !slices.Contains(p.Targets, here)) {
				continue
			}
			found = append(found, inclusion{of: r.Type, param: p, target: target, reverse: reverse, iterate: iterate})
		}
	}
	return found, known
}

// Includes tells whether an answer may hold more than matches.
func (q *Query) Includes() bool { return len(q.includes) > 0 }

// IncludesDirectory tells whether what is included may stand in the practice's directory.
func (q *Query) IncludesDirectory() bool {
	return slices.ContainsFunc(q.includes, func(i inclusion) bool {
		return !i.reverse && slices.ContainsFunc(directoryTypes, i.leadsTo)
	})
}

// directoryTypes are the types of which the practice's own stand in its directory.
var directoryTypes = []string{"Location", "Organization", "Practitioner", "PractitionerRole"}

// InDirectory tells whether resources of the type may be the practice's own. Others of the type stand in the charts that refer to them.
func InDirectory(resourceType string) bool { return slices.Contains(directoryTypes, resourceType) }

// Shows tells whether a resource is of those that an answer may hold, as a match or as included: of a search over many charts nothing else need be
// kept.
func (q *Query) Shows(f *stage.Facts) bool {
	return f.Type == q.resource.Type || slices.ContainsFunc(q.includes, func(i inclusion) bool {
		if !i.leadsTo(f.Type) {
			return false
		}
		return !i.reverse || i.iterate || i.refers(f, func(r fhir.Reference) bool { return r.Type == q.resource.Type })
	})
}

// Chart is what is included from: a view.
type Chart interface {
	Resources(resourceType string) []stage.Released
	Get(ref fhir.Reference) (stage.Released, bool)
}

// Source is a view with those of a page's matches that stand in it.
type Source struct {
	Chart
	Matches []stage.Released
}

// Gathering collects what a query includes with the matches of a page: each resource once and no match. What a resource refers to is looked up in the view
// that it stands in and then in the directory; what refers to it, in that view alone and never from the directory.
type Gathering struct {
	query     *Query
	directory Chart
	seen      map[fhir.Reference]bool
	found     []stage.Released
}

// Gather begins with all matches of a page. The directory may be nil.
func (q *Query) Gather(matches []stage.Released, directory Chart) *Gathering {
	g := &Gathering{query: q, directory: directory, seen: make(map[fhir.Reference]bool, len(matches))}
	for _, m := range matches {
		g.seen[refOf(m.Facts())] = true
	}
	return g
}

// From gives what is included with the matches of one view and was not with those of another.
func (g *Gathering) From(s Source) ([]stage.Released, error) {
	before := len(g.found)
	if err := g.from(s); err != nil {
		return nil, err
	}
	return g.found[before:], nil
}

func refOf(f *stage.Facts) fhir.Reference { return fhir.Reference{Type: f.Type, ID: f.ID} }

// from collects what is included with the matches of one view.
func (g *Gathering) from(s Source) error {
	last := s.Matches
	for depth := range includeDepth {
		var next []stage.Released
		for i := range g.query.includes {
			switch inc := &g.query.includes[i]; {
			case depth > 0 && !inc.iterate:
			case inc.reverse:
				next = append(next, g.backward(inc, s.Chart, last)...)
			default:
				next = append(next, g.forward(inc, s.Chart, last)...)
			}
			if len(g.found) > maxIncluded {
				return fail("", TooCostly)
			}
		}
		if last = next; len(last) == 0 {
			break
		}
	}
	return nil
}

// forward adds what the resources refer to. What was found in the directory is not given back: nothing leads on from there.
func (g *Gathering) forward(inc *inclusion, in Chart, from []stage.Released) (added []stage.Released) {
	for _, r := range from {
		inc.refers(r.Facts(), func(ref fhir.Reference) bool {
			if found, ok := in.Get(ref); ok {
				if g.add(found) {
					added = append(added, found)
				}
			} else if found, ok := g.listed(ref); ok {
				g.add(found)
			}
			return false
		})
	}
	return added
}

func (g *Gathering) listed(ref fhir.Reference) (stage.Released, bool) {
	if g.directory == nil || !InDirectory(ref.Type) {
		return stage.Released{}, false
	}
	return g.directory.Get(ref)
}

// backward adds what refers to the resources.
func (g *Gathering) backward(inc *inclusion, in Chart, from []stage.Released) (added []stage.Released) {
	those := make(map[fhir.Reference]bool, len(from))
	for _, r := range from {
		those[refOf(r.Facts())] = true
	}
	for _, r := range in.Resources(inc.of) {
		if inc.refers(r.Facts(), func(ref fhir.Reference) bool { return those[ref] }) && g.add(r) {
			added = append(added, r)
		}
	}
	return added
}

func (g *Gathering) add(r stage.Released) bool {
	ref := refOf(r.Facts())
	if g.seen[ref] {
		return false
	}
	g.seen[ref] = true
	g.found = append(g.found, r)
	return true
}
