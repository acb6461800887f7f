package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/authserver/signin"
)

// Whatever the provider claims of somebody: whose records they may open, the practice's own data and the rules for representatives say.
func TestOnlyThePracticesDataSayWhoseRecordsSomebodyMayOpen(t *testing.T) {
	d := preparedDemo(t)
	p, s := d.gateway.people(), d.practice.Story
	contact := map[string]string{} // of a client, by the client's key
	all, err := d.practice.People(t.Context())
	noError(t, err)
	for _, one := range all {
		for _, r := range one.Represents {
			client, key, _ := strings.Cut(r, "/")
			contact[client] = key
		}
	}
	minor, adult, represented := string(s.Minor), string(s.ComingOfAge), string(s.Represented)
	as := func(client, key string) signin.Person {
		return signin.Person{Represents: []signin.Representative{{Client: client, Key: key}}}
	}
	both := as(minor, contact[minor])
	both.Client = string(s.Couple[0])
	for name, c := range map[string]struct {
		who  signin.Person
		want []string // as whom
	}{
		"nobody":                             {signin.Person{}, nil},
		"a client":                           {signin.Person{Client: string(s.Referred)}, []string{"Patient"}},
		"a client that there is not":         {signin.Person{Client: "999999"}, nil},
		"a minor":                            {signin.Person{Client: minor}, []string{"Patient"}},
		"a minor's guardian":                 {as(minor, contact[minor]), []string{"RelatedPerson"}},
		"a guardian whose child is an adult": {as(adult, contact[adult]), nil},
		"a health care proxy":                {as(represented, contact[represented]), []string{"RelatedPerson"}},
		"a guardian of somebody else":        {as(string(s.Referred), contact[minor]), nil},
		"the contact of another client":      {as(minor, contact[represented]), nil},
		"a contact that there is not":        {as(minor, "999999"), nil},
		"a client as a contact":              {as(minor, string(s.Referred)), nil},
		"a client and guardian":              {both, []string{"Patient", "RelatedPerson"}},
	} {
		charts, err := p.Charts(t.Context(), c.who)
		var got []string
		for _, chart := range charts {
			got = append(got, chart.User.Type)
			may, mayErr := p.May(t.Context(), chart.User, chart.Patient)
			if !may || mayErr != nil || chart.Name == "" || chart.Patient.Type != "Patient" {
				t.Errorf("%s: %v, %v", name, may, mayErr)
			}
			// The person of one chart opens no other.
			if other, err := p.ref("Patient", string(s.Part2), "patient", string(s.Part2)); err != nil || chart.Patient != other {
				if may, err := p.May(t.Context(), chart.User, other); may || err != nil {
					t.Errorf("%s: opens another's record, %v", name, err)
				}
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %s, %v", name, diff, err)
		}
	}
}

func TestARecordThatCannotBeReadOpensForNobody(t *testing.T) {
	d := preparedDemo(t)
	p := d.gateway.people()
	who := signin.Person{Client: string(d.practice.Story.Referred)}
	charts, err := p.Charts(t.Context(), who)
	if err != nil || len(charts) != 1 {
		t.Fatal(err)
	}
	noError(t, d.source.Close())
	if charts, err := p.Charts(t.Context(), who); err == nil || charts != nil {
		t.Errorf("%d charts", len(charts))
	}
	if may, err := p.May(t.Context(), charts[0].User, charts[0].Patient); err == nil || may {
		t.Error("the record of before is still open")
	}
}
