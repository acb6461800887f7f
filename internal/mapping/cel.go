package mapping

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// costLimit bounds one expression over one row. An expression that exceeds it fails the row.
const costLimit = 20_000

// expression is a compiled `=` expression over the row.
type expression struct {
	program cel.Program
	result  practice.ColumnType
	name    string
}

// scope is what an expression may name: the row's columns, and inside each the item.
type scope struct {
	columns *columns
	item    practice.ColumnType // Text or Items inside each, "" outside
	fields  []practice.Column
}

func (s *scope) environment() (*cel.Env, error) {
	options := []cel.EnvOption{ext.Strings(ext.StringsVersion(4)), cel.ClearMacros(), cel.Macros(cel.StandardMacros...)}
	for i := range s.columns.list {
		c := &s.columns.list[i]
		options = append(options, cel.Variable("row."+c.Name, celType(c)))
	}
	if s.item == practice.Text {
		options = append(options, cel.Variable("item", cel.StringType))
	}
	for i := range s.fields {
		options = append(options, cel.Variable("item."+s.fields[i].Name, celType(&s.fields[i])))
	}
	return cel.NewEnv(options...)
}

// celType is how an expression sees a column: dates as text, decimals as double, a nullable column as a value that may be null.
func celType(c *practice.Column) *cel.Type {
	t := cel.StringType
	switch c.Type {
	case practice.Int:
		t = cel.IntType
	case practice.Bool:
		t = cel.BoolType
	case practice.Decimal:
		t = cel.DoubleType
	case practice.LocalTime, practice.Instant:
		return cel.TimestampType // may be null as it is
	case practice.Bytes:
		t = cel.BytesType
	case practice.List:
		return cel.ListType(cel.StringType)
	case practice.Items:
		return cel.ListType(cel.MapType(cel.StringType, cel.DynType))
	}
	if c.Nullable {
		return cel.NullableType(t)
	}
	return t
}

var (
	quoted     = regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\.|[^'\\])*'`)
	namesOfRow = regexp.MustCompile(`\brow\.([A-Za-z_][A-Za-z0-9_]*)`)
)

// compileExpression checks an expression (without its `=`) against the scope. The error says what is wrong, without the file.
func (s *scope) compileExpression(text string) (*expression, error) {
	for _, m := range namesOfRow.FindAllStringSubmatch(quoted.ReplaceAllString(text, `""`), -1) {
		if _, ok := s.columns.index[m[1]]; !ok {
			return nil, fmt.Errorf("no column %q%s", m[1], spelling.DidYouMean(m[1], s.columns.names()))
		}
	}
	env, err := s.environment()
	if err != nil {
		return nil, fmt.Errorf("expression environment: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("expression: %s", firstIssue(issues))
	}
	result, err := resultType(ast.OutputType())
	if err != nil {
		return nil, err
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	return &expression{program: program, result: result, name: "=" + text}, nil
}

func firstIssue(issues *cel.Issues) string {
	e := issues.Errors()[0]
	text := strings.ReplaceAll(e.Message, " (in container '')", "")
	return fmt.Sprintf("%s (at column %d)", text, e.Location.Column()+1)
}

func resultType(t *cel.Type) (practice.ColumnType, error) {
	switch {
	case t.IsAssignableType(cel.StringType) && t.Kind() != types.DynKind:
		return practice.Text, nil
	case t.IsAssignableType(cel.BoolType) && t.Kind() != types.DynKind:
		return practice.Bool, nil
	case t.IsAssignableType(cel.IntType) && t.Kind() != types.DynKind:
		return practice.Int, nil
	case t.IsAssignableType(cel.DoubleType) && t.Kind() != types.DynKind:
		return practice.Decimal, nil
	case t.IsAssignableType(cel.BytesType) && t.Kind() != types.DynKind:
		return practice.Bytes, nil
	case t.Kind() == types.TimestampKind:
		return practice.Instant, nil
	}
	return "", fmt.Errorf("the expression gives %s: it must give string, int, bool, double, bytes or timestamp", t)
}

// activation names the row's values for an expression. It is the run itself, so that nothing is copied.
type activation struct {
	x *run
	s *scope
}

func (a *activation) ResolveName(name string) (any, bool) {
	if column, ok := strings.CutPrefix(name, "row."); ok {
		at, ok := a.s.columns.index[column]
		if !ok {
			return nil, false
		}
		return celValue(&a.x.row[at], &a.s.columns.list[at]), true
	}
	if name == "item" && a.x.item != nil {
		return types.String(a.x.item.Text), true
	}
	if field, ok := strings.CutPrefix(name, "item."); ok {
		for i := range a.s.fields {
			if a.s.fields[i].Name == field && i < len(a.x.fields) {
				return celValue(&a.x.fields[i], &a.s.fields[i]), true
			}
		}
	}
	return nil, false
}

func (a *activation) Parent() cel.Activation { return nil }

func celValue(v *practice.Value, c *practice.Column) ref.Val {
	switch v.Type {
	case practice.Int:
		return types.Int(v.Int)
	case practice.Text, practice.Date:
		return types.String(v.Text)
	case practice.Bool:
		return types.Bool(v.Bool)
	case practice.Decimal:
		return types.String(v.Text).ConvertToType(types.DoubleType)
	case practice.LocalTime, practice.Instant:
		return types.Timestamp{Time: v.Time}
	case practice.Bytes:
		return types.Bytes(v.Bytes)
	case practice.List:
		return types.NewStringList(types.DefaultTypeAdapter, v.List)
	case practice.Items:
		return celItems(v, c)
	}
	return types.NullValue
}

func celItems(v *practice.Value, c *practice.Column) ref.Val {
	list := make([]ref.Val, len(v.Items))
	for i, item := range v.Items {
		object := map[ref.Val]ref.Val{}
		for j := range c.Fields {
			object[types.String(c.Fields[j].Name)] = celValue(&item[j], &c.Fields[j])
		}
		list[i] = types.NewRefValMap(types.DefaultTypeAdapter, object)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, list)
}

// bound is an expression in its place in a map.
type bound struct {
	*expression
	scope *scope
}

func (b *bound) column() string { return b.name }

func (b *bound) value(x *run) *practice.Value {
	x.vars = activation{x: x, s: b.scope}
	out, _, err := b.program.Eval(&x.vars)
	if err != nil {
		x.fail(b.name, "the expression fails")
		return &null
	}
	x.value = practice.Value{Type: b.result}
	switch v := out.(type) {
	case types.String:
		x.value.Text = string(v)
	case types.Bool:
		x.value.Bool = bool(v)
	case types.Int:
		x.value.Int = int64(v)
	case types.Double:
		text := practice.Value{}
		if practice.Scan(&text, &practice.Column{Type: practice.Decimal}, float64(v), nil) != nil {
			x.fail(b.name, "the expression gives no number")
		}
		x.value.Text = text.Text
	case types.Bytes:
		x.value.Bytes = []byte(v)
	case types.Timestamp:
		x.value.Time = v.Time
	default:
		x.value = practice.Value{}
		if out != types.NullValue {
			x.fail(b.name, "the expression gives another type than it should")
		}
	}
	return &x.value
}
