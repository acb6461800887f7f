package oracle_test

import (
	"slices"
	"testing"
)

const (
	provenance = `{"resourceType":"Provenance","id":"v1","target":[{"reference":"DocumentReference/d1"}],"recorded":"2026-11-03T10:06:00Z",
		"agent":[{"who":{"reference":"Practitioner/therapist"}}],"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}}`
)

// TestRule20ARecordAboutTwo: a couple of whom one signed, both signed, one asks.
func TestRule20ARecordAboutTwo(t *testing.T) {
	couple := `{"context":{"related":[{"reference":"Patient/ben"}]}}`
	ben := `{"id":"s2","patient":{"reference":"Patient/ben"}}`
	check(t, []example{
		{name: "one signed", record: couple, want: "no-consent"},
		{name: "both signed", record: couple, consents: []string{consent(permission), consent(permission, ben)}, want: "permitted"},
		{name: "the other denies", record: couple, consents: []string{consent(permission), consent(deny(`{}`), ben)}, want: "denied"},
		{name: "one did not sign and the other denies", record: couple, consents: []string{consent(deny(`{}`), ben)}, want: "denied"},
		{name: "the other's authorisation is for another clinic", record: couple, consents: []string{consent(permission), consent(permit(`{"actor":[`+toOther+`]}`), ben)}, want: "no-consent"},
		{name: "one asks", record: couple, who: client, want: "other-patient"},
	})
}

// TestRule20SomebodyUnknown: a record that refers to a client whom nobody can name is about nobody known.
func TestRule20SomebodyUnknown(t *testing.T) {
	related := func(reference string) string { return `{"context":{"related":[` + reference + `]}}` }
	check(t, []example{
		{name: "by URL", record: related(`{"reference":"https://x.example/fhir/Patient/ben"}`), want: "unclassified"},
		{name: "by URL, a version", record: related(`{"reference":"https://x.example/fhir/Patient/ben/_history/2"}`), want: "unclassified"},
		{name: "by a condition", record: related(`{"reference":"Patient?identifier=urn:m|7"}`), want: "unclassified"},
		{name: "by a URN", record: related(`{"reference":"urn:uuid:0c3201bd-1cbf-4d64-b04d-cd9187a4c6e0"}`), want: "unclassified"},
		{name: "by number", record: related(`{"identifier":{"system":"urn:m","value":"7"}}`), want: "unclassified"},
		{name: "by number, of a Patient, where none may stand", record: `{"custodian":{"type":"Patient","identifier":{"system":"urn:m","value":"7"}}}`, want: "unclassified"},
		{name: "by name", record: related(`{"display":"Ben"}`), want: "unclassified"},
		{name: "a group", record: related(`{"reference":"Group/family"}`), want: "unclassified"},
		{name: "in an extension", record: `{"extension":[{"url":"urn:x","valueReference":{"display":"Ben"}}]}`, want: "unclassified"},
		{name: "in an extension of the subject", record: `{"subject":{"reference":"Patient/anna","extension":[{"url":"urn:x","valueReference":{"display":"Ben"}}]}}`, want: "unclassified"},
		{name: "the client does not get it either", record: related(`{"display":"Ben"}`), who: client, want: "unclassified"},
		{name: "a practitioner by URL", record: related(`{"reference":"https://x.example/fhir/Practitioner/p"}`), want: "permitted"},
		{name: "a device by number", record: related(`{"type":"Device","identifier":{"system":"urn:m","value":"7"}}`), want: "permitted"},
		{name: "who wrote it may be anybody", record: `{"author":[{"display":"a locum"},{"reference":"https://x.example/fhir/Patient/ben"}]}`, want: "permitted"},
		{name: "the custodian is no Patient", record: `{"custodian":{"display":"the clinic"}}`, want: "permitted"},
		{name: "the client herself", record: related(`{"reference":"Patient/anna"}`), want: "permitted"},
	})
}

// TestRule22AProvenanceGoesWithItsTargets: also where the Consent is for notes only.
func TestRule22AProvenanceGoesWithItsTargets(t *testing.T) {
	note := baseNote
	notes := []string{consent(permit(class("DocumentReference")))}
	check(t, []example{
		{name: "with its note", record: provenance, chart: []string{note}, consents: notes, want: "permitted"},
		{name: "stays with its note", record: provenance, chart: []string{merge(note, labels("V"))}, consents: notes, want: "label"},
		{name: "never with a psychotherapy note", record: provenance, chart: []string{merge(note, labels("R", "PSYTHPN"))}, want: "psychotherapy-note"},
		{name: "needs its own scope", record: provenance, chart: []string{note}, who: `{"scopes":"system/DocumentReference.r"}`, want: "scope"},
		{name: "a deny of its own holds", record: provenance, chart: []string{note}, consents: []string{consent(permission), consent(deny(class("Provenance")))}, want: "denied"},
		{name: "of nothing", record: provenance, want: "unclassified"},
	})
}

func TestEverydayReleases(t *testing.T) {
	auth, part2 := rule("consentpolicycodes", "hipaa-auth"), rule("v3-ActCode", "42CFRPart2CD")
	lastYear := []string{consent(permit(`{"dataPeriod":{"start":"2025-01-01","end":"2025-12-31"}}`), auth)}
	condition := `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/anna"},"onsetDateTime":"2021-04","clinicalStatus":{"coding":[{"code":"active"}]},
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}}`
	tpo := []string{consent(merge(`{"type":"permit"}`, purposes("TREAT", "HPAYMT", "HOPERAT")), part2)}
	exceptSUD := consent(permit(nested(merge(`{"type":"deny"}`, secured("SUD")))), auth)
	elsewhere := consent(permit(`{"actor":[`+toOther+`]}`), part2, `{"id":"s2"}`)
	other := `{"organization":{"reference":"Organization/other"}}`
	paid := []string{consent(permit(class("Encounter")), auth)}
	intake := []string{consent(merge(`{"type":"permit"}`, purposes("TREAT", "HPAYMT", "HOPERAT")))}
	sud := labels("R", "SUD", "42CFRPart2", "NORDSCLCD")
	check(t, []example{
		{name: "to one clinic", want: "permitted"},
		{name: "to one clinic, not to another", who: other, want: "no-consent"},
		{name: "a date range: a note in it", consents: lastYear, record: `{"date":"2025-05-05T10:00:00Z"}`, want: "permitted"},
		{name: "a date range: a note after it", consents: lastYear, want: "no-consent"},
		{name: "a date range: the Patient", consents: lastYear, record: annaPatient, want: "permitted"},
		{name: "a date range: an open Condition", consents: lastYear, record: condition, want: "permitted"},
		{name: "an insurer's authorisation: a session", consents: []string{consent(permission, auth)}, who: insurer, record: encounter, want: "permitted"},
		{name: "an insurer's authorisation: a progress note", consents: []string{consent(permission, auth)}, who: insurer, want: "purpose-rule"},
		{name: "naming progress notes", who: insurer, want: "permitted", consents: []string{consent(permit(`{"code":[{"coding":[{"system":"http://loinc.org","code":"11506-3"}]}]}`), auth)}},
		{name: "a Part 2 TPO consent: treatment", consents: tpo, record: sud, want: "permitted"},
		{name: "a Part 2 TPO consent: a stranger", consents: tpo, record: sud, who: `{"related":false}`, want: "no-consent"},
		{name: "a Part 2 TPO consent: at another's request", consents: tpo, record: sud, who: `{"purpose":["HLEGAL"]}`, want: "no-consent"},
		{name: "except substance use: mental health goes", consents: []string{exceptSUD, elsewhere}, record: labels("N", "MH"), want: "permitted"},
		{name: "except substance use: that stays", consents: []string{exceptSUD, elsewhere}, record: sud, want: "denied"},
		{name: "and goes to the other clinic", consents: []string{exceptSUD, elsewhere}, record: sud, who: other, want: "permitted"},
		{name: "revoked", consents: []string{consent(permission, `{"status":"inactive"}`)}, want: "no-consent"},
		{name: "a self-paid session and the insurer", consents: paid, who: insurer, record: merge(encounter, labels("N", "HIPAASelfPay")), want: "restriction"},
		{name: "another session and the insurer", consents: paid, who: insurer, record: encounter, want: "permitted"},
		{name: "an intake consent that names nobody: the referrer", consents: intake, want: "permitted"},
		{name: "an intake consent that names nobody: a stranger", consents: intake, who: `{"related":false}`, want: "no-consent"},
		{name: "an employer under the intake consent", consents: intake, who: `{"kind":"employer","purpose":["PATRQT"]}`, want: "no-consent"},
		{name: "an employer for payment", consents: intake, who: `{"kind":"employer","purpose":["HPAYMT"]}`, want: "purpose"},
		{name: "an employer with an authorisation", consents: []string{consent(permit(purposes("PATRQT")), auth)}, who: `{"kind":"employer","purpose":["PATRQT"]}`, want: "permitted"},
	})
}

// TestAMinorAndAGuardian: what the guardian signed stops on the 18th birthday, and so does the guardian's own access.
func TestAMinorAndAGuardian(t *testing.T) {
	signed := []string{consent(permission, `{"performer":[{"reference":"RelatedPerson/mother"}]}`)}
	chart := []string{merge(annaPatient, `{"birthDate":"2008-11-22"}`), guardian}
	mother := merge(client, `{"person":"RelatedPerson/mother"}`)
	check(t, []example{
		{name: "before", consents: signed, chart: chart, want: "permitted"},
		{name: "the day after the birthday", consents: signed, chart: chart, at: "2026-11-23T09:00:00Z", want: "no-consent"},
		{name: "the guardian before", consents: signed, chart: chart, who: mother, want: "self-access"},
		{name: "the guardian the day after", consents: signed, chart: chart, who: mother, at: "2026-11-23T09:00:00Z", want: "purpose"},
		{name: "the client, grown up", chart: chart, who: client, none: true, at: "2026-11-23T09:00:00Z", want: "self-access"},
	})
}

// TestEveryLineIsTold: one line per resource, in order, and what decided.
func TestEveryLineIsTold(t *testing.T) {
	e := example{chart: []string{encounter, annaPatient}, consents: []string{consent(permit(nested(merge(`{"type":"deny"}`, class("Observation")), merge(`{"type":"deny"}`, class("Encounter")))))}}
	var got []string
	for _, l := range e.decide(t) {
		got = append(got, l.Resource+" "+l.Reason+" "+l.Consent+" "+l.Provision)
	}
	want := []string{
		"DocumentReference/d1 permitted Consent/s1 provision", "Encounter/e1 denied Consent/s1 provision.provision[1]",
		"Patient/anna permitted Consent/s1 provision",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
