package fhirjson

import (
	"errors"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// maxDepth bounds the nesting that is written; Parse accepts less.
const maxDepth = 200

var (
	errNotResource = errors.New("fhirjson: not a FHIR R4 resource")
	errEmptyChoice = errors.New("fhirjson: a choice without a value")
	errContained   = errors.New("fhirjson: a contained resource that cannot be read")
	errNoPlace     = errors.New("fhirjson: no place for meta.security")
	errDepth       = errors.New("fhirjson: nested too deep")
)

// Append appends a resource as JSON, after the projection. The zero Projection leaves it whole. msg is a resource or a
// ContainedResource, and is not changed.
func Append(dst []byte, msg proto.Message, p Projection) ([]byte, error) {
	m, err := Unwrap(msg)
	if err != nil {
		return dst, err
	}
	if !p.isZero() {
		if m, err = Project(m, p); err != nil {
			return dst, err
		}
	}
	w := writer{dst: dst}
	w.message(m.ProtoReflect(), nil)
	return w.dst, w.err
}

// AppendUnlabeled appends a resource that has a meta without security, and gives the offset at which `,"security":[...]` belongs: behind
// the last member of meta that sorts before it. There must be one.
func AppendUnlabeled(dst []byte, msg proto.Message) (out []byte, securityAt int, err error) {
	m, err := Unwrap(msg)
	if err != nil {
		return dst, 0, err
	}
	w := writer{dst: dst, labels: true}
	w.message(m.ProtoReflect(), nil)
	if w.err == nil && w.securityAt == 0 {
		w.err = errNoPlace
	}
	return w.dst, w.securityAt - len(dst), w.err
}

// AppendElement appends a datatype or backbone element.
func AppendElement(dst []byte, msg proto.Message) ([]byte, error) {
	w := writer{dst: dst}
	w.message(msg.ProtoReflect(), nil)
	return w.dst, w.err
}

// Unwrap gives the resource in a ContainedResource, or msg itself if it is a resource.
func Unwrap(msg proto.Message) (proto.Message, error) {
	if msg == nil {
		return nil, errNotResource
	}
	m := msg.ProtoReflect()
	if m.Descriptor().FullName() == (*rpb.ContainedResource)(nil).ProtoReflect().Descriptor().FullName() {
		f := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
		if f == nil {
			return nil, errNotResource
		}
		return m.Get(f).Message().Interface(), nil
	}
	if !ShapeOf(m.Descriptor()).IsResource {
		return nil, errNotResource
	}
	return msg, nil
}

// UnwrapAny gives the resource that is packed in an element `contained`.
func UnwrapAny(m protoreflect.Message) (proto.Message, error) {
	packed, ok := m.Interface().(*anypb.Any)
	if !ok {
		return nil, errContained
	}
	var r rpb.ContainedResource
	if err := packed.UnmarshalTo(&r); err != nil {
		return nil, errContained
	}
	return Unwrap(&r)
}

type writer struct {
	dst   []byte
	err   error
	depth int

	labels     bool // note where meta.security belongs
	securityAt int
}

// populated is an element that is there, with its value: a message or a list of them.
type populated struct {
	e *Element
	v protoreflect.Value
}

// fill appends the populated elements of m in the order of their keys.
func fill(list []populated, m protoreflect.Message, s *Shape) ([]populated, error) {
	for i := 0; i < len(s.Elements); {
		e := s.Elements[i]
		switch {
		case e.literal:
			if text := literal(m.Interface().(*dtpb.Reference)); text != nil {
				list = append(list, populated{e, protoreflect.ValueOfMessage(text.ProtoReflect())})
			}
		case !m.Has(e.Field):
			i = e.run
			continue
		case e.Option == nil:
			list = append(list, populated{e, m.Get(e.Field)})
		default:
			choice := m.Get(e.Field).Message()
			chosen := choice.WhichOneof(e.oneof)
			if chosen == nil {
				return list, errEmptyChoice
			}
			for _, o := range s.Elements[i:e.run] {
				if o.Option == chosen {
					list = append(list, populated{o, choice.Get(chosen)})
				}
			}
			i = e.run
			continue
		}
		i++
	}
	return list, nil
}

func (w *writer) message(m protoreflect.Message, s *Shape) {
	if w.depth++; w.depth > maxDepth {
		w.err = errDepth
	}
	defer func() { w.depth-- }()
	if w.err != nil {
		return
	}
	if s == nil {
		s = ShapeOf(m.Descriptor())
	}
	var buf [24]populated
	list, err := fill(buf[:0], m, s)
	if err != nil {
		w.err = err
		return
	}
	w.dst = append(w.dst, '{')
	start := len(w.dst)
	for _, p := range list { // keys with an underscore sort before all others
		if p.e.Kind == Primitive {
			w.extras(start, p)
		}
	}
	w.mark(s, start, "")
	resourceType := !s.IsResource // written already
	for _, p := range list {
		if !resourceType && p.e.Key > "resourceType" {
			w.resourceType(start, s)
			resourceType = true
		}
		w.element(start, p)
		w.mark(s, start, p.e.Key)
	}
	if !resourceType {
		w.resourceType(start, s)
	}
	w.dst = append(w.dst, '}')
}

func (w *writer) resourceType(start int, s *Shape) {
	w.comma(start)
	w.dst = append(w.dst, s.resourceType...)
}

// mark notes the place behind the last member of the resource's own meta that sorts before "security".
func (w *writer) mark(s *Shape, start int, key string) {
	if w.labels && w.depth == 2 && s.Name == "Meta" && key < "security" && len(w.dst) > start {
		w.securityAt = len(w.dst)
	}
}

func (w *writer) comma(start int) {
	if len(w.dst) > start {
		w.dst = append(w.dst, ',')
	}
}

func (w *writer) element(start int, p populated) {
	if w.err != nil {
		return
	}
	e := p.e
	if !e.Repeated {
		m := p.v.Message()
		if e.Kind == Primitive && !hasValue(m, e.Value()) {
			return
		}
		w.comma(start)
		w.dst = append(w.dst, e.key...)
		w.value(e, m)
		return
	}
	l := p.v.List()
	if e.Kind == Primitive && !anyOf(l, func(m protoreflect.Message) bool { return hasValue(m, e.Value()) }) {
		return
	}
	w.comma(start)
	w.dst = append(w.dst, e.key...)
	w.dst = append(w.dst, '[')
	for i := range l.Len() {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		m := l.Get(i).Message()
		if e.Kind == Primitive && !hasValue(m, e.Value()) {
			w.dst = append(w.dst, "null"...)
			continue
		}
		w.value(e, m)
	}
	w.dst = append(w.dst, ']')
}

func (w *writer) value(e *Element, m protoreflect.Message) {
	switch e.Kind {
	case Primitive:
		dst, err := appendPrimitive(w.dst, m, e.Value())
		w.dst = dst
		w.fail(err)
	case Contained:
		r, err := UnwrapAny(m)
		if err != nil {
			w.fail(err)
			return
		}
		w.message(r.ProtoReflect(), nil)
	case Resource:
		r, err := Unwrap(m.Interface())
		if err != nil {
			w.fail(err)
			return
		}
		w.message(r.ProtoReflect(), nil)
	default:
		w.message(m, e.Value())
	}
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// extras writes the id and extensions of a primitive, under the key with an underscore.
func (w *writer) extras(start int, p populated) {
	if w.err != nil {
		return
	}
	if !p.e.Repeated {
		if m := p.v.Message(); HasExtra(m) {
			w.comma(start)
			w.dst = append(w.dst, p.e.underscoreKey...)
			w.extra(m)
		}
		return
	}
	l := p.v.List()
	if !anyOf(l, HasExtra) {
		return
	}
	w.comma(start)
	w.dst = append(w.dst, p.e.underscoreKey...)
	w.dst = append(w.dst, '[')
	for i := range l.Len() {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if m := l.Get(i).Message(); HasExtra(m) {
			w.extra(m)
		} else {
			w.dst = append(w.dst, "null"...)
		}
	}
	w.dst = append(w.dst, ']')
}

func (w *writer) extra(m protoreflect.Message) {
	w.dst = append(w.dst, '{')
	start := len(w.dst)
	for _, e := range extensionsOf(m) {
		if isInternal(e) {
			continue
		}
		if len(w.dst) == start {
			w.dst = append(w.dst, `"extension":[`...)
		} else {
			w.dst = append(w.dst, ',')
		}
		w.message(e.ProtoReflect(), nil)
	}
	if len(w.dst) > start {
		w.dst = append(w.dst, ']')
	}
	if id := idOf(m); id != nil {
		w.comma(start)
		w.dst = append(w.dst, `"id":`...)
		w.dst = AppendString(w.dst, id.GetValue())
	}
	w.dst = append(w.dst, '}')
}

func anyOf(l protoreflect.List, f func(protoreflect.Message) bool) bool {
	for i := range l.Len() {
		if f(l.Get(i).Message()) {
			return true
		}
	}
	return false
}
