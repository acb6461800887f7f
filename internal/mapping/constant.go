package mapping

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// literal is a part of the plan without slots: its bytes and facts are made once, when the map is loaded.
type literal struct {
	json    []byte
	codings []stage.At[fhir.Coding]
	facts   *known // what it says besides, nil for nothing
}

// known is what a literal says besides codings.
type known struct {
	references  []stage.At[fhir.Reference]
	unnamed     []stage.At[[]string]
	identifiers []stage.At[fhir.Identifier]
	dates       []stage.At[fhir.Interval]
	strings     []stage.At[string]
	quantities  []stage.At[stage.Quantity]
	formats     []string
	capture     captures // a part of the data type around it
	period      period
}

func (l *literal) run(x *run) bool {
	x.buf = append(x.buf, l.json...)
	if len(l.codings) > 0 {
		x.facts.codings.addAll(l.codings)
	}
	if l.facts != nil {
		l.facts.note(x)
	}
	return true
}

func (k *known) note(x *run) {
	g := &x.facts
	g.references.addAll(k.references)
	g.unnamed.addAll(k.unnamed)
	g.identifiers.addAll(k.identifiers)
	g.dates.addAll(k.dates)
	g.strings.addAll(k.strings)
	g.quantities.addAll(k.quantities)
	g.formats.addAll(k.formats)
	x.capture.take(&k.capture)
	x.period.take(&k.period)
}

// take takes over what another has.
func (c *captures) take(o *captures) {
	c.system = cmp.Or(o.system, c.system)
	c.code = cmp.Or(o.code, c.code)
	c.display = cmp.Or(o.display, c.display)
	c.value = cmp.Or(o.value, c.value)
}

func (p *period) take(o *period) {
	if o.start != (fhir.Interval{}) {
		p.start = o.start
	}
	if o.end != (fhir.Interval{}) {
		p.end = o.end
	}
}

// fold runs an op that has no slots and keeps what it gives.
func fold(o op) *literal {
	x := &run{}
	if !o.run(x) {
		return nil
	}
	return literalOf(x)
}

// literalOf is what a run gave.
func literalOf(x *run) *literal {
	g := &x.facts
	l := &literal{json: x.buf, codings: slices.Clone(g.codings.take())}
	k := &known{references: slices.Clone(g.references.take()), unnamed: slices.Clone(g.unnamed.take()),
		identifiers: slices.Clone(g.identifiers.take()), dates: slices.Clone(g.dates.take()),
		strings: slices.Clone(g.strings.take()), quantities: slices.Clone(g.quantities.take()), formats: slices.Clone(g.formats.take()),
		capture: x.capture, period: x.period}
	if !reflect.ValueOf(*k).IsZero() {
		l.facts = k
	}
	return l
}

// mergeLiterals joins the members of an object that stand side by side as literals. One that carries the object stays a member of its own.
func mergeLiterals(fields []field) []field {
	merged := fields[:0:0]
	for _, f := range fields {
		l, ok := f.op.(*literal)
		if last := len(merged) - 1; ok && last >= 0 && !f.carries && !merged[last].carries {
			if before, ok := merged[last].op.(*literal); ok {
				merged[last].op = before.followed(f.key, l)
				continue
			}
		}
		merged = append(merged, f)
	}
	return merged
}

// followed is l with another literal behind it, under its key.
func (l *literal) followed(key []byte, next *literal) *literal {
	x := &run{}
	l.run(x)
	x.buf = append(x.buf, key...)
	next.run(x)
	return literalOf(x)
}
