package facts

import (
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// Options says what the resource itself does not.
type Options struct {
	// Zone is the practice's zone, in which dates without a zone are read. Required.
	Zone *time.Location
	// Types reads when a resource happened and who authored it. Required.
	Types *Types
	// Subject is the client in whose chart the resource stands; zero: what the resource itself says (see Clients).
	Subject fhir.Reference
	// Clients are further clients that it is about.
	Clients []fhir.Reference
	// Members gives the members of a Group that is the subject; nil or no answer leaves a resource about a Group about nobody known.
	Members func(group fhir.Reference) []fhir.Reference
	// Origin is taken over, but for Listed, which also needs a type that Types lists and a resource that can be read whole.
	Origin stage.Origin
	// Base is the absolute URL of this FHIR service: what an Attachment's url below it leads to is ours. "" for none.
	Base string
	// Labels are security labels that the source keeps beside the resource.
	Labels []fhir.Coding
	// Inherits and InheritsChart are taken over.
	Inherits      []fhir.Reference
	InheritsChart bool
}

var errOptions = errors.New("facts: no zone, or no reading of the resource types")

// Extract makes the Facts of a resource. See the package comment for what they hold.
func Extract(msg proto.Message, o Options) (*stage.Facts, error) {
	if o.Zone == nil || o.Types == nil {
		return nil, errOptions
	}
	msg, err := fhirjson.Unwrap(msg)
	if err != nil {
		return nil, err
	}
	m := msg.ProtoReflect()
	w := walk{zone: o.Zone, base: o.Base, types: o.Types, present: map[string]bool{}, f: &stage.Facts{
		Type: string(m.Descriptor().Name()), Origin: o.Origin, Inherits: o.Inherits, InheritsChart: o.InheritsChart,
	}}
	w.elements("", m, fhirjson.ShapeOf(m.Descriptor()), 0)
	if w.err != nil {
		return nil, w.err
	}
	f := w.f
	for _, l := range o.Labels {
		f.SourceLabels = addLabel(f.SourceLabels, l)
	}
	f.Origin.Listed = o.Origin.Listed && o.Types.Lists(f.Type) && !w.unreadable
	setClients(f, o)
	f.When = o.Types.When(f, func(path string) bool { return w.present[path] })
	f.Authors = o.Types.Authors(nil, f)
	return f, nil
}

// walk collects the facts of one resource.
type walk struct {
	f          *stage.Facts
	zone       *time.Location
	base       string
	types      *Types
	present    map[string]bool // the paths that are there, with a value that can be collected or without
	quiet      int             // in a datatype whose own values are collected already
	unreadable bool            // holds something that FHIR says must not be ignored and we do not understand, or somebody whom we cannot name
	err        error
}

// maxDepth bounds the walk; parsing accepts less.
const maxDepth = 200

var errDepth = errors.New("facts: nested too deep")

// elements walks the elements of m, but not those with the given names.
func (w *walk) elements(path string, m protoreflect.Message, s *fhirjson.Shape, depth int, but ...string) {
	if depth > maxDepth {
		w.err = errDepth
		return
	}
	s.Range(m, func(e *fhirjson.Element, v protoreflect.Message) {
		if slices.Contains(but, e.Name) {
			return
		}
		p := join(path, e.Name)
		w.present[p] = true
		switch e.Kind {
		case fhirjson.Primitive:
			w.primitive(p, e, v, depth)
		case fhirjson.Contained, fhirjson.Resource:
			w.contained(p, e, v, depth)
		default:
			w.complex(p, e, v, depth)
		}
	})
}

// contained walks an inner resource, so that its labels and codes count; but we do not release one (US Core: servers should not return
// contained resources), nor a resource that holds one.
func (w *walk) contained(path string, e *fhirjson.Element, v protoreflect.Message, depth int) {
	w.unreadable = true
	unpack := fhirjson.UnwrapAny
	if e.Kind == fhirjson.Resource {
		unpack = func(m protoreflect.Message) (proto.Message, error) { return fhirjson.Unwrap(m.Interface()) }
	}
	r, err := unpack(v)
	if err != nil {
		w.err = err
		return
	}
	inner := r.ProtoReflect()
	w.elements(path, inner, fhirjson.ShapeOf(inner.Descriptor()), depth+1)
}

func (w *walk) primitive(path string, e *fhirjson.Element, v protoreflect.Message, depth int) {
	if s := e.Value(); s != nil && fhirjson.HasExtra(v) {
		w.elements(path, v, s, depth+1, "id")
	}
	if w.quiet > 0 {
		return
	}
	text := fhirjson.Text(v)
	if text == "" {
		w.authority(path, true)
		return
	}
	switch e.Type {
	case "code", "boolean":
		w.f.Codings = append(w.f.Codings, stage.At[fhir.Coding]{Path: path, Value: fhir.Coding{Code: text}})
	case "date", "dateTime", "instant":
		w.date(path, text)
	case "string":
		if e.Name == "name" || e.Name == "title" || e.Name == "alias" {
			w.f.Strings = append(w.f.Strings, stage.At[string]{Path: path, Value: text})
		}
	case "id":
		if path == "id" {
			w.f.ID = text
		}
	case "uri":
		w.unreadable = w.unreadable || path == "implicitRules"
	}
}

func (w *walk) date(path, text string) {
	i, err := fhir.ParseDateTime(text, w.zone)
	if err != nil {
		w.err = err
		return
	}
	w.f.Dates = append(w.f.Dates, stage.At[fhir.Interval]{Path: path, Value: i})
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// addLabel adds a label that is not there yet. Its display is left out: what a label means is its code.
func addLabel(labels []fhir.Coding, l fhir.Coding) []fhir.Coding {
	l.Display = ""
	if slices.Contains(labels, l) {
		return labels
	}
	return append(labels, l)
}
