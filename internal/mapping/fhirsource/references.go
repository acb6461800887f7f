package fhirsource

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// identityTypes are the types that other systems' exports refer to by a business identifier.
var identityTypes = []string{"Patient", "Practitioner", "Organization", "Location", "PractitionerRole"}

// business is an identifier of a resource of a type.
type business struct {
	Type string
	fhir.Identifier
}

// identities tells which resource an identifier means: its id, or "" for one that several have.
type identities map[business]string

func (i identities) add(of business, id string) {
	if known, there := i[of]; there && known != id {
		id = ""
	}
	i[of] = id
}

// resolve makes the reference literal if it is conditional ("Practitioner?identifier=system|value", FHIR R4 3.1.0.11) or logical, and exactly
// one resource has the identifier. A conditional one that none has here becomes logical, which says the same.
func (i identities) resolve(e *fhirjson.Element, r *dtpb.Reference) {
	typ, id, conditional := condition(r.GetUri().GetValue())
	if !conditional {
		if r.GetReference() != nil || r.GetIdentifier().GetValue().GetValue() == "" {
			return
		}
		id = fhir.Identifier{System: r.GetIdentifier().GetSystem().GetValue(), Value: r.GetIdentifier().GetValue().GetValue()}
		typ = i.onlyType(e, r, id)
	}
	switch found, known := i[business{typ, id}]; {
	case found != "":
		setLiteral(r, fhir.Reference{Type: typ, ID: found})
	case conditional && !known && r.GetIdentifier() == nil:
		r.Reference = nil
		r.Type = &dtpb.Uri{Value: typ}
		r.Identifier = identifierOf(id)
	}
}

// onlyType gives the one type, of those that may stand in the element, of which a resource has the identifier.
func (i identities) onlyType(e *fhirjson.Element, r *dtpb.Reference, id fhir.Identifier) string {
	field := e.Field
	if e.Option != nil {
		field = e.Option
	}
	allowed, _ := proto.GetExtension(field.Options(), apb.E_ValidReferenceType).([]string)
	only := ""
	for _, typ := range identityTypes {
		said := r.GetType().GetValue()
		if _, known := i[business{typ, id}]; !known || !slices.Contains(allowed, typ) || said != "" && said != typ {
			continue
		}
		if only != "" {
			return ""
		}
		only = typ
	}
	return only
}

// condition reads a conditional reference by identifier.
func condition(uri string) (typ string, id fhir.Identifier, ok bool) {
	typ, query, found := strings.Cut(uri, "?")
	if !found || !slices.Contains(identityTypes, typ) {
		return "", id, false
	}
	q, err := url.ParseQuery(query)
	if err != nil || len(q) != 1 || len(q["identifier"]) != 1 {
		return "", id, false
	}
	id.System, id.Value, found = strings.Cut(q.Get("identifier"), "|")
	return typ, id, found && id.System != "" && id.Value != ""
}

func identifierOf(id fhir.Identifier) *dtpb.Identifier {
	out := &dtpb.Identifier{Value: &dtpb.String{Value: id.Value}}
	if id.System != "" {
		out.System = &dtpb.Uri{Value: id.System}
	}
	return out
}

func setLiteral(r *dtpb.Reference, to fhir.Reference) {
	r.Reference = &dtpb.Reference_Uri{Uri: &dtpb.String{Value: to.String()}}
}

// visit is told of each reference of a resource; top is the resource's own element below which it stands.
type visit func(top string, e *fhirjson.Element, r *dtpb.Reference) error

var errDeep = errors.New("fhirsource: nested too deep")

// eachReference calls f for every reference of a resource but those inside contained ones, which nobody gets.
func eachReference(m proto.Message, f visit) error {
	r := m.ProtoReflect()
	return referencesIn("", r, fhirjson.ShapeOf(r.Descriptor()), f, 0)
}

func referencesIn(top string, m protoreflect.Message, s *fhirjson.Shape, f visit, depth int) (err error) {
	if depth > 2*fhirjson.MaxNestingDepth {
		return errDeep
	}
	s.Range(m, func(e *fhirjson.Element, v protoreflect.Message) {
		inner := e.Value()
		if err != nil || inner == nil || e.Kind == fhirjson.Contained || e.Kind == fhirjson.Resource {
			return
		}
		at := top
		if at == "" {
			at = e.Name
		}
		if r, ok := v.Interface().(*dtpb.Reference); ok {
			if err = f(at, e, r); err != nil {
				return
			}
		}
		err = referencesIn(at, v, inner, f, depth+1)
	})
	return err
}
