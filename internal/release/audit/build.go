package audit

import (
	"slices"

	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	aepb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/audit_event_go_proto"

	"github.com/consentry/gateway/internal/fhir"
)

// Code systems and profiles of the patterns (IHE BALP 1.1.4, FHIR R4 AuditEvent).
const (
	systemEvent       = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	systemInteraction = "http://hl7.org/fhir/restful-interaction"
	systemDICOM       = "http://dicom.nema.org/resources/ontology/DCM"
	systemSource      = "http://terminology.hl7.org/CodeSystem/security-source-type"
	systemEntity      = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	systemRole        = "http://terminology.hl7.org/CodeSystem/object-role"
	systemTransaction = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"

	profilePatientRead = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
	profileOurs        = "https://consentry.dev/fhir/StructureDefinition/consentry-auditevent"

	dicomDestination = "110152"
	dicomSource      = "110153"
)

// Profiles are those that an AuditEvent can claim: ours always, BALP's if it tells of a read.
func Profiles() []string { return []string{profileOurs, profilePatientRead} }

// build makes the AuditEvent. A read keeps the profile PatientRead. A search has the shape of PatientQuery but not the query, which that profile
// requires: the ledger keeps no query, since one may hold anything. So it claims ours alone, and no profile of BALP; nor does an operation, for which there is none.
func (s *Source) build(e Event, id string, patient fhir.Reference, told []fhir.Reference) *aepb.AuditEvent {
	r := &e.entry.Record
	kind := interaction(r.Interaction)
	recorded := &dtpb.Instant{ValueUs: r.At.UnixMicro() / 1000 * 1000, Timezone: "Z", Precision: dtpb.Instant_MILLISECOND}
	out := &aepb.AuditEvent{
		Id:       &dtpb.Id{Value: id},
		Meta:     &dtpb.Meta{LastUpdated: recorded, Profile: []*dtpb.Canonical{{Value: profileOurs}}},
		Type:     coding(systemEvent, "rest"),
		Subtype:  []*dtpb.Coding{coding(systemInteraction, kind)},
		Action:   &aepb.AuditEvent_ActionCode{Value: cpb.AuditEventActionCode_E},
		Recorded: recorded,
		Outcome:  &aepb.AuditEvent_OutcomeCode{Value: cpb.AuditEventOutcomeCode_SUCCESS},
		Source: &aepb.AuditEvent_Source{
			Site: text(s.o.Base), Observer: s.practice(), Type: []*dtpb.Coding{coding(systemSource, "4")}, // application server
		},
		Entity: []*aepb.AuditEvent_Entity{{
			Type: coding(systemEntity, "1"), Role: coding(systemRole, "1"), What: reference(patient), // person, patient
		}},
	}
	for _, p := range r.Purposes {
		out.PurposeOfEvent = append(out.PurposeOfEvent, &dtpb.CodeableConcept{Coding: []*dtpb.Coding{keyed(p)}})
	}
	// In a query the client is the source (of the question) and the server the destination; in a read it is the other way round.
	asks, answers := dicomSource, dicomDestination
	if kind == "read" {
		asks, answers = dicomDestination, dicomSource
		out.Action.Value = cpb.AuditEventActionCode_R
		out.Meta.Profile = append(out.Meta.Profile, &dtpb.Canonical{Value: profilePatientRead})
	}
	out.Agent = []*aepb.AuditEvent_Agent{s.client(r.Partner, asks), s.server(answers)}
	out.Entity = append(out.Entity, data(kind, told)...)
	if r.RequestID != "" {
		out.Entity = append(out.Entity, transaction(r.RequestID))
	}
	return out
}

// client is the partner's software, which speaks for the partner. Where in the network it was is not kept: the profile wants to be told of it, and so
// is told that it is not known.
func (s *Source) client(partner, role string) *aepb.AuditEvent_Agent {
	p := s.o.Partner(partner)
	who := &dtpb.Reference{Identifier: &dtpb.Identifier{Value: text(partner)}}
	if len(p.Identifiers) > 0 {
		who.Identifier = identifier(p.Identifiers[0])
	}
	a := &aepb.AuditEvent_Agent{
		Type: concept(systemDICOM, role), Who: who, AltId: text(partner), Requestor: &dtpb.Boolean{Value: true},
		Network: &aepb.AuditEvent_Agent_Network{Address: unknown()},
	}
	if p.Name != "" {
		a.Name, who.Display = text(p.Name), text(p.Name)
	}
	return a
}

// server is this gateway.
func (s *Source) server(role string) *aepb.AuditEvent_Agent {
	return &aepb.AuditEvent_Agent{
		Type: concept(systemDICOM, role), Who: s.practice(), Requestor: &dtpb.Boolean{},
		Network: &aepb.AuditEvent_Agent_Network{
			Address: text(s.o.Base), Type: &aepb.AuditEvent_Agent_Network_TypeCode{Value: cpb.AuditEventAgentNetworkTypeCode_URI},
		},
	}
}

func (s *Source) practice() *dtpb.Reference {
	return &dtpb.Reference{Identifier: identifier(s.o.Practice)}
}

// data says what was released: by a read the resource, by anything else the kinds of resource, without their number (BALP: the content of the
// results is not recorded).
func data(kind string, told []fhir.Reference) (list []*aepb.AuditEvent_Entity) {
	domainResource := coding(systemRole, "4")
	if kind == "read" {
		for _, ref := range told {
			list = append(list, &aepb.AuditEvent_Entity{Type: coding(systemEntity, "2"), Role: domainResource, What: reference(ref)}) // system object
		}
		return list
	}
	list = []*aepb.AuditEvent_Entity{{Type: coding(systemEntity, "2"), Role: coding(systemRole, "24")}} // query
	var types []string
	for _, ref := range told {
		types = append(types, ref.Type)
	}
	slices.Sort(types)
	for _, t := range slices.Compact(types) {
		list = append(list, &aepb.AuditEvent_Entity{Type: coding(fhir.SystemResourceTypes, t), Role: domainResource})
	}
	return list
}

// transaction is the number under which the ledger has the request. It says that it is no client's: an identifier alone might be anybody's.
func transaction(id string) *aepb.AuditEvent_Entity {
	return &aepb.AuditEvent_Entity{
		Type: coding(systemTransaction, "XrequestId"),
		What: &dtpb.Reference{Type: &dtpb.Uri{Value: Type}, Identifier: &dtpb.Identifier{Value: text(id)}},
	}
}
