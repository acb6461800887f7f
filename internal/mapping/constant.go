package mapping

import (
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
	return true
}

// fold runs an op that has no slots and keeps what it gives.
func fold(o op) *literal {
	x := &run{}
	if !o.run(x) {
		return nil
	}
	g := &x.facts
	return &literal{json: x.buf, references: g.references.take(), codings: g.codings.take(), identifiers: g.identifiers.take(),
		dates: g.dates.take(), strings: g.strings.take(), quantities: g.quantities.take(), formats: g.formats.take()}
}
