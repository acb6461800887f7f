package oracle_test

import "testing"

func TestRule16Confidentiality(t *testing.T) {
	denies := func(c ...string) []string {
		return []string{consent(permit(secured("V"))), consent(deny(secured(c...)))}
	}
	check(t, []example{
		{name: "without labels up to R", record: labels("R"), want: "permitted"},
		{name: "not V", record: labels("V"), want: "label"},
		{name: "N covers lower", consents: []string{consent(permit(secured("N")))}, record: labels("L"), want: "permitted"},
		{name: "not higher", consents: []string{consent(permit(secured("N")))}, record: labels("R"), want: "label"},
		{name: "of two the higher counts", consents: []string{consent(permit(secured("N")))}, record: labels("N", "R"), want: "label"},
		{name: "a deny covers higher", consents: denies("R"), record: labels("V"), want: "denied"},
		{name: "not lower", consents: denies("R"), record: labels("N"), want: "permitted"},
	})
}

func TestRule16Sensitivity(t *testing.T) {
	with := func(codes ...string) []string { return []string{consent(permit(secured(codes...)))} }
	both := consent(permit(nested(merge(`{"type":"permit"}`, secured("SUD")), merge(`{"type":"permit"}`, secured("HIV")))))
	check(t, []example{
		{name: "mental health is ordinary", record: labels("N", "MH"), want: "permitted"},
		{name: "unless the Consent names any", consents: with("R", "SUD"), record: labels("N", "MH"), want: "label"},
		{name: "a list to be kept back names nothing", consents: []string{consent(permit(nested(merge(`{"type":"deny"}`, secured("SUD")))))}, record: labels("N", "MH"), want: "permitted"},
		{name: "SUD is to be named", record: labels("N", "SUD"), want: "label"},
		{name: "what lies below too", record: labels("N", "ETHUD"), want: "label"},
		{name: "named", consents: with("R", "SUD"), record: labels("R", "SUD"), want: "permitted"},
		{name: "named above", consents: with("R", "SPI"), record: labels("R", "OPIOIDUD"), want: "permitted"},
		{name: "not below", consents: with("R", "ETHUD"), record: labels("R", "SUD"), want: "label"},
		{name: "every one of a record", consents: with("R", "SUD"), record: labels("R", "SUD", "HIV"), want: "label"},
		{name: "within one Consent", consents: []string{both}, record: labels("R", "SUD", "HIV"), want: "permitted"},
		{name: "not from two", consents: []string{with("R", "SUD")[0], with("R", "HIV")[0]}, record: labels("R", "SUD", "HIV"), want: "label"},
		{name: "sensitivities only: carried", consents: with("SUD"), record: labels("N", "ETHUD"), want: "permitted"},
		{name: "sensitivities only: not carried", consents: with("SUD"), record: labels("N"), want: "label"},
		{name: "sensitivities only: up to R", consents: with("SUD"), record: labels("V", "SUD"), want: "label"},
		{name: "a code that no rule knows", consents: with("V", "SPI", "NOSUCH"), record: labels("N", "NOSUCH"), want: "label"},
		{name: "a handling code", record: labels("N", "NORDSCLCD"), want: "permitted"},
		{name: "a deny goes down", consents: []string{consent(permit(secured("R", "SUD"))), consent(deny(secured("SUD")))}, record: labels("R", "ETHUD"), want: "denied"},
		{name: "a deny of another", consents: []string{consent(permit(secured("R", "SUD"))), consent(deny(secured("HIV")))}, record: labels("R", "ETHUD"), want: "permitted"},
		{name: "a deny of psychotherapy notes spares the rest", consents: []string{consent(permission), consent(deny(secured("PSYTHPN")))}, want: "permitted"},
		{name: "a deny of what nobody knows", consents: []string{consent(permission), consent(deny(secured("NOSUCH")))}, want: "denied"},
	})
}

func TestRule16Part2(t *testing.T) {
	part2 := labels("R", "SUD", "42CFRPart2")
	under := rule("v3-ActCode", "42CFRPart2CD")
	check(t, []example{
		{name: "SUD named, Part 2 not", consents: []string{consent(permit(secured("R", "SUD")))}, record: part2, want: "label"},
		{name: "both named", consents: []string{consent(permit(secured("R", "SUD", "42CFRPart2")))}, record: part2, want: "permitted"},
		{name: "Part 2 named, SUD not", consents: []string{consent(permit(secured("R", "42CFRPart2")))}, record: part2, want: "label"},
		{name: "a Part 2 consent", consents: []string{consent(permission, under)}, record: part2, want: "permitted"},
		{name: "covers SUD on marked records only", consents: []string{consent(permission, under)}, record: labels("R", "SUD"), want: "label"},
		{name: "and not HIV", consents: []string{consent(permission, under)}, record: labels("R", "SUD", "42CFRPart2", "HIV"), want: "label"},
	})
}

func TestRule17MinimumNecessary(t *testing.T) {
	note := `{"class":[{"system":"http://hl7.org/fhir/resource-types","code":"DocumentReference"}]}`
	summary := `{"type":{"coding":[{"system":"http://loinc.org","code":"18842-5"}]}}`
	auth := rule("consentpolicycodes", "hipaa-auth")
	med := func(over string) string {
		return merge(`{"resourceType":"MedicationRequest","id":"m1","subject":{"reference":"Patient/anna"},"status":"active","authoredOn":"2020",
			"meta":{"security":`+labelList("N")+`}}`, over)
	}
	check(t, []example{
		{name: "treatment is not bound", record: `{"date":"2012-01-01T00:00:00Z"}`, want: "permitted"},
		{name: "an insurer gets no progress notes", who: insurer, want: "purpose-rule"},
		{name: "but discharge summaries", who: insurer, record: summary, want: "permitted"},
		{name: "not old ones", who: insurer, record: merge(summary, `{"date":"2024-11-20T00:00:00Z"}`), want: "purpose-rule"},
		{name: "nor undated ones", who: insurer, record: `{"date":null,"type":{"coding":[{"system":"http://loinc.org","code":"18842-5"}]}}`, want: "purpose-rule"},
		{name: "a medication still taken, of old", who: insurer, record: med(`{}`), want: "permitted"},
		{name: "one ended nobody knows when", who: insurer, record: med(`{"status":"stopped"}`), want: "purpose-rule"},
		{name: "below payment the same", who: `{"kind":"payer","purpose":["ELIGDTRM"]}`, want: "purpose-rule"},
		{name: "operations get less", who: `{"purpose":["HQUALIMP"]}`, record: summary, want: "purpose-rule"},
		{name: "research gets nothing", who: `{"purpose":["HRESCH"]}`, record: annaPatient, want: "purpose-rule"},
		{name: "at the client's request all", who: `{"purpose":["PATRQT"]}`, want: "permitted"},
		{name: "an authorisation naming the kind", who: insurer, consents: []string{consent(permit(note), auth)}, want: "permitted"},
		{name: "an authorisation naming nothing", who: insurer, consents: []string{consent(permission, auth)}, want: "purpose-rule"},
		{name: "a plain consent naming the kind", who: insurer, consents: []string{consent(permit(note))}, want: "purpose-rule"},
		{name: "no exception to a deny", who: insurer, consents: []string{consent(merge(`{"type":"deny"}`, nested(permission)))}, want: "denied"},
	})
}
