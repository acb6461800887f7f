// Package fhirsource makes Candidates of what comes as FHIR R4 already: files of resources, a bulk export, another server's answer. Its
// counterpart for rows are the byte plans of package mapping.
//
// It owns what is done to such a resource before anybody labels it: strict parsing (package fhirjson), the Facts (package facts), and
// taking out what must not be copied from a foreign source into an answer. It must not import smart, requester or net/http: what a
// resource means does not depend on who asks.
package fhirsource

import (
	"errors"
	"fmt"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

// Options says what a resource itself does not. The zero value of Origin.Listed withholds, whatever the type.
type Options = facts.Options

var errNoID = errors.New("fhirsource: a resource without an id")

// ExtractFacts makes the Facts of a resource; package facts says what they hold.
func ExtractFacts(msg proto.Message, o Options) (*stage.Facts, error) { return facts.Extract(msg, o) }

// Candidate reads one resource. Its labels, wherever they stand, go to Facts.SourceLabels, and with the final labels into meta.security;
// in the body they are taken out where they stood. So is the narrative: it says again in free text what the elements say, and would go on
// saying what is taken out of them. A resource without meta.profile gets the base definition of its type, which it conforms to, so that
// meta is there.
//
// A resource with contained resources, a modifierExtension, implicitRules, a label without a code or a reference to a client who cannot be named
// is not Listed, so nobody gets it. binaries hold the content of its attachments.
func Candidate(json []byte, o Options, binaries ...stage.Candidate) (stage.Candidate, error) {
	r, err := read(json, o)
	if err != nil {
		return stage.Candidate{}, err
	}
	return r.candidate(binaries...)
}

// resource is a parsed resource with its facts.
type resource struct {
	msg   proto.Message
	facts *stage.Facts
}

func read(json []byte, o Options) (resource, error) {
	msg, err := fhirjson.Parse(json)
	if err != nil {
		return resource{}, err
	}
	f, err := facts.Extract(msg, o)
	if err != nil {
		return resource{}, err
	}
	if f.ID == "" {
		return resource{}, errNoID
	}
	return resource{msg, f}, nil
}

func (r resource) candidate(binaries ...stage.Candidate) (stage.Candidate, error) {
	m := r.msg.ProtoReflect()
	shape := fhirjson.ShapeOf(m.Descriptor())
	for _, name := range []string{"text", "securityLabel"} {
		if e := shape.Lookup(name); e != nil {
			m.Clear(e.Field)
		}
	}
	dropInlineLabels(m, shape, 0)
	meta, err := metaOf(m, shape)
	if err != nil {
		return stage.Candidate{}, err
	}
	meta.Security = nil
	if len(meta.Profile) == 0 {
		base := "http://hl7.org/fhir/StructureDefinition/" + r.facts.Type
		meta.Profile = []*dtpb.Canonical{{Value: base}}
		r.facts.Profiles = []string{base}
	}
	body, at, err := fhirjson.AppendUnlabeled(nil, r.msg)
	if err != nil {
		return stage.Candidate{}, fmt.Errorf("fhirsource: %s: %w", r.facts.Type, err)
	}
	return stage.New(body, at, r.facts, binaries...)
}

func metaOf(m protoreflect.Message, shape *fhirjson.Shape) (*dtpb.Meta, error) {
	e := shape.Lookup("meta")
	if e == nil {
		return nil, errNoID
	}
	meta, ok := m.Mutable(e.Field).Message().Interface().(*dtpb.Meta)
	if !ok {
		return nil, errNoID
	}
	return meta, nil
}

// dropInlineLabels takes the inline labels out of every element: they hold for the whole resource from now on.
func dropInlineLabels(m protoreflect.Message, s *fhirjson.Shape, depth int) {
	if depth > 2*fhirjson.MaxNestingDepth {
		return
	}
	if e := s.Lookup("extension"); e != nil && m.Has(e.Field) {
		list := m.Mutable(e.Field).List()
		kept := 0
		for i := range list.Len() {
			x, ok := list.Get(i).Message().Interface().(*dtpb.Extension)
			if ok && x.GetUrl().GetValue() == facts.URLInlineLabel {
				continue
			}
			list.Set(kept, list.Get(i))
			kept++
		}
		list.Truncate(kept)
		if kept == 0 {
			m.Clear(e.Field)
		}
	}
	s.Range(m, func(e *fhirjson.Element, v protoreflect.Message) {
		if inner := e.Value(); inner != nil {
			dropInlineLabels(v, inner, depth+1)
		}
	})
}

// Unread is a resource of a file that cannot be released: the line, and why, without a value.
type Unread struct {
	Index int
	Err   error
}

// Candidates reads the resources of one file or export together, because some say only together whom they are about: a resource about a
// Group is about the members that the Group here has, and a Provenance about whom its targets here are about. What cannot be read is
// reported and left out.
func Candidates(jsons [][]byte, o Options) ([]stage.Candidate, []Unread) {
	var unread []Unread
	o.Members = membersOf(jsons, o.Members)
	list := make([]resource, 0, len(jsons))
	index := make([]int, 0, len(jsons))
	for i, json := range jsons {
		r, err := read(json, o)
		if err != nil {
			unread = append(unread, Unread{i, err})
			continue
		}
		list, index = append(list, r), append(index, i)
	}
	clientsOfProvenances(list)
	all := make([]stage.Candidate, 0, len(list))
	for i, r := range list {
		c, err := r.candidate()
		if err != nil {
			unread = append(unread, Unread{index[i], err})
			continue
		}
		all = append(all, c)
	}
	return all, unread
}

// clientsOfProvenances lets each Provenance without a client be about whom its targets are about, in the chart of the first of them. What is
// about nobody known, not here or a Provenance itself tells of nobody; nothing of such a target is visible either (design section 5, rule 22).
func clientsOfProvenances(list []resource) {
	byRef := make(map[fhir.Reference]*stage.Facts, len(list))
	for _, r := range list {
		byRef[fhir.Reference{Type: r.facts.Type, ID: r.facts.ID}] = r.facts
	}
	for _, r := range list {
		f := r.facts
		if f.Type != "Provenance" || len(f.Clients) > 0 {
			continue
		}
		var targets []*stage.Facts
		for _, ref := range f.References {
			if t := byRef[ref.Value]; ref.Path == "target" && t != nil && t.Type != "Provenance" {
				targets = append(targets, t)
			}
		}
		f.Subject, f.Clients = facts.Together(targets)
	}
}
