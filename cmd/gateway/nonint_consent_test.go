package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// NPIs of the practice, of who asks and of somebody else.
const (
	practiceNPI = "1497758544"
	clinicNPI   = "1234567893"
	otherNPI    = "1992999825"
)

// asker is a kind of requester: what it asks for, and with what scopes.
type asker struct {
	kind    requester.Kind
	purpose string
	scopes  []string
	self    bool
	launch  bool
}

var askers = []asker{
	{kind: requester.KindProvider, purpose: "TREAT", scopes: []string{"system/*.rs", "system/*.rs", "system/*.rs",
		"system/DocumentReference.rs system/Patient.rs system/Provenance.rs system/Encounter.r",
		"system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey system/DocumentReference.rs?status=current system/Condition.rs system/Provenance.rs"}},
	{kind: requester.KindProvider, purpose: "TREAT", scopes: []string{"user/*.rs"}},
	{kind: requester.KindProvider, purpose: "TREAT", scopes: []string{"patient/*.rs"}, launch: true},
	{kind: requester.KindPayer, purpose: "HPAYMT", scopes: []string{"system/*.rs"}},
	{kind: requester.KindOther, purpose: "PATRQT", scopes: []string{"system/*.rs"}},
	{kind: requester.KindPatient, purpose: "", scopes: []string{"patient/*.rs", "patient/DocumentReference.rs patient/Patient.rs patient/Provenance.rs"}, self: true, launch: true},
}

func (c *clinic) requester() *requester.Requester {
	a := pick(c, askers...)
	r := &requester.Requester{PartnerID: "partner", Kind: a.kind, Scopes: smart.ParseScopes(pick(c, a.scopes...)),
		Organization: requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: clinicNPI}}}}
	if a.purpose != "" {
		r.Purposes = []fhir.Coding{{System: fhir.SystemActReason, Code: a.purpose}}
		r.Registered = r.Purposes
	}
	if a.launch {
		r.Patient = c.patient(nonintClient)
	}
	if a.self {
		r.Person = r.Patient
	}
	return r
}

// consents draws the Consents of a client: mostly one release to who asks, with exceptions.
func (c *clinic) consents(client practice.ClientKey) (all []mapping.ConsentDocument) {
	for i := range 1 + c.IntN(2) + c.IntN(2)*c.IntN(2) {
		ref := c.sealed("Consent", client, "consent", fmt.Sprint(i))
		text, err := json.Marshal(c.consent(ref, c.patient(client), i))
		if err != nil {
			panic(err)
		}
		all = append(all, mapping.ConsentDocument{Client: client, Patient: c.patient(client), ID: ref.ID, JSON: text, Digest: sha256.Sum256(text)})
	}
	return all
}

func (c *clinic) consent(ref, patient fhir.Reference, i int) object {
	root := object{"type": "permit"}
	switch {
	case i > 0 && c.chance(40):
		root["type"] = "deny"
		c.narrow(root)
	case i > 0:
		c.recipient(root)
		c.narrow(root)
	default:
		c.recipient(root)
		if c.chance(65) {
			root["securityLabel"] = c.covered()
		}
		if c.chance(8) {
			c.narrow(root)
		}
		for range c.IntN(3) {
			deny := object{"type": "deny"}
			c.narrow(deny)
			below, _ := root["provision"].([]any)
			root["provision"] = append(below, deny)
		}
	}
	rule := concept(fhir.SystemActCode, "OPTIN")
	if c.chance(30) {
		rule = concept(fhir.SystemActCode, "42CFRPart2CD")
	}
	return object{
		"resourceType": "Consent", "id": ref.ID, "status": "active", "patient": refTo(patient), "dateTime": "2026-01-15",
		"scope": concept(fhir.SystemConsentScope, "patient-privacy"), "category": []any{concept(fhir.SystemActCode, "IDSCL")},
		"policyRule": rule, "provision": root,
	}
}

func (c *clinic) recipient(p object) {
	if c.chance(8) {
		return // whom the practice's data tie to the client
	}
	value := clinicNPI
	if c.chance(3) {
		value = otherNPI
	}
	p["actor"] = []any{object{"role": concept(fhir.SystemParticipation, "IRCP"), "reference": object{"identifier": object{"system": fhir.SystemNPI, "value": value}}}}
}

// covered is a securityLabel that covers much.
func (c *clinic) covered() []any {
	all := []any{object{"system": fhir.SystemConfidentiality, "code": pick(c, "R", "R", "V")}}
	for _, code := range []string{"SUD", "42CFRPart2", "HIV", "SDV", "MH", "ETH"} {
		if c.chance(75) {
			all = append(all, object{"system": fhir.SystemActCode, "code": code})
		}
	}
	return all
}

// narrow states something of the records that a provision is about.
func (c *clinic) narrow(p object) {
	switch c.IntN(8) {
	case 0:
		p["securityLabel"] = []any{object{"system": fhir.SystemConfidentiality, "code": pick(c, "R", "V")}}
	case 1:
		p["securityLabel"] = []any{object{"system": fhir.SystemActCode, "code": pick(c, "SUD", "HIV", "SDV", "MH")}}
	case 2, 3:
		p["class"] = []any{object{"system": fhir.SystemResourceTypes, "code": pick(c, "DocumentReference", "Encounter", "Condition", "Observation", "Patient", "Practitioner", "Organization", "Provenance")}}
	case 4:
		p["code"] = []any{pick(c, concept(fhir.SystemLOINC, "11506-3"), concept(fhir.SystemLOINC, "44249-1"), concept(fhir.SystemICD10CM, "F33.1"), concept(fhir.SystemCPT, "90834"))}
	case 5:
		p["dataPeriod"] = pick(c, object{"start": "2026-05"}, object{"end": "2026-06"}, object{"start": "2026-03", "end": "2026-09"})
	default:
		p["data"] = []any{object{"meaning": pick(c, "instance", "instance", "instance", "related", "dependents"), "reference": refTo(c.fellow())}}
	}
}
