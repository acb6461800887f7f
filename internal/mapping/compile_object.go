package mapping

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/spelling"
)

// object compiles a mapping into a complex element.
func (c *compiler) object(n *yaml.Node, p place) piece {
	if n.Kind != yaml.MappingNode {
		c.at(n, "%s is an object (%s): write its elements", p.name, p.message.Name())
		return piece{}
	}
	elements := elementsOf(p.message)
	o := &object{path: p.path}
	if !p.silent {
		o.collects = dataTypes[p.message.Name()].collects
		_, o.allowed = p.allows("")
		o.format = c.h.resourceType == "DocumentReference" && p.path == "content.format"
	}
	whole := c.members(n, p, elements, o)
	if c.isContent(p) {
		return c.attachment(n, p, whole)
	}
	o.fields = mergeLiterals(o.fields)
	return whole
}

// members compiles the members of an object. A problem in one does not hide those in the others.
func (c *compiler) members(n *yaml.Node, p place, elements map[string]element, o *object) piece {
	whole := piece{op: o, constant: true}
	failed := false
	given := map[string]string{}
	for key, value := range pairs(n) {
		f, ok := c.member(key, value, p, elements, given)
		if !ok {
			failed = true
			continue
		}
		o.fields = append(o.fields, f.field)
		o.carried = o.carried || f.carries
		whole.dynamic = whole.dynamic || f.dynamic
		whole.constant = whole.constant && f.constant
	}
	for fact, names := range requiredNames(elements) {
		if given[fact] == "" && !failed {
			slices.Sort(names)
			c.at(n, "%s needs %s", nameOr(p.path, c.h.resourceType), strings.Join(names, " or "))
			failed = true
		}
	}
	if len(o.fields) == 0 && !failed {
		c.at(n, "%s is an empty object", p.name)
		failed = true
	}
	if failed {
		return piece{}
	}
	sorted(o.fields)
	o.dynamic = whole.dynamic
	return whole
}

// witnessed notes that a choice is there without a date.
func witnessed(v piece, e element) piece {
	switch e.message.Name() {
	case "DateTime", "Date", "Instant", "Period", "Timing":
		return v
	}
	return piece{op: &witness{op: v.op, path: e.fact}, dynamic: v.dynamic}
}

type witness struct {
	op   op
	path string
}

func (w *witness) run(x *run) bool {
	if !w.op.run(x) {
		return false
	}
	x.present = append(x.present, w.path)
	return true
}

type member struct {
	field
	constant bool
}

func (c *compiler) member(key, value *yaml.Node, p place, elements map[string]element, given map[string]string) (member, bool) {
	name := key.Value
	if why := notMapped[name]; why != "" {
		c.at(key, "%s", why)
		return member{}, false
	}
	e, ok := elements[name]
	if !ok {
		c.at(key, "%s has no element %q%s", nameOr(p.path, c.h.resourceType), name, spelling.DidYouMean(name, slices.Sorted(maps.Keys(elements))))
		return member{}, false
	}
	if e.message.Name() == "Narrative" || e.message.Name() == "Meta" {
		c.at(key, "%s is not mapped here", name)
		return member{}, false
	}
	if other := given[e.fact]; other != "" {
		c.at(key, "%s and %s are two types of one element", other, name)
		return member{}, false
	}
	given[e.fact] = name
	inner := place{element: e, path: joinPath(p.path, e.fact), parent: p.message, silent: p.silent || silent(p.message, e)}
	if p.message.Name() == "CodeableConcept" && name == "coding" {
		inner.path = p.path // a concept's codings carry its path
	}
	outer := c.strict
	c.strict = c.strict || e.message.Name() == "Provision" && c.h.resourceType == "Consent"
	v := c.value(value, inner).folded()
	c.strict = outer
	if v.op == nil {
		return member{}, false
	}
	if e.choice && p.path == "" {
		v = witnessed(v, e)
	}
	f := newField(name, v, e.required)
	f.carries = p.message.Name() == "Attachment" && (name == "data" || name == "url")
	return member{field: f, constant: v.constant}, true
}

func newField(name string, v piece, required bool) field {
	return field{key: []byte(`,"` + name + `":`), name: name, op: v.op, dynamic: v.dynamic, required: required}
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}
