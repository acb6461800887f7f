package answers

import (
	"encoding/json"
	"slices"
)

// Code systems and profiles of AuditEvents (FHIR R4; IHE Basic Audit Log Patterns 1.1).
const (
	eventProfile    = "https://consentry.dev/fhir/StructureDefinition/consentry-auditevent"
	readProfile     = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
	interactions    = "http://hl7.org/fhir/restful-interaction"
	dicom           = "http://dicom.nema.org/resources/ontology/DCM"
	entityTypes     = vocabularies + "audit-entity-type"
	entityRoles     = vocabularies + "object-role"
	resourceTypes   = "http://hl7.org/fhir/resource-types"
	transactionType = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
)

// event is the AuditEvent of a disclosure, which tells of some of what was given: of a read what it was, of all else the types. In a read the records go
// from the practice to the recipient, in anything else the question goes the other way.
func (w *World) event(d *disclosure, client string, shown []string) Object {
	meta := Object{"lastUpdated": d.recorded, "profile": []any{eventProfile}, "security": []any{coded(vocabularies+"v3-Confidentiality", "N")}}
	action, recipient, practice := "E", "110153", "110152"
	if d.kind == "read" {
		action, recipient, practice = "R", practice, recipient
		meta["profile"] = []any{eventProfile, readProfile}
	}
	r := Object{
		"resourceType": auditEvent, "id": d.id, "meta": meta, "type": coded(vocabularies+"audit-event-type", "rest"), "subtype": []any{coded(interactions, d.kind)},
		"action": action, "recorded": d.recorded, "outcome": "0",
		"agent":  []any{d.recipient(recipient), Object{"type": concept(coded(dicom, practice)), "who": Object{"identifier": w.Identifier}, "requestor": false, "network": Object{"address": w.Base, "type": "5"}}},
		"source": Object{"site": w.Base, "observer": Object{"identifier": w.Identifier}, "type": []any{coded(vocabularies+"security-source-type", "4")}},
		"entity": slices.Concat([]any{entity(coded(entityTypes, "1"), "1", Object{"reference": client})}, d.data(shown),
			[]any{Object{"type": coded(transactionType, "XrequestId"), "what": Object{"type": auditEvent, "identifier": Object{"value": d.number}}}}),
	}
	var purposes []any
	for _, p := range list(d.By.Who.Who["purpose"]) {
		purposes = append(purposes, concept(coded(vocabularies+"v3-ActReason", text(p))))
	}
	put(r, "purposeOfEvent", purposes)
	return r
}

// recipient is who asked, by name and number of the register, or by its id there. Where in the network it was nobody knows.
func (d *disclosure) recipient(role string) Object {
	id := text(d.By.Who.Who["partnerId"])
	who := Object{"identifier": Object{"value": id}}
	if numbers := at(d.By.Who.Who, "organization.identifier"); len(numbers) > 0 {
		who["identifier"] = numbers[0]
	}
	out := Object{"type": concept(coded(dicom, role)), "who": who, "altId": id, "requestor": true,
		"network": Object{"_address": Object{"extension": []any{Object{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}}}}}
	if name := d.By.Who.Registered; name != "" {
		out["name"], who["display"] = name, name
	}
	return out
}

// data is what was given.
func (d *disclosure) data(shown []string) (out []any) {
	if d.kind == "read" {
		return []any{entity(coded(entityTypes, "2"), "4", Object{"reference": shown[0]})}
	}
	var types []string
	for _, ref := range shown {
		types = append(types, typeOf(ref))
	}
	slices.Sort(types)
	out = append(out, entity(coded(entityTypes, "2"), "24", nil))
	for _, t := range slices.Compact(types) {
		out = append(out, entity(coded(resourceTypes, t), "4", nil))
	}
	return out
}

func entity(kind Object, role string, what Object) Object {
	out := Object{"type": kind, "role": coded(entityRoles, role)}
	put(out, "what", what)
	return out
}

func messages(raw [][]byte) (out []json.RawMessage) {
	for _, r := range raw {
		out = append(out, r)
	}
	return out
}
