package fhirsource

import (
	"fmt"
	"slices"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

// Kind is the kind under which the ids of all but two types of resource are sealed.
const Kind = "fhir"

// A client's Patient and the practice are known by the same kinds as to the maps: their ids follow from the client's key alone.
const (
	kindPatient  = "patient"
	kindPractice = "practice"
)

// builder makes the Candidates of one chart, or of the directory.
type builder struct {
	*State
	client  practice.ClientKey // "" for the directory
	patient fhir.Reference
	others  []*entry // those outside the practice whom the chart names, in the order in which it does
	named   map[fhir.Reference]bool
	ids     map[fhir.Reference]fhir.Reference
	used    []*entry // the source's Binaries whose content is in the chart
}

func (s *State) builder(client practice.ClientKey) (*builder, error) {
	b := &builder{State: s, client: client, named: map[fhir.Reference]bool{}, ids: map[fhir.Reference]fhir.Reference{}}
	if client == "" {
		return b, nil
	}
	var err error
	b.patient, err = b.sealPatient(client)
	return b, err
}

func (s *State) sealPatient(client practice.ClientKey) (fhir.Reference, error) {
	id, err := s.opts.Sealer.Seal("Patient", string(client), kindPatient, string(client))
	if err != nil {
		return fhir.Reference{}, fmt.Errorf("fhirsource: the client's id cannot be made: %w", err)
	}
	return fhir.Reference{Type: "Patient", ID: id}, nil
}

// seal gives the reference by which a resource of the source is known outside, in this chart. What is not there is sealed as well: the source's
// own ids never leave.
func (b *builder) seal(ref fhir.Reference) (fhir.Reference, error) {
	if sealed, known := b.ids[ref]; known {
		return sealed, nil
	}
	sealed := fhir.Reference{Type: ref.Type}
	var err error
	if client, isClient := b.clients[ref]; isClient {
		sealed, err = b.sealPatient(client)
	} else if ref == b.house {
		sealed, err = House(b.opts.Sealer)
	} else {
		chart := string(b.client)
		if b.own[ref] {
			chart = ""
		}
		sealed.ID, err = b.opts.Sealer.Seal(ref.Type, chart, Kind, ref.ID)
	}
	if err != nil {
		return fhir.Reference{}, err
	}
	b.ids[ref] = sealed
	return sealed, nil
}

// read parses a line again and puts what leaves the gateway in place of the source's own ids.
func (b *builder) read(e *entry) (proto.Message, error) {
	text, err := e.file.At(e.place)
	if err != nil {
		return nil, err
	}
	msg, err := fhirjson.Parse(text)
	if err != nil {
		return nil, err
	}
	if err := eachReference(msg, func(top string, el *fhirjson.Element, r *dtpb.Reference) error {
		b.identities.resolve(el, r)
		return b.reference(e, top, r)
	}); err != nil {
		return nil, err
	}
	id, err := b.seal(e.ref)
	if err != nil {
		return nil, err
	}
	return msg, setID(msg, id.ID)
}

// reference seals one reference.
func (b *builder) reference(e *entry, top string, r *dtpb.Reference) error {
	ref := fhirjson.ReferenceOf(r)
	if ref == (fhir.Reference{}) {
		return nil
	}
	target := b.byRef[ref]
	if ref.Type == "Group" && slices.Contains(aboutElements, top) && b.client != "" {
		// A record about several stands in each one's chart, with that client as subject (design rule 20).
		r.Display, r.Identifier, r.Type = nil, nil, nil
		setLiteral(r, b.patient)
		return nil
	}
	if target != nil && slices.Contains(outside, ref.Type) && !b.own[ref] && b.client != "" && !b.named[ref] {
		b.named[ref] = true
		b.others = append(b.others, target)
	}
	if e.ref.Type == "Consent" && target != nil && r.Identifier == nil {
		// A partner is known by its identifiers; the source's ids mean nothing to it.
		if id, ok := oneIdentifier(target); ok {
			r.Identifier = identifierOf(id)
		}
	}
	sealed, err := b.seal(ref)
	if err != nil {
		return err
	}
	setLiteral(r, sealed)
	return nil
}

// aboutElements are the elements at which a Group may stand as whom a resource is about.
var aboutElements = []string{"subject", "patient", "for"}

// systemNPI is the National Provider Identifier.
const systemNPI = "http://hl7.org/fhir/sid/us-npi"

// oneIdentifier gives the identifier by which an organisation or a person acting for one is to be recognised: the NPI, or the only one.
func oneIdentifier(e *entry) (fhir.Identifier, bool) {
	if e.links == nil || !slices.Contains(outside, e.ref.Type) {
		return fhir.Identifier{}, false
	}
	for _, i := range e.links.identifiers {
		if i.System == systemNPI {
			return i, true
		}
	}
	if len(e.links.identifiers) != 1 {
		return fhir.Identifier{}, false
	}
	return e.links.identifiers[0], true
}

// all makes the Candidates of the chart, or of the directory.
func (b *builder) all(made func(*entry, stage.Candidate)) error {
	list := b.charts[b.client]
	if b.client == "" {
		for _, e := range b.directory() {
			list = append(list, member{e, nil})
		}
	}
	for i := 0; i < len(list)+len(b.others); i++ { // what is made may name more of the others
		m := member{nil, []practice.ClientKey{b.client}}
		if i < len(list) {
			m = list[i]
		} else {
			m.entry = b.others[i-len(list)]
		}
		c, err := b.candidate(m)
		if err != nil {
			return err
		}
		made(m.entry, c)
	}
	return nil
}

// candidate makes the Candidate of a resource.
func (b *builder) candidate(m member) (c stage.Candidate, err error) {
	msg, err := b.read(m.entry)
	if err != nil {
		return c, err
	}
	trim(msg)
	held, err := b.attachments(m, msg)
	if err != nil {
		return c, err
	}
	o := facts.Options{Zone: b.opts.Zone, Types: b.opts.Types, Base: b.opts.Base, Subject: b.patient, InheritsChart: held.mixed || isScan(msg), Labels: held.labels, Origin: stage.Origin{
		Map: m.file.Name, Table: m.ref.Type, Kind: m.kind, Listed: m.verdict == listed, Directory: b.client == "",
	}}
	for _, client := range m.about {
		p, err := b.sealPatient(client)
		if err != nil {
			return c, err
		}
		o.Clients = append(o.Clients, p)
	}
	f, err := facts.Extract(msg, o)
	if err != nil {
		return c, fmt.Errorf("fhirsource: %s: %w", m.ref.Type, err)
	}
	if f.InheritsChart {
		f.SourceLabels = withoutDefaults(f.SourceLabels)
	}
	binaries, err := held.binaries(f)
	if err != nil {
		return c, err
	}
	return resource{msg, f}.candidate(binaries...)
}
