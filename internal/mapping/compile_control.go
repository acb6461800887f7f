package mapping

import (
	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// each compiles {each: column, do: template}.
func (c *compiler) each(n *yaml.Node, p place) piece {
	keys := c.keys(n, "each", "each", "do")
	name := c.text(keys["each"], "each")
	at, ok := c.h.columns.index[name]
	if !ok {
		c.at(keys["each"], "no column %q%s", name, spelling.DidYouMean(name, c.h.columns.names()))
		return piece{}
	}
	column := &c.h.columns.list[at]
	if column.Type != practice.List && column.Type != practice.Items {
		c.at(keys["each"], "each goes through a list column, and %s is of type %s", name, column.Type)
		return piece{}
	}
	if keys["do"] == nil {
		c.at(n, "each needs do: what to write for every item")
		return piece{}
	}
	if c.item != nil {
		c.at(n, "an each within an each is not taken")
		return piece{}
	}
	inner := *c
	inner.item = &itemScope{column: column}
	inner.scope = scope{columns: c.h.columns, item: practice.Text, fields: column.Fields}
	if column.Type == practice.Items {
		inner.scope.item = practice.Items
	}
	body := inner.single(keys["do"], p).folded()
	if body.op == nil {
		return piece{}
	}
	_, optional := body.op.(*when)
	return piece{op: &each{column: at, name: name, do: body.op, strict: c.strict && !optional}, dynamic: true}
}

// when compiles {when: "=condition", do: template}.
func (c *compiler) when(n *yaml.Node, p place) piece {
	keys := c.keys(n, "when", "when", "do")
	cond, ok := c.condition(keys["when"])
	if keys["do"] == nil {
		c.at(n, "when needs do: what to write where the condition holds")
		return piece{}
	}
	body := c.single(keys["do"], p).folded()
	if body.op == nil || !ok {
		return piece{}
	}
	return piece{op: &when{condition: cond, do: body.op}, dynamic: true}
}

// translate compiles {translate: column, to: {F: female}, else: unknown}. The values are literals or templates for the same place.
func (c *compiler) translate(n *yaml.Node, p place) piece {
	keys := c.keys(n, "translate", "translate", "to", "else")
	g, typ := c.getter(keys["translate"])
	if g != nil && typ != practice.Text && typ != practice.Int && typ != practice.Bool {
		c.at(keys["translate"], "translate takes a column of type text, int or bool; %s is %s", g.column(), typ)
		return piece{}
	}
	if keys["to"] == nil || keys["to"].Kind != yaml.MappingNode {
		c.at(n, "translate needs to: a table of values")
		return piece{}
	}
	t := &translation{get: g, to: map[string]op{}}
	ok := g != nil
	for key, value := range pairs(keys["to"]) {
		o, good := c.translated(value, p)
		ok = ok && good
		t.to[key.Value] = o
	}
	if otherwise := keys["else"]; otherwise != nil {
		o, good := c.translated(otherwise, p)
		t.otherwise, t.open = o, true
		ok = ok && good
	}
	if !ok {
		return piece{}
	}
	return piece{op: t, dynamic: true}
}

// translated compiles one value of a table: a scalar is a literal there, null drops the element.
func (c *compiler) translated(n *yaml.Node, p place) (op, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, true
	}
	if isPrimitive(p.message) && n.Kind == yaml.ScalarNode && !isExpression(n) {
		prim := primitiveOf(p.message)
		if prim == nil {
			c.at(n, "%s is of a type that maps do not fill", p.name)
			return nil, false
		}
		v := c.literal(n, p, prim).folded()
		return v.op, v.op != nil
	}
	v := c.single(n, p).folded()
	return v.op, v.op != nil
}

// condition compiles a bool expression.
func (c *compiler) condition(n *yaml.Node) (condition, bool) {
	if n == nil || !isExpression(n) {
		if n != nil {
			c.at(n, "a condition is an expression: it begins with =")
		}
		return condition{}, false
	}
	g, typ := c.expression(n)
	if g == nil {
		return condition{}, false
	}
	if typ != practice.Bool {
		c.at(n, "a condition must be true or false; this expression gives %s", typ)
		return condition{}, false
	}
	return condition{get: g}, true
}
