package fhirjson

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind is what the value of an element is, as far as writing and walking go.
type Kind uint8

// The kinds of value.
const (
	Complex   Kind = iota // a datatype or backbone element
	Primitive             // a FHIR primitive, with its own id and extensions
	Reference             // the datatype Reference
	Contained             // contained resources, packed
	Resource              // a resource in a Bundle or in Parameters
)

// Element is one element of a FHIR type under one JSON key. A choice ("effective[x]") has one Element per type that it allows.
type Element struct {
	Key      string // "effectiveDateTime"
	Name     string // "effective"
	Type     string // the FHIR type, "dateTime"; a code bound to a value set is a "code"
	Kind     Kind
	Repeated bool
	Required bool // 1..1 or 1..* in the resource's definition

	Field  protoreflect.FieldDescriptor // the field of the message
	Option protoreflect.FieldDescriptor // the field of the choice's oneof; nil if the element is no choice

	key, underscoreKey string // `"effectiveDateTime":` and `"_effectiveDateTime":`
	oneof              protoreflect.OneofDescriptor
	literal            bool // the element "reference" of a Reference
	run                int  // the index of the next element that belongs to another field
	value              atomic.Pointer[Shape]
}

// Shape is the plan of one message type: its elements in the order in which their JSON keys stand. It is immutable.
type Shape struct {
	Name       string // the FHIR type, "Patient", "Period", "Encounter.Participant"
	IsResource bool
	IsPrimary  bool // a primitive type
	Elements   []*Element

	resourceType string // `"resourceType":"Patient"`, empty for what is no resource
	enum         map[protoreflect.EnumNumber]string
	enumField    protoreflect.FieldDescriptor
	stringField  protoreflect.FieldDescriptor
}

var shapes sync.Map // protoreflect.FullName -> *Shape

// ShapeOf gives the plan of a message type. It is made at the first call and kept.
func ShapeOf(d protoreflect.MessageDescriptor) *Shape {
	if s, ok := shapes.Load(d.FullName()); ok {
		return s.(*Shape)
	}
	s, _ := shapes.LoadOrStore(d.FullName(), newShape(d))
	return s.(*Shape)
}

// ShapeNamed gives the plan of a resource type by its name; nil if there is no such type.
func ShapeNamed(resourceType string) *Shape {
	fields := (*rpb.ContainedResource)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if d := fields.Get(i).Message(); string(d.Name()) == resourceType {
			return ShapeOf(d)
		}
	}
	return nil
}

// Value gives the plan of the element's own type; nil for contained resources, whose type is not known before they are read.
func (e *Element) Value() *Shape {
	if s := e.value.Load(); s != nil {
		return s
	}
	if e.Kind == Contained || e.Kind == Resource {
		return nil
	}
	s := ShapeOf(e.field().Message())
	e.value.Store(s)
	return s
}

func (e *Element) field() protoreflect.FieldDescriptor {
	if e.Option != nil {
		return e.Option
	}
	return e.Field
}

// Lookup finds the element with a JSON key; nil if there is none.
func (s *Shape) Lookup(key string) *Element {
	i, ok := slices.BinarySearchFunc(s.Elements, key, func(e *Element, k string) int { return strings.Compare(e.Key, k) })
	if !ok {
		return nil
	}
	return s.Elements[i]
}

func newShape(d protoreflect.MessageDescriptor) *Shape {
	kind := proto.GetExtension(d.Options(), apb.E_StructureDefinitionKind).(apb.StructureDefinitionKindValue)
	s := &Shape{
		Name:       typeName(d),
		IsResource: kind == apb.StructureDefinitionKindValue_KIND_RESOURCE,
		IsPrimary:  kind == apb.StructureDefinitionKindValue_KIND_PRIMITIVE_TYPE,
	}
	if s.IsPrimary {
		s.readCode(d)
	}
	isReference := proto.HasExtension(d.Options(), apb.E_FhirReferenceType)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		switch {
		case f.Message() == nil:
			continue // the value of a primitive
		case isReference && f.ContainingOneof() != nil && f.Name() != "uri":
			continue // a typed literal reference: written by the element "reference"
		case isChoice(f.Message()):
			s.addChoice(f)
		default:
			s.Elements = append(s.Elements, newElement(f, nil, f.JSONName(), isReference && f.Name() == "uri"))
		}
	}
	slices.SortFunc(s.Elements, func(a, b *Element) int { return strings.Compare(a.Key, b.Key) })
	s.findRuns()
	if s.IsResource {
		s.resourceType = `"resourceType":"` + string(d.Name()) + `"`
	}
	return s
}

func (s *Shape) addChoice(f protoreflect.FieldDescriptor) {
	options := f.Message().Fields()
	for i := range options.Len() {
		o := options.Get(i)
		name := o.JSONName()
		s.Elements = append(s.Elements, newElement(f, o, f.JSONName()+strings.ToUpper(name[:1])+name[1:], false))
	}
}

// findRuns notes for every element where the next other field begins, so that a choice is looked at once.
func (s *Shape) findRuns() {
	for i := len(s.Elements) - 1; i >= 0; i-- {
		s.Elements[i].run = i + 1
		if i+1 < len(s.Elements) && s.Elements[i+1].Field == s.Elements[i].Field {
			s.Elements[i].run = s.Elements[i+1].run
		}
	}
}

func newElement(f, option protoreflect.FieldDescriptor, key string, literal bool) *Element {
	e := &Element{
		Key: key, Name: f.JSONName(), Field: f, Option: option, literal: literal,
		Repeated: f.Cardinality() == protoreflect.Repeated,
		Required: proto.GetExtension(f.Options(), apb.E_ValidationRequirement).(apb.Requirement) == apb.Requirement_REQUIRED_BY_FHIR,
		key:      `"` + key + `":`, underscoreKey: `"_` + key + `":`,
	}
	if option != nil {
		e.oneof = option.ContainingOneof()
	}
	d := e.field().Message()
	e.Type = typeName(d)
	switch {
	case d.FullName() == "google.protobuf.Any":
		e.Kind = Contained
	case d.Name() == "ContainedResource":
		e.Kind = Resource
	case isPrimitive(d):
		e.Kind = Primitive
	case proto.HasExtension(d.Options(), apb.E_FhirReferenceType):
		e.Kind = Reference
	}
	return e
}

// typeName is the FHIR name of a type: primitives begin with a small letter, backbone elements carry their resource.
func typeName(d protoreflect.MessageDescriptor) string {
	name := string(d.Name())
	if isPrimitive(d) {
		if proto.HasExtension(d.Options(), apb.E_FhirValuesetUrl) {
			return "code"
		}
		return strings.ToLower(name[:1]) + name[1:]
	}
	if parent, ok := d.Parent().(protoreflect.MessageDescriptor); ok {
		return typeName(parent) + "." + name
	}
	return name
}

func isPrimitive(d protoreflect.MessageDescriptor) bool {
	return proto.GetExtension(d.Options(), apb.E_StructureDefinitionKind).(apb.StructureDefinitionKindValue) ==
		apb.StructureDefinitionKindValue_KIND_PRIMITIVE_TYPE
}

func isChoice(d protoreflect.MessageDescriptor) bool {
	return proto.HasExtension(d.Options(), apb.E_IsChoiceType)
}

// readCode prepares the codes of a type that is bound to a value set: FHIR's code for each enum value, or the plain string field.
func (s *Shape) readCode(d protoreflect.MessageDescriptor) {
	v := d.Fields().ByName("value")
	if v == nil || !proto.HasExtension(d.Options(), apb.E_FhirValuesetUrl) {
		return
	}
	if v.Kind() == protoreflect.StringKind {
		s.stringField = v
		return
	}
	if v.Kind() != protoreflect.EnumKind {
		return
	}
	s.enumField = v
	s.enum = map[protoreflect.EnumNumber]string{}
	values := v.Enum().Values()
	for i := range values.Len() {
		ev := values.Get(i)
		code := proto.GetExtension(ev.Options(), apb.E_FhirOriginalCode).(string)
		if code == "" {
			code = strings.ReplaceAll(strings.ToLower(string(ev.Name())), "_", "-")
		}
		s.enum[ev.Number()] = code
	}
}

// Find follows a path of element names below the type ("context.encounter", "effective"); of a choice it gives the first type. It is nil
// if there is no such element.
func (s *Shape) Find(path string) *Element {
	name, rest, deeper := strings.Cut(path, ".")
	for _, e := range s.Elements {
		if e.Name != name {
			continue
		}
		if !deeper {
			return e
		}
		if inner := e.Value(); inner != nil {
			return inner.Find(rest)
		}
	}
	return nil
}
