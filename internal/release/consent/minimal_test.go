package consent

import (
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

func TestTheMinimalPatient(t *testing.T) {
	for name, c := range map[string]struct {
		labels []string
		scopes string
		note   string // the class that is permitted
		want   bool
	}{
		"beside a released note":        {[]string{"N"}, "system/*.rs", "DocumentReference", true},
		"beside nothing":                {[]string{"N"}, "system/*.rs", "Goal", false},
		"where the Patient is released": {[]string{"N"}, "system/*.rs", "Patient", false},
		"whose labels nobody covers":    {[]string{"R", "HIV"}, "system/*.rs", "DocumentReference", true},
		"that is psychotherapy":         {[]string{"N", "PSYTHPN"}, "system/*.rs", "DocumentReference", false},
		"that a clinician holds":        {[]string{"N", "NODSCLCD"}, "system/*.rs", "DocumentReference", false},
		"that is unclassified":          {nil, "system/*.rs", "DocumentReference", false},
		"that the scopes do not reach":  {[]string{"N"}, "system/DocumentReference.rs", "DocumentReference", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := benchWorld(0)
			w.consents = []consentText{{Provision: &provisionText{Type: "permit", Class: []string{c.note}}}}
			w.who.Scopes = c.scopes
			w.chart = []recordText{{Is: theClient, Labels: c.labels}, {Is: "DocumentReference/d", Labels: []string{"N"}, When: "2026-03-02"}}
			in := w.input(t)
			released, ok := Minimal(in.Chart[0], Decide(in))
			if ok != c.want || ok != (released.Facts() != nil) {
				t.Errorf("got %t", ok)
			}
			if ok && (released.Grant().Consent.ID != "c1" || released.Facts() != in.Chart[0].Facts()) {
				t.Errorf("grant %+v", released.Grant())
			}
			if _, ok := Minimal(in.Chart[1], Decide(in)); ok {
				t.Error("a note as a minimal Patient")
			}
		})
	}
}

func TestAppliesWithoutAChart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   bool
	}{
		"a permit":                     {func(*Input) {}, true},
		"another organisation":         {func(in *Input) { in.Requester.Organization = party("Organization/x npi:7") }, false},
		"another purpose":              {func(in *Input) { in.Requester.Purposes = nil }, false},
		"after it has ended":           {func(in *Input) { in.Now = in.Now.AddDate(1, 0, 0) }, false},
		"no Consents":                  {func(in *Input) { in.Policies = nil }, false},
		"another client":               {func(in *Input) { in.Client = ref("Patient/partner") }, false},
		"no rules":                     {func(in *Input) { in.Rules = nil }, false},
		"a person in their own chart":  {own(theClient, theClient), true},
		"a person in another's chart":  {own("Patient/partner", "Patient/partner"), false},
		"a representative, as it says": {own("RelatedPerson/r", theClient), true},
		"a machine with a launch":      {own("", theClient), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := benchWorld(1)
			w.consents = w.consents[:1]
			in := w.input(t)
			c.change(&in)
			if got := Applies(in); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// own makes the requester a patient's app.
func own(person, launch string) func(*Input) {
	return func(in *Input) {
		r := &requester.Requester{Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs")}
		r.Person, _ = fhir.ParseReference(person)
		r.Patient, _ = fhir.ParseReference(launch)
		in.Requester = r
	}
}

func TestTheDirectoryAlone(t *testing.T) {
	w := benchWorld(0)
	w.who.Purpose, w.who.Scopes = nil, "user/Practitioner.rs patient/*.rs"
	w.who.Patient = theClient
	w.chart = []recordText{
		{Is: "Practitioner/a", Directory: true}, {Is: "Organization/b", Directory: true}, {Is: "Encounter/c", Labels: []string{"N"}},
		{Is: "Practitioner/d", Directory: true, Labels: []string{"PSYTHPN"}},
	}
	in := w.input(t)
	in.Client, in.Policies = fhir.Reference{}, nil
	var got []string
	for _, d := range DecideDirectory(in).Decisions {
		got = append(got, spell(d))
	}
	want := []string{"release: permitted", "withhold: scope", "withhold: unclassified", "withhold: psychotherapy-note"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: got %q, want %q", w.chart[i].Is, got[i], want[i])
		}
	}
}
