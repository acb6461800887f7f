package fhirjson

import (
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Range calls f for every value of every populated element of m, in the order of the JSON keys, each repetition in turn. Extensions that
// google/fhir keeps for itself are left out.
func (s *Shape) Range(m protoreflect.Message, f func(*Element, protoreflect.Message)) {
	var buf [24]populated
	list, err := fill(buf[:0], m, s)
	if err != nil {
		return // an empty choice, which Parse does not make and Append refuses
	}
	for _, p := range list {
		if !p.e.Repeated {
			f(p.e, p.v.Message())
			continue
		}
		l := p.v.List()
		for i := range l.Len() {
			v := l.Get(i).Message()
			if x, ok := v.Interface().(*dtpb.Extension); ok && isInternal(x) {
				continue
			}
			f(p.e, v)
		}
	}
}
