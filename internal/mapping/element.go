package mapping

import (
	"maps"
	"slices"
	"strings"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	rpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// element is one element of a FHIR type, as google/fhir's descriptors have it.
type element struct {
	name     string // in JSON, with the type of a choice: "effectiveDateTime"
	fact     string // in paths, without it: "effective"
	choice   bool
	field    protoreflect.FieldDescriptor
	message  protoreflect.MessageDescriptor
	repeated bool
	required bool
}

// notMapped are elements that a map cannot fill, and why.
var notMapped = map[string]string{
	"contained":         "contained resources are not mapped: make a resource of their own",
	"modifierExtension": "a modifier extension changes the meaning of a record and is not mapped",
	"implicitRules":     "implicitRules change the meaning of a record and are not mapped",
	"id":                "ids are made by the gateway",
}

// resourceMessages are the resource types of R4.
var resourceMessages = func() map[string]protoreflect.MessageDescriptor {
	found := map[string]protoreflect.MessageDescriptor{}
	fields := (*rpb.ContainedResource)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		found[string(fields.Get(i).Message().Name())] = fields.Get(i).Message()
	}
	return found
}()

func resourceTypes() []string { return slices.Sorted(maps.Keys(resourceMessages)) }

// elementsOf lists the elements of a type by their JSON names; a choice stands there once for each of its types.
func elementsOf(m protoreflect.MessageDescriptor) map[string]element {
	elements := map[string]element{}
	for _, e := range fhirjson.ShapeOf(m).Elements {
		f := e.Field
		if e.Option != nil {
			f = e.Option
		}
		elements[e.Key] = element{name: e.Key, fact: e.Name, choice: e.Option != nil, field: f, message: f.Message(), repeated: e.Repeated, required: e.Required}
	}
	return elements
}

func isReference(m protoreflect.MessageDescriptor) bool {
	return proto.HasExtension(m.Options(), apb.E_FhirReferenceType)
}

func isPrimitive(m protoreflect.MessageDescriptor) bool {
	kind := proto.GetExtension(m.Options(), apb.E_StructureDefinitionKind).(apb.StructureDefinitionKindValue)
	return kind == apb.StructureDefinitionKindValue_KIND_PRIMITIVE_TYPE
}

// allows tells whether a reference to a resource type may stand in the element.
func (e element) allows(typ string) (ok bool, allowed []string) {
	if e.field == nil {
		return true, nil
	}
	allowed = proto.GetExtension(e.field.Options(), apb.E_ValidReferenceType).([]string)
	return len(allowed) == 0 || slices.Contains(allowed, "Resource") || slices.Contains(allowed, typ), allowed
}

// requiredNames are the required elements of a type, each with the JSON names that may fill it.
func requiredNames(elements map[string]element) map[string][]string {
	required := map[string][]string{}
	for name, e := range elements {
		if e.required {
			required[e.fact] = append(required[e.fact], name)
		}
	}
	return required
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// dataType is how a data type becomes facts (see package facts): as a whole, and by which of its members. The others say nothing.
type dataType struct {
	collects collects
	members  string // blank-separated; texts are all members that are strings
	texts    bool
}

var quantityType = dataType{collects: collectsQuantity, members: "system code value"}

var dataTypes = map[protoreflect.Name]dataType{
	"Coding":          {collects: collectsCoding, members: "system code display"},
	"CodeableConcept": {members: "coding"},
	"Reference":       {collects: collectsReference, members: "identifier type"},
	"Identifier":      {collects: collectsIdentifier, members: "system value assigner type"},
	"Period":          {collects: collectsPeriod, members: "start end"},
	"HumanName":       {texts: true},
	"Address":         {texts: true},
	"ContactPoint":    {texts: true, members: "value"},
	"Attachment":      {members: "contentType url"},
	"Quantity":        quantityType,
	"SimpleQuantity":  quantityType,
	"Age":             quantityType,
	"Count":           quantityType,
	"Distance":        quantityType,
	"Duration":        quantityType,
	"MoneyQuantity":   quantityType,
}

// silent tells whether a member of a data type says nothing in the facts.
func silent(parent protoreflect.MessageDescriptor, e element) bool {
	d, ok := dataTypes[parent.Name()]
	if !ok || e.name == "extension" || slices.Contains(strings.Fields(d.members), e.name) {
		return false
	}
	return !d.texts || d.members != "" || e.message.Name() != "String"
}

// partRoles are the primitives that are a part of the fact of their data type.
var partRoles = map[collects]map[string]role{
	collectsCoding:     {"system": roleSystem, "code": rolePartCode, "display": roleDisplay},
	collectsReference:  {"type": roleValue},
	collectsIdentifier: {"system": roleSystem, "value": roleValue},
	collectsQuantity:   {"system": roleSystem, "code": rolePartCode, "value": roleValue},
	collectsPeriod:     {"start": roleStart, "end": roleEnd},
}

// roleOf says what a primitive becomes in the facts.
func roleOf(p place, prim *primitive) role {
	if p.silent {
		return roleNone
	}
	d, isData := dataTypes[p.parent.Name()]
	if r, ok := partRoles[d.collects][p.name]; ok {
		return r
	}
	switch {
	case p.parent.Name() == "Attachment" && p.name == "contentType":
		return roleFormat
	case p.parent.Name() == "Attachment" && p.name == "url":
		return roleURL
	case isData && d.texts:
		return roleText
	}
	switch prim.kind {
	case kindCode, kindCodeOf, kindBoolean:
		return roleCode
	case kindDate, kindDateTime, kindInstant:
		return roleDate
	}
	if prim.name == "String" && (p.name == "name" || p.name == "title" || p.name == "alias") {
		return roleText
	}
	return roleNone
}
