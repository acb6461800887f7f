package fhirsource_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

// tiedNow is a resource of ben's that ties an organisation named by one identifier, while a period of 2026 runs.
var tiedNow = map[string]string{
	"CareTeam":       `{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/ben"},"participant":[{"member":{"identifier":{"system":"urn:org","value":"x"}}}],"period":{"start":"2026","end":"2026"}}`,
	"Coverage":       `{"resourceType":"Coverage","id":"t","status":"active","beneficiary":{"reference":"Patient/ben"},"payor":[{"identifier":{"system":"urn:org","value":"x"}}],"period":{"start":"2026","end":"2026"}}`,
	"ServiceRequest": `{"resourceType":"ServiceRequest","id":"t","status":"active","intent":"order","subject":{"reference":"Patient/ben"},"requester":{"identifier":{"system":"urn:org","value":"x"}},"occurrencePeriod":{"start":"2026","end":"2026"}}`,
}

// What ties an organisation to a client does so while it is active, within its period in the practice's zone, and not at all where either cannot be told.
func TestTiesHoldWithinTheirPeriods(t *testing.T) {
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, options(t).Zone) }
	always, year := &fhir.Interval{}, &fhir.Interval{Start: day(2026, 1, 1), End: day(2027, 1, 1)}
	for _, c := range []struct {
		name, typ string
		changes   []string
		want      *fhir.Interval // nil for no tie
	}{
		{"as they are", "", nil, year},
		{"no period", "", []string{`,"period":{"start":"2026","end":"2026"}`, ``, `,"occurrencePeriod":{"start":"2026","end":"2026"}`, ``}, always},
		{"no end", "", []string{`,"end":"2026"`, ``}, &fhir.Interval{Start: day(2026, 1, 1)}},
		{"no start", "", []string{`"start":"2026",`, ``}, &fhir.Interval{End: day(2027, 1, 1)}},
		{"to the end of a day", "", []string{`"end":"2026"`, `"end":"2026-06-30"`}, &fhir.Interval{Start: day(2026, 1, 1), End: day(2026, 7, 1)}},
		{"an end that nobody knows", "", []string{`"end":"2026"`, `"_end":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`}, nil},
		{"a start that nobody knows", "", []string{`"start":"2026"`, `"_start":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`}, nil},
		{"a period that says nothing", "", []string{`{"start":"2026","end":"2026"}`, `{"extension":[{"url":"urn:x","valueCode":"x"}]}`}, nil},
		{"another status", "", []string{`"active"`, `"entered-in-error"`}, nil},
		{"a status that nobody knows", "", []string{`"status":"active"`, `"_status":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`}, nil},
		{"an extension that changes its meaning", "", []string{`"id":"t"`, `"id":"t","modifierExtension":[{"url":"urn:x","valueBoolean":true}]`}, nil},
		{"a member for less", "CareTeam", []string{`"participant":[{`, `"participant":[{"period":{"start":"2026-03","end":"2028"},`}, &fhir.Interval{Start: day(2026, 3, 1), End: day(2027, 1, 1)}},
		{"a member no more", "CareTeam", []string{`"participant":[{`, `"participant":[{"period":{"start":"2026-03","end":"2026-04"},`}, &fhir.Interval{Start: day(2026, 3, 1), End: day(2026, 5, 1)}},
		{"a member of nobody knows when", "CareTeam", []string{`"participant":[{`, `"participant":[{"period":{"_end":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}},`}, nil},
		{"an odd member", "CareTeam", []string{`"participant":[{`, `"participant":[{"modifierExtension":[{"url":"urn:x","valueBoolean":true}],`}, nil},
		{"a manager", "CareTeam", []string{`"participant":[{"member":{"identifier":{"system":"urn:org","value":"x"}}}]`, `"participant":[{"period":{"end":"2020"}}],"managingOrganization":[{"identifier":{"system":"urn:org","value":"x"}}]`}, year},
		{"to whom one was referred", "ServiceRequest", []string{`"requester":{"identifier":{"system":"urn:org","value":"x"}}`, `"performer":[{"identifier":{"system":"urn:org","value":"x"}}]`}, year},
		{"on one day", "ServiceRequest", []string{`"occurrencePeriod":{"start":"2026","end":"2026"}`, `"occurrenceDateTime":"2026-05-05"`}, always},
		{"not to be done", "ServiceRequest", []string{`"intent"`, `"doNotPerform":true,"intent"`}, nil},
		{"to be done", "ServiceRequest", []string{`"intent"`, `"doNotPerform":false,"intent"`}, year},
		{"nobody knows whether to be done", "ServiceRequest", []string{`"intent"`, `"_doNotPerform":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]},"intent"`}, nil},
	} {
		for typ, text := range tiedNow {
			if c.typ != "" && c.typ != typ {
				continue
			}
			changed := strings.NewReplacer(c.changes...).Replace(text)
			if c.changes != nil && changed == text {
				t.Fatalf("%s: the %s is as it was", c.name, typ)
			}
			var want []mapping.Tie
			if c.want != nil {
				want = []mapping.Tie{{To: fhir.Identifier{System: "urn:org", Value: "x"}, During: *c.want}}
			}
			if d := cmp.Diff(want, tiesOfBen(t, map[string]string{typ + ".ndjson": changed})); d != "" {
				t.Errorf("%s of a %s (-want +got)\n%s", c.name, typ, d)
			}
		}
	}
}

// Who is tied by a role in an organisation is so while they have it.
func TestTiesByARoleHoldWithinItsPeriod(t *testing.T) {
	zone := options(t).Zone
	team := strings.Replace(tiedNow["CareTeam"], `{"identifier":{"system":"urn:org","value":"x"}}`, `{"reference":"PractitionerRole/locum"}`, 1)
	harbor := func(during fhir.Interval) []mapping.Tie {
		return []mapping.Tie{{To: fhir.Identifier{System: fhir.SystemNPI, Value: "111"}, During: during}, {To: fhir.Identifier{System: "urn:org", Value: "harbor"}, During: during}}
	}
	year := fhir.Interval{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, zone), End: time.Date(2027, 1, 1, 0, 0, 0, 0, zone)}
	half := fhir.Interval{Start: year.Start, End: time.Date(2026, 7, 1, 0, 0, 0, 0, zone)}
	for more, want := range map[string][]mapping.Tie{
		``:               harbor(year),
		`"active":true,`: harbor(year),
		`"period":{"start":"2020","end":"2026-06"},`: harbor(half),
		`"active":false,`: nil,
		`"_active":{"extension":[{"url":"urn:x","valueCode":"x"}]},`:                        nil,
		`"period":{"start":"2020","_end":{"extension":[{"url":"urn:x","valueCode":"x"}]}},`: nil,
		`"modifierExtension":[{"url":"urn:x","valueBoolean":true}],`:                        nil,
	} {
		got := tiesOfBen(t, map[string]string{"CareTeam.ndjson": team, "PractitionerRole.2.ndjson": `{"resourceType":"PractitionerRole","id":"locum",` + more +
			`"practitioner":{"reference":"Practitioner/out"},"organization":{"reference":"Organization/harbor"}}`})
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("a role with %q (-want +got)\n%s", more, d)
		}
	}
}

// tiesOfBen are the ties of a client whom nothing else ties to anybody.
func tiesOfBen(t *testing.T, files map[string]string) []mapping.Tie {
	t.Helper()
	text := clinic()
	for name, s := range files {
		text[name] = s + "\n"
	}
	r := lay(t, text)
	got, err := r.state().Ties(context.Background(), []practice.ClientKey{"ben"})
	noError(t, err)
	if d := cmp.Diff(got["ben"], r.chart("ben").Ties); d != "" {
		t.Errorf("the chart has other ties\n%s", d)
	}
	return got["ben"]
}
