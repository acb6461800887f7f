package cases

import "fmt"

// What Consents have as business identifiers, by their place: the first has none.
var consentIdentifiers = []object{nil, {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5a1f5e6e-6d5c-4a55-9b5e-0d9f6c2f1a02"}, {"system": foreign, "value": "s3"}}

// token draws what the token of who asks takes away: it names Consents, has rules of its own (IHE PCF), or both.
func (m *maker) token() {
	if m.chance(50) {
		m.who["consents"] = m.names()
	}
	if m.who["consents"] == nil || m.chance(30) {
		m.who["residual"] = m.residual()
	}
}

func (m *maker) names() []any {
	names := []any{}
	for i, identifier := range consentIdentifiers {
		switch {
		case m.chance(45):
			names = append(names, fmt.Sprint("Consent/s", i+1))
		case identifier != nil && m.chance(25):
			names = append(names, pick(m, fmt.Sprint(identifier["system"], pick(m, "|", "#"), identifier["value"]), identifier["value"].(string)))
		}
	}
	if m.chance(15) || len(names) == 0 && m.chance(80) {
		names = append(names, pick(m, "Consent/s9", "s1", "Consent/s1/_history/1", "https://elsewhere.example/fhir/Consent/s1", foreign+"|", "Patient/anna"))
	}
	return names
}

// residual draws rules: half of them forbid everything first, and permit something again.
func (m *maker) residual() []any {
	var rules []any
	all := m.chance(50)
	if all {
		rules = append(rules, object{"type": "forbid"})
	}
	for range 1 + m.IntN(3) {
		rule := object{"type": "forbid"}
		if all != m.chance(20) {
			rule["type"] = "permit"
		}
		m.narrowed(rule)
		rules = append(rules, rule)
	}
	return rules
}

// narrowed draws what a rule states.
func (m *maker) narrowed(rule object) {
	which := weighted(m, 40, 25, 25, 10)
	if which == 0 || m.chance(10) {
		rule["securityLabel"] = m.labelList()
	}
	if which == 1 || m.chance(10) {
		rule["dataPeriod"] = m.anyPeriod()
		switch {
		case m.chance(15):
			rule["dataPeriod"] = some(m.anyPeriod(), m.period())
		case m.chance(5):
			rule["dataPeriod"] = object{"start": "last week"}
		}
	}
	if which == 2 || m.chance(10) {
		rule["data"] = m.residualData()
	}
	if m.chance(8) {
		m.oddRule(rule)
	}
}

func (m *maker) residualData() any {
	data := m.data()
	if m.chance(40) {
		data = append(data, m.data()...)
	}
	for _, d := range data {
		datum, _ := d.(object)
		reference, _ := datum["reference"].(object)
		switch to, _ := reference["reference"].(string); {
		case to != "" && m.chance(40):
			datum["reference"] = to
		case to != "" && m.chance(6):
			reference["type"] = pick(m, "Encounter", "Patient")
		case m.chance(4):
			datum["reference"] = pick(m, "https://elsewhere.example/fhir/Encounter/e1", "urn:uuid:1")
		case m.chance(3):
			datum["meaning"] = "like"
		}
	}
	if m.chance(20) {
		return data[0]
	}
	return data
}

// oddRule makes a rule one that IHE does not know.
func (m *maker) oddRule(rule object) {
	switch m.IntN(6) {
	case 0:
		rule["class"] = m.classes()
	case 1:
		rule["type"] = pick(m, "deny", "")
	case 2:
		rule["securityLabel"] = pick[any](m, nil, "N", []any{}, some(object{"system": confidentiality}), some(nil))
	case 3:
		rule["dataPeriod"] = pick[any](m, nil, "2026", object{}, object{"start": "2026", "until": "2027"})
	case 4:
		rule["data"] = pick[any](m, nil, []any{}, some(object{"meaning": "instance"}), some(object{"reference": "Encounter/e1"}))
	default:
		delete(rule, "type")
	}
}
