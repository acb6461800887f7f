package oracle_test

import "testing"

func class(code string) string {
	return `{"class":[{"system":"http://hl7.org/fhir/resource-types","code":"` + code + `"}]}`
}

func purposes(codes ...string) string {
	list := ""
	for i, c := range codes {
		if i > 0 {
			list += ","
		}
		list += `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"` + c + `"}`
	}
	return `{"purpose":[` + list + `]}`
}

func data(meaning, reference string) string {
	return `{"data":[{"meaning":"` + meaning + `","reference":{"reference":"` + reference + `"}}]}`
}

func nested(provisions ...string) string {
	list := ""
	for i, p := range provisions {
		if i > 0 {
			list += ","
		}
		list += p
	}
	return `{"provision":[` + list + `]}`
}

func TestRule10WhatANestedProvisionInherits(t *testing.T) {
	one := func(root, below string) []string { return []string{consent(permit(merge(root, nested(below))))} }
	release := consent(permission, `{"id":"s0"}`)
	check(t, []example{
		{name: "a stated purpose replaces", consents: one(purposes("HPAYMT"), merge(`{"type":"permit"}`, purposes("TREAT"))), want: "permitted"},
		{name: "an unstated one is inherited", consents: one(purposes("HPAYMT"), merge(`{"type":"permit"}`, class("DocumentReference"))), want: "no-consent"},
		{name: "labels replace", record: labels("R"), consents: one(secured("N"), merge(`{"type":"permit"}`, secured("R"))), want: "permitted"},
		{name: "a class only narrows", consents: one(class("Observation"), merge(`{"type":"permit"}`, class("DocumentReference"))), want: "no-consent"},
		{name: "an actor only narrows", consents: one(`{"actor":[`+toOther+`]}`, permission), want: "no-consent"},
		{name: "a nested deny inherits the actor", consents: []string{release, consent(permit(merge(`{"actor":[`+toOther+`]}`, nested(`{"type":"deny"}`))))}, want: "permitted"},
		{name: "and the period", consents: []string{release, consent(permit(merge(`{"period":{"end":"2020"}}`, nested(`{"type":"deny"}`))))}, want: "permitted"},
		{name: "an exception to R and lower reaches N", consents: one(secured("R"), merge(`{"type":"deny"}`, class("DocumentReference"))), want: "denied"},
	})
}

func TestRule11DeepestFirstThenDenyWins(t *testing.T) {
	exception := merge(`{"type":"deny"}`, class("DocumentReference"))
	again := merge(`{"type":"permit"}`, data("instance", "DocumentReference/d1"))
	check(t, []example{
		{name: "an exception to a permit", consents: []string{consent(permit(nested(exception)))}, want: "denied"},
		{name: "one that does not match", consents: []string{consent(permit(nested(merge(`{"type":"deny"}`, class("Observation")))))}, want: "permitted"},
		{name: "an exception to a deny", consents: []string{consent(merge(`{"type":"deny"}`, nested(permission)))}, want: "permitted"},
		{name: "an exception to the exception", consents: []string{consent(permit(nested(merge(exception, nested(again)))))}, want: "permitted"},
		{name: "among siblings deny wins", consents: []string{consent(permit(nested(again, exception)))}, want: "denied"},
		{name: "values are alternatives", consents: []string{consent(permit(`{"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"},{"system":"http://hl7.org/fhir/resource-types","code":"DocumentReference"}]}`))}, want: "permitted"},
		{name: "attributes are not", consents: []string{consent(permit(merge(class("DocumentReference"), purposes("HPAYMT"))))}, want: "no-consent"},
	})
}

func TestRule12UnknownNeverPermitsAndAlwaysDenies(t *testing.T) {
	period := `{"dataPeriod":{"start":"2026-11-01","end":"2026-11-30"}}`
	permits := []string{consent(permit(period))}
	denies := []string{consent(permission), consent(deny(period), `{"id":"s2"}`)}
	condition := func(over string) string {
		return merge(`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/anna"},"onsetDateTime":"2020",
			"clinicalStatus":{"coding":[{"code":"active"}]},"meta":{"security":`+labelList("N")+`}}`, over)
	}
	resolved := `{"clinicalStatus":{"coding":[{"code":"resolved"}]}}`
	between := `{"context":{"period":{"start":"2026-10-31","end":"2026-11-02"}}}`
	check(t, []example{
		{name: "an event inside", consents: permits, want: "permitted"},
		{name: "an event partly inside", consents: permits, record: between, want: "no-consent"},
		{name: "an event partly inside a deny", consents: denies, record: between, want: "denied"},
		{name: "an event outside a deny", consents: denies, record: `{"date":"2026-10-31T10:00:00Z"}`, want: "permitted"},
		{name: "an event to the period's last second", consents: permits, record: `{"date":"2026-11-30T23:59:59Z"}`, want: "permitted"},
		{name: "an undated event", consents: permits, record: `{"date":null}`, want: "no-consent"},
		{name: "an undated event and a deny", consents: denies, record: `{"date":null}`, want: "denied"},
		{name: "a state by overlap", consents: permits, record: condition(`{}`), want: "permitted"},
		{name: "a state that ended before", consents: permits, record: condition(`{"abatementDateTime":"2026-10"}`), want: "no-consent"},
		{name: "a state that ended nobody knows when", consents: permits, record: condition(resolved), want: "no-consent"},
		{name: "a state of which nobody knows when it began or ended", consents: permits, want: "no-consent",
			record: condition(`{"onsetDateTime":null,"onsetPeriod":{"end":"2026-11-15"},"clinicalStatus":{"coding":[{"code":"resolved"}]}}`)},
		{name: "and a deny", consents: denies, record: condition(resolved), want: "denied"},
		{name: "an undated state and a deny", consents: denies, record: condition(`{"onsetDateTime":null}`), want: "denied"},
		{name: "the Patient has no time", consents: permits, record: annaPatient, want: "permitted"},
		{name: "and no deny by time reaches it", consents: denies, record: annaPatient, want: "permitted"},
		{name: "a foreign purpose in a permit", consents: []string{consent(permit(`{"purpose":[{"system":"urn:x","code":"TREAT"}]}`))}, want: "no-consent"},
		{name: "a foreign purpose in a deny", consents: []string{consent(permission), consent(deny(`{"purpose":[{"system":"urn:x","code":"y"}]}`))}, want: "denied"},
		{name: "a foreign class in a deny", consents: []string{consent(permission), consent(deny(`{"class":[{"system":"urn:x","code":"y"}]}`))}, want: "denied"},
	})
}

func TestRule13ActionsAndActors(t *testing.T) {
	action := func(c string) string {
		return `{"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"` + c + `"}]}]}`
	}
	actor := func(reference string) string {
		return `{"actor":[{"role":` + ircp + `,"reference":` + reference + `}]}`
	}
	npi := func(v string) string {
		return actor(`{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"` + v + `"}}`)
	}
	anybody := []string{consent(`{"type":"permit"}`)}
	doctor := `{"practitioner":{"reference":"Practitioner/doctor"}}`
	check(t, []example{
		{name: "disclose", consents: []string{consent(permit(action("disclose")))}, want: "permitted"},
		{name: "use is not what we do", consents: []string{consent(permit(action("use")))}, want: "no-consent"},
		{name: "a deny of correcting", consents: []string{consent(permission), consent(deny(action("correct")))}, want: "permitted"},
		{name: "by NPI", consents: []string{consent(permit(npi("1234567893")))}, want: "permitted"},
		{name: "another NPI", consents: []string{consent(permit(npi("1992999825")))}, want: "no-consent"},
		{name: "another organisation", consents: []string{consent(permit(`{"actor":[` + toOther + `]}`))}, want: "no-consent"},
		{name: "one of two", consents: []string{consent(permit(`{"actor":[` + toOther + `,` + toClinic + `]}`))}, want: "permitted"},
		{name: "the practitioner", consents: []string{consent(permit(actor(`{"reference":"Practitioner/doctor"}`)))}, who: doctor, want: "permitted"},
		{name: "the practitioner whom nobody claims", consents: []string{consent(permit(actor(`{"reference":"Practitioner/doctor"}`)))}, want: "no-consent"},
		{name: "no actor, tied to the client", consents: anybody, want: "permitted"},
		{name: "no actor, not tied", consents: anybody, who: `{"related":false}`, want: "no-consent"},
		{name: "named, not tied", who: `{"related":false}`, want: "permitted"},
		{name: "a deny without actor", consents: []string{consent(permission), consent(`{"type":"deny"}`)}, who: `{"related":false}`, want: "denied"},
	})
}

func TestRule12WhoActsAndIsNotStatedIsUnknown(t *testing.T) {
	deny := func(reference string) []string {
		return []string{consent(`{"type":"permit"}`), consent(`{"type":"deny","actor":[{"role":`+ircp+`,"reference":`+reference+`}]}`, `{"id":"s2"}`)}
	}
	number := func(value, more string) string {
		return `{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"` + value + `"}` + more + `}`
	}
	const okafor, us, others = "1679576722", "1234567893", "1992999825"
	asDoctor, asNumber := `{"practitioner":{"reference":"Practitioner/doctor"}}`, `{"practitioner":{"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"`+others+`"}]}}`
	practitioner := `,"type":"Practitioner"`
	check(t, []example{
		{name: "by reference, nobody stated", consents: deny(`{"reference":"Practitioner/okafor"}`), want: "denied"},
		{name: "by reference, nothing known of who is stated", consents: deny(`{"reference":"Practitioner/okafor"}`), who: `{"practitioner":{}}`, want: "denied"},
		{name: "by reference, another", consents: deny(`{"reference":"Practitioner/okafor"}`), who: asDoctor, want: "permitted"},
		{name: "by reference, somebody by number", consents: deny(`{"reference":"Practitioner/okafor"}`), who: asNumber, want: "denied"},
		{name: "by number, nobody stated", consents: deny(number(okafor, practitioner)), want: "denied"},
		{name: "by number, another", consents: deny(number(okafor, practitioner)), who: asNumber, want: "permitted"},
		{name: "a number that may be anybody's, nobody stated", consents: deny(number(okafor, "")), want: "denied"},
		{name: "a number that may be anybody's, another", consents: deny(number(okafor, "")), who: asNumber, want: "permitted"},
		{name: "a doctor with the number of the organisation", consents: deny(number(us, practitioner)), who: asDoctor, want: "denied"},
		{name: "another organisation by reference", consents: deny(`{"reference":"Organization/other"}`), want: "permitted"},
		{name: "another organisation by number", consents: deny(number(okafor, `,"type":"Organization"`)), want: "permitted"},
		{name: "somebody of the family", consents: deny(`{"reference":"RelatedPerson/mother"}`), want: "permitted"},
		{name: "somebody of the family, an app whose user nobody knows", consents: deny(`{"reference":"RelatedPerson/mother"}`), who: `{"kind":"patient"}`, want: "denied"},
		{name: "two types", consents: deny(`{"reference":"Organization/other","type":"Practitioner"}`), who: asDoctor, want: "denied"},
		{name: "elsewhere, with a number", consents: deny(`{"reference":"https://x.example/Organization/o",` + number(okafor, `,"type":"Organization"`)[1:]), want: "denied"},
	})
	mother := merge(client, `{"person":"RelatedPerson/mother"}`)
	chart := []string{merge(annaPatient, `{"birthDate":"2018-11-22"}`), guardian}
	check(t, []example{
		{name: "the mother is no doctor", consents: deny(`{"reference":"Practitioner/okafor"}`), who: mother, chart: chart, want: "self-access"},
		{name: "the mother is somebody of the family", consents: deny(number(okafor, `,"type":"RelatedPerson"`)), who: mother, chart: chart, want: "denied"},
		{name: "the mother may have any number", consents: deny(number(okafor, "")), who: mother, chart: chart, want: "denied"},
		{name: "the mother is not the client", consents: deny(number(okafor, `,"type":"Patient"`)), who: mother, chart: chart, want: "self-access"},
	})
}

func TestRule14PurposesGoDownTheTree(t *testing.T) {
	ask := func(p string) string { return `{"purpose":["` + p + `"]}` }
	permits := func(p ...string) []string { return []string{consent(permit(purposes(p...)))} }
	denies := func(p string) []string {
		return []string{consent(permit(purposes("TREAT", "BTG"))), consent(deny(purposes(p)))}
	}
	check(t, []example{
		{name: "below", consents: permits("TREAT"), who: ask("COC"), want: "permitted"},
		{name: "not above", consents: permits("COC"), want: "no-consent"},
		{name: "one of two", consents: permits("HPAYMT", "TREAT"), want: "permitted"},
		{name: "break the glass is not below treatment", consents: permits("TREAT"), who: ask("BTG"), want: "no-consent"},
		{name: "nor below emergency treatment", consents: permits("ETREAT"), who: ask("BTG"), want: "no-consent"},
		{name: "but by name", consents: permits("BTG"), who: ask("BTG"), want: "permitted"},
		{name: "no purpose means any", who: ask("ETREAT"), want: "permitted"},
		{name: "but those four", who: ask("CLINTRL"), want: "no-consent"},
		{name: "a deny goes down", consents: denies("ETREAT"), who: ask("BTG"), want: "denied"},
		{name: "a deny goes up", consents: denies("COC"), want: "denied"},
		{name: "not sideways", consents: denies("COC"), who: ask("ETREAT"), want: "permitted"},
	})
}

func TestRule15DataOverTheGraph(t *testing.T) {
	chart := []string{encounter, annaPatient}
	permits := func(d string) []string { return []string{consent(permit(d))} }
	denies := func(d string) []string { return []string{consent(permission), consent(deny(d))} }
	check(t, []example{
		{name: "instance", consents: permits(data("instance", "DocumentReference/d1")), want: "permitted"},
		{name: "another instance", consents: permits(data("instance", "DocumentReference/d2")), want: "no-consent"},
		{name: "what refers to a related encounter", consents: permits(data("related", "Encounter/e1")), chart: chart, want: "permitted"},
		{name: "what an encounter refers to", consents: permits(data("related", "Encounter/e1")), record: annaPatient, chart: []string{encounter}, want: "permitted"},
		{name: "what refers to another record is not related to it", consents: permits(data("related", "Condition/c1")), record: `{"context":{"related":[{"reference":"Condition/c1"}]}}`, want: "no-consent"},
		{name: "but for a deny", consents: denies(data("related", "Condition/c1")), record: `{"context":{"related":[{"reference":"Condition/c1"}]}}`, want: "denied"},
		{name: "dependents", consents: permits(data("dependents", "Encounter/e1")), chart: chart, want: "permitted"},
		{name: "not what it refers to", consents: permits(data("dependents", "Encounter/e1")), record: annaPatient, chart: []string{encounter}, want: "no-consent"},
		{name: "but for a deny", consents: denies(data("dependents", "Encounter/e1")), record: annaPatient, chart: []string{encounter}, want: "denied"},
		{name: "author", consents: permits(data("authoredby", "Practitioner/therapist")), want: "permitted"},
		{name: "another author", consents: denies(data("authoredby", "Practitioner/doctor")), want: "permitted"},
		{name: "no author", consents: permits(data("authoredby", "Practitioner/therapist")), record: `{"author":null}`, want: "no-consent"},
		{name: "no author and a deny", consents: denies(data("authoredby", "Practitioner/doctor")), record: `{"author":null}`, want: "denied"},
		{name: "an author by name and a deny", consents: denies(data("authoredby", "Practitioner/doctor")), record: `{"author":[{"display":"x"}]}`, want: "denied"},
	})
}

func TestCodesAnywhereInTheRecord(t *testing.T) {
	code := func(system, c string) string {
		return `{"code":[{"coding":[{"system":"` + system + `","code":"` + c + `"}]}]}`
	}
	check(t, []example{
		{name: "type", consents: []string{consent(permit(code("http://loinc.org", "11506-3")))}, want: "permitted"},
		{name: "another", consents: []string{consent(permit(code("http://loinc.org", "18842-5")))}, want: "no-consent"},
		{name: "text is unknown", consents: []string{consent(permission), consent(deny(`{"code":[{"text":"notes"}]}`))}, want: "denied"},
		{name: "a unit is no code", consents: []string{consent(permit(code("urn:u", "kg")))}, record: `{"content":[{"q":{"value":1,"system":"urn:u","code":"kg"}}]}`, want: "no-consent"},
	})
}

func TestRule12WhatNobodyCanTellIsDenied(t *testing.T) {
	code := func(system, code string) string {
		return `{"code":[{"coding":[{"system":"` + system + `","code":"` + code + `"}]}]}`
	}
	noted := func(concept string) string { return `{"type":` + concept + `}` }
	loinc := []string{consent(permission), consent(deny(code("http://loinc.org", "11506-3")), `{"id":"s2"}`)}
	icd := []string{consent(permission), consent(deny(code("http://hl7.org/fhir/sid/icd-10", "F10.20")), `{"id":"s2"}`)}
	author := []string{consent(permission), consent(deny(data("authoredby", "Practitioner/p")), `{"id":"s2"}`)}
	role := func(holder string) []string {
		return []string{`{"resourceType":"PractitionerRole","id":"r","practitioner":` + holder + `}`}
	}
	by := func(who string) string { return `{"author":[{"reference":"` + who + `"}]}` }
	session := []string{consent(permission), consent(deny(data("related", "Encounter/x")), `{"id":"s2"}`)}
	at := func(reference string) string { return `{"context":{"encounter":[` + reference + `]}}` }
	check(t, []example{
		{name: "the code", consents: loinc, want: "denied"},
		{name: "by the OID", consents: loinc, record: noted(`{"coding":[{"system":"urn:oid:2.16.840.1.113883.6.1","code":"11506-3"}]}`), want: "denied"},
		{name: "by https", consents: loinc, record: noted(`{"coding":[{"system":"https://loinc.org","code":"11506-3"}]}`), want: "denied"},
		{name: "without system", consents: loinc, record: noted(`{"coding":[{"code":"x"}]}`), want: "denied"},
		{name: "in words", consents: loinc, record: noted(`{"text":"x"}`), want: "denied"},
		{name: "local", consents: loinc, record: noted(`{"coding":[{"system":"urn:x","code":"x"}]}`), want: "denied"},
		{name: "another", consents: loinc, record: noted(`{"coding":[{"system":"http://loinc.org","code":"x"}]}`), want: "permitted"},
		{name: "in another spelling", consents: icd, record: noted(`{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"f1020"}]}`), want: "denied"},
		{name: "in a role that is not in the file", consents: author, record: by("PractitionerRole/r"), want: "denied"},
		{name: "in her role", consents: author, record: by("PractitionerRole/r"), chart: role(`{"reference":"Practitioner/p"}`), want: "denied"},
		{name: "in another's role", consents: author, record: by("PractitionerRole/r"), chart: role(`{"reference":"Practitioner/q"}`), want: "permitted"},
		{name: "in nobody's role", consents: author, record: by("PractitionerRole/r"), chart: role(`{"display":"x"}`), want: "denied"},
		{name: "by an organisation", consents: author, record: by("Organization/o"), want: "permitted"},
		{name: "at an encounter in words", consents: session, record: at(`{"display":"x"}`), want: "denied"},
		{name: "at an encounter elsewhere", consents: session, record: at(`{"reference":"https://x.example/Encounter/x"}`), want: "denied"},
		{name: "at an episode elsewhere", consents: session, record: at(`{"reference":"https://x.example/EpisodeOfCare/x"}`), want: "permitted"},
		{name: "at another", consents: session, want: "permitted"},
	})
}
