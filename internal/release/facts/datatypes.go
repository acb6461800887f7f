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
	switch d := v.Interface().(type) {
	case *dtpb.Extension:
		w.extension(path, d, func() { w.elements(path, v, e.Value(), depth+1) })
	case *dtpb.CodeableConcept:
		w.unreadable = w.unreadable || len(d.Coding) == 0 && w.isLabel(path)
		w.codings(path, d.Coding, depth)
		w.inside(path, v, depth, "coding")
	case *dtpb.Coding:
		w.codings(path, []*dtpb.Coding{d}, depth)
	case *dtpb.Reference:
		w.reference(path, d, e)
		w.unreadable = w.unreadable || w.isStranger(path, d, e)
		w.inside(path, v, depth)
	case *dtpb.Identifier:
		w.identifier(path, d)
		w.inside(path, v, depth)
	case *dtpb.Period:
		w.period(path, d)
		w.inside(path, v, depth)
	case *dtpb.HumanName, *dtpb.Address:
		w.parts(path, v, e.Value())
		w.inside(path, v, depth)
	case *dtpb.ContactPoint:
		w.text(path+".value", d.GetValue().GetValue())
		w.inside(path, v, depth)
	case *dtpb.Attachment:
		w.attachment(path, d)
		w.inside(path, v, depth)
	case *dtpb.Meta:
		w.meta(d, depth)
		w.inside(path, v, depth, "security", "tag")
	case *dtpb.Narrative:
		w.inside(path, v, depth)
	case quantity:
		w.quantity(path, d)
		w.inside(path, v, depth)
	default:
		w.elements(path, v, e.Value(), depth+1)
	}
}

// inside walks a datatype whose own values are collected already: what is left are the concepts, references and identifiers in it, and
// extensions, which may hold anything anywhere.
func (w *walk) inside(path string, v protoreflect.Message, depth int, but ...string) {
	w.quiet++
	w.elements(path, v, fhirjson.ShapeOf(v.Descriptor()), depth+1, but...)
	w.quiet--
}

// aloud walks an extension: what it holds is collected like the rest of the resource, wherever it stands.
func (w *walk) aloud(walk func()) {
	quiet := w.quiet
	w.quiet = 0
	walk()
	w.quiet = quiet
}

// quantity is what Quantity, Age, Count, Distance, Duration, MoneyQuantity and SimpleQuantity have in common.
type quantity interface {
	GetValue() *dtpb.Decimal
	GetSystem() *dtpb.Uri
	GetCode() *dtpb.Code
}

func (w *walk) quantity(path string, q quantity) {
	w.f.Quantities = append(w.f.Quantities, stage.At[stage.Quantity]{Path: path, Value: stage.Quantity{
		Value: q.GetValue().GetValue(), System: q.GetSystem().GetValue(), Code: q.GetCode().GetValue(),
	}})
}

func (w *walk) extension(path string, x *dtpb.Extension, inner func()) {
	if path == "modifierExtension" || len(path) > len("modifierExtension") && path[len(path)-len("modifierExtension")-1:] == ".modifierExtension" {
		w.unreadable = true // it changes the meaning of what it stands in, and nobody here knows how (FHIR R4 2.5.0.1)
	}
	if x.GetUrl().GetValue() == URLInlineLabel {
		w.inlineLabels([]*dtpb.Extension{x})
		return
	}
	w.aloud(inner)
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

func (w *walk) codings(path string, list []*dtpb.Coding, depth int) {
	for _, c := range list {
		w.coding(path, c)
		w.inside(path, c.ProtoReflect(), depth)
	}
}

// isLabel tells whether the concepts at the path are security labels. One that says nothing but words is none that we can read.
func (w *walk) isLabel(path string) bool {
	return path == "securityLabel" && w.f.Type == "DocumentReference"
}

func (w *walk) coding(path string, c *dtpb.Coding) {
	if c.GetCode().GetValue() == "" {
		w.unreadable = w.unreadable || w.isLabel(path)
		return
	}
	if w.isLabel(path) {
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
	if w.quiet > 0 { // since when a name or address has been in use
		return
	}
	start, end := fhirjson.DateText(p.Start), fhirjson.DateText(p.End)
	w.authority(path, p.Start != nil && start == "" || p.End != nil && end == "")
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

// authority notices a RelatedPerson of whom nobody says whether they may act for the client now: `active` or a side of `period` is there without a
// value.
func (w *walk) authority(path string, unsaid bool) {
	w.unreadable = w.unreadable || unsaid && w.f.Type == "RelatedPerson" && (path == "active" || path == "period")
}

// parts collects the strings of a HumanName or Address.
func (w *walk) parts(path string, m protoreflect.Message, s *fhirjson.Shape) {
	s.Range(m, func(e *fhirjson.Element, v protoreflect.Message) {
		if e.Type == "string" && e.Name != "id" {
			w.text(join(path, e.Name), fhirjson.Text(v))
		}
	})
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
		ref, _ := fhir.ParseURL(w.base, a.GetUrl().GetValue())
		w.f.References = append(w.f.References, stage.At[fhir.Reference]{Path: path + ".url", Value: ref})
	}
}

func (w *walk) meta(m *dtpb.Meta, depth int) {
	for _, p := range m.Profile {
		w.f.Profiles = append(w.f.Profiles, p.GetValue())
	}
	for _, c := range m.Security {
		w.inside("meta.security", c.ProtoReflect(), depth)
		if c.GetCode().GetValue() == "" {
			w.unreadable = true
			continue
		}
		w.label(c)
	}
	w.codings("meta.tag", m.Tag, depth)
	if text := fhirjson.DateText(m.LastUpdated); text != "" {
		i, err := fhir.ParseDateTime(text, w.zone)
		if err != nil {
			w.err = err
			return
		}
		w.f.LastUpdated = i
	}
}
