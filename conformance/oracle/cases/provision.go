package cases

// provision draws the attributes of one provision. A root mostly names who asks and for what, a nested one mostly narrows to something.
func (m *maker) provision(root bool) object {
	p := object{}
	seldom := 14
	if root {
		seldom = 5
	}
	if m.chance(seldom) || root && m.chance(35) {
		p["period"] = m.consentPeriod(root)
	}
	if root && m.chance(72) || m.chance(20) {
		p["actor"] = m.actors()
	}
	if m.chance(8) {
		p["action"] = m.actions()
	}
	if root && m.chance(45) || m.chance(15) {
		p["purpose"] = m.purposeList()
	}
	if m.chance(seldom + 12) {
		p["securityLabel"] = m.labelList()
	}
	if m.chance(seldom) {
		p["class"] = m.classes()
	}
	if m.chance(seldom) {
		p["code"] = some(concept(pick(m, code(loinc, progressNote), code(loinc, phq9), code(icd10, alcohol), code(icd10, depression), code(rxnorm, "7243"),
			code(foreign, "x"), code(m.alias(loinc), progressNote), code(m.alias(icd10), m.spelling(alcohol)), code(rxnorm, m.spelling("7243")), code(usCoreNote, "clinical-note"), code(actCode, "SUD"), code(actCode, "AMB"), object{"display": "anything"})))
	}
	if m.chance(seldom) {
		p["dataPeriod"] = m.anyPeriod()
	}
	if m.chance(seldom) {
		p["data"] = m.data()
	}
	if m.chance(1) {
		p["modifierExtension"] = some(object{"url": unknownMarker, "valueBoolean": true})
	}
	if len(p) == 0 && !root {
		p["class"] = m.classes()
	}
	return p
}

// broad draws the attributes of a release that means it: to who asks, of whatever there is.
func (m *maker) broad() object {
	p := object{"period": object{"start": "2026-01-01", "end": "2026-12-31"}, "actor": some(recipient(ref(clinic)))}
	if m.kind == "provider" && m.chance(50) || m.chance(20) {
		p["actor"] = some(recipient(object{"identifier": npi(clinicNPI)}))
	}
	if len(m.purposes) == 1 {
		p["purpose"] = some(code(actReason, m.purposes[0]))
	}
	if m.chance(30) {
		p["securityLabel"] = m.labelList()
	}
	if m.chance(25) {
		p["class"] = some(code(resourceTypes, "DocumentReference"), code(resourceTypes, "Condition"), code(resourceTypes, "Observation"))
	}
	return p
}

func (m *maker) actions() []any {
	one := func(words ...string) object {
		c := make([]object, len(words))
		for i, w := range words {
			c[i] = code(consentAction, w)
		}
		return concept(c...)
	}
	return pick(m, some(one("access")), some(one("disclose")), some(one("use")), some(one("collect")), some(one("collect"), one("disclose")), some(one("correct", "access")),
		some(one("shout")), some(concept(code(foreign, "x"), code(consentAction, "collect"))), some(concept(code(foreign, "x"))))
}

// anyPeriod is a period; one in twenty ends before it begins.
func (m *maker) anyPeriod() object {
	if m.chance(5) {
		return pick(m, object{"start": "2026-12-01", "end": "2026-01-01"}, object{"start": "2026-11-22", "end": "2026-11-21"})
	}
	return m.period()
}

func (m *maker) consentPeriod(root bool) object {
	if root && m.chance(70) {
		return object{"start": "2026-01-01", "end": pick(m, "2026-12-31", "2027", "2026-11-21", "2026-11")}
	}
	return m.anyPeriod()
}

func (m *maker) actors() []any {
	role := concept(code(participation, []string{"IRCP", "PRCP", "CST", "AUT"}[weighted(m, 86, 9, 3, 2)]))
	actor := func(reference object) object { return object{"role": role, "reference": reference} }
	who := actor(ref(clinic))
	switch weighted(m, 58, 12, 8, 6, 4, 3, 3, 2, 2, 2, 4) {
	case 1:
		who = actor(object{"identifier": npi(clinicNPI)})
	case 2:
		who = actor(ref(otherClinic))
	case 3:
		who = actor(ref(doctor))
	case 4:
		who = actor(object{"identifier": npi(otherNPI)})
	case 5:
		who = actor(ref(guardian))
	case 6:
		who = actor(ref(anna))
	case 7:
		who = actor(ref("Group/insurers"))
	case 8:
		who = actor(object{"display": "my doctor"})
	case 9:
		who = object{"role": concept(code(participation, "CST")), "reference": ref(pick(m, practice, practice, otherClinic))}
	case 10:
		who = m.oddActor()
	}
	if m.chance(10) {
		return some(who, actor(ref(pick(m, otherClinic, clinic))))
	}
	return some(who)
}

// oddActor is one that takes some thought: given in another way than the partner is, or by something that is no party.
func (m *maker) oddActor() object {
	tax := object{"system": taxSystem, "value": "12-3456789"}
	reference := pick(m, object{"identifier": tax}, object{"identifier": npi(clinicNPI), "type": "Organization"}, object{"identifier": npi(clinicNPI), "type": "Group"},
		ref("PractitionerRole/role"), ref(elsewhere), object{"identifier": object{"value": clinicNPI}},
		object{"reference": otherClinic, "identifier": npi(clinicNPI)}, object{"reference": doctor, "identifier": npi(clinicNPI)}, ref(clinic+"/_history/1"),
		object{"reference": elsewhere, "type": "Organization", "identifier": npi(otherNPI)}, object{"reference": otherClinic, "type": "Practitioner"},
		m.person(), m.person(), m.person(), m.person())
	actor := recipient(reference)
	switch {
	case m.chance(10):
		actor["role"] = concept(code(participation, "IRCP"), code(participation, "CST"))
	case m.chance(10):
		actor["role"] = concept(code(participation, "CST"))
	case m.chance(10):
		actor["modifierExtension"] = some(object{"url": unknownMarker, "valueBoolean": true})
	}
	return actor
}

// person is a doctor or somebody of the family, by reference, by number or by both.
func (m *maker) person() object {
	who := pick(m, ref(doctor), ref(doctor), ref("Practitioner/former"), object{})
	if len(who) > 0 && m.chance(40) {
		return who
	}
	who["identifier"] = npi(pick(m, doctorNPI, doctorNPI, otherNPI, clinicNPI))
	if who["reference"] == nil && m.chance(60) {
		who["type"] = pick(m, "Practitioner", "Practitioner", "RelatedPerson", "Patient")
	}
	return who
}

func (m *maker) purposeList() []any {
	above := map[string]string{"COC": "TREAT", "ETREAT": "TREAT", "BTG": "BTG", "CLINTRL": "CLINTRL", "CLMATTCH": "HPAYMT", "ELIGDTRM": "COVERAGE", "HLEGAL": "HLEGAL"}
	p := pick(m, "TREAT", "HPAYMT", "HOPERAT", "PATRQT", "COC", "BTG")
	if len(m.purposes) > 0 && m.chance(75) {
		p = m.purposes[0]
		if a := above[p]; a != "" {
			p = a
		}
	}
	l := some(code(actReason, p))
	switch {
	case m.chance(25):
		l = append(l, code(actReason, pick(m, "TREAT", "HPAYMT", "HOPERAT")))
	case m.chance(3):
		l = some(code(foreign, "audit"))
	}
	return l
}

func (m *maker) labelList() []any {
	conf := func(c string) any { return code(confidentiality, c) }
	act := func(c string) any { return code(actCode, c) }
	return pick(m,
		some(conf("X")), some(conf("X"), act("SUD")), some(conf("R"), act("NOSUCH")), some(act("NORDSCLCD")), some(conf("N"), act("HIV")), some(conf("R"), act("PSYTHPN")),
		some(conf("R")), some(conf("R")), some(conf("N")), some(conf("V")), some(conf("R"), act("MH")), some(conf("R"), act("SUD")), some(act("SUD")), some(act("ETHUD")),
		some(conf("R"), act("SUD"), act("42CFRPart2")), some(act("42CFRPart2"), act("SUD")), some(conf("V"), act("SPI"), act("HIV"), act("SDV"), act("42CFRPart2")),
		some(act("HIV")), some(act("MH")), some(conf("R"), act("42CFRPart2")), some(act("NOSUCH")), some(act("PSYTHPN")), some(act("SUD"), act("HIV")))
}

func (m *maker) classes() []any {
	c := some(code(resourceTypes, pick(m, "DocumentReference", "DocumentReference", "Observation", "Condition", "Encounter", "MedicationRequest", "Patient")))
	switch {
	case m.chance(30):
		c = append(c, code(resourceTypes, pick(m, "Patient", "Condition", "Provenance")))
	case m.chance(3):
		c = some(code(foreign, "notes"))
	case m.chance(10):
		c = some(pick(m, code("urn:ietf:rfc:3986", profile), code("urn:ietf:rfc:3986", definitions+"Observation"), code("urn:ietf:bcp:13", "text/plain"),
			code("urn:ietf:bcp:13", "application/pdf"), code("http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "urn:ihe:iti:xds:2017:mimeTypeSufficient"),
			code(resourceTypes, "Note"), code(resourceTypes, "Claim")))
	}
	return c
}

func (m *maker) data() []any {
	target := pick(m, "Encounter/e1", "Encounter/e1", "Encounter/e1", "DocumentReference/d1", anna, "Condition/c2", "Observation/o1", "Encounter/e9")
	meaning := pick(m, "instance", "related", "dependents", "authoredby")
	if meaning == "authoredby" {
		target = pick(m, therapist, therapist, doctor, doctor, ben, practitionerRole, practice)
	}
	datum := object{"meaning": meaning, "reference": ref(target)}
	switch {
	case m.chance(2):
		datum["reference"] = object{"display": "my first session"}
	case m.chance(2):
		datum["modifierExtension"] = some(object{"url": unknownMarker, "valueBoolean": true})
	}
	return some(datum)
}
