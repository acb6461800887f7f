package oracle_test

import (
	"testing"
	"time"
)

func TestRule7WhichPermitsCount(t *testing.T) {
	over := func(s string) []string { return []string{consent(permission, s)} }
	category := func(system, code string) []string {
		return over(`{"category":[{"coding":[{"system":"` + system + `","code":"` + code + `"}]}]}`)
	}
	minor := []string{merge(annaPatient, `{"birthDate":"2012-03-04"}`), guardian}
	denied := func(s string) []string { return []string{consent(permission), consent(deny(`{}`), s, `{"id":"s2"}`)} }
	check(t, []example{
		{name: "no Consent", none: true, want: "no-consent"},
		{name: "draft", consents: over(`{"status":"draft"}`), want: "no-consent"},
		{name: "inactive says nothing, denies neither", consents: denied(`{"status":"inactive"}`), want: "permitted"},
		{name: "another client's", consents: over(`{"patient":{"reference":"Patient/ben"}}`), want: "no-consent"},
		{name: "research", consents: over(`{"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]}}`), want: "no-consent"},
		{name: "a notice of privacy practices", consents: category("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "npp"), want: "no-consent"},
		{name: "a category that nobody knows", consents: category("urn:x", "y"), want: "no-consent"},
		{name: "a form's category", consents: category("http://loinc.org", "64292-6"), want: "permitted"},
		{name: "an odd category still denies", consents: denied(`{"category":[{"text":"x"}]}`), want: "denied"},
		{name: "signed tomorrow", consents: over(`{"dateTime":"2026-11-22"}`), want: "no-consent"},
		{name: "a deny signed tomorrow", consents: denied(`{"dateTime":"2026-11-22"}`), want: "denied"},
		{name: "signed today", consents: over(`{"dateTime":"2026-11-21"}`), want: "permitted"},
		{name: "by the client", consents: over(`{"performer":[{"reference":"Patient/anna"}]}`), want: "permitted"},
		{name: "by somebody", consents: over(`{"performer":[{"reference":"Practitioner/x"}]}`), want: "no-consent"},
		{name: "by a guardian", consents: over(`{"performer":[{"reference":"RelatedPerson/mother"}]}`), chart: minor, want: "permitted"},
		{name: "not verified", consents: over(`{"verification":[{"verified":true},{"verified":false}]}`), want: "no-consent"},
		{name: "verified", consents: over(`{"verification":[{"verified":true}]}`), want: "permitted"},
		{name: "this practice", consents: over(`{"organization":[{"reference":"Organization/practice"}]}`), practice: "Organization/practice", want: "permitted"},
		{name: "another practice", consents: over(`{"organization":[{"reference":"Organization/x"}]}`), practice: "Organization/practice", want: "no-consent"},
		{name: "another practice, rule not applied", consents: over(`{"organization":[{"reference":"Organization/x"}]}`), want: "permitted"},
	})
}

func TestRule8WhatCannotBeReadCanOnlyDeny(t *testing.T) {
	odd := `"modifierExtension":[{"url":"urn:x","valueBoolean":true}]`
	actor := func(role, reference string) string {
		return `{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"` + role + `"}]},"reference":` + reference + `}`
	}
	group := actor("IRCP", `{"reference":"Group/g"}`)
	release := consent(permission)
	beside := func(provision string, over ...string) []string {
		return []string{release, consent(provision, append(over, `{"id":"s2"}`)...)}
	}
	check(t, []example{
		{name: "modifierExtension on the Consent", consents: []string{consent(permission, `{`+odd+`}`)}, want: "no-consent"},
		{name: "modifierExtension on a nested provision", consents: []string{consent(permit(`{"provision":[{"type":"permit",` + odd + `}]}`))}, want: "no-consent"},
		{name: "a deny stands beside one", consents: beside(deny(`{}`), `{`+odd+`}`), want: "denied"},
		{name: "a modified deny matches whatever it says", consents: beside(`{"type":"deny","actor":[` + toOther + `],` + odd + `}`), want: "denied"},
		{name: "a group", consents: []string{consent(`{"type":"permit","actor":[` + toClinic + `,` + group + `]}`)}, want: "no-consent"},
		{name: "a deny for a group", consents: beside(`{"type":"deny","actor":[` + group + `]}`), want: "denied"},
		{name: "a deny for a group, of other records", consents: beside(`{"type":"deny","actor":[` + group + `],"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]}`), want: "permitted"},
		{name: "an actor by name", consents: beside(`{"type":"deny","actor":[` + actor("IRCP", `{"display":"my boss"}`) + `]}`), want: "denied"},
		{name: "an odd role", consents: []string{consent(permit(`{"actor":[` + actor("AUT", `{"reference":"Organization/clinic"}`) + `]}`))}, want: "no-consent"},
		{name: "primary recipient", consents: []string{consent(permit(`{"actor":[` + actor("PRCP", `{"reference":"Organization/clinic"}`) + `]}`))}, want: "permitted"},
		{name: "this practice as custodian", practice: "Organization/practice", consents: []string{consent(permit(`{"actor":[` + toClinic + `,` + actor("CST", `{"reference":"Organization/practice"}`) + `]}`))}, want: "permitted"},
		{name: "another custodian", practice: "Organization/practice", consents: []string{consent(permit(`{"actor":[` + toClinic + `,` + actor("CST", `{"reference":"Organization/x"}`) + `]}`))}, want: "no-consent"},
		{name: "untyped nested", consents: []string{consent(permit(`{"provision":[{"action":[{"text":"x"}]}]}`))}, want: "no-consent"},
		{name: "untyped root under a rule that nobody lists", consents: []string{consent(`{"provision":[`+permission+`]}`, rule("consentpolicycodes", "cric"))}, want: "no-consent"},
		{name: "typed root under such a rule", consents: []string{consent(permission, rule("consentpolicycodes", "cric"))}, want: "permitted"},
		{name: "its exceptions fall too", consents: beside(`{"type":"deny","provision":[`+permission+`]}`, `{`+odd+`}`), want: "denied"},
		{name: "cannot be parsed", consents: []string{release, merge(baseConsent, `{"provison":{},"id":"s2"}`)}, want: "denied"},
		{name: "cannot be parsed, another client's", consents: []string{release, merge(baseConsent, `{"provison":{},"patient":{"reference":"Patient/ben"}}`)}, want: "permitted"},
		{name: "nobody's", consents: []string{release, merge(baseConsent, `{"patient":null,"status":"draft"}`)}, want: "denied"},
		{name: "no JSON", consents: []string{release, `{`}, want: "denied"},
	})
}

func TestRule9PermitDenyOrSilent(t *testing.T) {
	untyped := `{"actor":[` + toClinic + `]}`
	release := consent(permission)
	check(t, []example{
		{name: "untyped under opt-in is silent", consents: []string{consent(untyped)}, want: "no-consent"},
		{name: "until a nested permit matches", consents: []string{consent(`{"provision":[`+permission+`]}`, rule("consentpolicycodes", "hipaa-auth"))}, want: "permitted"},
		{name: "and denies nothing", consents: []string{release, consent(untyped, `{"id":"s2"}`)}, want: "permitted"},
		{name: "untyped under opt-out denies", consents: []string{release, consent(untyped, rule("v3-ActCode", "OPTOUT"))}, want: "denied"},
		{name: "so do restrictions", consents: []string{release, consent(untyped, rule("consentpolicycodes", "hipaa-restrictions"))}, want: "denied"},
		{name: "no provision under opt-out", consents: []string{release, merge(baseConsent, rule("v3-ActCode", "OPTOUTE"))}, want: "denied"},
		{name: "no policy rule permits by itself", consents: []string{baseConsent}, want: "no-consent"},
		{name: "explicit permit under opt-out", consents: []string{consent(permission, rule("v3-ActCode", "OPTOUT"))}, want: "permitted"},
	})
}

func TestRule18AnyDenyWithholds(t *testing.T) {
	e := example{consents: []string{consent(deny(`{}`), `{"dateTime":"2020"}`), consent(permission, `{"id":"s2","dateTime":"2026-11"}`)}}
	l := e.decide(t)[0]
	if l.Reason != "denied" || l.Consent != "Consent/s1" || l.Provision != "provision" {
		t.Errorf("decided by %+v, want the older deny", l)
	}
}

func TestRule19APeriodHoldsToTheEndOfItsDay(t *testing.T) {
	west := time.FixedZone("west", -5*3600)
	until := func(end string) []string { return []string{consent(permit(`{"period":{"end":"` + end + `"}}`))} }
	from := func(start string) []string { return []string{consent(permit(`{"period":{"start":"` + start + `"}}`))} }
	check(t, []example{
		{name: "its last day", consents: until("2026-11-21"), want: "permitted"},
		{name: "its last second", consents: until("2026-11-21"), at: "2026-11-21T23:59:59Z", want: "permitted"},
		{name: "the day after", consents: until("2026-11-21"), at: "2026-11-22T00:00:00Z", want: "no-consent"},
		{name: "the day after, but not in the practice's zone", consents: until("2026-11-21"), at: "2026-11-22T04:59:59Z", zone: west, want: "permitted"},
		{name: "to the end of the month", consents: until("2026-11"), at: "2026-11-30T23:00:00Z", want: "permitted"},
		{name: "the next month", consents: until("2026-11"), at: "2026-12-01T00:00:00Z", want: "no-consent"},
		{name: "to an instant", consents: until("2026-11-21T15:00:00Z"), want: "permitted"},
		{name: "from its first moment", consents: from("2026-11-21"), at: "2026-11-21T00:00:00Z", want: "permitted"},
		{name: "not yet in the practice's zone", consents: from("2026-11-21"), at: "2026-11-21T04:59:59Z", zone: west, want: "no-consent"},
		{name: "a deny ends too", consents: []string{consent(permission), consent(deny(`{"period":{"end":"2026-11-20"}}`))}, want: "permitted"},
	})
}
