package mapping

import (
	"slices"
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
	buf    []byte // the body that is being made
	room   bodies
	row    practice.Row
	item   *practice.Value  // an element of a list column, inside each
	fields []practice.Value // an object of an items column, inside each
	client practice.ClientKey
	this   fhir.Reference // the resource that the row makes
	target fhir.Reference // of a Provenance: the resource that it is about
	ids    *ids
	memos  [memos]memo
	zone   *time.Location
	clock  written // the time that was written last

	made    block[encoded]
	facts   gathered
	last    [2]alike // of a row's record, and of its Provenance
	capture captures
	period  period
	fault   *fault

	// kind and key are of the row, for the ids of what its content goes into.
	kind, key string
	large     []byte    // data that is too long for where it was to be written
	contents  []content // what goes into Binaries of the resource

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

// captures are the parts of the Coding, Identifier or Quantity that is being written.
type captures struct {
	system, code, display, value string
}

// period is the Period that is being written.
type period struct{ start, end fhir.Interval }

// gathered are the facts of the resources of one chart, each kind in blocks that many resources share.
type gathered struct {
	references  block[stage.At[fhir.Reference]]
	unnamed     block[stage.At[[]string]]
	codings     block[stage.At[fhir.Coding]]
	identifiers block[stage.At[fhir.Identifier]]
	dates       block[stage.At[fhir.Interval]]
	strings     block[stage.At[string]]
	quantities  block[stage.At[stage.Quantity]]
	formats     block[string]
	others      block[fhir.Reference] // authors, and what a resource inherits from
	authors     []fhir.Reference
	room        []stage.Facts
}

// block hands out slices of one array, so that a row costs no allocation per kind of fact. What is handed out is never changed.
type block[T any] struct {
	all   []T
	start int
}

// blockLength is a compromise: an array for a few charts, and little left over at its end.
const blockLength = 128

// factsLength is how many Facts, which are larger, share an array.
const factsLength = 8

func (b *block[T]) add(v T) {
	if len(b.all) == cap(b.all) {
		b.grow(1)
	}
	b.all = append(b.all, v)
}

func (b *block[T]) addAll(vs []T) {
	if len(b.all)+len(vs) > cap(b.all) {
		b.grow(len(vs))
	}
	b.all = append(b.all, vs...)
}

// grow begins a new array, with what was added since the last take and room for n more.
func (b *block[T]) grow(n int) {
	mine := b.all[b.start:]
	next := make([]T, len(mine), max(blockLength, 2*(len(mine)+n)))
	copy(next, mine)
	b.all, b.start = next, 0
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

// newFacts gives room for the Facts of one resource. Those of a chart live and die together.
func (x *run) newFacts() *stage.Facts {
	if len(x.facts.room) == 0 {
		x.facts.room = make([]stage.Facts, factsLength)
	}
	f := &x.facts.room[0]
	x.facts.room = x.facts.room[1:]
	return f
}

// alike is what the last resource of a plan had: its neighbours in a chart often have the same, and need not keep it once more each.
type alike struct {
	codings []stage.At[fhir.Coding]
	formats []string
	authors []fhir.Reference
}

// takeAlike takes what was added, or what last is where that is the same.
func takeAlike[T comparable](b *block[T], last *[]T) []T {
	if len(*last) > 0 && slices.Equal(b.all[b.start:], *last) {
		b.cut(0)
		return *last
	}
	t := b.take()
	*last = t
	return t
}

// mark is a state of a run to go back to when what was begun turns out to be null.
type mark struct {
	buf, references, unnamed, codings, identifiers, dates, strings, quantities, formats, contents int
}

func (x *run) mark() mark {
	g := &x.facts
	return mark{len(x.buf), g.references.count(), g.unnamed.count(), g.codings.count(), g.identifiers.count(), g.dates.count(), g.strings.count(),
		g.quantities.count(), g.formats.count(), len(x.contents)}
}

func (x *run) back(m mark) {
	g := &x.facts
	x.buf = x.buf[:m.buf]
	g.references.cut(m.references)
	g.unnamed.cut(m.unnamed)
	g.codings.cut(m.codings)
	g.identifiers.cut(m.identifiers)
	g.dates.cut(m.dates)
	g.strings.cut(m.strings)
	g.quantities.cut(m.quantities)
	g.formats.cut(m.formats)
	x.contents = x.contents[:m.contents]
}
