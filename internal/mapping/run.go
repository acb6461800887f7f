package mapping

import (
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// op appends one JSON value of a resource and notes its facts. It gives false, and leaves nothing behind, where the value is null.
type op interface {
	run(x *run) bool
}

// run is what the plan of one row works with. It is used for one chart after the other, by one goroutine.
type run struct {
	buf    []byte
	row    practice.Row
	item   *practice.Value  // an element of a list column, inside each
	fields []practice.Value // an object of an items column, inside each
	client practice.ClientKey
	this   fhir.Reference // the resource that the row makes
	target fhir.Reference // of a Provenance: the resource that it is about
	ids    *ids
	zone   *time.Location

	facts   gathered
	capture captures
	fault   *fault

	// present are the choice elements that are there without a date (onsetAge): they keep a later date from speaking for them.
	present     []string
	lastUpdated fhir.Interval
	securityAt  int
	vars        activation
	scratch     []byte
	value       practice.Value // of the last expression
}

// fault says which column or element makes a row unusable, never its value.
type fault struct {
	column string
	why    string
}

func (x *run) fail(column, why string) {
	if x.fault == nil {
		x.fault = &fault{column: column, why: why}
	}
}

// captures are the parts of the Coding, Identifier, Quantity or Period that is being written.
type captures struct {
	system, code, display, value string
	start, end                   fhir.Interval
}

// gathered are the facts of the resources of one chart, each kind in blocks that many resources share.
type gathered struct {
	references  block[stage.At[fhir.Reference]]
	codings     block[stage.At[fhir.Coding]]
	identifiers block[stage.At[fhir.Identifier]]
	dates       block[stage.At[fhir.Interval]]
	strings     block[stage.At[string]]
	quantities  block[stage.At[stage.Quantity]]
	formats     block[string]
}

// block hands out slices of one array, so that a row costs no allocation per kind of fact. What is handed out is never changed.
type block[T any] struct {
	all   []T
	start int
}

// blockLength is a compromise: an array for a few charts, and little left over at its end.
const blockLength = 128

func (b *block[T]) add(v T) {
	if len(b.all) == cap(b.all) {
		mine := b.all[b.start:]
		next := make([]T, len(mine), max(blockLength, 2*len(mine)))
		copy(next, mine)
		b.all, b.start = next, 0
	}
	b.all = append(b.all, v)
}

func (b *block[T]) addAll(vs []T) {
	for _, v := range vs {
		b.add(v)
	}
}

func (b *block[T]) count() int { return len(b.all) - b.start }

func (b *block[T]) cut(n int) { b.all = b.all[:b.start+n] }

// take gives what was added since the last take; nil if that is nothing.
func (b *block[T]) take() []T {
	if b.start == len(b.all) {
		return nil
	}
	t := b.all[b.start:len(b.all):len(b.all)]
	b.start = len(b.all)
	return t
}

// mark is a state of a run to go back to when what was begun turns out to be null.
type mark struct {
	buf, references, codings, identifiers, dates, strings, quantities, formats int
}

func (x *run) mark() mark {
	g := &x.facts
	return mark{len(x.buf), g.references.count(), g.codings.count(), g.identifiers.count(), g.dates.count(), g.strings.count(),
		g.quantities.count(), g.formats.count()}
}

func (x *run) back(m mark) {
	g := &x.facts
	x.buf = x.buf[:m.buf]
	g.references.cut(m.references)
	g.codings.cut(m.codings)
	g.identifiers.cut(m.identifiers)
	g.dates.cut(m.dates)
	g.strings.cut(m.strings)
	g.quantities.cut(m.quantities)
	g.formats.cut(m.formats)
}
