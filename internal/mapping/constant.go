package mapping

import (
	"cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// literal is a part of the plan without slots: its bytes and facts are made once, when the map is loaded.
type literal struct {
	json        []byte
	references  []stage.At[fhir.Reference]
	codings     []stage.At[fhir.Coding]
	identifiers []stage.At[fhir.Identifier]
	dates       []stage.At[fhir.Interval]
	strings     []stage.At[string]
	quantities  []stage.At[stage.Quantity]
	formats     []string
	capture     captures // a part of the data type around it
}

func (l *literal) run(x *run) bool {
	x.buf = append(x.buf, l.json...)
	g := &x.facts
	g.references.addAll(l.references)
	g.codings.addAll(l.codings)
	g.identifiers.addAll(l.identifiers)
	g.dates.addAll(l.dates)
	g.strings.addAll(l.strings)
	g.quantities.addAll(l.quantities)
	g.formats.addAll(l.formats)
	if l.capture != (captures{}) {
		x.capture.take(&l.capture)
	}
	return true
}

// take takes over what another has.
func (c *captures) take(o *captures) {
	c.system = cmp.Or(o.system, c.system)
	c.code = cmp.Or(o.code, c.code)
	c.display = cmp.Or(o.display, c.display)
	c.value = cmp.Or(o.value, c.value)
	if o.start != (fhir.Interval{}) {
		c.start = o.start
	}
	if o.end != (fhir.Interval{}) {
		c.end = o.end
	}
}

// fold runs an op that has no slots and keeps what it gives.
func fold(o op) *literal {
	x := &run{}
	if !o.run(x) {
		return nil
	}
	g := &x.facts
	return &literal{json: x.buf, references: g.references.take(), codings: g.codings.take(), identifiers: g.identifiers.take(),
		dates: g.dates.take(), strings: g.strings.take(), quantities: g.quantities.take(), formats: g.formats.take(), capture: x.capture}
}
