package facts

import (
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// URLInlineLabel marks one element as sensitive (HL7 DS4P, inline security labels).
const URLInlineLabel = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"

// complex collects what a datatype says as a whole, and walks backbone elements and the other datatypes.
func (w *walk) complex(path string, e *fhirjson.Element, v protoreflect.Message, depth int) {
	inner := func() { w.elements(path, v, e.Value(), depth+1) }
	switch d := v.Interface().(type) {
	case *dtpb.Extension:
		w.extension(path, d, inner)
	case *dtpb.CodeableConcept:
		for _, c := range d.Coding {
			w.coding(path, c)
		}
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Coding:
		w.coding(path, d)
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Reference:
		w.f.References = append(w.f.References, stage.At[fhir.Reference]{Path: path, Value: fhirjson.ReferenceOf(d)})
		w.identifier(path+".identifier", d.Identifier)
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Identifier:
		w.identifier(path, d)
		w.only(path, v, e.Value(), depth, "extension", "assigner", "type")
	case *dtpb.Period:
		w.period(path, d)
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.HumanName, *dtpb.Address:
		w.parts(path, v, e.Value(), depth)
	case *dtpb.ContactPoint:
		w.text(path+".value", d.GetValue().GetValue())
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Attachment:
		w.attachment(path, d)
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Meta:
		w.meta(d)
		w.extensionsOnly(path, v, e.Value(), depth)
	case *dtpb.Narrative:
		w.inlineLabels(d.Extension)
	case quantity:
		w.f.Quantities = append(w.f.Quantities, stage.At[stage.Quantity]{Path: path, Value: stage.Quantity{
			Value: d.GetValue().GetValue(), System: d.GetSystem().GetValue(), Code: d.GetCode().GetValue(),
		}})
		w.extensionsOnly(path, v, e.Value(), depth)
	default:
		inner()
	}
}

// quantity is what Quantity, Age, Count, Distance, Duration, MoneyQuantity and SimpleQuantity have in common.
type quantity interface {
	GetValue() *dtpb.Decimal
	GetSystem() *dtpb.Uri
	GetCode() *dtpb.Code
}

// only walks the named elements of a datatype.
func (w *walk) only(path string, m protoreflect.Message, s *fhirjson.Shape, depth int, names ...string) {
	w.elements(path, m, s, depth+1, names...)
}

func (w *walk) extensionsOnly(path string, m protoreflect.Message, s *fhirjson.Shape, depth int) {
	w.only(path, m, s, depth, "extension")
}

func (w *walk) extension(path string, x *dtpb.Extension, inner func()) {
	if path == "modifierExtension" || len(path) > len("modifierExtension") && path[len(path)-len("modifierExtension")-1:] == ".modifierExtension" {
		w.unreadable = true // it changes the meaning of what it stands in, and nobody here knows how (FHIR R4 2.5.0.1)
	}
	if x.GetUrl().GetValue() == URLInlineLabel {
		w.inlineLabels([]*dtpb.Extension{x})
		return
	}
	inner()
}

func (w *walk) inlineLabels(list []*dtpb.Extension) {
	for _, x := range list {
		if x.GetUrl().GetValue() != URLInlineLabel {
			continue
		}
		c := x.GetValue().GetCoding()
		if c.GetCode().GetValue() == "" {
			w.unreadable = true // a label that says nothing we can read
			continue
		}
		w.label(c)
	}
}

func (w *walk) label(c *dtpb.Coding) {
	w.f.SourceLabels = addLabel(w.f.SourceLabels, fhir.Coding{System: c.GetSystem().GetValue(), Code: c.GetCode().GetValue()})
}

func (w *walk) coding(path string, c *dtpb.Coding) {
	if c.GetCode().GetValue() == "" {
		w.unreadable = w.unreadable || path == "securityLabel" && w.f.Type == "DocumentReference"
		return
	}
	if path == "securityLabel" && w.f.Type == "DocumentReference" {
		w.label(c)
		return
	}
	if path == "content.format" && w.f.Type == "DocumentReference" {
		w.f.Formats = append(w.f.Formats, c.GetCode().GetValue())
	}
	w.f.Codings = append(w.f.Codings, stage.At[fhir.Coding]{Path: path, Value: fhir.Coding{
		System: c.GetSystem().GetValue(), Code: c.GetCode().GetValue(), Display: c.GetDisplay().GetValue(),
	}})
}

func (w *walk) identifier(path string, i *dtpb.Identifier) {
	if v := i.GetValue().GetValue(); v != "" {
		w.f.Identifiers = append(w.f.Identifiers, stage.At[fhir.Identifier]{Path: path, Value: fhir.Identifier{System: i.GetSystem().GetValue(), Value: v}})
	}
}

func (w *walk) period(path string, p *dtpb.Period) {
	start, end := fhirjson.DateText(p.Start), fhirjson.DateText(p.End)
	if start == "" && end == "" {
		return
	}
	i, err := fhir.ParsePeriod(start, end, w.zone)
	if err != nil {
		w.err = err
		return
	}
	w.f.Dates = append(w.f.Dates, stage.At[fhir.Interval]{Path: path, Value: i})
}

// parts collects the strings of a HumanName or Address.
func (w *walk) parts(path string, m protoreflect.Message, s *fhirjson.Shape, depth int) {
	s.Range(m, func(e *fhirjson.Element, v protoreflect.Message) {
		if e.Type == "string" && e.Name != "id" {
			w.text(join(path, e.Name), fhirjson.Text(v))
		}
	})
	w.extensionsOnly(path, m, s, depth)
}

func (w *walk) text(path, text string) {
	if text != "" {
		w.f.Strings = append(w.f.Strings, stage.At[string]{Path: path, Value: text})
	}
}

func (w *walk) attachment(path string, a *dtpb.Attachment) {
	if ct := a.GetContentType().GetValue(); ct != "" {
		w.f.Formats = append(w.f.Formats, ct)
	}
	if a.GetUrl() != nil {
		ref, _ := fhir.ParseReference(a.GetUrl().GetValue())
		w.f.References = append(w.f.References, stage.At[fhir.Reference]{Path: path + ".url", Value: ref})
	}
}

func (w *walk) meta(m *dtpb.Meta) {
	for _, p := range m.Profile {
		w.f.Profiles = append(w.f.Profiles, p.GetValue())
	}
	for _, c := range m.Security {
		if c.GetCode().GetValue() == "" {
			w.unreadable = true
			continue
		}
		w.label(c)
	}
	for _, c := range m.Tag {
		w.coding("meta.tag", c)
	}
	if text := fhirjson.DateText(m.LastUpdated); text != "" {
		i, err := fhir.ParseDateTime(text, w.zone)
		if err != nil {
			w.err = err
			return
		}
		w.f.LastUpdated = i
	}
}
