package cases

import "strings"

// practitionerRole is somebody's, as role says, or nobody knows whose.
const practitionerRole = "PractitionerRole/role"

// what says what a record is: by the code mostly, now and then in another spelling, or in a way that does not tell.
func (m *maker) what(system, of string) object {
	c := code(system, of)
	if m.chance(80) {
		return concept(c)
	}
	return pick(m, concept(code(m.alias(system), of)), concept(code(m.alias(system), m.spelling(of))), concept(object{"code": m.spelling(of)}), object{"text": "in words"},
		concept(code(foreign, of)), concept(code(foreign, "x"), c), concept(object{"system": system, "display": "no code"}),
		concept(code("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")), concept(code("https://terminology.hl7.org/CodeSystem/v3-NullFlavor/", "UNK")),
		concept(code("http://terminology.hl7.org/CodeSystem/v3-ActClass", "x"), object{"code": of}), concept(code("http://snomed.info/sct", "1"), code(foreign, of)))
}

// alias is another name of a code system.
func (m *maker) alias(system string) string {
	oids := map[string]string{loinc: "urn:oid:2.16.840.1.113883.6.1", icd10: "urn:oid:2.16.840.1.113883.6.90", rxnorm: "2.16.840.1.113883.6.88", cpt: "urn:oid:2.16.840.1.113883.6.12"}
	return pick(m, system+"/", strings.Replace(system, "http:", "https:", 1), strings.ToUpper(system), oids[system], oids[system])
}

// spelling is another spelling of a code, which means the same in some systems only.
func (m *maker) spelling(of string) string {
	return pick(m, strings.ToLower(of), strings.ReplaceAll(of, ".", ""), of)
}

// session is the encounter at which something was recorded, named or not.
func (m *maker) session() object {
	if m.chance(88) {
		return ref("Encounter/e1")
	}
	return pick(m, object{"identifier": npi(otherNPI)}, object{"display": "last week"}, ref("https://elsewhere.example/fhir/Encounter/e1"), ref("Encounter?identifier=x|1"),
		ref("urn:uuid:0c3201bd-1cbf-4d64-b04d-cd9187a4c6e0"), object{"display": "x", "type": "EpisodeOfCare"}, ref("https://elsewhere.example/fhir/EpisodeOfCare/e1"),
		object{"display": "x", "type": definitions + "Encounter"}, object{"display": "x", "type": "Human"}, ref("https://elsewhere.example/e1"))
}

// role is a PractitionerRole, the therapist's or not.
func (m *maker) role() object {
	r := object{"resourceType": "PractitionerRole", "id": "role"}
	switch weighted(m, 40, 30, 15, 15) {
	case 0:
		r["practitioner"] = ref(therapist)
	case 1:
		r["practitioner"] = ref(doctor)
	case 2:
		r["practitioner"] = object{"display": "a locum"}
	}
	if m.chance(50) {
		r["organization"] = ref(pick(m, practice, otherClinic))
	}
	return r
}
