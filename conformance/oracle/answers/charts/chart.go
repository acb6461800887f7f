package charts

import "fmt"

const (
	actCode   = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	loinc     = "http://loinc.org"
	icd10     = "http://hl7.org/fhir/sid/icd-10-cm"
	cpt       = "http://www.ama-assn.org/go/cpt"
	clinical  = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	condCat   = "http://terminology.hl7.org/CodeSystem/condition-category"
	obsCat    = "http://terminology.hl7.org/CodeSystem/observation-category"
	docCat    = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
	rxnorm    = "http://www.nlm.nih.gov/research/umls/rxnorm"
	discharge = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
)

// shared are records about two clients, who both come for them.
func (m *maker) shared() {
	m.ids = map[string][]string{}
	for i, pair := range [][2]int{{0, 1}, {2, 3}} {
		group := fmt.Sprintf("couple-%d", i)
		m.add("Group", group, Object{"type": "person", "actual": true, "member": some(Object{"entity": ref("Patient/" + m.p.Clients[pair[0]])}, Object{"entity": ref("Patient/" + m.p.Clients[pair[1]])})})
		e := m.encounter(fmt.Sprintf("enc-couple-%d", i), "Group/"+group)
		m.document(fmt.Sprintf("doc-couple-%d", i), "Group/"+group, e)
	}
	m.ids = nil
}

// chart makes the records of one client. What is made first can be referred to by what comes later.
func (m *maker) chart(client string) {
	m.of, m.ids = client, map[string][]string{}
	defer func() { m.ids = nil }()
	subject := "Patient/" + client
	m.patient(client)
	id := func(kind string, i int) string { return fmt.Sprintf("%s-%s-%d", kind, client[4:], i) }
	for i := range 1 + m.IntN(2) {
		m.add("RelatedPerson", id("rel", i), Object{"active": m.maybe(50, m.chance(80)), "patient": ref(subject), "name": some(Object{"family": "Kin", "given": some("Rosé")}),
			"relationship": some(concept(code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", pick(m, "MTH", "GUARD", "HPOWATT", "SIB"))))})
	}
	for i := range 2 + m.IntN(4) {
		m.condition(id("cond", i), subject)
	}
	for i := range 3 + m.IntN(4) {
		m.encounter(id("enc", i), subject)
	}
	for i := range 2 + m.IntN(4) {
		m.observation(id("obs", i), subject)
	}
	for i := range 1 + m.IntN(4) {
		m.procedure(id("proc", i), subject)
		m.medication(id("med", i), subject)
		m.goal(id("goal", i), subject)
	}
	for i := range m.IntN(3) {
		m.allergy(id("all", i), subject)
		m.immunization(id("imm", i), subject)
	}
	for i := range 1 + m.IntN(3) {
		m.plan(id("plan", i), subject)
	}
	for i := range 3 + m.IntN(5) {
		m.document(id("doc", i), subject, m.one("Encounter"))
	}
	m.ties(id)
	for i := range 3 + m.IntN(5) {
		m.provenance(id("prov", i))
	}
}

// ties makes records that tie organisations to the client, or once did.
func (m *maker) ties(id func(string, int) string) {
	subject := ref("Patient/" + m.of)
	organization := func() Object {
		return ref("Organization/" + pick(m, "org-harbor", "org-dawn", "org-plan", "org-outside"))
	}
	if m.of == m.p.Clients[1] {
		m.formerTies(id)
		return
	}
	acting := func() Object {
		if m.chance(30) {
			return ref("PractitionerRole/" + pick(m, "role-harbor", "role-dawn"))
		}
		return organization()
	}
	for i := range m.IntN(3) {
		member := Object{"role": some(concept(code("http://nucc.org/provider-taxonomy", pick(m, "103T00000X", "261QM0801X")))), "member": acting()}
		if term := m.term(); term != nil {
			member["period"] = term
		}
		m.add("CareTeam", id("team", i), Object{"status": pick(m, "active", "active", "inactive"), "subject": subject, "encounter": m.to(30, "Encounter"), "period": m.term(),
			"participant": some(member, Object{"member": m.named()})})
	}
	if m.chance(40) {
		m.add("ServiceRequest", id("referral", 0), Object{"status": pick(m, "active", "active", "completed"), "intent": "order", "subject": subject, "code": concept(code(cpt, pick(m, "90837", "99213"))),
			"category": some(concept(code("http://snomed.info/sct", "3457005"))), "authoredOn": m.maybe(70, m.when()), "requester": acting(), "performer": list(m.maybe(40, acting())), "encounter": m.to(40, "Encounter"), "occurrencePeriod": m.term()})
	}
	if m.chance(40) {
		m.add("Coverage", id("cover", 0), Object{"status": pick(m, "active", "active", "cancelled"), "beneficiary": subject, "payor": some(organization()), "period": m.term(),
			"type": concept(code(actCode, "EHCPOL"))})
	}
}

// formerTies tie Harbor to the client no longer, not yet, or nobody knows whether, and Dawn still.
func (m *maker) formerTies(id func(string, int) string) {
	subject, harbor := ref("Patient/"+m.of), ref("Organization/org-harbor")
	m.add("CareTeam", id("team", 0), Object{"status": "active", "subject": subject, "participant": some(Object{"member": harbor, "period": Object{"start": "2020", "end": "2024-06"}},
		Object{"member": ref("Organization/org-dawn"), "period": Object{"start": "2020-05-01", "end": "2060"}})})
	m.add("CareTeam", id("team", 1), Object{"status": "active", "subject": subject, "period": Object{"end": "2024-06"}, "participant": some(Object{"member": harbor, "period": Object{"end": "2060"}}),
		"managingOrganization": some(harbor)})
	m.add("ServiceRequest", id("referral", 0), Object{"status": "active", "intent": "order", "subject": subject, "code": concept(code(cpt, "90837")), "requester": ref("PractitionerRole/role-harbor"),
		"occurrencePeriod": Object{"start": "2060"}})
	m.add("Coverage", id("cover", 0), Object{"status": "active", "beneficiary": subject, "payor": some(harbor), "period": Object{"start": "2020", "_end": unknown}})
}

// unknown is what stands beside an element of which nobody knows the value.
var unknown = Object{"extension": some(Object{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"})}

// term is for how long something holds: now, or no longer, or not yet, or nobody knows; or nothing.
func (m *maker) term() any {
	return m.maybe(60, pick(m, Object{"start": "2020"}, Object{"start": "2020-05-01", "end": "2060"}, Object{"end": "2060-12"}, Object{"end": "2024-06"}, Object{"start": "2060"},
		Object{"start": "2020", "_end": unknown}))
}

// one is the id of a record of the client's made before, or "".
func (m *maker) one(typ string) string {
	if len(m.ids[typ]) == 0 {
		return ""
	}
	return pick(m, m.ids[typ]...)
}

// to is a reference to one of the client's records, or nothing.
func (m *maker) to(percent int, typ string) any {
	if id := m.one(typ); id != "" && m.chance(percent) {
		return ref(typ + "/" + id)
	}
	return nil
}

// list is a list of one, or nothing.
func list(v any) any {
	if v == nil {
		return nil
	}
	return some(v)
}

func (m *maker) patient(id string) {
	family := pick(m, "Müller", "O'Neill", "van der Berg", "muller", "Zoe Smith")
	r := Object{"name": some(Object{"use": "official", "family": family, "given": some(pick(m, "Zoë", "Ana", "Jean-Luc"), "Q.")}), "gender": pick(m, "female", "male", "other"),
		"birthDate": pick(m, "1980-05-05", "1980-05", "1980", "1979-12-31", "2001-02-28", "2014-02-28", "2016-06-01"), "telecom": some(Object{"system": "phone", "value": "555-0100", "use": "mobile"}),
		"address":             m.maybe(60, some(Object{"line": some("1 Hidden Road"), "city": "Springfield"})),
		"generalPractitioner": list(m.maybe(50, m.practitioner())), "active": m.maybe(50, true)}
	if m.chance(50) {
		r["name"] = append(r["name"].([]any), Object{"use": "nickname", "given": some("Zee"), "text": "Zee the Great"})
	}
	if m.chance(25) {
		r["deceasedDateTime"] = pick(m, "2026-01", "2026-02-03T04:05:06-05:00")
	}
	if m.chance(30) {
		r["contact"] = some(Object{"name": Object{"text": "A Contact"}, "telecom": some(Object{"system": "phone", "value": "555-0199"})})
	}
	m.add("Patient", id, r)
}

func (m *maker) condition(id, subject string) {
	codes := pick(m, code(icd10, "F41.1"), code(icd10, "F41.1"), code(icd10, "F33.1"), code(icd10, "F10.20"), code(icd10, "B20"), code(icd10, "M54.5"))
	codes["display"] = "As said"
	r := Object{"clinicalStatus": concept(code(clinical, pick(m, "active", "resolved", "recurrence"))), "category": some(concept(code(condCat, pick(m, "problem-list-item", "encounter-diagnosis")))),
		"code": concept(codes), "subject": ref(subject), "recordedDate": m.maybe(70, m.day()), "encounter": m.to(60, "Encounter"), "recorder": m.maybe(40, m.named())}
	switch m.IntN(5) {
	case 0:
		r["onsetDateTime"] = m.when()
	case 1:
		r["onsetPeriod"] = m.period()
	case 2:
		r["onsetAge"] = Object{"value": 30, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
	}
	if m.chance(25) {
		r["abatementDateTime"] = m.when()
	}
	m.add("Condition", id, r)
}

func (m *maker) encounter(id, subject string) string {
	r := Object{"status": pick(m, "finished", "finished", "planned", "in-progress"), "class": code(actCode, pick(m, "AMB", "VR", "HH")), "subject": ref(subject), "period": m.maybe(85, m.period()),
		"type": some(concept(code(cpt, pick(m, "90837", "90834", "99213")))), "participant": list(m.maybe(70, Object{"individual": m.named()})),
		"serviceProvider": m.maybe(50, ref(pick(m, "Organization/"+Own, "Organization/org-outside"))), "partOf": m.to(15, "Encounter")}
	if m.chance(40) {
		r["location"] = some(Object{"location": ref(pick(m, "Location/loc-own", "Location/loc-outside")), "status": "completed"})
	}
	if m.chance(25) {
		r["hospitalization"] = Object{"dischargeDisposition": concept(code(discharge, pick(m, "home", "other-hcf")))}
	}
	if d := m.to(50, "Condition"); d != nil {
		r["diagnosis"] = some(Object{"condition": d, "rank": 1})
	}
	return m.add("Encounter", id, m.ofProgramme(15, r))
}

func (m *maker) observation(id, subject string) {
	r := Object{"status": pick(m, "final", "preliminary"), "category": some(concept(code(obsCat, pick(m, "survey", "laboratory")))), "code": concept(code(loinc, pick(m, "44261-6", "70274-6", "5221-7"))),
		"subject": ref(subject), "encounter": m.to(60, "Encounter"), "performer": list(m.maybe(50, m.named())), "valueInteger": 7, "hasMember": list(m.to(40, "Observation"))}
	switch m.IntN(4) {
	case 0:
		r["effectiveDateTime"] = m.when()
	case 1:
		r["effectivePeriod"] = m.period()
	case 2:
		r["effectiveInstant"] = "2026-06-15T12:00:00.123Z"
	}
	m.add("Observation", id, r)
}
