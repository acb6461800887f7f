package fhirjson

import (
	"errors"
	"slices"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// Projection says what of a resource is written. The zero Projection leaves it whole.
type Projection struct {
	// Gone tells of each reference whether it is to be taken out: the whole element, with its display and identifier. It is asked with
	// the zero Reference for what is no literal relative reference, and with the target of an Attachment's url. Nil keeps all.
	Gone func(fhir.Reference) bool
	// Elements are the top-level elements that _elements asks for (FHIR R4 3.1.1.5.9). Required ones, id and meta stay. Nil keeps all.
	Elements []string
	// Summary is the value of _summary, as far as it changes what of a resource is written. There is no SummaryTrue: which elements the
	// summary holds is in FHIR's definitions, not in the protos.
	Summary Summary
}

// Summary is a value of _summary (FHIR R4 3.1.1.5.8) that changes what of a resource is written.
type Summary string

// The values of _summary.
const (
	SummaryNone Summary = ""
	SummaryText Summary = "text"
	SummaryData Summary = "data"
)

// ErrLost says that a required element of the resource would be lost, so nothing of it can be written.
var ErrLost = errors.New("fhirjson: a required element of the resource would be lost")

func (p Projection) isZero() bool {
	return p.Gone == nil && p.Elements == nil && p.Summary == SummaryNone
}

// Project applies p to a copy of the resource; msg is not changed.
//
// Where a reference goes, an element that is left empty goes too, and one that loses something that it requires (a Provenance's agent
// without who); that may in turn take what requires it, and if it takes the resource itself, the error is ErrLost. With a reference goes
// the narrative, which may name what it referred to. Contained resources go whenever references are looked at. Project with _elements or
// _summary tags the resource SUBSETTED.
func Project(msg proto.Message, p Projection) (proto.Message, error) {
	msg, err := Unwrap(msg)
	if err != nil {
		return nil, err
	}
	out := proto.Clone(msg)
	m := out.ProtoReflect()
	s := ShapeOf(m.Descriptor())
	if p.Gone != nil {
		r := remover{gone: p.Gone}
		if e := s.Lookup("contained"); e != nil && m.Has(e.Field) {
			r.removed = true
			m.Clear(e.Field)
		}
		stays := r.message(m, s, 0)
		if r.err != nil {
			return nil, r.err
		}
		if !stays {
			return nil, ErrLost
		}
		if r.removed {
			dropField(m, s, "text")
		}
	}
	if p.Elements != nil || p.Summary != SummaryNone {
		subset(m, s, p)
	}
	return out, nil
}

func dropField(m protoreflect.Message, s *Shape, key string) {
	if e := s.Lookup(key); e != nil {
		m.Clear(e.Field)
	}
}

// subset leaves the top-level elements that are asked for, and what may never be missing: id, meta, what is required, and what modifies
// the meaning of the rest.
func subset(m protoreflect.Message, s *Shape, p Projection) {
	for _, e := range s.Elements {
		stays := e.Required || slices.Contains([]string{"id", "meta", "implicitRules", "modifierExtension"}, e.Name)
		asked := p.Elements == nil || slices.Contains(p.Elements, e.Name)
		switch p.Summary {
		case SummaryText:
			asked = asked && e.Name == "text"
		case SummaryData:
			asked = asked && e.Name != "text"
		}
		if !stays && !asked {
			m.Clear(e.Field)
		}
	}
	e := s.Lookup("meta")
	if e == nil {
		return
	}
	if meta, ok := m.Mutable(e.Field).Message().Interface().(*dtpb.Meta); ok {
		meta.Tag = append(meta.Tag, &dtpb.Coding{System: &dtpb.Uri{Value: fhir.SystemObservation}, Code: &dtpb.Code{Value: "SUBSETTED"}})
	}
}
