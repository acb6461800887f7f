package cases

import "fmt"

// makeChart draws three to eight resources, most of them anna's.
func (m *maker) makeChart() {
	m.add(m.patient("anna"))
	if m.chance(15) {
		m.add(m.patient("ben"))
		if m.parent = m.chance(30); m.parent {
			m.add(object{"resourceType": "RelatedPerson", "id": "parent", "patient": ref(ben), "relationship": some(concept(code(roleCode, "PRN")))})
		}
	}
	if m.guardian || m.chance(8) {
		m.add(m.relatedPerson())
	}
	m.add(m.encounter())
	room := 8 - len(m.chart)
	for i := range min(room, 1+m.IntN(5)) {
		id := fmt.Sprint(i + 1)
		switch weighted(m, 38, 18, 16, 16, 9, 3) {
		case 0:
			m.add(m.document("d" + id))
		case 1:
			m.add(m.condition("c" + id))
		case 2:
			m.add(m.medication("m" + id))
		case 3:
			m.add(m.observation("o" + id))
		case 5:
			m.add(m.role())
		default:
			m.add(m.provenance("v" + id))
		}
	}
}

// add labels a resource and puts it into the chart.
func (m *maker) add(r object) {
	if labels := m.labels(); len(labels) > 0 {
		if r["resourceType"] == "DocumentReference" && m.chance(10) {
			r["securityLabel"] = some(concept(labels[len(labels)-1].(object)))
			labels = labels[:len(labels)-1]
		}
		if len(labels) > 0 {
			r["meta"] = object{"security": labels}
		}
	}
	m.oddities(r)
	m.chart = append(m.chart, r)
}

// oddities are what few resources have: a profile, somebody else whom they are about, what cannot be read.
func (m *maker) oddities(r object) {
	if meta, ok := r["meta"].(object); ok && m.chance(15) {
		meta["profile"] = some(pick(m, profile, profile+"|1.0", "https://example.org/fhir/StructureDefinition/other", definitions+r["resourceType"].(string)))
	}
	switch {
	case m.chance(1):
		r["modifierExtension"] = some(object{"url": unknownMarker, "valueBoolean": true})
	case m.chance(1):
		r["contained"] = some(object{"resourceType": "Organization", "id": "inside", "name": "Example"})
	case m.chance(1):
		r["implicitRules"] = "https://example.org/rules"
	case m.chance(4):
		m.mention(r)
	}
}

// mention lets a resource refer to somebody or something, named or not, where that matters or does not.
func (m *maker) mention(r object) {
	to := pick(m, ref("https://elsewhere.example/fhir/Patient/x"), ref("https://elsewhere.example/fhir/Practitioner/x/_history/1"), ref("Patient?identifier=x|1"),
		ref("urn:uuid:0c3201bd-1cbf-4d64-b04d-cd9187a4c6e0"), ref("Group/couples"), ref(anna), ref(ben), ref(therapist), object{"display": "somebody"},
		object{"identifier": npi(otherNPI)}, object{"identifier": npi(otherNPI), "type": "Practitioner"}, object{"identifier": npi(otherNPI), "type": "Patient"},
		object{"reference": therapist, "type": "Patient"}, object{"reference": "#inside"})
	if r["resourceType"] == "Condition" && to["reference"] != "Group/couples" {
		r["note"] = some(object{"authorReference": to, "text": "x"}) // who only acts
	}
	if m.chance(30) {
		r["extension"] = some(object{"url": unknownMarker, "valueReference": to})
		return
	}
	switch r["resourceType"] {
	case "Observation":
		r["focus"] = some(to)
	case "DocumentReference":
		context, _ := r["context"].(object)
		if context == nil {
			context = object{}
			r["context"] = context
		}
		context["related"] = some(to)
	case "MedicationRequest":
		r["supportingInformation"] = some(to)
	case "Provenance":
		r["entity"] = some(object{"role": "source", "what": to})
	}
}

// labels draws the security labels of a resource: one confidentiality mostly, and in half of the resources what makes it sensitive.
func (m *maker) labels() []any {
	var l []any
	if m.chance(96) {
		l = append(l, code(confidentiality, []string{"N", "R", "V", "L"}[weighted(m, 50, 40, 6, 4)]))
	}
	if m.chance(2) {
		l = append(l, code(confidentiality, pick(m, "V", "R", "X")))
	}
	switch weighted(m, 42, 20, 10, 5, 5, 4, 4, 2, 3, 1, 2, 2, 2, 2) {
	case 1:
		l = append(l, code(actCode, pick(m, "MH", "MH", "PSY")))
	case 2:
		l = append(l, code(actCode, pick(m, "SUD", "ETHUD")), code(actCode, "42CFRPart2"), code(actCode, "NORDSCLCD"))
	case 3:
		l = append(l, code(actCode, pick(m, "SUD", "ETHUD", "OPIOIDUD")))
	case 4:
		l = append(l, code(actCode, pick(m, "HIV", "SDV", "ETH")))
	case 5:
		l = append(l, code(actCode, "SUD"), code(actCode, "HIV"))
	case 6:
		l = append(l, code(actCode, "HIPAASelfPay"))
	case 7:
		l = append(l, code(pick(m, actCode, foreign), pick(m, "PSYTHPN", "HIPAAPsyNotes", "SUDCOUNSELNOTE")))
	case 8:
		l = append(l, code(actCode, pick(m, "NODSCLCD", "NOPAT")))
	case 9:
		l = append(l, code(actCode, "42CFRPart2"))
	case 10:
		l = append(l, code(pick(m, actCode, foreign), "NOSUCH"))
	case 11:
		l = append(l, code(pick(m, "https://consentry.dev/fhir/CodeSystem/sensitivity", foreign, actCode), "LEGALPROC"))
	case 12:
		l = append(l, code(foreign, pick(m, "HIPAASelfPay", "NODSCLCD", "NORDSCLCD", "42CFRPart2")))
	case 13:
		l = append(l, code(pick(m, actCode, integrity), pick(m, "AUDIT", "REDACTED")))
	}
	return l
}

func (m *maker) patient(id string) object {
	p := object{"resourceType": "Patient", "id": id, "name": some(object{"family": "Example"})}
	born := pick(m, "1985-06-01", "1985-06-01", "2012-03-04", "2012-03-04", "2012", "2008-11-20", "2008-11-21", "2008-11-22", "")
	if born != "" {
		p["birthDate"] = born
	}
	return p
}

func (m *maker) relatedPerson() object {
	r := object{"resourceType": "RelatedPerson", "id": "guardian", "patient": ref(anna)}
	if m.chance(5) {
		r["patient"] = ref(ben)
	}
	r["relationship"] = some(concept(code(roleCode, pick(m, "GUARD", "MTH", "PRN", "HPOWATT", "POWATT", "NBOR"))))
	if m.chance(8) {
		r["active"] = m.chance(50)
	}
	if m.chance(15) {
		r["period"] = m.period()
	}
	return r
}

func list(v any) []any { l, _ := v.([]any); return l }

// subject is anna mostly, ben sometimes, nobody known now and then.
func (m *maker) subject() object {
	return ref([]string{anna, ben, "Group/couples"}[weighted(m, 91, 8, 1)])
}

// matter is a date of what a record is about: this year, last year, years ago.
func (m *maker) matter() string {
	return pick(m, "2026-11-03", "2026-11-20", "2026-10", "2026-05-04T09:00:00Z", "2025-02-01T10:00:00-05:00", "2024-12-31", "2022-07-01T08:00:00Z", "2023")
}

func (m *maker) encounter() object {
	e := object{"resourceType": "Encounter", "id": "e1", "status": "finished", "class": code(actCode, "AMB"), "subject": m.subject()}
	if m.chance(88) {
		day := pick(m, "2026-11-03", "2025-02-01", "2022-07-01")
		e["period"] = object{"start": day + "T09:00:00Z", "end": day + "T10:00:00Z"}
	} else if m.chance(50) {
		e["status"], e["period"] = "in-progress", pick(m, object{"start": "2026-11-20T14:00:00Z"}, object{"start": "2023-11-20T14:00:00Z"}, object{"start": "2026-11-21"},
			object{"start": "2026-11-19", "end": "2026-11-25"}, object{"start": "2026-11-22T04:00:00Z", "end": "2026-11-22T05:00:00Z"},
			object{"start": "2026-11-23", "end": "2026-11-23"})
	}
	if m.chance(70) {
		e["type"] = some(m.what(cpt, "90834"))
	}
	if m.chance(80) {
		e["participant"] = some(object{"individual": ref(pick(m, therapist, doctor))})
	}
	return e
}

func (m *maker) document(id string) object {
	d := object{
		"resourceType": "DocumentReference", "id": id, "status": pick(m, "current", "current", "superseded"), "subject": m.subject(),
		"type":     m.what(loinc, pick(m, progressNote, discharge, "18776-5")),
		"category": some(concept(code(usCoreNote, "clinical-note"))),
		"content":  some(object{"attachment": object{"contentType": "text/plain", "url": "Binary/" + id}}),
	}
	if m.chance(85) {
		d["date"] = pick(m, "2026-11-03T10:05:00Z", "2026-11-20T23:30:00Z", "2025-02-01T11:00:00Z", "2022-07-01T11:00:00Z")
	}
	context := object{}
	if m.chance(60) {
		context["encounter"] = some(m.session())
	}
	if m.chance(30) {
		context["period"] = m.period()
	}
	if m.chance(7) || m.parent && m.chance(40) {
		context["related"] = some(ref(ben)) // a couple
	}
	if len(context) > 0 {
		d["context"] = context
	}
	if m.chance(85) {
		d["author"] = some(ref(pick(m, therapist, therapist, therapist, doctor, doctor, doctor, ben, practitionerRole, practice)))
	}
	if m.chance(5) {
		d["author"] = append(some(object{"display": "a locum"}), list(d["author"])...)
	}
	if m.chance(8) {
		attached := object{"attachment": object{"url": "Binary/" + id}}
		if m.chance(60) {
			attached["format"] = code("http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "urn:ihe:iti:xds:2017:mimeTypeSufficient")
		}
		d["content"] = some(attached)
	}
	return d
}

func (m *maker) condition(id string) object {
	c := object{"resourceType": "Condition", "id": id, "subject": m.subject(), "code": m.what(icd10, pick(m, depression, alcohol))}
	c["clinicalStatus"] = concept(code("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"))
	if m.chance(75) {
		c["onsetDateTime"] = m.matter()
	}
	if m.chance(60) {
		c["recordedDate"] = m.matter()
	}
	if m.chance(25) {
		c["clinicalStatus"] = concept(code("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved"))
		if m.chance(60) {
			c["abatementDateTime"] = pick(m, "2026-11-19", "2025-06")
		}
	}
	if m.chance(70) {
		c["recorder"] = ref(therapist)
	}
	return c
}

func (m *maker) medication(id string) object {
	r := object{
		"resourceType": "MedicationRequest", "id": id, "status": pick(m, "active", "active", "completed", "stopped"), "intent": "order",
		"subject": m.subject(), "medicationCodeableConcept": m.what(rxnorm, pick(m, "36437", "7243")),
	}
	if m.chance(80) {
		r["authoredOn"] = m.matter()
	}
	if m.chance(70) {
		r["requester"] = ref(pick(m, doctor, therapist))
	}
	return r
}

func (m *maker) observation(id string) object {
	o := object{
		"resourceType": "Observation", "id": id, "status": "final", "subject": m.subject(), "code": m.what(loinc, pick(m, phq9, "69737-5", "8867-4")),
		"valueQuantity": object{"value": 12, "system": "http://unitsofmeasure.org", "code": "{score}"},
	}
	switch weighted(m, 50, 25, 25) {
	case 0:
		o["effectiveDateTime"] = m.matter()
	case 1:
		o["effectivePeriod"] = m.period()
	}
	if m.chance(60) {
		o["performer"] = some(ref(pick(m, therapist, therapist, therapist, practitionerRole, "CareTeam/team")))
	}
	if m.chance(5) {
		o["focus"] = some(ref(ben))
	}
	if m.chance(60) {
		o["encounter"] = m.session()
	}
	return o
}

func (m *maker) provenance(id string) object {
	target := m.chart[m.IntN(len(m.chart))]
	targets := some(ref(fmt.Sprint(target["resourceType"], "/", target["id"])))
	if m.chance(25) {
		targets = append(targets, ref("DocumentReference/d1"))
	}
	return object{
		"resourceType": "Provenance", "id": id, "target": targets, "recorded": "2026-11-03T10:06:00Z",
		"agent": some(object{"who": ref(therapist), "onBehalfOf": ref(practice)}),
	}
}

// period is one around now, before, after, open at an end, or ending with a day or month that is today's or yesterday's.
func (m *maker) period() object {
	return pick(m,
		object{"start": "2025-01-01", "end": "2027-12-31"}, object{"start": "2020"}, object{"start": "2026-01-01", "end": "2026-11-21"},
		object{"start": "2026-11-21"}, object{"end": "2026-11"}, object{"start": "2026-01", "end": "2026-11-20"}, object{"start": "2026-11-22"},
		object{"start": "2024-02-02T08:00:00Z", "end": "2026-11-21T15:00:00Z"}, object{"start": "2024", "end": "2025"}, object{"start": "2026-12"})
}
