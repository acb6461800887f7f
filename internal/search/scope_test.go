package search

import "testing"

func TestScopesAreNarrowedByExactTokensAndReferences(t *testing.T) {
	f := factsOf(t, examples["DocumentReference"])
	const category = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|"
	for _, c := range []struct {
		name, value string
		want, fails bool
	}{
		{"category", category + "clinical-note", true, false},
		{"category", category + "Clinical-Note", false, false},
		{"category", category + "other", false, false},
		{"category", "clinical-note", true, false},
		{"category", category + "other," + category + "clinical-note", true, false},
		{"category", category, true, false},
		{"category", "", false, true},
		{"category", "a|b|c", false, true},
		{"category:not", category + "other", false, true},
		{"status", "current", true, false},
		{"encounter", "Encounter/e1", true, false},
		{"encounter", "Encounter/e2", false, false},
		{"encounter", "https://records.example.org/fhir/Encounter/e1", false, false},
		{"_id", "x1", true, false},
		{"date", "2026-11-18", false, true},
		{"_lastUpdated", "gt2020", false, true},
		{"_filter", "x", false, true},
		{"patient.name", "x", false, true},
	} {
		got, err := Matches(f, c.name, c.value)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s=%s: %v, %v", c.name, c.value, got, err)
		}
	}
	if got, err := Matches(nil, "category", "x"); got || err == nil {
		t.Error("nothing matches a scope")
	}
	p := factsOf(t, examples["Patient"])
	if got, err := Matches(p, "name", "mul"); got || err == nil {
		t.Error("a string narrows a scope")
	}
	p.Type = "Medication"
	if got, err := Matches(p, "_id", "x1"); got || err == nil {
		t.Error("a type without a table matches a scope")
	}
}
