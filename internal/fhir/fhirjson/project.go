package fhirjson

import (
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// Projection says what of a resource is written. The zero Projection leaves it whole.
type Projection struct {
	// Gone tells of each reference whether it is to be taken out: the whole element, with its display and identifier. It is asked with
	// the zero Reference for what is no literal relative reference, and with the target of an Attachment's url. Nil keeps all.
	Gone func(fhir.Reference) bool
	// Base is the absolute URL of this FHIR service: what an Attachment's url below it leads to is a reference like a relative one.
	Base string
	// Subset is what of the rest is asked for.
	Subset Subset
}

// ErrLost says that a required element of the resource would be lost, so nothing of it can be written.
var ErrLost = errors.New("fhirjson: a required element of the resource would be lost")

func (p Projection) isZero() bool {
	return p.Gone == nil && p.Subset.IsWhole()
}

// Project applies p to a copy of the resource; msg is not changed.
//
// Where a reference goes, an element that is left empty goes too, and one that loses something that it requires (a Provenance's agent
// without who); that may in turn take what requires it, and if it takes the resource itself, the error is ErrLost. With a reference goes
// the narrative, which may name what it referred to. Contained resources go whenever references are looked at. A Subset
// tags the resource SUBSETTED.
func Project(msg proto.Message, p Projection) (proto.Message, error) {
	msg, err := Unwrap(msg)
	if err != nil {
		return nil, err
	}
	out := proto.Clone(msg)
	m := out.ProtoReflect()
	s := ShapeOf(m.Descriptor())
	if p.Gone != nil {
		r := remover{gone: p.Gone, base: p.Base}
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
	if !p.Subset.IsWhole() {
		p.Subset.cut(m, s)
	}
	return out, nil
}

func dropField(m protoreflect.Message, s *Shape, key string) {
	if e := s.Lookup(key); e != nil {
		m.Clear(e.Field)
	}
}
