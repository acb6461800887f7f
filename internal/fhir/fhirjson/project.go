package fhirjson

import (
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
)

// Projection says what of a resource is written. The zero Projection leaves it whole.
type Projection struct {
	Gone func(fhir.Reference) bool
}

func (p Projection) isZero() bool { return p.Gone == nil }

// Project applies p to a copy of the resource.
func Project(msg proto.Message, p Projection) (proto.Message, error) { return proto.Clone(msg), nil }
