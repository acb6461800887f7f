package mapping

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

var bareName = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)

// getter compiles what yields a value: a column, an item, an expression, {join: [...]} or {text: [...]}. nil after a problem.
func (c *compiler) getter(n *yaml.Node) (getter, practice.ColumnType) {
	switch {
	case n == nil:
		return nil, ""
	case isExpression(n):
		return c.expression(n)
	case isBare(n):
		return c.column(n)
	case n.Kind == yaml.MappingNode && get(n, "id") != nil:
		if c.text(c.keys(n, "id", "id")["id"], "id") != "this" {
			c.at(n, "the only id is {id: this}: that of the row's resource")
			return nil, ""
		}
		return ownID{}, practice.Text
	case n.Kind == yaml.MappingNode && get(n, "join") != nil:
		return c.join(n)
	case n.Kind == yaml.MappingNode && get(n, "text") != nil:
		return c.sections(n)
	}
	c.at(n, "a column, an =expression, {join: ...}, {text: ...} or {id: this} is wanted here")
	return nil, ""
}

func (c *compiler) column(n *yaml.Node) (getter, practice.ColumnType) {
	name := n.Value
	if rest, ok := strings.CutPrefix(name, "item"); ok && c.item != nil && (rest == "" || rest[0] == '.') {
		return c.itemValue(n, strings.TrimPrefix(rest, "."))
	}
	if at, ok := c.h.columns.index[name]; ok {
		return rowColumn{at: at, name: name}, c.h.columns.list[at].Type
	}
	c.at(n, "no column %q; quote it if it is meant as text%s", name, spelling.DidYouMean(name, c.h.columns.names()))
	return nil, ""
}

func (c *compiler) itemValue(n *yaml.Node, field string) (getter, practice.ColumnType) {
	column := c.item.column
	if field == "" {
		if column.Type == practice.Items {
			c.at(n, "an item of %s is an object: name its field", column.Name)
			return nil, ""
		}
		return listItem{name: column.Name}, practice.Text
	}
	var names []string
	for i := range column.Fields {
		if column.Fields[i].Name == field {
			return itemField{at: i, name: column.Name + "." + field}, column.Fields[i].Type
		}
		names = append(names, column.Fields[i].Name)
	}
	c.at(n, "an item of %s has no field %q%s", column.Name, field, spelling.DidYouMean(field, names))
	return nil, ""
}

var (
	nullTestText = regexp.MustCompile(`^row\.([a-z_][a-z0-9_]*) *(==|!=) *null$`)
	textTestText = regexp.MustCompile(`^row\.([a-z_][a-z0-9_]*) *(==|!=) *'([^'\\]*)'$`)
)

// expression compiles `=...`; the commonest conditions become a test of their own, after they passed the type check like all others.
func (c *compiler) expression(n *yaml.Node) (getter, practice.ColumnType) {
	text := strings.TrimSpace(strings.TrimPrefix(n.Value, "="))
	s := c.scope
	e, err := s.compileExpression(text)
	if err != nil {
		c.at(n, "%s", err)
		return nil, ""
	}
	if m := nullTestText.FindStringSubmatch(text); m != nil {
		return nullTest{at: c.h.columns.index[m[1]], isNull: m[2] == "==", name: e.name}, e.result
	}
	if m := textTestText.FindStringSubmatch(text); m != nil {
		at := c.h.columns.index[m[1]]
		if t := c.h.columns.list[at].Type; t == practice.Text || t == practice.Date {
			return textTest{at: at, text: m[3], equal: m[2] == "==", name: e.name}, e.result
		}
	}
	return &bound{expression: e, scope: &s}, e.result
}

// join compiles {join: ["Progress note", {day: at}], with: " "}.
func (c *compiler) join(n *yaml.Node) (getter, practice.ColumnType) {
	keys := c.keys(n, "join", "join", "with")
	j := &joined{separator: " "}
	if with := keys["with"]; with != nil {
		j.separator = with.Value
	}
	if keys["join"].Kind != yaml.SequenceNode {
		c.at(n, "join takes a list")
		return nil, ""
	}
	for _, one := range keys["join"].Content {
		p, ok := c.joinPart(one)
		if !ok {
			return nil, ""
		}
		j.parts = append(j.parts, p)
	}
	return j, practice.Text
}

func (c *compiler) joinPart(n *yaml.Node) (joinPart, bool) {
	if n.Kind == yaml.ScalarNode && !isExpression(n) && !isBare(n) {
		return joinPart{text: n.Value}, true
	}
	day := n.Kind == yaml.MappingNode && get(n, "day") != nil
	inner := n
	if day {
		inner = c.keys(n, "day", "day")["day"]
	}
	g, typ := c.getter(inner)
	if g == nil {
		return joinPart{}, false
	}
	isTime := typ == practice.LocalTime || typ == practice.Instant
	if isTime && !day || day && !isTime && typ != practice.Date || typ == practice.Bytes || typ == practice.List || typ == practice.Items {
		c.at(n, "join takes texts, numbers and dates, and {day: column} for the day of a time; %s is %s", g.column(), typ)
		return joinPart{}, false
	}
	return joinPart{get: g, day: day, zone: c.options.Zone}, true
}

// sections compiles {text: [{Subjective: s}, {Objective: o}, plain]}.
func (c *compiler) sections(n *yaml.Node) (getter, practice.ColumnType) {
	keys := c.keys(n, "text", "text")
	if keys["text"].Kind != yaml.SequenceNode || len(keys["text"].Content) == 0 {
		c.at(n, "text takes a list of sections")
		return nil, ""
	}
	var list sections
	for _, one := range keys["text"].Content {
		label, inner := "", one
		if one.Kind == yaml.MappingNode && len(one.Content) == 2 && get(one, "join") == nil {
			label, inner = one.Content[0].Value, one.Content[1]
		}
		g, typ := c.getter(inner)
		if g == nil {
			return nil, ""
		}
		if typ != practice.Text && typ != practice.Int && typ != practice.Decimal && typ != practice.Date {
			c.at(one, "a section takes a text; %s is %s", g.column(), typ)
			return nil, ""
		}
		list = append(list, section{label: label, get: g})
	}
	return list, practice.Bytes
}
