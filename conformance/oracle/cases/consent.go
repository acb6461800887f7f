package cases

import (
	"encoding/json"
	"fmt"
)

// consent draws one Consent: mostly an active release by the client that names who asks, with one or two things odd about it.
func (m *maker) consent(i int) json.RawMessage {
	c := object{
		"resourceType": "Consent", "id": fmt.Sprint("s", i+1), "status": "active", "patient": ref(anna),
		"scope":      concept(code(consentScope, "patient-privacy")),
		"category":   some(concept(code(actCode, "IDSCL"))),
		"policyRule": concept(code(actCode, "OPTIN")),
		"dateTime":   "2026-02-03",
	}
	if identifier := consentIdentifiers[i]; identifier != nil {
		c["identifier"] = some(identifier)
	}
	if i > 0 && m.chance(25) || m.chance(3) {
		c["patient"] = ref(ben)
	}
	if m.chance(30) {
		c["performer"] = some(ref(anna))
	}
	m.frame(c)
	if m.parent && i > 0 && m.chance(30) { // for both of two siblings, by the one who may
		c["patient"], c["performer"] = ref(ben), some(ref("RelatedPerson/parent"))
	}
	dissent := m.rule(c)
	if root := m.provisions(dissent); len(root) > 0 && !m.chance(2) {
		c["provision"] = root
	}
	if m.chance(2) {
		Unreadable(c, m.IntN(Breakages))
	}
	return encode(c)
}

// frame draws what stands around the provisions: status, scope, category, date, who signed.
func (m *maker) frame(c object) {
	if m.chance(6) {
		c["status"] = pick(m, "draft", "proposed", "rejected", "inactive", "entered-in-error")
	}
	if m.chance(3) {
		c["scope"] = concept(code(consentScope, pick(m, "research", "treatment", "adr")))
	}
	if m.chance(2) {
		c["scope"] = concept(code(consentScope, "patient-privacy"), code(pick(m, consentScope, foreign), "treatment"))
	}
	if m.chance(15) {
		c["category"] = some(concept(pick(m, code(loinc, consentForm), code(actCode, "INFA"), code(consentCategory, "npp"), code(consentCategory, "acd"), code(foreign, "x"))))
	}
	switch weighted(m, 80, 8, 4, 4, 4) {
	case 1:
		delete(c, "dateTime")
	case 2:
		c["dateTime"] = pick(m, "2026-11-22", "2026-12", "2027")
	case 3:
		c["dateTime"] = pick(m, "2026-11-21", "2026-11", "2026", "2026-11-21T15:00:00Z")
	case 4:
		c["performer"] = pick(m, some(ref(guardian)), some(ref(anna), ref(guardian)), some(ref("Practitioner/witness")), some(ref(ben)), some(ref("RelatedPerson/parent")))
	}
	if m.chance(6) {
		c["verification"] = some(object{"verified": m.chance(50)})
	}
	if m.chance(12) {
		c["organization"] = some(ref(pick(m, practice, practice, otherClinic)))
	}
	if m.chance(1) {
		c["implicitRules"] = "https://example.org/rules"
	}
	if m.chance(2) {
		c["modifierExtension"] = some(object{"url": unknownMarker, "valueBoolean": true})
	}
}

// rule draws the policy rule and says whether it is a dissent.
func (m *maker) rule(c object) (dissent bool) {
	switch weighted(m, 40, 27, 18, 4, 4, 3, 4) {
	case 1:
		c["policyRule"] = concept(code(consentPolicy, "hipaa-auth"))
	case 2:
		c["policyRule"] = concept(code(actCode, "42CFRPart2CD"))
	case 3:
		c["policyRule"] = concept(code(actCode, pick(m, "OPTOUT", "OPTOUTE")))
		return true
	case 4:
		c["policyRule"] = concept(code(consentPolicy, pick(m, "hipaa-restrictions", "hipaa-self-pay")))
		return true
	case 5:
		c["policyRule"] = concept(code(consentPolicy, pick(m, "ssa-827", "cric")))
	case 6:
		delete(c, "policyRule")
		c["policy"] = some(object{"uri": "https://example.org/policy"})
	}
	return false
}

// provisions draws a root and up to two more: two siblings, or one in the other.
func (m *maker) provisions(dissent bool) object {
	root := m.provision(true)
	if m.chance(35) {
		root = m.broad()
	}
	switch weighted(m, 76, 10, 14) {
	case 0:
		root["type"] = "permit"
	case 1:
		root["type"] = "deny"
	}
	if dissent && m.chance(60) {
		delete(root, "type")
	}
	switch weighted(m, 55, 25, 12, 8) {
	case 1:
		root["provision"] = some(m.nested(root))
	case 2:
		root["provision"] = some(m.nested(root), m.nested(root))
	case 3:
		below := m.nested(root)
		below["provision"] = some(m.nested(below))
		root["provision"] = some(below)
	}
	return root
}

func (m *maker) nested(above object) object {
	p := m.provision(false)
	p["type"] = pick(m, "permit", "deny")
	if above["type"] != nil && m.chance(60) { // mostly an exception
		p["type"] = map[any]string{"permit": "deny", "deny": "permit"}[above["type"]]
	}
	if m.chance(3) {
		p["id"] = "untyped"
		delete(p, "type")
	}
	return p
}
