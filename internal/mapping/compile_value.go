package mapping

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// value compiles what stands in a place. An empty piece follows a problem.
func (c *compiler) value(n *yaml.Node, p place) piece {
	if p.repeated {
		return c.list(n, p)
	}
	return c.single(n, p)
}

// list compiles the value of an element that repeats: a list, or an each.
func (c *compiler) list(n *yaml.Node, p place) piece {
	p.repeated = false
	nodes := n.Content
	switch {
	case n.Kind == yaml.MappingNode && get(n, "each") != nil:
		nodes = []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		c.at(n, "%s repeats: write a list", p.name)
		return piece{}
	case len(nodes) == 0:
		c.at(n, "%s is an empty list", p.name)
		return piece{}
	}
	a := &array{}
	whole := piece{op: a, constant: true}
	for _, one := range nodes {
		e := c.listElement(one, p)
		if e.op == nil {
			return piece{}
		}
		whole.dynamic = whole.dynamic || e.dynamic
		whole.constant = whole.constant && e.constant
		a.elements = append(a.elements, e.folded().op)
	}
	return whole
}

func (c *compiler) listElement(n *yaml.Node, p place) piece {
	if n.Kind == yaml.MappingNode && get(n, "each") != nil {
		return c.each(n, p)
	}
	e := c.single(n, p)
	if c.strict && e.op != nil && e.dynamic {
		if _, optional := e.op.(*when); !optional {
			e.op = &strictElement{op: e.op, path: p.path}
		}
	}
	return e
}

// strictElement fails the row where an element of a list in a Consent's provision comes out null: leaving it out would widen what the
// provision permits. What may be absent is said with when.
type strictElement struct {
	op   op
	path string
}

func (s *strictElement) run(x *run) bool {
	if s.op.run(x) {
		return true
	}
	x.fail(s.path, "an element of the provision has no value")
	return false
}

// single compiles one value.
func (c *compiler) single(n *yaml.Node, p place) piece {
	if n.Kind == yaml.MappingNode {
		switch {
		case get(n, "translate") != nil:
			return c.translate(n, p)
		case get(n, "when") != nil:
			return c.when(n, p)
		case get(n, "each") != nil:
			c.at(n, "%s does not repeat: it takes no each", p.name)
			return piece{}
		}
	}
	if isReference(p.message) {
		return c.referenceValue(n, p)
	}
	if !isPrimitive(p.message) {
		return c.object(n, p)
	}
	return c.primitive(n, p)
}

func (c *compiler) primitive(n *yaml.Node, p place) piece {
	prim := primitiveOf(p.message)
	if prim == nil {
		c.at(n, "%s is of a type that maps do not fill", p.name)
		return piece{}
	}
	if n.Kind == yaml.ScalarNode && !isExpression(n) && !isBare(n) {
		return c.literal(n, p, prim)
	}
	g, typ := c.getter(n)
	if g == nil {
		return piece{}
	}
	if !prim.takes(typ) && !(prim.kind == kindString && typ == practice.Bytes && isSections(g)) {
		c.at(n, "%s is a FHIR %s, and %s is a column or expression of type %s", p.name, prim.name, g.column(), typ)
		return piece{}
	}
	return piece{op: &slot{get: g, primitive: prim, role: roleOf(p, prim), path: p.path, zone: c.options.Zone,
		bounded: p.name == "data" && c.isContent(place{path: strings.TrimSuffix(p.path, ".data")}), most: c.options.InlineBytes}, dynamic: true}
}

func isSections(g getter) bool {
	_, ok := g.(sections)
	return ok
}

// literal checks a literal once, when the map is loaded.
func (c *compiler) literal(n *yaml.Node, p place, prim *primitive) piece {
	v, why := literalValue(n, prim)
	if why == "" {
		why = prim.refuse(textOf(&v))
	}
	if why != "" {
		suggestion := ""
		if prim.kind == kindCodeOf {
			if suggestion = spelling.DidYouMean(n.Value, prim.codes); suggestion == "" && len(prim.codes) <= 20 {
				suggestion = "; it takes " + strings.Join(prim.codes, ", ")
			}
		}
		c.at(n, "%s: %q is %s%s", p.name, n.Value, why, suggestion)
		return piece{}
	}
	constantSlot := &slot{get: fixed{v}, primitive: prim, role: roleOf(p, prim), path: p.path, zone: c.options.Zone}
	x := &run{}
	if !constantSlot.run(x) {
		c.at(n, "%s: %q is not a %s", p.name, n.Value, strings.ToLower(prim.name))
		return piece{}
	}
	return piece{op: constantSlot, constant: true}
}

// fixed is a literal's value.
type fixed struct{ v practice.Value }

func (f fixed) value(*run) *practice.Value { return &f.v }
func (f fixed) column() string             { return "" }

func literalValue(n *yaml.Node, prim *primitive) (practice.Value, string) {
	var v practice.Value
	if n.Tag == "!!null" || n.Value == "" {
		return v, "null: leave the element out"
	}
	typ := practice.Text
	switch prim.kind {
	case kindBoolean:
		if n.Value == "true" || n.Value == "false" {
			return practice.Value{Type: practice.Bool, Bool: n.Value == "true"}, ""
		}
		return v, "not true or false"
	case kindInteger, kindPositive, kindUnsigned:
		typ = practice.Int
	case kindDecimal:
		typ = practice.Decimal
	case kindDate, kindDateTime, kindInstant:
		if _, err := fhir.ParseDateTime(n.Value, time.UTC); err != nil {
			return v, "not a date"
		}
		typ = practice.Date
		if len(n.Value) > len("2006-01-02") {
			typ = practice.Instant
		}
	}
	if err := practice.Scan(&v, &practice.Column{Type: typ}, n.Value, time.UTC); err != nil {
		return v, "not a " + strings.ToLower(prim.name)
	}
	return v, ""
}
