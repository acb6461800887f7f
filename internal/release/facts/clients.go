package facts

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
)

// clientPaths are the elements that name whom a record is about, in the order in which they say in whose chart it stands.
var clientPaths = []string{"patient", "subject", "beneficiary", "for"}

// Clients gives whom a resource itself says it is about: a Patient, or the Patients at patient, subject, beneficiary or for. A Group is
// given as it stands, and what cannot be resolved as the zero Reference. Nothing else confers it: not Observation.focus, not a
// participant, not Provenance.target.
func Clients(f *stage.Facts) []fhir.Reference {
	if f.Type == "Patient" {
		return []fhir.Reference{{Type: "Patient", ID: f.ID}}
	}
	var about []fhir.Reference
	for _, path := range clientPaths {
		for _, r := range f.References {
			if r.Path == path {
				about = append(about, r.Value)
			}
		}
	}
	return about
}

// setClients fills Subject and Clients. One whom we cannot name leaves the record about nobody known.
func setClients(f *stage.Facts, o Options) {
	f.Subject = o.Subject
	clients := slices.Clone(o.Clients)
	for _, r := range Clients(f) {
		switch {
		case r.Type == "Patient":
			clients = append(clients, r)
			if f.Subject == (fhir.Reference{}) {
				f.Subject = r
			}
			continue
		case r.Type == "Group" && o.Members != nil:
			if members := o.Members(r); len(members) > 0 {
				clients = append(clients, members...)
				continue
			}
		}
		f.Subject, f.Clients = fhir.Reference{}, nil
		return
	}
	if o.Subject != (fhir.Reference{}) {
		clients = append(clients, o.Subject)
	}
	f.Clients = sorted(clients)
}

func sorted(refs []fhir.Reference) []fhir.Reference {
	slices.SortFunc(refs, func(a, b fhir.Reference) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(refs)
}

// Together gives whom several records are about: everybody whom any of them is about, in the chart that the first of them stands in. Records
// about nobody known tell of nobody.
func Together(list []*stage.Facts) (subject fhir.Reference, clients []fhir.Reference) {
	for _, f := range list {
		if f == nil {
			continue
		}
		if subject == (fhir.Reference{}) {
			subject = f.Subject
		}
		clients = append(clients, f.Clients...)
	}
	return subject, sorted(clients)
}

// GroupMembers gives a Group's reference and its members; ok is false if one of them is no Patient that we can name.
func GroupMembers(group proto.Message) (ref fhir.Reference, members []fhir.Reference, ok bool) {
	m := group.ProtoReflect()
	w := walk{f: &stage.Facts{Type: string(m.Descriptor().Name())}, zone: time.UTC, present: map[string]bool{}}
	w.elements("", m, fhirjson.ShapeOf(m.Descriptor()), 0)
	for _, r := range w.f.References {
		if r.Path != "member.entity" {
			continue
		}
		if r.Value.Type != "Patient" {
			return fhir.Reference{}, nil, false
		}
		members = append(members, r.Value)
	}
	return fhir.Reference{Type: "Group", ID: w.f.ID}, members, w.f.Type == "Group" && w.err == nil && len(members) > 0
}
