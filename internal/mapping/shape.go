package mapping

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/spelling"
)

// shape is a template with parameters: the usual boilerplate of one kind of record, as data that clinic IT can read and change. In it
// `$name` stands for an argument as the map writes it, `$name.field` for a part of one. What stands for an absent argument is left out,
// and so is an object or list of which nothing is left. {given: $name, do: TEMPLATE} is left out where the argument is absent.
type shape struct {
	name       string
	node       *yaml.Node
	parameters []parameter
}

// parameter is one parameter of a shape.
type parameter struct {
	name     string
	required bool
	party    bool       // {practitioner: npi} is {ref: practitioner, key: npi}
	table    string     // the argument names a row of this table, or is such a row itself
	fields   []string   // the argument is an object with these fields
	fallback *yaml.Node // stands for an absent argument
}

func (l *loader) shapeNames() []string {
	names := slices.Sorted(maps.Keys(l.shapes))
	return slices.DeleteFunc(names, func(s string) bool { return s == "provenance" })
}

// readShapes reads the shapes and the tables that they use.
func (l *loader) readShapes() {
	for _, file := range l.list(shapesDir) {
		root := l.read(file)
		if root == nil {
			continue
		}
		if get(root, "table") != nil {
			keys := l.keys(root, "a table", "table", "rows")
			if name := l.text(keys["table"], "table"); name != "" && keys["rows"] != nil {
				l.tables[name] = keys["rows"]
			}
			continue
		}
		keys := l.keys(root, "a shape", "shape", "parameters", "resource", "inherits", "updated")
		s := &shape{name: l.text(keys["shape"], "shape"), node: root}
		if s.name == "" || keys["resource"] == nil || keys["parameters"] == nil {
			l.at(root, "a shape needs shape, parameters and resource")
			continue
		}
		for key, value := range pairs(keys["parameters"]) {
			s.parameters = append(s.parameters, l.parameter(key.Value, value))
		}
		l.shapes[s.name] = s
	}
}

func (l *loader) parameter(name string, n *yaml.Node) parameter {
	keys := l.keys(n, "a parameter", "required", "as", "table", "fields", "default")
	p := parameter{name: name, required: l.boolean(keys["required"], "required"), fields: l.texts(keys["fields"], "fields"), fallback: keys["default"]}
	if as := keys["as"]; as != nil {
		p.party = l.text(as, "as") == "party"
	}
	if table := keys["table"]; table != nil {
		p.table = l.text(table, "table")
	}
	return p
}

// expandShape makes a map's body from its shape, with the parts of the header that the shape gives.
func (l *loader) expandShape(h *header, s *shape) {
	body := l.expand(s, h.keys[s.name])
	if body == nil {
		return
	}
	h.body = get(body, "resource")
	if n := get(body, "inherits"); n != nil && h.keys["inherits"] == nil {
		h.keys["inherits"] = n
	}
	if n := get(body, "updated"); n != nil && h.keys["updated"] == nil && isBare(n) {
		if at, ok := h.columns.index[n.Value]; ok {
			h.updated = at
		}
	}
}

// expand puts the arguments into a shape; nil after a problem.
func (l *loader) expand(s *shape, n *yaml.Node) *yaml.Node {
	before := len(l.found)
	names := make([]string, len(s.parameters))
	for i, p := range s.parameters {
		names[i] = p.name
	}
	given := l.keys(n, s.name, names...)
	arguments := map[string]*yaml.Node{}
	for _, p := range s.parameters {
		arg := given[p.name]
		switch {
		case arg == nil && p.required:
			l.at(n, "%s needs %s", s.name, p.name)
		case arg == nil && p.fallback != nil:
			arguments[p.name] = p.fallback
		case arg != nil:
			arguments[p.name] = l.argument(s, p, arg)
		}
	}
	if len(l.found) > before {
		return nil
	}
	body, _ := l.substitute(s.node, arguments)
	return body
}

// argument brings an argument into the form that the shape uses.
func (l *loader) argument(s *shape, p parameter, n *yaml.Node) *yaml.Node {
	switch {
	case p.table != "" && n.Kind == yaml.ScalarNode:
		rows := l.tables[p.table]
		if rows == nil {
			l.at(s.node, "no table %q", p.table)
			return nil
		}
		if row := get(rows, n.Value); row != nil {
			return row
		}
		var known []string
		for key := range pairs(rows) {
			known = append(known, key.Value)
		}
		l.at(n, "no %s %q%s; it takes %s", p.name, n.Value, spelling.DidYouMean(n.Value, known), strings.Join(known, ", "))
		return nil
	case len(p.fields) > 0:
		l.keys(n, p.name, p.fields...)
	case p.party:
		return l.party(p, n)
	}
	return n
}

// party turns {practitioner: npi, at: signed} into {ref: practitioner, key: npi, at: signed}.
func (l *loader) party(p parameter, n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		l.at(n, "%s is a party: write {practitioner: column} or {ref: kind, key: column}", p.name)
		return nil
	}
	if get(n, "ref") != nil {
		return n
	}
	out := l.like(n)
	kinds := 0
	for key, value := range pairs(n) {
		if key.Value == "at" || key.Value == "display" || key.Value == "identifier" {
			out.Content = append(out.Content, key, value)
			continue
		}
		kinds++
		out.Content = append(out.Content, l.word(n, "ref"), l.word(key, key.Value), l.word(n, "key"), value)
	}
	if kinds != 1 {
		l.at(n, "%s is one party: write {practitioner: column} or {ref: kind, key: column}", p.name)
		return nil
	}
	return out
}

// word makes a quoted text at the place of n.
func (l *loader) word(n *yaml.Node, text string) *yaml.Node {
	w := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text, Line: n.Line, Column: n.Column}
	l.files[w] = l.files[n]
	return w
}

// like makes an empty node of the same kind at the same place.
func (l *loader) like(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = nil
	l.files[&c] = l.files[n]
	return &c
}

// substitute gives the shape's node with its arguments; false where nothing is left of it.
func (l *loader) substitute(n *yaml.Node, arguments map[string]*yaml.Node) (*yaml.Node, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		return l.substituteScalar(n, arguments)
	case yaml.MappingNode:
		if given := get(n, "given"); given != nil && get(n, "do") != nil {
			if _, ok := l.substitute(given, arguments); !ok {
				return nil, false
			}
			return l.substitute(get(n, "do"), arguments)
		}
		return l.substituteMapping(n, arguments)
	}
	out := l.like(n)
	for _, c := range n.Content {
		v, ok := l.substitute(c, arguments)
		switch {
		case !ok:
		case v.Kind == yaml.SequenceNode && c.Kind == yaml.ScalarNode: // a list as an argument becomes a part of the list
			out.Content = append(out.Content, v.Content...)
		default:
			out.Content = append(out.Content, v)
		}
	}
	return out, len(out.Content) > 0 || len(n.Content) == 0
}

func (l *loader) substituteMapping(n *yaml.Node, arguments map[string]*yaml.Node) (*yaml.Node, bool) {
	out := l.like(n)
	for key, value := range pairs(n) {
		if key.Value == "parameters" && n == l.shapeRoot(n) {
			continue
		}
		if v, ok := l.substitute(value, arguments); ok {
			out.Content = append(out.Content, key, v)
		}
	}
	return out, len(out.Content) > 0 || len(n.Content) == 0
}

// shapeRoot tells a shape's root node from a part of one.
func (l *loader) shapeRoot(n *yaml.Node) *yaml.Node {
	if get(n, "shape") != nil && get(n, "parameters") != nil {
		return n
	}
	return nil
}

func (l *loader) substituteScalar(n *yaml.Node, arguments map[string]*yaml.Node) (*yaml.Node, bool) {
	name, ok := strings.CutPrefix(n.Value, "$")
	if !ok || n.Style != 0 {
		return n, true
	}
	name, part, nested := strings.Cut(name, ".")
	arg := arguments[name]
	if nested && arg != nil {
		arg = get(arg, part)
	}
	return arg, arg != nil
}
