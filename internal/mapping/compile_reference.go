package mapping

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// referenceValue compiles what stands in a Reference place: {ref: ...}, or an object with identifier, type and display only.
func (c *compiler) referenceValue(n *yaml.Node, p place) piece {
	if n.Kind != yaml.MappingNode {
		c.at(n, "%s is a reference: write {ref: kind, key: column}", p.name)
		return piece{}
	}
	if get(n, "ref") == nil {
		if get(n, "reference") != nil {
			c.at(n, "%s: ids are made by the gateway; write {ref: kind, key: column}", p.name)
			return piece{}
		}
		if c.isStranger(n, p) {
			c.at(n, "%s may mean a client who cannot be told: write {ref: kind, key: column}, or the type of what else it is", p.name)
			return piece{}
		}
		return c.object(n, p)
	}
	r := c.reference(n, p)
	if r == nil {
		return piece{}
	}
	return piece{op: r, dynamic: r.to == refKind || r.at != nil}
}

// isStranger tells whether a reference without id may mean a client; a type that a column gives may be any.
func (c *compiler) isStranger(n *yaml.Node, p place) bool {
	typ := ""
	if t := get(n, "type"); t != nil {
		typ = t.Value
	}
	patientMayStand, _ := p.allows("Patient")
	return c.types.IsStranger(p.path, typ, patientMayStand)
}

// reference compiles {ref: kind, key: column, display: column, identifier: {...}, at: column}, {ref: self}, {ref: practice} and {ref: this}.
func (c *compiler) reference(n *yaml.Node, p place) *reference {
	keys := c.keys(n, "a reference", "ref", "key", "display", "identifier", "at")
	name := c.text(keys["ref"], "ref")
	r := &reference{path: p.path}
	ok := true
	if d := keys["display"]; d != nil {
		ok = c.display(d, r)
	}
	if i := keys["identifier"]; i != nil {
		ok = c.identifier(i, p, r) && ok
	}
	if at := keys["at"]; at != nil {
		r.at, _ = c.getter(at)
		ok = ok && r.at != nil
	}
	if !ok || !c.target(n, name, keys["key"], r) {
		return nil
	}
	if allowed, types := p.allows(r.typ); !allowed {
		c.at(n, "%s refers to %s, and map %q makes a %s", p.name, strings.Join(types, ", "), name, r.typ)
		return nil
	}
	return r
}

func (c *compiler) display(n *yaml.Node, r *reference) bool {
	g, typ := c.getter(n)
	if g == nil {
		return false
	}
	if typ != practice.Text {
		c.at(n, "a display is a text; %s is %s", g.column(), typ)
		return false
	}
	r.display = &slot{get: g, primitive: &primitive{name: "String", kind: kindString}}
	return true
}

// identifier compiles by what else the resource that is referred to can be told: an NPI says to a partner what our ids do not. In a Consent's
// provision it is not left out silently, as nothing is.
func (c *compiler) identifier(n *yaml.Node, p place, r *reference) bool {
	if p.message == nil {
		c.at(n, "an identifier says nothing here")
		return false
	}
	inner := place{element: elementsOf(p.message)["identifier"], path: joinPath(p.path, "identifier"), parent: p.message, silent: p.silent}
	v := c.value(n, inner).folded()
	if v.op == nil {
		return false
	}
	r.identifier = v.op
	if _, optional := v.op.(*when); c.strict && v.dynamic && !optional {
		r.identifier = &strictElement{op: v.op, path: inner.path}
	}
	return true
}

// target finds which resources a reference means.
func (c *compiler) target(n *yaml.Node, name string, key *yaml.Node, r *reference) bool {
	fixed := map[string]refTo{"self": refSelf, kindPractice: refPractice, "this": refThis}
	if to, is := fixed[name]; is {
		r.to = to
		if key != nil {
			c.at(key, "{ref: %s} takes no key", name)
			return false
		}
		return c.fixedTarget(n, r)
	}
	h := c.headers[name]
	if h == nil || h.resourceType == "" {
		if h == nil {
			c.at(n, "no map of kind %q%s", name, spelling.DidYouMean(name, append(slices.Sorted(maps.Keys(c.headers)), "self", "practice", "this")))
		}
		return false
	}
	h.referenced = h.referenced || h != c.h
	r.typ, r.kind, r.directory = h.resourceType, h.kind, h.directory()
	if c.h.directory() && !r.directory {
		c.at(n, "a directory map cannot refer to what stands in a client's chart")
		return false
	}
	if key == nil {
		c.at(n, "{ref: %s} needs a key: the column with the key of that map's row", name)
		return false
	}
	g, typ := c.getter(key)
	if g != nil && typ != practice.Int && typ != practice.Text {
		c.at(key, "a key is an int or a text; %s is %s", g.column(), typ)
		return false
	}
	r.key, r.memo = g, c.refs%memos
	c.refs++
	return g != nil
}

func (c *compiler) fixedTarget(n *yaml.Node, r *reference) bool {
	switch r.to {
	case refSelf:
		r.typ = "Patient"
		if c.h.directory() {
			c.at(n, "a directory map has no client to refer to")
			return false
		}
	case refPractice:
		r.typ = "Organization"
		if c.headers[kindPractice] == nil {
			c.at(n, "{ref: practice} needs a map of kind practice")
			return false
		}
	case refThis:
		if c.about == nil {
			c.at(n, "{ref: this} is for a Provenance, which is about the row's resource")
			return false
		}
		r.typ = c.about.resourceType
	}
	return true
}
