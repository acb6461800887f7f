package mapping

import (
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// getter yields the value that fills a slot; a null value for none.
type getter interface {
	value(x *run) *practice.Value
	// column is what reports name.
	column() string
}

var null practice.Value

// rowColumn is a column of the row.
type rowColumn struct {
	at   int
	name string
}

func (c rowColumn) value(x *run) *practice.Value { return &x.row[c.at] }
func (c rowColumn) column() string               { return c.name }

// listItem is the element of the list column that each goes through.
type listItem struct{ name string }

func (c listItem) value(x *run) *practice.Value {
	if x.item == nil {
		return &null
	}
	return x.item
}
func (c listItem) column() string { return c.name }

// itemField is a field of the object that each goes through.
type itemField struct {
	at   int
	name string
}

func (c itemField) value(x *run) *practice.Value {
	if c.at >= len(x.fields) {
		return &null
	}
	return &x.fields[c.at]
}
func (c itemField) column() string { return c.name }

// ownID is the id of the resource that is being made, as the value of a business identifier: the practice's own keys do not leave.
type ownID struct{}

func (ownID) value(x *run) *practice.Value {
	x.value = practice.Value{Type: practice.Text, Text: x.this.ID}
	return &x.value
}
func (ownID) column() string { return "id" }

// joined puts texts together; null parts are left out with their separator.
type joined struct {
	parts     []joinPart
	separator string
}

type joinPart struct {
	text string
	get  getter // nil for a text as it stands
	day  bool   // the local calendar day of a time
	zone *time.Location
}

func (j *joined) value(x *run) *practice.Value {
	x.scratch = x.scratch[:0]
	filled := false
	var day [len(time.DateOnly)]byte
	for _, p := range j.parts {
		text := p.text
		if p.get != nil {
			v := p.get.value(x)
			if v.IsNull() {
				continue
			}
			if text = textOf(v); p.day {
				text = string(appendDayOf(day[:0], v, p.zone))
			}
			if text == "" {
				continue
			}
		}
		if filled {
			x.scratch = append(x.scratch, j.separator...)
		}
		x.scratch = append(x.scratch, text...)
		filled = true
	}
	if !filled {
		return &null
	}
	x.value = practice.Value{Type: practice.Text, Text: string(x.scratch)}
	return &x.value
}
func (j *joined) column() string { return "join" }

// sections are the parts of a note, as plain text: each with its label, an empty line between them. Null and empty ones are left out.
type sections []section

type section struct {
	label string
	get   getter
}

func (s sections) value(x *run) *practice.Value {
	x.scratch = x.scratch[:0]
	for _, part := range s {
		v := part.get.value(x)
		if v.IsNull() {
			continue
		}
		text := textOf(v)
		if text == "" {
			continue
		}
		if len(x.scratch) > 0 {
			x.scratch = append(x.scratch, "\n\n"...)
		}
		if part.label != "" {
			x.scratch = append(append(x.scratch, part.label...), ": "...)
		}
		x.scratch = append(x.scratch, text...)
	}
	if len(x.scratch) == 0 {
		return &null
	}
	x.value = practice.Value{Type: practice.Bytes, Bytes: x.scratch}
	return &x.value
}
func (s sections) column() string { return s[0].get.column() }

// textOf is a value as text; "" for what has no text form.
func textOf(v *practice.Value) string {
	switch v.Type {
	case practice.Text, practice.Decimal, practice.Date:
		return v.Text
	case practice.Int:
		return strconv.FormatInt(v.Int, 10)
	case practice.Bool:
		return strconv.FormatBool(v.Bool)
	}
	return ""
}

// appendDayOf appends the calendar day of a time in the practice's zone, or a date as it stands.
func appendDayOf(dst []byte, v *practice.Value, zone *time.Location) []byte {
	switch v.Type {
	case practice.Date:
		return append(dst, v.Text...)
	case practice.LocalTime, practice.Instant:
		return appendDay(dst, v.Time.In(zone))
	}
	return dst
}
