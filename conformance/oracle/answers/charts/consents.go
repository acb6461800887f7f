package charts

import (
	"fmt"
	"math/rand/v2"
)

// sensitivities are all codes that a record here can carry.
var sensitivities = []string{"SPI", "BH", "MH", "PSY", "SUD", "ETHUD", "OPIOIDUD", "ETH", "HIV", "SDV", "STD", "SEX", "PREGNANT"}

func labels(confidentiality string, codes ...string) []any {
	out := some(code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", confidentiality))
	for _, c := range codes {
		out = append(out, code(actCode, c))
	}
	return out
}

// ConsentsFor are the partners' Organizations and Consents for clients who are there already.
func ConsentsFor(seed uint64, clients []string) *Practice {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 9)), p: &Practice{Clients: clients}, foreign: true}
	for _, p := range Partners {
		m.add("Organization", p.Organization, Object{"active": true, "name": "Partner " + p.ID, "identifier": some(npi(p.NPI))})
	}
	m.consents()
	return m.p
}

// consents gives every client one Consent that permits everything to Everybody, and others to the other partners. The second client has one for whomever the
// practice's data tie to them, and none for Harbor.
func (m *maker) consents() {
	for i, client := range m.p.Clients {
		m.consent(fmt.Sprintf("consent-%d-all", i), client, Object{"type": "permit", "actor": some(recipient(Partners[0])), "securityLabel": labels("V", append(sensitivities, "42CFRPart2")...)})
		if i == 1 {
			m.consent("consent-1-open", client, Object{"type": "permit"})
		}
		for j, p := range Partners[1:] {
			if m.chance(25) || i == 1 && j == 0 {
				continue // no Consent for this partner
			}
			root := m.permit(p)
			m.consent(fmt.Sprintf("consent-%d-%d", i, j), client, root)
			if m.chance(30) {
				m.consent(fmt.Sprintf("consent-%d-%d-more", i, j), client, m.permit(p))
			}
			if m.chance(20) {
				data := client
				if m.foreign {
					data = ""
				}
				deny := m.narrow(Object{"type": "deny", "actor": some(recipient(p))}, data)
				m.consent(fmt.Sprintf("consent-%d-%d-deny", i, j), client, deny)
			}
		}
	}
}

// rule is the law that a Consent is made under.
func (m *maker) rule() Object {
	return concept(pick(m, code(actCode, "OPTIN"), code(actCode, "OPTIN"), code(actCode, "42CFRPart2CD"), code("http://terminology.hl7.org/CodeSystem/consentpolicycodes", "hipaa-auth")))
}

func recipient(p Partner) Object {
	return Object{"role": concept(code("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")), "reference": ref("Organization/" + p.Organization)}
}

func (m *maker) consent(id, client string, provision Object) {
	discloses := some(ref("Organization/" + Own))
	if m.foreign {
		discloses = nil
	}
	m.add("Consent", id, Object{"status": "active", "scope": concept(code("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")),
		"category": some(concept(code(loinc, "59284-0"))), "patient": ref("Patient/" + client), "dateTime": "2026-01-15", "organization": discloses,
		"policyRule": m.rule(), "provision": provision})
}

// permit is a root that permits something to a partner, with exceptions sometimes.
func (m *maker) permit(p Partner) Object {
	root := Object{"type": "permit", "actor": some(recipient(p))}
	if p.Purpose != "TREAT" || m.chance(50) {
		root["purpose"] = some(code("http://terminology.hl7.org/CodeSystem/v3-ActReason", p.Purpose))
	}
	if m.chance(50) {
		root["securityLabel"] = pick(m, labels("R", sensitivities...), labels("R", append(sensitivities, "42CFRPart2")...), labels("R"), labels("N"), labels("R", "MH", "SUD"))
	}
	if m.chance(40) {
		root["period"] = Object{"start": "2026-01-15", "end": "2030-01-15"}
	}
	if m.chance(45) {
		m.narrow(root, "")
	}
	if m.chance(40) {
		root["provision"] = some(m.narrow(Object{"type": "deny"}, ""))
	}
	if m.chance(30) { // for whomever the practice's data tie to the client; what it denies it denies to this one alone
		for _, p := range below(root) {
			p["actor"] = root["actor"]
		}
		delete(root, "actor")
	}
	return root
}

// below are the provisions below one.
func below(root Object) (out []Object) {
	list, _ := root["provision"].([]any)
	for _, p := range list {
		out = append(out, p.(Object))
	}
	return out
}

// narrow states more attributes of a provision.
func (m *maker) narrow(o Object, client string) Object {
	switch m.IntN(6) {
	case 0:
		o["class"] = m.classes()
	case 1:
		o["dataPeriod"] = Object{"start": "2026-01-01", "end": "2026-10-31"}
	case 2:
		o["code"] = some(concept(code(icd10, "F41.1"), code(cpt, "90837")))
	case 3:
		o["securityLabel"] = labels("R", "SUD")
	case 4:
		if client == "" {
			o["class"] = m.classes()
			break
		}
		o["data"] = some(Object{"meaning": pick(m, "instance", "related", "dependents"), "reference": ref("Encounter/enc-" + client[4:] + "-0")})
	case 5:
		o["class"] = some(code("http://hl7.org/fhir/resource-types", "DocumentReference"))
		o["code"] = some(concept(code(loinc, "11506-3")))
	}
	return o
}

func (m *maker) classes() []any {
	all := []string{"Patient", "RelatedPerson", "Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Goal", "CarePlan", "DocumentReference", "AllergyIntolerance", "Immunization"}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	out := []any{}
	for _, t := range all[:1+m.IntN(6)] {
		out = append(out, code("http://hl7.org/fhir/resource-types", t))
	}
	return out
}
