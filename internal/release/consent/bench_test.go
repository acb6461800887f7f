package consent

import (
	"fmt"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
)

// benchWorld is a chart of n records and five Consents, as a busy client has them: a release to one clinic with exceptions, an insurer's
// authorisation, a Part 2 consent, an intake consent and a restriction on one encounter.
func benchWorld(n int) world {
	w := world{now: noon, who: whoText{
		Kind: "provider", Organization: "Organization/clinic npi:1111111111", Practitioner: "Practitioner/dr npi:5555555555",
		Purpose: []string{"TREAT"}, Scopes: "system/*.rs",
	}}
	w.consents = []consentText{
		{ID: "clinic", By: []string{theClient}, Provision: &provisionText{
			Type: "permit", Period: "2026-01-01..2026-12-31", Actor: []string{"npi:1111111111"}, Purpose: []string{"TREAT"},
			Provision: []provisionText{{Type: "deny", Label: []string{"SUD"}}, {Type: "permit", Actor: []string{"npi:5555555555"}, Label: []string{"R", "HIV", "MH"}}},
		}},
		{ID: "insurer", Rule: fhir.SystemConsentPolicy + "|hipaa-auth", Provision: &provisionText{
			Type: "permit", Actor: []string{"npi:3333333333"}, Purpose: []string{"HPAYMT"}, Class: []string{"Encounter", "Condition"},
		}},
		{ID: "part2", Rule: fhir.SystemActCode + "|42CFRPart2CD", Provision: &provisionText{Type: "permit", Actor: []string{"npi:2222222222"}}},
		{ID: "intake", Provision: &provisionText{Type: "permit", Purpose: []string{"TREAT", "HPAYMT", "HOPERAT"}}},
		{ID: "restriction", Provision: &provisionText{Type: "deny", Data: []string{"related Encounter/r1"}, DataPeriod: "2025-01-01..2026-12-31"}},
	}
	types := []string{"Encounter", "DocumentReference", "Condition", "Observation", "Provenance"}
	labels := [][]string{{"N", "MH"}, {"N"}, {"R", "HIV"}, {"R", "ETHUD", "42CFRPart2"}}
	w.chart = []recordText{{Is: theClient, Labels: []string{"N"}, Birth: "1990-05-01"}}
	for i := 1; i < n; i++ {
		r := recordText{
			Is: fmt.Sprintf("%s/r%d", types[i%len(types)], i), Labels: labels[i%len(labels)], When: fmt.Sprintf("2026-%02d-%02d", i%5+1, i%28+1),
			Code: []string{"http://loinc.org|11506-3"}, Author: []string{"Practitioner/dr"}, RefersTo: []string{fmt.Sprintf("Encounter/r%d", i-i%5)},
		}
		if types[i%len(types)] == "Provenance" {
			r.Target = []string{fmt.Sprintf("Encounter/r%d", i-4), fmt.Sprintf("DocumentReference/r%d", i-3)}
		}
		w.chart = append(w.chart, r)
	}
	return w
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 50, 200} {
		for _, purposes := range [][]string{{"TREAT"}, {"TREAT", "HPAYMT"}} {
			b.Run(fmt.Sprintf("records=%d/purposes=%d", n, len(purposes)), func(b *testing.B) {
				w := benchWorld(n)
				w.who.Purpose = purposes
				in := w.input(b)
				b.ReportAllocs()
				for b.Loop() {
					Decide(in)
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			})
		}
	}
}

func BenchmarkApplies(b *testing.B) {
	in := benchWorld(1).input(b)
	b.ReportAllocs()
	for b.Loop() {
		Applies(in)
	}
}

func BenchmarkCompile(b *testing.B) {
	data := benchWorld(1).consents[0].fhirJSON()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Compile(data, noon.Location(), theReading); err != nil {
			b.Fatal(err)
		}
	}
}
