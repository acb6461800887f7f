package mapping

import "github.com/consentry/gateway/internal/practice"

// translation writes what its table has for a value. A value that the table does not have takes the `else`, or fails the row.
type translation struct {
	get       getter
	to        map[string]op // nil for a value that is dropped
	otherwise op
	open      bool // there is an else
}

func (t *translation) run(x *run) bool {
	v := t.get.value(x)
	if v.IsNull() {
		return false
	}
	o, ok := t.to[textOf(v)]
	if !ok {
		if !t.open {
			x.fail(t.get.column(), "`translate` has no such value, and no `else`")
			return false
		}
		o = t.otherwise
	}
	return o != nil && o.run(x)
}

// when writes its template where a condition holds, and nothing otherwise.
type when struct {
	condition condition
	do        op
}

func (w *when) run(x *run) bool { return w.condition.holds(x) && w.do.run(x) }

// condition is a bool expression. One that fails or gives null does not hold, and fails the row.
type condition struct{ get getter }

func (c condition) holds(x *run) bool {
	v := c.get.value(x)
	if v.Type != practice.Bool {
		x.fail(c.get.column(), "the condition gives neither true nor false")
		return false
	}
	return v.Bool
}

// nullTest is `row.x == null` or `row.x != null` without the expression engine: the commonest condition of all.
type nullTest struct {
	at     int
	isNull bool
	name   string
}

func (t nullTest) column() string { return t.name }

func (t nullTest) value(x *run) *practice.Value {
	return truth(x.row[t.at].IsNull() == t.isNull)
}

var isTrue, isFalse = practice.Value{Type: practice.Bool, Bool: true}, practice.Value{Type: practice.Bool}

func truth(b bool) *practice.Value {
	if b {
		return &isTrue
	}
	return &isFalse
}

// textTest is `row.x == 'text'` or `row.x != 'text'`, likewise.
type textTest struct {
	at    int
	text  string
	equal bool
	name  string
}

func (t textTest) column() string { return t.name }

func (t textTest) value(x *run) *practice.Value {
	v := &x.row[t.at]
	same := !v.IsNull() && v.Text == t.text
	return truth(same == t.equal)
}
