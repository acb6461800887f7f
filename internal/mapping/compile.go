package mapping

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// compiler turns the template of one map into a plan.
type compiler struct {
	*loader
	h     *header
	scope scope
	item  *itemScope // inside each
	// strict says that we are inside a Consent's provision, where a dropped list element would widen what is permitted.
	strict bool
	// about is the resource that a Provenance is about.
	about *header
	// date is what the template of a document says of its date.
	date *yaml.Node
}

// itemScope is the list column that each goes through.
type itemScope struct {
	column *practice.Column
}

// piece is a compiled part of a template. dynamic says that it has slots, constant that it depends on nothing at all.
type piece struct {
	op       op
	dynamic  bool
	constant bool
}

// folded makes a constant piece a literal.
func (p piece) folded() piece {
	if !p.constant || p.op == nil {
		return p
	}
	if _, done := p.op.(*literal); done {
		return p
	}
	l := fold(p.op)
	if l == nil {
		return piece{}
	}
	return piece{op: l, constant: true}
}

// place is where a value goes: an element of FHIR.
type place struct {
	element
	path   string                         // for facts: without indexes and choice types
	parent protoreflect.MessageDescriptor // the message that holds the element
	silent bool                           // says nothing in the facts
}

// compile compiles one map; nil after a problem.
func (l *loader) compile(h *header) *rowMap {
	before := len(l.found)
	rm := &rowMap{header: h, kind: h.kind}
	rm.origin = stage.Origin{Map: h.kind, Table: h.table, Kind: h.kind, Listed: true, Directory: h.directory()}
	c := &compiler{loader: l, h: h, scope: scope{columns: h.columns}}
	rm.query = practice.Query{Map: h.kind, SQL: h.statement, Columns: h.columns.list}
	if h.key >= 0 {
		rm.query.Key = h.columns.list[h.key].Name
	}
	if h.client >= 0 {
		rm.query.Client = h.columns.list[h.client].Name
	}
	rm.withhold = c.withholds()
	switch {
	case h.keys["tie"] != nil:
		rm.tie = c.tie(h.keys["tie"])
	case h.body != nil:
		rm.resource = c.resource(h.body, h.resourceType)
		rm.inherits = c.inheritances()
		if n := h.keys["provenance"]; n != nil {
			rm.provenance = c.provenance(n)
		}
	}
	c.checkKind(rm)
	if len(l.found) > before {
		return nil
	}
	return rm
}

// checkKind keeps what other code relies on for the kinds that it knows by name.
func (c *compiler) checkKind(rm *rowMap) {
	want := map[string]string{kindPatient: "Patient", kindPractice: "Organization"}[c.h.kind]
	if want != "" && c.h.resourceType != want {
		c.at(c.h.node, "the map of kind %s must make a %s", c.h.kind, want)
	}
	if c.h.resourceType == "Patient" && c.h.kind != kindPatient {
		c.at(c.h.node, "only the map of kind patient makes a Patient")
	}
	if c.h.kind == kindPatient && c.h.directory() || c.h.kind == kindPractice && !c.h.directory() {
		c.at(c.h.node, "patient needs a client column, practice has none")
	}
	if (c.h.kind == kindPatient || c.h.resourceType == "Consent") && c.h.allClients == "" {
		c.at(c.h.node, "a map of patients or Consents needs all-clients: a statement that yields the keys of all clients with such a row, as `client`")
	}
	if c.h.allClients != "" {
		if at := c.h.client; at >= 0 {
			column := c.h.columns.list[at]
			column.Name = "client"
			rm.all = &practice.Query{Map: c.h.kind, SQL: c.h.allClients, Columns: []practice.Column{column}, Client: "client"}
		}
	}
	if c.h.keys["tie"] != nil && c.h.directory() {
		c.at(c.h.node, "a tie needs a client column")
	}
}

// withholds compiles `withhold: {reason: "=condition"}`, in the order of the file.
func (c *compiler) withholds() []withholdRule {
	n := c.h.keys["withhold"]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		c.at(n, "withhold must be a mapping of reasons to conditions")
		return nil
	}
	var rules []withholdRule
	for key, value := range pairs(n) {
		if cond, ok := c.condition(value); ok {
			rules = append(rules, withholdRule{reason: key.Value, condition: cond})
		}
	}
	return rules
}

func (c *compiler) tie(n *yaml.Node) *tie {
	keys := c.keys(n, "tie", "system", "value")
	system := c.text(keys["system"], "system")
	if keys["value"] == nil || system == "" {
		c.at(n, "a tie needs the system and the value of an identifier")
		return nil
	}
	get, typ := c.getter(keys["value"])
	if get == nil {
		return nil
	}
	if typ != practice.Text && typ != practice.Int {
		c.at(keys["value"], "an identifier's value is a text or an int")
	}
	return &tie{system: system, value: get}
}

// inheritances compiles `inherits: [{ref: encounter, key: enc}]`.
func (c *compiler) inheritances() []*reference {
	n := c.h.keys["inherits"]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		c.at(n, "inherits must be a list of references")
		return nil
	}
	var refs []*reference
	for _, one := range n.Content {
		if r := c.reference(one, place{}); r != nil {
			refs = append(refs, r)
		}
	}
	return refs
}

// provenance expands the shape provenance and compiles it as a second resource of the row.
func (c *compiler) provenance(n *yaml.Node) *plan {
	s := c.shapes["provenance"]
	if s == nil {
		c.at(n, "there is no shape provenance in %s", shapesDir)
		return nil
	}
	body := c.expand(s, n)
	if body == nil {
		return nil
	}
	about := *c
	about.about = c.h
	return about.resource(get(body, "resource"), "Provenance")
}

// sorted orders the members of an object as jsonformat writes them.
func sorted(fields []field) []field {
	slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	return fields
}

// isExpression tells `=...`.
func isExpression(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag != "!!null" && strings.HasPrefix(n.Value, "=")
}

// isBare tells a plain scalar that is meant as a column.
func isBare(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.Tag == "!!str" && bareName.MatchString(n.Value)
}
