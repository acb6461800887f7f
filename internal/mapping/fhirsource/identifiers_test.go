package fhirsource_test

import (
	"strings"
	"testing"
)

// Numbers that a state gives do not leave with a Patient of a folder; the record number does.
func TestOfficialNumbersOfAPatientAreLeftOut(t *testing.T) {
	text := clinic()
	text["Patient.ndjson"] = `{"resourceType":"Patient","id":"ann","identifier":[{"system":"urn:mrn","value":"1"},` +
		`{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-00-0001"},` +
		`{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"PPN"}]},"system":"urn:passport","value":"X0002"},` +
		`{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"DL"}]},"system":"urn:licence","value":"X0003"}]}` + "\n" +
		`{"resourceType":"Patient","id":"ben"}`
	r := lay(t, text)
	f := named(r.chart("ann").Candidates)[r.id("Patient", "ann", "ann")]
	if f == nil {
		t.Fatal("the Patient is not in the chart")
	}
	var values []string
	for _, i := range f.Identifiers {
		values = append(values, i.Value.System)
	}
	if got := strings.Join(values, " "); got != "urn:mrn" {
		t.Errorf("the Patient has identifiers of %q", got)
	}
}
