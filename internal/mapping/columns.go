package mapping

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

var columnName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

var scalarTypes = []string{"int", "text", "decimal", "bool", "date", "localtime", "instant", "bytes"}

// typeWords say what fits a column of each type.
var typeWords = map[practice.ColumnType]string{
	practice.Int:       "a whole number",
	practice.Text:      "a text, or a number as a text",
	practice.Decimal:   "a decimal number",
	practice.Bool:      "0 or 1, false or true",
	practice.Date:      "a day as 2026-11-21, or 2026-11, or 2026",
	practice.LocalTime: "a time without a zone as 2026-11-21 09:30, on the practice's clocks",
	practice.Instant:   "a time with its zone as 2026-11-21T09:30:00Z",
	practice.Bytes:     "a blob, or a text",
	practice.List:      "a JSON array of texts, as json_group_array makes it, [] for none",
	practice.Items:     "a JSON array of objects, as json_group_array(json_object(...)) makes it, [] for none",
}

// columns are the declared columns of a map.
type columns struct {
	list  []practice.Column
	index map[string]int
}

func (c *columns) names() []string {
	names := make([]string, len(c.list))
	for i, col := range c.list {
		names[i] = col.Name
	}
	return names
}

// columns reads `columns: {id: int, at: localtime?, tags: list, items: [{code: text}]}`.
func (r *reporter) columns(n *yaml.Node) *columns {
	c := &columns{index: map[string]int{}}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.at(n, "columns must be a mapping of names to types")
		return c
	}
	for key, value := range pairs(n) {
		if !r.columnName(key) {
			continue
		}
		col := practice.Column{Name: key.Value}
		if value.Kind == yaml.SequenceNode {
			col.Type, col.Fields = practice.Items, r.itemFields(value)
		} else {
			col.Type, col.Nullable = r.columnType(value, append([]string{"list"}, scalarTypes...))
		}
		c.index[col.Name] = len(c.list)
		c.list = append(c.list, col)
	}
	return c
}

// misfit says why a value does not fit a column, or a field of its objects as column.field, by what fits: the value itself is not for reports.
func (c *columns) misfit(name string) string {
	name, field, within := strings.Cut(name, ".")
	list := c.list
	if within {
		list = c.list[c.index[name]].Fields
		name = field
	}
	at := slices.IndexFunc(list, func(one practice.Column) bool { return one.Name == name })
	if at < 0 {
		return "does not fit its column"
	}
	column := list[at]
	why := "does not fit its column: " + string(column.Type) + " is " + typeWords[column.Type]
	if !column.Nullable && column.Type != practice.List && column.Type != practice.Items {
		why += "; where it may be null, " + string(column.Type) + "?"
	}
	return why
}

func (r *reporter) columnName(key *yaml.Node) bool {
	switch {
	case !columnName.MatchString(key.Value):
		r.at(key, "a column's name is made of a-z, 0-9 and _: rename it in the statement")
	case key.Tag != "!!str" || key.Value == "item" || key.Value == "row":
		r.at(key, "%q cannot be a column's name: rename it in the statement", key.Value)
	default:
		return true
	}
	return false
}

func (r *reporter) columnType(n *yaml.Node, known []string) (practice.ColumnType, bool) {
	name, nullable := strings.CutSuffix(r.text(n, "a column's type"), "?")
	if name == "" {
		return "", false
	}
	if !slices.Contains(known, name) {
		r.at(n, "no column type %q%s", name, spelling.DidYouMean(name, known))
		return "", false
	}
	return practice.ColumnType(name), nullable
}

// itemFields reads the one flat object of `[{code: text, at: date?}]`. Fields are sorted by name.
func (r *reporter) itemFields(n *yaml.Node) []practice.Column {
	if len(n.Content) != 1 || n.Content[0].Kind != yaml.MappingNode || len(n.Content[0].Content) == 0 {
		r.at(n, "a column of objects is declared as [{field: type, ...}]")
		return nil
	}
	var fields []practice.Column
	for key, value := range pairs(n.Content[0]) {
		if r.columnName(key) {
			typ, nullable := r.columnType(value, scalarTypes)
			fields = append(fields, practice.Column{Name: key.Value, Type: typ, Nullable: nullable})
		}
	}
	slices.SortFunc(fields, func(a, b practice.Column) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}
