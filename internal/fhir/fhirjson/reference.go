package fhirjson

import (
	"strings"
	"sync"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// referenceTypes maps the typed fields of the Reference proto to the resource types that they refer to.
var referenceTypes = sync.OnceValue(func() map[protoreflect.FieldNumber]string {
	types := map[protoreflect.FieldNumber]string{}
	oneof := (*dtpb.Reference)(nil).ProtoReflect().Descriptor().Oneofs().ByName("reference")
	for i := range oneof.Fields().Len() {
		f := oneof.Fields().Get(i)
		if typ := proto.GetExtension(f.Options(), apb.E_ReferencedFhirType).(string); typ != "" {
			types[f.Number()] = typ
		}
	}
	return types
})

// literal gives Reference.reference as FHIR JSON has it, from whichever field of the proto holds it; nil if there is none.
func literal(r *dtpb.Reference) *dtpb.String {
	if r.GetReference() == nil || r.GetUri() != nil {
		return r.GetUri()
	}
	if f := r.GetFragment(); f != nil {
		return &dtpb.String{Value: "#" + f.GetValue()}
	}
	m := r.ProtoReflect()
	f := m.WhichOneof(m.Descriptor().Oneofs().ByName("reference"))
	id, ok := m.Get(f).Message().Interface().(*dtpb.ReferenceId)
	if !ok {
		return nil
	}
	parts := []string{referenceTypes()[f.Number()], id.GetValue()}
	if h := id.GetHistory().GetValue(); h != "" {
		parts = append(parts, "_history", h)
	}
	return &dtpb.String{Value: strings.Join(parts, "/")}
}

// ReferenceOf gives the literal relative reference that r holds. Everything else (an absolute URL, a URN, a fragment, a conditional or
// logical reference, a display alone) is the zero Reference: it refers to nothing that we can follow.
func ReferenceOf(r *dtpb.Reference) fhir.Reference {
	ref, _ := fhir.ParseReference(literal(r).GetValue())
	return ref
}
