package cases

import "strings"

// requester draws who asks: of each kind, mostly as that kind usually asks.
func (m *maker) requester() object {
	m.kind = []string{"provider", "payer", "patient", "employer", "other"}[weighted(m, 52, 20, 16, 5, 7)]
	q := object{"partnerId": "partner", "kind": m.kind}
	q["organization"] = object{"reference": clinic, "identifier": some(npi(clinicNPI))}
	if m.chance(6) {
		q["organization"] = object{"identifier": some(npi(clinicNPI))}
	}
	switch {
	case m.chance(2):
		delete(q, "organization")
	case m.chance(3):
		q["organization"] = object{"identifier": some(object{"system": taxSystem, "value": "98-7654321"})}
	case m.chance(3):
		q["organization"] = ref(clinic)
	}
	if m.chance(40) {
		q["practitioner"] = pick(m, ref(doctor), ref(doctor), ref(doctor), object{"identifier": some(npi(doctorNPI))},
			object{"reference": doctor, "identifier": some(npi(doctorNPI))}, ref(therapist), object{})
	}
	m.purposes = m.drawPurposes()
	purposes := make([]any, len(m.purposes))
	for i, p := range m.purposes {
		purposes[i] = p
		switch {
		case m.chance(2):
			purposes[i] = code(foreign, p)
		case m.chance(20):
			purposes[i] = code(actReason, p)
		}
	}
	q["purpose"] = purposes
	if m.chance(10) {
		q["related"] = m.chance(30)
	}
	m.launch(q)
	return q
}

func (m *maker) drawPurposes() []string {
	var usual []string
	switch m.kind {
	case "provider":
		usual = []string{"TREAT", "TREAT", "TREAT", "TREAT", "TREAT", "COC", "ETREAT", "BTG", "CLINTRL", "POPHLTH", "HOPERAT", "HPAYMT"}
	case "payer":
		usual = []string{"HPAYMT", "HPAYMT", "HPAYMT", "HPAYMT", "CLMATTCH", "ELIGDTRM", "HOPERAT", "TREAT", "PATRQT", "PATRQT"}
	case "patient":
		usual = []string{"PATRQT"}
	case "employer":
		usual = []string{"PATRQT", "PATRQT", "HOPERAT", "PUBHLTH"}
	default:
		usual = []string{"PATRQT", "HLEGAL", "HRESCH", "TREAT", "NOSUCH"}
	}
	switch {
	case m.kind == "patient" && m.chance(50), m.chance(3):
		return nil
	case m.chance(8):
		return []string{pick(m, usual...), pick(m, usual...)}
	}
	return []string{pick(m, usual...)}
}

// launch draws the scopes and the launch context.
func (m *maker) launch(q object) {
	level := "system"
	if m.kind == "patient" {
		q["patient"], level = anna, "patient"
		switch weighted(m, 55, 35, 10) {
		case 1:
			m.guardian = true
			q["person"] = guardian
		case 2:
			q["person"] = pick(m, anna, ben, "RelatedPerson/stranger")
		}
	} else if m.chance(12) {
		q["patient"], level = pick(m, anna, anna, anna, ben), "patient"
	}
	if m.chance(4) {
		level = pick(m, "user", "patient", "system")
	}
	if m.kind == "patient" && m.chance(5) { // an app, and nobody knows who uses it
		delete(q, "patient")
		delete(q, "person")
		level = "system"
	}
	q["scopes"] = m.scopes(level)
}

func (m *maker) scopes(level string) string {
	switch weighted(m, 84, 5, 4, 7) {
	case 0:
		return level + "/*." + pick(m, "rs", "r", "read", "*", "cruds")
	case 1:
		return level + "/" + pick(m, "Patient", "DocumentReference", "Observation") + ".rs " + level + "/Encounter.read"
	case 2:
		return pick(m, "", "launch openid", level+"/*.s", level+"/*.sr", level+"/*.write", level+"/DocumentReference.rs?category:in=x")
	}
	granular := []string{
		"DocumentReference.rs?category=" + usCoreNote + "|clinical-note", "DocumentReference.r?type=" + loinc + "|" + progressNote,
		"Observation.rs?code=" + phq9, "Condition.r?code=" + icd10 + "|" + depression + "," + icd10 + "|" + alcohol,
		"DocumentReference.rs?status=current&patient=anna", "Encounter.rs?_id=e1", "*.r?patient=" + anna, "MedicationRequest.rs?subject=" + anna + "&status=active",
		"DocumentReference.rs?category=nothing", "Observation.rs?_filter=x",
	}
	scopes := []string{level + "/Patient.rs"}
	for range 3 {
		scopes = append(scopes, level+"/"+pick(m, granular...))
	}
	return strings.Join(scopes, " ")
}
