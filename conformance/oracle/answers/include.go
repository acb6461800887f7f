package answers

import (
	"maps"
	"slices"
	"strings"
)

// include is an _include or a _revinclude.
type include struct {
	reverse, iterate     bool
	source, name, target string // "*" is every one
	claimed              func(resourceType, name string) bool
}

// depth is how many steps :iterate goes.
const depth = 3

// readInclude reads Type:parameter or Type:parameter:Target. It is not one if no type or parameter is named so.
func readInclude(searched, kind, value string, iterate bool, claimed func(resourceType, name string) bool) (include, bool) {
	i := include{reverse: kind == "_revinclude", iterate: iterate, claimed: claimed}
	if value == "*" {
		i.source, i.name = "*", "*"
		if !i.reverse && !iterate {
			i.source = searched
		}
		return i, i.source != auditEvent
	}
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return i, false
	}
	if i.source, i.name = parts[0], parts[1]; i.source == auditEvent {
		return i, false // it stands in no view with anything else
	}
	if len(parts) == 3 {
		i.target = parts[2]
	}
	if i.name == "*" {
		return i, parameters[i.source] != nil && (i.reverse || iterate || i.source == searched)
	}
	p, known := knows(i.source, i.name)
	if !known || p.kind != "reference" || !claimed(i.source, i.name) || i.target != "" && !p.leadsTo(i.target) {
		return i, false
	}
	return i, i.reverse || iterate || i.source == searched
}

// leadsTo says whether a parameter's references may lead to a type.
func (p parameter) leadsTo(resourceType string) bool {
	return len(p.targets) == 0 && elementsOf[resourceType] != nil || slices.Contains(p.targets, resourceType)
}

// references are where a resource's references for an include lead.
func (i include) references(r Object) (out []string) {
	resourceType := text(r["resourceType"])
	if i.source != "*" && i.source != resourceType {
		return nil
	}
	for name, p := range parameters[resourceType] {
		if p.kind != "reference" || i.name != "*" && i.name != name || !i.claimed(resourceType, name) {
			continue
		}
		for _, v := range p.values(r) {
			to := referenceOf(v)
			if to != "" && (len(p.targets) == 0 || slices.Contains(p.targets, typeOf(to))) && (i.target == "" || i.target == typeOf(to)) {
				out = append(out, to)
			}
		}
	}
	return out
}

// included are what a page's matches take along, each once, by type and id.
func (a *Asker) included(q *query, matches []hit) []Object {
	seen := map[string]bool{}
	for _, m := range matches {
		seen[refOf(m.r)] = true
	}
	var all []Object
	frontier := matches
	for step := range depth {
		var next []hit
		for _, i := range q.includes {
			if step > 0 && !i.iterate {
				continue
			}
			for _, h := range frontier {
				for _, found := range a.follow(i, h) {
					if !seen[refOf(found.r)] {
						seen[refOf(found.r)] = true
						next = append(next, found)
						all = append(all, found.r)
					}
				}
			}
		}
		frontier = next
	}
	slices.SortFunc(all, func(x, y Object) int {
		if c := strings.Compare(typeOf(refOf(x)), typeOf(refOf(y))); c != 0 {
			return c
		}
		return strings.Compare(idOf(refOf(x)), idOf(refOf(y)))
	})
	return all
}

// follow finds what one include adds to one resource: in the same view, and for what is referred to in the directory too.
func (a *Asker) follow(i include, h hit) (out []hit) {
	if i.reverse {
		for _, ref := range slices.Sorted(maps.Keys(h.in.records)) {
			r := h.in.records[ref]
			if h.in.client != "" && slices.Contains(i.references(r), refOf(h.r)) {
				out = append(out, hit{r, h.in})
			}
		}
		return out
	}
	for _, to := range i.references(h.r) {
		if r := h.in.records[to]; r != nil {
			out = append(out, hit{r, h.in})
		} else if r := a.Directory[to]; r != nil && a.allowed(a.Who, "s", r) {
			out = append(out, hit{r, h.in})
		}
	}
	return out
}
