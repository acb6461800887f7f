package fhirjson

import (
	"slices"
	"strings"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
)

// Subset is what of a resource `_elements` or `_summary` asks for. The zero Subset is all of it.
//
// It is cut by the resource's own elements (FHIR R4 3.1.1.5.9: "base elements"); what stays, stays whole. The data of an Attachment is the one thing
// below that is left out, of the summary: it is what makes a resource large, and R4 marks nothing else of an Attachment so.
type Subset struct {
	// Elements are the elements that _elements asks for: "value", or of a choice one of its types, "valueQuantity". Nil keeps all.
	Elements []string
	// Summary is the value of _summary.
	Summary Summary
}

// Summary is a value of _summary (FHIR R4 3.1.1.5.8) that changes what of a resource is written.
type Summary string

// The values of _summary.
const (
	SummaryNone Summary = ""
	SummaryTrue Summary = "true"
	SummaryText Summary = "text"
	SummaryData Summary = "data"
)

// IsWhole tells whether nothing is left out.
func (p Subset) IsWhole() bool { return p.Elements == nil && p.Summary == SummaryNone }

// Key is a text that two Subsets share only if they are the same.
func (p Subset) Key() string {
	if p.Elements == nil {
		return string(p.Summary)
	}
	return string(p.Summary) + "/" + strings.Join(p.Elements, ",")
}

// HasElement tells whether resources of the type have an element of this name, by which _elements may ask for it.
func HasElement(resourceType, name string) bool {
	s := ShapeNamed(resourceType)
	return s != nil && slices.ContainsFunc(s.Elements, func(e *Element) bool { return e.Name == name || e.Key == name })
}

// cut leaves of m what is asked for and what may never be missing, and tags it SUBSETTED.
func (p Subset) cut(m protoreflect.Message, s *Shape) {
	for i := 0; i < len(s.Elements); i = s.Elements[i].run {
		e := s.Elements[i]
		if !m.Has(e.Field) {
			continue
		}
		if e.Option != nil {
			chosen := m.Get(e.Field).Message().WhichOneof(e.oneof)
			at := slices.IndexFunc(s.Elements[i:e.run], func(o *Element) bool { return o.Option == chosen })
			if at < 0 {
				continue // it is a type whose key stands elsewhere
			}
			e = s.Elements[i+at]
		}
		if !alwaysStays(s.Name, e) && !p.asksFor(s.Name, e) {
			m.Clear(e.Field)
		}
	}
	if p.Summary == SummaryTrue {
		withoutData(m, s, 0)
	}
	tagSubsetted(m, s)
}

func (p Subset) asksFor(resourceType string, e *Element) bool {
	if p.Elements != nil && !slices.Contains(p.Elements, e.Name) && !slices.Contains(p.Elements, e.Key) {
		return false
	}
	switch p.Summary {
	case SummaryNone:
		return true
	case SummaryTrue:
		return inSummary(resourceType, e)
	case SummaryData:
		return e.Name != "text"
	}
	return e.Name == "text"
}

// withoutData takes the data out of every Attachment below m that says anything besides.
func withoutData(m protoreflect.Message, s *Shape, depth int) {
	if depth > maxDepth {
		return
	}
	s.Range(m, func(e *Element, v protoreflect.Message) {
		a, ok := v.Interface().(*dtpb.Attachment)
		switch {
		case ok && (a.ContentType != nil || a.Url != nil || a.Title != nil):
			a.Data = nil
		case !ok && e.Kind == Complex:
			withoutData(v, e.Value(), depth+1)
		}
	})
}

func tagSubsetted(m protoreflect.Message, s *Shape) {
	e := s.Lookup("meta")
	if e == nil {
		return
	}
	meta, ok := m.Mutable(e.Field).Message().Interface().(*dtpb.Meta)
	if !ok {
		return
	}
	is := func(c *dtpb.Coding) bool {
		return c.GetSystem().GetValue() == fhir.SystemObservation && c.GetCode().GetValue() == "SUBSETTED"
	}
	if !slices.ContainsFunc(meta.Tag, is) {
		meta.Tag = append(meta.Tag, &dtpb.Coding{System: &dtpb.Uri{Value: fhir.SystemObservation}, Code: &dtpb.Code{Value: "SUBSETTED"}})
	}
}
