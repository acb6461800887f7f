package mapping

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// refTo says which resource a reference means.
type refTo int

const (
	refKind     refTo = iota // the resource that a map makes for a key
	refSelf                  // the client's Patient
	refPractice              // the practice's own Organization
	refThis                  // the resource that the row makes
)

// reference writes a Reference to another mapped resource: {"display":...,"identifier":...,"reference":"Type/id"}.
type reference struct {
	to                  refTo
	typ, kind           string
	directory           bool
	key                 getter
	memo                int    // its place among the memos of a run
	at                  getter // a null drops the reference; nil for none
	path                string
	display, identifier op // nil for none
}

func (r *reference) run(x *run) bool {
	if r.at != nil && r.at.value(x).IsNull() {
		return false
	}
	ref, ok := r.resolve(x)
	if !ok {
		return false
	}
	x.facts.references.add(stage.At[fhir.Reference]{Path: r.path, Value: ref})
	x.buf = append(x.buf, '{')
	if r.display != nil {
		x.optional(`"display":`, r.display)
	}
	if r.identifier != nil {
		x.optional(`"identifier":`, r.identifier)
	}
	if x.fault != nil { // nothing of the row is kept
		return false
	}
	x.buf = append(x.buf, `"reference":"`...)
	x.buf = append(append(append(x.buf, ref.Type...), '/'), ref.ID...)
	x.buf = append(x.buf, `"}`...)
	return true
}

// optional writes a member that is not the last one, or nothing where it is null.
func (x *run) optional(key string, o op) {
	at := len(x.buf)
	x.buf = append(x.buf, key...)
	if o.run(x) {
		x.buf = append(x.buf, ',')
	} else {
		x.buf = x.buf[:at]
	}
}

// resolve gives the resource that is meant; false for a null key.
func (r *reference) resolve(x *run) (fhir.Reference, bool) {
	switch r.to {
	case refSelf:
		return x.ids.patient, x.ids.patient.ID != ""
	case refPractice:
		return x.ids.practice, x.ids.practice.ID != ""
	case refThis:
		return x.target, x.target.ID != ""
	}
	v := r.key.value(x)
	if v.IsNull() {
		return fhir.Reference{}, false
	}
	m := &x.memos[r.memo]
	if m.of == r && m.typ == v.Type && m.number == v.Int && m.text == v.Text {
		return m.ref, true
	}
	key := textOf(v)
	if key == "" {
		return fhir.Reference{}, false
	}
	id, err := x.ids.id(r.typ, r.kind, key, r.directory)
	if err != nil {
		x.fail(r.key.column(), "its id cannot be made")
		return fhir.Reference{}, false
	}
	*m = memo{of: r, typ: v.Type, number: v.Int, text: v.Text, ref: fhir.Reference{Type: r.typ, ID: id}}
	return m.ref, true
}

// memo is the key that a reference resolved last, of type int or text: a chart's next row often has the same author.
type memo struct {
	of     *reference
	typ    practice.ColumnType
	number int64
	text   string
	ref    fhir.Reference
}

// memos is how many references a run remembers the last key of. Those that share a place only take it from each other.
const memos = 16
