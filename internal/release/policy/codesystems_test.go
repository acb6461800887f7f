package policy

import (
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

func TestACodeByAnyNameOfItsSystem(t *testing.T) {
	r := reading(t)
	const has, mayHave, differs = "has it", "may have it", "differs"
	for _, c := range []struct{ named, at, code, want string }{
		{"http://loinc.org|1-8", "code", "http://loinc.org|1-8", has},
		{"http://loinc.org|1-8", "code", "urn:oid:2.16.840.1.113883.6.1|1-8", has},
		{"http://loinc.org|1-8", "category", "2.16.840.1.113883.6.1|1-8", has},
		{"https://LOINC.org/|1-8", "code", "http://loinc.org|1-8", has},
		{"http://loinc.org|1-8", "code", "http://loinc.org|2-6", differs},
		{"http://loinc.org|LP1-8", "code", "http://loinc.org|lp1-8", differs},
		{"http://loinc.org|1-8", "code", "http://snomed.info/sct|1-8", differs},
		{"http://loinc.org|1-8", "code", "http://loinc.org.example|1-8", mayHave},
		{"http://loinc.org|1-8", "code", "|2-6", mayHave},
		{"http://loinc.org|1-8", "category", "http://snomed.info/sct|1", mayHave},
		{"http://loinc.org|1-8", "code", "https://consentry.dev/fhir/CodeSystem/sensitivity|X", differs},
		{"http://loinc.org|1-8", "code", "http://terminology.hl7.org/CodeSystem/data-absent-reason|unknown", mayHave},
		{"http://loinc.org|1-8", "code", "urn:oid:2.16.840.1.113883.5.1008|UNK", mayHave},
		{"http://hl7.org/fhir/sid/icd-10|F10.20", "code", "http://hl7.org/fhir/sid/icd-10-cm|f1020", has},
		{"http://hl7.org/fhir/sid/icd-10|F10.20", "code", "http://hl7.org/fhir/sid/icd-9-cm|f1020", differs},
		{"http://www.ama-assn.org/go/cpt|H0015", "code", "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets|h0015", has},
		{"urn:local|x", "code", "urn:local|x", has},
		{"urn:local|x", "code", "http://loinc.org|1-8", mayHave},
		{"http://hl7.org/fhir/observation-status|final", "code", "http://loinc.org|1-8", mayHave},
	} {
		codings := []stage.At[fhir.Coding]{{Path: c.at, Value: coding(c.code)}}
		got, named := r.CodingsOf("Observation", codings, nil), r.systems.code(coding(c.named))
		answer := differs
		switch {
		case got.Has(named) && got.MayHave(named):
			answer = has
		case got.MayHave(named):
			answer = mayHave
		}
		if answer != c.want {
			t.Errorf("%s at %s, and %s: %s, want %s", c.code, c.at, c.named, answer, c.want)
		}
	}
}

func TestACodeWithoutASystemMayBeTheOneNamed(t *testing.T) {
	r := reading(t)
	known := stage.At[fhir.Coding]{Path: "code", Value: coding("http://snomed.info/sct|1")}
	for code, want := range map[string]bool{"f1020": true, "F10.20": true, "F10.21": false} {
		got := r.CodingsOf("Condition", []stage.At[fhir.Coding]{known, {Path: "evidence.code", Value: coding("|" + code)}}, nil)
		if named := r.systems.code(coding("http://hl7.org/fhir/sid/icd-10-cm|F10.20")); got.MayHave(named) != want || got.Has(named) {
			t.Errorf("%s: may be it: %t", code, !want)
		}
	}
}
