package oracle_test

import "testing"

func TestRule1PsychotherapyNotesLeaveForNobody(t *testing.T) {
	inline := `{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
		"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIPAAPsyNotes"}}]}`
	check(t, []example{
		{name: "an ordinary note goes", want: "permitted"},
		{name: "PSYTHPN", record: labels("N", "PSYTHPN"), want: "psychotherapy-note"},
		{name: "HIPAAPsyNotes", record: labels("N", "HIPAAPsyNotes"), want: "psychotherapy-note"},
		{name: "SUD counselling notes", record: labels("N", "SUDCOUNSELNOTE"), want: "psychotherapy-note"},
		{name: "in any code system", record: `{"meta":{"security":[{"system":"urn:x","code":"PSYTHPN"}]}}`, want: "psychotherapy-note"},
		{name: "in DocumentReference.securityLabel", record: `{"securityLabel":[{"coding":[{"code":"PSYTHPN"}]}]}`, want: "psychotherapy-note"},
		{name: "inline", record: inline, want: "psychotherapy-note"},
		{name: "for the client too", record: labels("N", "PSYTHPN"), who: client, want: "psychotherapy-note"},
		{name: "before everything else", record: labels("PSYTHPN"), who: `{"scopes":"","purpose":[]}`, want: "psychotherapy-note"},
	})
}

func TestRule2WhatIsUnclassifiedStays(t *testing.T) {
	check(t, []example{
		{name: "no label", record: `{"meta":null}`, want: "unclassified"},
		{name: "sensitivity alone", record: labels("MH"), want: "unclassified"},
		{name: "a confidentiality that nobody knows", record: labels("X"), want: "unclassified"},
		{name: "a type that nobody lists", record: merge(encounter, `{"resourceType":"Basic"}`), want: "unclassified"},
		{name: "about nobody", record: `{"subject":null}`, want: "unclassified"},
		{name: "about a group", record: `{"subject":{"reference":"Group/g"}}`, want: "unclassified"},
		{name: "the directory", record: `{"resourceType":"Practitioner","id":"t","meta":{"security":` + labelList("N") + `}}`, want: "unclassified"},
		{name: "before scope", record: `{"meta":null}`, who: `{"scopes":""}`, want: "unclassified"},
	})
}

func TestRule3ScopesOnlyNarrow(t *testing.T) {
	scope := func(s string) string { return `{"scopes":"` + s + `"}` }
	launched := func(s, patient string) string { return `{"scopes":"` + s + `","patient":"` + patient + `"}` }
	check(t, []example{
		{name: "v1 read", who: scope("system/DocumentReference.read"), want: "permitted"},
		{name: "v1 all", who: scope("user/*.*"), want: "permitted"},
		{name: "v1 write", who: scope("system/*.write"), want: "scope"},
		{name: "search alone is not reading", who: scope("system/*.s"), want: "scope"},
		{name: "letters out of order are void", who: scope("system/*.sr"), want: "scope"},
		{name: "another type", who: scope("system/Observation.rs launch"), want: "scope"},
		{name: "a void part does not hurt another", who: scope("system/%.rs system/*.r"), want: "permitted"},
		{name: "granular", who: scope("system/DocumentReference.rs?category=urn:c|clinical-note"), want: "permitted"},
		{name: "granular, other value", who: scope("system/DocumentReference.rs?category=urn:c|other"), want: "scope"},
		{name: "granular, type and status", who: scope("system/*.r?type=http://loinc.org|11506-3&status=current"), want: "permitted"},
		{name: "granular, every parameter must match", who: scope("system/*.r?type=http://loinc.org|11506-3&status=superseded"), want: "scope"},
		{name: "granular, of alternatives one", who: scope("system/*.r?_id=x,d1"), want: "permitted"},
		{name: "granular, client", who: scope("system/*.r?patient=anna&subject=Patient/anna"), want: "permitted"},
		{name: "granular, another client", who: scope("system/*.r?patient=ben"), want: "scope"},
		{name: "a parameter that the type has not", who: scope("system/*.r?code=urn:c|x"), want: "scope"},
		{name: "a modifier voids", who: scope("system/*.r?category:not=urn:c|x"), want: "scope"},
		{name: "patient scope in the launch chart", who: launched("patient/*.rs", "Patient/anna"), want: "permitted"},
		{name: "patient scope, other chart", who: launched("patient/*.rs", "Patient/ben"), want: "other-patient"},
		{name: "patient scope without launch", who: scope("patient/*.rs"), want: "scope"},
		{name: "independent scopes stay so", who: launched("patient/*.rs system/DocumentReference.r", "Patient/ben"), want: "permitted"},
		{name: "patient scope of another type, other chart", who: launched("patient/Observation.rs", "Patient/ben"), want: "scope"},
	})
}

func TestRule4APurposeMustBeStated(t *testing.T) {
	purpose := func(kind, list string) string { return `{"kind":"` + kind + `","purpose":[` + list + `]}` }
	check(t, []example{
		{name: "none", who: purpose("provider", ""), want: "purpose"},
		{name: "a payer never treats", who: purpose("payer", `"TREAT"`), want: "purpose"},
		{name: "nor coordinates care", who: purpose("payer", `"COC"`), want: "purpose"},
		{name: "one that it never holds spoils all", who: purpose("payer", `"HPAYMT","ETREAT"`), want: "purpose"},
		{name: "an employer never pays", who: purpose("employer", `"CLMATTCH"`), want: "purpose"},
		{name: "several, each permitted", who: purpose("provider", `"TREAT","COC"`), want: "permitted"},
		{
			name: "several, one not", who: purpose("provider", `"TREAT","PATRQT"`), want: "no-consent",
			consents: []string{consent(permit(`{"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}`))},
		},
		{name: "with its system", who: purpose("provider", `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}`), want: "permitted"},
		{name: "of another system", who: purpose("provider", `{"system":"urn:x","code":"TREAT"}`), want: "no-consent"},
	})
}

func TestRule5HardRestrictionsHoldWhateverTheConsent(t *testing.T) {
	permitAll := []string{consent(permit(`{"class":[{"system":"http://hl7.org/fhir/resource-types","code":"DocumentReference"}]}`), rule("consentpolicycodes", "hipaa-auth"))}
	check(t, []example{
		{name: "self-paid, from a payer for payment", consents: permitAll, record: labels("N", "HIPAASelfPay"), who: insurer, want: "restriction"},
		{name: "below operations", consents: permitAll, record: labels("N", "HIPAASelfPay"), who: `{"kind":"payer","purpose":["FRAUD"]}`, want: "restriction"},
		{name: "not from a provider", record: labels("N", "HIPAASelfPay"), want: "permitted"},
		{name: "not at the client's request", consents: permitAll, record: labels("N", "HIPAASelfPay"), who: `{"kind":"payer","purpose":["PATRQT"]}`, want: "permitted"},
		{name: "for nobody knows what", record: labels("N", "HIPAASelfPay"), who: `{"kind":"payer","purpose":["NOSUCH"]}`, want: "restriction"},
		{name: "NODSCLCD from all", record: labels("N", "NODSCLCD"), want: "restriction"},
		{name: "NODSCLCD from the client", record: labels("N", "NODSCLCD"), who: client, want: "restriction"},
		{name: "NOPAT from the client", record: labels("N", "NOPAT"), who: client, want: "restriction"},
		{name: "NOPAT not from a provider", record: labels("N", "NOPAT"), want: "permitted"},
	})
}

func TestRule6SelfAccess(t *testing.T) {
	mother := merge(client, `{"person":"RelatedPerson/mother"}`)
	minor := merge(annaPatient, `{"birthDate":"2012-03-04"}`)
	born := func(date string) []string { return []string{merge(annaPatient, `{"birthDate":"`+date+`"}`), guardian} }
	denyAll := consent(`{"type":"deny"}`)
	attorney := merge(guardian, `{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"HPOWATT"}]}]}`)
	check(t, []example{
		{name: "the client needs no Consent", who: client, none: true, want: "self-access"},
		{name: "nor obeys an own deny", who: client, consents: []string{denyAll}, want: "self-access"},
		{name: "nor fears an unreadable one", who: client, consents: []string{consent(`{"type":"maybe"}`)}, want: "self-access"},
		{name: "but whose Consent it is must be known", who: client, consents: []string{consent(permission, `{"patient":null}`)}, want: "denied"},
		{name: "not through a system scope", who: merge(client, `{"scopes":"system/*.rs"}`), none: true, want: "purpose"},
		{name: "not in another chart", who: merge(client, `{"patient":"Patient/ben"}`), none: true, want: "other-patient"},
		{name: "not for another person", who: merge(client, `{"person":"Patient/ben","purpose":["PATRQT"]}`), none: true, want: "no-consent"},
		{name: "not for a provider", who: `{"patient":"Patient/anna","scopes":"patient/*.rs","person":"Patient/anna"}`, none: true, want: "no-consent"},
		{name: "legal proceedings", who: client, record: labels("N", "LEGALPROC"), want: "label"},
		{name: "a sensitive record is the client's own", who: client, record: labels("V", "SUD", "42CFRPart2"), want: "self-access"},
		{name: "a guardian of a minor", who: mother, chart: born("2012-03-04"), none: true, want: "self-access"},
		{name: "a guardian, the client's deny", who: mother, chart: born("2012-03-04"), consents: []string{denyAll}, want: "denied"},
		{name: "a guardian, a deny for another", who: mother, chart: born("2012-03-04"), consents: []string{consent(`{"type":"deny","actor":[` + toOther + `]}`)}, want: "self-access"},
		{name: "a guardian, care that a minor may consent to", who: mother, chart: born("2012-03-04"), record: labels("R", "ETHUD"), want: "label"},
		{name: "until the day before the 18th birthday", who: mother, chart: born("2008-11-22"), none: true, want: "self-access"},
		{name: "on the 18th birthday no more", who: mother, chart: born("2008-11-21"), none: true, want: "purpose"},
		{name: "an unknown age is no minority", who: mother, chart: []string{merge(minor, `{"birthDate":null}`), guardian}, none: true, want: "purpose"},
		{name: "an attorney of an adult", who: mother, chart: []string{annaPatient, attorney}, none: true, want: "self-access"},
		{name: "an attorney no longer", who: mother, chart: []string{annaPatient, merge(attorney, `{"period":{"end":"2026-11-20"}}`)}, none: true, want: "purpose"},
		{name: "an attorney put aside", who: mother, chart: []string{annaPatient, merge(attorney, `{"active":false}`)}, none: true, want: "purpose"},
		{name: "somebody else's guardian", who: mother, chart: []string{minor, merge(guardian, `{"patient":{"reference":"Patient/ben"}}`)}, none: true, want: "purpose"},
	})
}
