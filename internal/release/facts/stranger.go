package facts

import (
	"cmp"
	"slices"
	"strings"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// IsStranger tells whether a reference that nobody can resolve means a client, or may mean one: then the record is about somebody unknown. A client
// is meant by what says so, and may be meant by what does not say its resource type, where FHIR lets a Patient stand. Who only acts in a record is
// nobody whom it is about; what stands at the elements that name the clients is read there (see Clients).
func (t *Types) IsStranger(path, resourceType string, patientMayStand bool) bool {
	if !isPeople(resourceType) && (!patientMayStand || fhirjson.ShapeNamed(resourceType) != nil) {
		return false
	}
	return !slices.Contains(clientPaths, path) && !t.acts(path)
}

// isStranger asks IsStranger of a reference that is no Patient's whom we can name. What it means it says by its URL, its condition or its type.
func (w *walk) isStranger(path string, r *dtpb.Reference, e *fhirjson.Element) bool {
	ref := fhirjson.ReferenceOf(r)
	says := cmp.Or(ref.Type, typeIn(r.GetUri().GetValue()))
	if said := strings.TrimPrefix(r.GetType().GetValue(), definitions); says == "" || isPeople(said) {
		says = said
	}
	return ref.Type != "Patient" && w.types.IsStranger(path, says, mayStand(allowed(e), "Patient"))
}

// reference collects a reference, and what it may mean if it names nothing we can follow.
func (w *walk) reference(path string, r *dtpb.Reference, e *fhirjson.Element) {
	ref := fhirjson.ReferenceOf(r)
	w.f.References = append(w.f.References, stage.At[fhir.Reference]{Path: path, Value: ref})
	if ref == (fhir.Reference{}) {
		w.f.Unnamed = append(w.f.Unnamed, stage.At[[]string]{Path: path, Value: MayMean(r.GetUri().GetValue(), r.GetType().GetValue(), allowed(e))})
	}
}

// MayMean gives the resource types that a reference may mean which names nothing we can follow: those that it says by its URL, its condition or its
// type, or else those that FHIR lets stand in the element, none being any.
func MayMean(uri, said string, allowed []string) []string {
	var types []string
	for _, t := range []string{typeIn(uri), strings.TrimPrefix(said, definitions)} {
		if fhirjson.ShapeNamed(t) != nil {
			types = append(types, t)
		}
	}
	switch {
	case len(types) > 0:
		return types
	case len(allowed) > 0:
		return allowed
	}
	return []string{"Resource"}
}

// definitions is where FHIR's own definitions are; a Reference.type is relative to it.
const definitions = "http://hl7.org/fhir/StructureDefinition/"

// isPeople tells whether a resource of the type is a client, or stands for some.
func isPeople(resourceType string) bool { return resourceType == "Patient" || resourceType == "Group" }

// typeIn gives the resource type that a URL or a conditional reference says it means; "" where it says none, as a URN does.
func typeIn(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	uri, _, _ = strings.Cut(uri, "?")
	uri, _, _ = strings.Cut(uri, "/_history/")
	for _, s := range slices.Backward(strings.Split(uri, "/")) {
		if fhirjson.ShapeNamed(s) != nil {
			return s
		}
	}
	return ""
}

// allowed gives the resource types that FHIR lets a reference in the element mean; none is any.
func allowed(e *fhirjson.Element) []string {
	field := e.Field
	if e.Option != nil {
		field = e.Option
	}
	types, _ := proto.GetExtension(field.Options(), apb.E_ValidReferenceType).([]string)
	return types
}

// mayStand tells whether one of the types that are allowed is the one asked for.
func mayStand(allowed []string, resourceType string) bool {
	return len(allowed) == 0 || slices.Contains(allowed, "Resource") || slices.Contains(allowed, resourceType)
}

// acts tells whether a reference at the path names somebody who only acts in a record.
func (t *Types) acts(path string) bool {
	if t == nil {
		return false
	}
	for name := range strings.SplitSeq(path, ".") {
		if slices.Contains(t.acting, name) {
			return true
		}
	}
	return false
}
