package mapping

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

// collects says which fact an object as a whole becomes.
type collects int

const (
	collectsNothing collects = iota
	collectsCoding
	collectsReference
	collectsIdentifier
	collectsQuantity
	collectsPeriod
)

// field is a member of an object. key is `,"name":`, of which the first member leaves out the comma.
type field struct {
	key      []byte
	name     string
	op       op
	dynamic  bool // has slots
	required bool // by FHIR
	carries  bool // one of the members of which one must be there
}

// object writes its members in the order of their names, as jsonformat does. One that has slots, all of them null, is dropped with its
// literals; one that lacks a required member fails the row.
type object struct {
	fields   []field
	path     string
	dynamic  bool
	collects collects
	format   bool     // the Coding is the format of a document
	allowed  []string // the types that a Reference may mean
	carried  bool     // needs one of the members that carry it: an Attachment is nothing without its content
}

func (o *object) run(x *run) bool {
	switch o.collects {
	case collectsNothing:
		return o.write(x)
	case collectsPeriod:
		outer := x.period
		x.period = period{}
		ok := o.write(x)
		if ok {
			o.collect(x)
		}
		x.period = outer
		return ok
	}
	outer := x.capture
	x.capture = captures{}
	ok := o.write(x)
	if ok {
		o.collect(x)
	}
	x.capture = outer
	return ok
}

func (o *object) write(x *run) bool {
	m := x.mark()
	live, missing := o.members(x)
	if x.fault == nil && live && missing != "" {
		x.fail(joinPath(o.path, missing), "a required element is missing")
	}
	if x.fault != nil || !live {
		x.back(m)
		return false
	}
	x.buf = append(x.buf, '}')
	return true
}

func (o *object) members(x *run) (live bool, missing string) {
	live = !o.dynamic
	first, carried := true, !o.carried
	x.buf = append(x.buf, '{')
	for i := range o.fields {
		f := &o.fields[i]
		at := len(x.buf)
		if first {
			x.buf = append(x.buf, f.key[1:]...)
		} else {
			x.buf = append(x.buf, f.key...)
		}
		if f.op.run(x) {
			first = false
			live = live || f.dynamic
			carried = carried || f.carries
			continue
		}
		if x.fault != nil {
			return false, ""
		}
		x.buf = x.buf[:at]
		if f.required && missing == "" {
			missing = f.name
		}
	}
	return live && !first && carried, missing
}

// collect notes what the object as a whole says.
func (o *object) collect(x *run) {
	c := &x.capture
	switch o.collects {
	case collectsCoding:
		if c.code == "" {
			return
		}
		if o.format {
			x.facts.formats.add(c.code)
		}
		x.facts.codings.add(stage.At[fhir.Coding]{Path: o.path, Value: fhir.Coding{System: c.system, Code: c.code, Display: c.display}})
	case collectsReference: // by identifier or display only: nobody we can name
		x.facts.references.add(stage.At[fhir.Reference]{Path: o.path})
		x.facts.unnamed.add(stage.At[[]string]{Path: o.path, Value: facts.MayMean("", c.value, o.allowed)})
	case collectsIdentifier:
		if c.value == "" {
			return
		}
		x.facts.identifiers.add(stage.At[fhir.Identifier]{Path: o.path, Value: fhir.Identifier{System: c.system, Value: c.value}})
	case collectsQuantity:
		x.facts.quantities.add(stage.At[stage.Quantity]{Path: o.path, Value: stage.Quantity{Value: c.value, System: c.system, Code: c.code}})
	case collectsPeriod:
		x.facts.dates.add(stage.At[fhir.Interval]{Path: o.path, Value: fhir.Interval{Start: x.period.start.Start, End: x.period.end.End}})
	}
}

// array writes its elements; null ones are left out, and an array without any is null.
type array struct {
	elements []op
}

func (a *array) run(x *run) bool {
	start := len(x.buf)
	x.buf = append(x.buf, '[')
	for _, e := range a.elements {
		if !x.element(start, e) && x.fault != nil {
			return false
		}
	}
	return x.closeArray(start)
}

// element appends one element to the array that began at start, with a comma where one is needed. An each appends several.
func (x *run) element(start int, e op) bool {
	at := len(x.buf)
	if at > start+1 {
		x.buf = append(x.buf, ',')
	}
	if e.run(x) {
		return true
	}
	x.buf = x.buf[:at]
	return false
}

func (x *run) closeArray(start int) bool {
	if len(x.buf) == start+1 {
		x.buf = x.buf[:start]
		return false
	}
	x.buf = append(x.buf, ']')
	return true
}

// each appends its template once for every item of a list column, separated by commas: it stands inside an array.
type each struct {
	column int
	name   string
	do     op
	strict bool // an item that gives nothing fails the row
}

func (e *each) run(x *run) bool {
	v := &x.row[e.column]
	if e.strict && v.IsNull() {
		x.fail(e.name, "the list is unknown; an empty one would say that there is none")
		return false
	}
	outerItem, outerFields := x.item, x.fields
	defer func() { x.item, x.fields = outerItem, outerFields }()
	start := len(x.buf)
	for i := range v.Items {
		x.fields = v.Items[i]
		if !e.one(x, start) {
			return false
		}
	}
	if len(v.List) > 0 {
		x.item = &practice.Value{Type: practice.Text}
	}
	for i := range v.List {
		x.item.Text = v.List[i]
		if !e.one(x, start) {
			return false
		}
	}
	return len(x.buf) > start
}

func (e *each) one(x *run, start int) bool {
	at := len(x.buf)
	if at > start {
		x.buf = append(x.buf, ',')
	}
	if e.do.run(x) {
		return true
	}
	x.buf = x.buf[:at]
	if e.strict {
		x.fail(e.name, "an element of the provision has no value")
	}
	return x.fault == nil
}
