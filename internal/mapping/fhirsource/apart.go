package fhirsource

import (
	"slices"
	"strings"
	"unicode"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// keptApart are the labels of what is never read in: psychotherapy notes (45 CFR 164.501) and SUD counseling notes (42 CFR 2.11).
var keptApart = []string{"PSYTHPN", "HIPAAPsyNotes", fhir.CodeSUDCounselingNote}

// tellingElements are the elements that say what a resource is.
var tellingElements = []string{"type", "category", "class", "code"}

// isApart tells whether a resource says of itself, by a label, a type, a category or a class, that it is a psychotherapy note. Such a line is
// dropped before anything of it is kept. A Consent never is: what it says may be a denial.
func (n *Notes) isApart(f *stage.Facts, m proto.Message) bool {
	if f.Type == "Consent" {
		return false
	}
	if slices.ContainsFunc(f.SourceLabels, func(l fhir.Coding) bool { return n.isPsychotherapyCode(l) }) {
		return true
	}
	if slices.ContainsFunc(f.Codings, func(c stage.At[fhir.Coding]) bool { return c.Path == "meta.tag" && n.isPsychotherapyCode(c.Value) }) {
		return true
	}
	r := m.ProtoReflect()
	found := false
	fhirjson.ShapeOf(r.Descriptor()).Range(r, func(e *fhirjson.Element, v protoreflect.Message) {
		if slices.Contains(tellingElements, e.Name) {
			found = found || n.conceptSays(v.Interface())
		}
	})
	return found
}

func (n *Notes) conceptSays(v proto.Message) bool {
	switch d := v.(type) {
	case *dtpb.CodeableConcept:
		return saysPsychotherapyNote(d.GetText().GetValue()) || slices.ContainsFunc(d.GetCoding(), func(c *dtpb.Coding) bool { return n.conceptSays(c) })
	case *dtpb.Coding:
		return n.isPsychotherapyCode(fhir.Coding{System: d.GetSystem().GetValue(), Code: d.GetCode().GetValue()}) || saysPsychotherapyNote(d.GetDisplay().GetValue())
	}
	return false
}

func (n *Notes) isPsychotherapyCode(c fhir.Coding) bool {
	label := slices.ContainsFunc(keptApart, func(code string) bool { return strings.EqualFold(strings.TrimSpace(c.Code), code) })
	return label || n.psychotherapy[c.Key()] || saysPsychotherapyNote(c.Code)
}

// saysPsychotherapyNote tells whether words name a note of psychotherapy, however they are written. The words of a service ("psychotherapy,
// 60 minutes") do not.
func saysPsychotherapyNote(words string) bool {
	var b strings.Builder
	for _, r := range words {
		if unicode.IsLetter(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	s := b.String()
	has := func(part string) bool { return strings.Contains(s, part) }
	return has("psychotherap") && has("note") || has("processnote") || has("counsel") && has("note") && (has("substance") || has("sud"))
}

// hasElement tells whether a resource has an element of a name.
func hasElement(m proto.Message, name string) bool {
	r := m.ProtoReflect()
	e := fhirjson.ShapeOf(r.Descriptor()).Lookup(name)
	return e != nil && r.Has(e.Field)
}
