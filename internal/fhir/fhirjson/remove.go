package fhirjson

import (
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// remover takes out the references that are gone, with all that cannot be without them.
type remover struct {
	gone    func(fhir.Reference) bool
	base    string
	removed bool // whether anything was taken out
	err     error
}

// message works below m, and says whether m itself stays.
func (r *remover) message(m protoreflect.Message, s *Shape, depth int) (stays bool) {
	if depth > maxDepth {
		r.err = errDepth
		return false
	}
	changed, incomplete := false, false
	for i := 0; i < len(s.Elements); i = s.Elements[i].run {
		e := s.Elements[i]
		if e.literal || !m.Has(e.Field) {
			continue
		}
		touched, left := r.field(m, s.Elements[i:e.run], depth)
		changed = changed || touched
		incomplete = incomplete || e.Required && !left
	}
	if !changed {
		return true
	}
	r.removed = true
	return !incomplete && !isEmpty(m, s)
}

// field works on one field of m: a single element, a list, or a choice, whose options are elems. touched says that something was taken
// out of it, left that something of it is still there.
func (r *remover) field(m protoreflect.Message, elems []*Element, depth int) (touched, left bool) {
	e := elems[0]
	if e.Repeated {
		return r.list(m, e, depth)
	}
	v := m.Mutable(e.Field).Message()
	if e.Option != nil {
		chosen := v.WhichOneof(e.oneof)
		for _, o := range elems {
			if o.Option == chosen {
				e = o
			}
		}
		if chosen == nil {
			return false, false
		}
		v = v.Mutable(chosen).Message()
	}
	touched, left = r.value(e, v, depth)
	if !left {
		m.Clear(e.Field)
	}
	return touched, left
}

func (r *remover) list(m protoreflect.Message, e *Element, depth int) (touched, left bool) {
	l := m.Mutable(e.Field).List()
	n := 0
	for i := range l.Len() {
		t, stays := r.value(e, l.Get(i).Message(), depth)
		touched = touched || t
		if stays {
			l.Set(n, l.Get(i))
			n++
		}
	}
	l.Truncate(n)
	if n == 0 {
		m.Clear(e.Field)
	}
	return touched, n > 0
}

// value works on one value.
func (r *remover) value(e *Element, v protoreflect.Message, depth int) (touched, left bool) {
	if r.isGone(e, v) {
		r.removed = true
		return true, false
	}
	before := r.removed
	r.removed = false
	left = r.message(v, e.Value(), depth+1)
	touched = r.removed
	r.removed = touched || before
	return touched, left
}

func (r *remover) isGone(e *Element, v protoreflect.Message) bool {
	if e.Kind == Contained || e.Kind == Resource {
		return true // nothing here decides about a resource within a resource
	}
	switch d := v.Interface().(type) {
	case *dtpb.Reference:
		return r.gone(ReferenceOf(d))
	case *dtpb.Attachment:
		if d.Url == nil {
			return false
		}
		ref, _ := fhir.ParseURL(r.base, d.Url.GetValue())
		return r.gone(ref)
	}
	return false
}

// isEmpty tells whether m says nothing any more: no element but its id, an extension with its url only, a primitive without a value.
func isEmpty(m protoreflect.Message, s *Shape) bool {
	if s.IsPrimary {
		return !hasValue(m, s) && !HasExtra(m)
	}
	if s.IsResource {
		return false
	}
	empty := true
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		empty = f.Name() == "id" || s.Name == "Extension" && f.Name() == "url"
		return empty
	})
	return empty
}
