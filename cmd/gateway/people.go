package main

import (
	"context"
	"strings"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// people says for whom somebody who has signed in may launch an app: for those whose Patient the decision would release to them as their own, or as
// one whom they represent. It is the decision that each request of the app gets, so that the page can promise nothing else.
type people struct {
	service *release.Service
	sealer  release.Sealer
	kinds   []string // of the rows that RelatedPersons are made of
}

// onlyThePatient is all that is looked at of a chart.
var onlyThePatient = smart.ParseScopes("patient/Patient.rs")

func (v *views) people() people {
	p := people{service: v.service, sealer: v.sealer, kinds: []string{fhirsource.Kind}}
	if v.maps != nil {
		p.kinds = v.maps.Kinds("RelatedPerson")
	}
	return p
}

// Charts implements launch.People.
func (p people) Charts(ctx context.Context, who signin.Person) ([]launch.Chart, error) {
	var all []launch.Chart
	add := func(user, patient fhir.Reference) error {
		chart, ok, err := p.open(ctx, user, patient)
		if ok {
			all = append(all, chart)
		}
		return err
	}
	if who.Client != "" {
		patient, err := p.ref("Patient", who.Client, "patient", who.Client)
		if err == nil {
			err = add(patient, patient)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, r := range who.Represents {
		for _, kind := range p.kinds {
			patient, err := p.ref("Patient", r.Client, "patient", r.Client)
			if err != nil {
				return nil, err
			}
			user, err := p.ref("RelatedPerson", r.Client, kind, r.Key)
			if err == nil {
				err = add(user, patient)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// May implements launch.People.
func (p people) May(ctx context.Context, user, patient fhir.Reference) (bool, error) {
	_, ok, err := p.open(ctx, user, patient)
	return ok, err
}

func (p people) ref(typ, client, kind, key string) (fhir.Reference, error) {
	id, err := p.sealer.Seal(typ, client, kind, key)
	return fhir.Reference{Type: typ, ID: id}, err
}

// open looks at a client's Patient as the user would see it.
func (p people) open(ctx context.Context, user, patient fhir.Reference) (launch.Chart, bool, error) {
	who := &requester.Requester{PartnerID: "sign-in", Kind: requester.KindPatient, Scopes: onlyThePatient, Patient: patient, Person: user}
	view, err := p.service.View(ctx, who, smart.Read, patient)
	if err != nil {
		return launch.Chart{}, false, err
	}
	shown, ok := view.Get(patient)
	if !ok || shown.Grant().Reason != string(consent.SelfAccess) {
		return launch.Chart{}, false, nil
	}
	return launch.Chart{Patient: patient, User: user, Name: nameOf(shown.Facts())}, true, nil
}

// nameOf is a client's first given name and family name.
func nameOf(f *stage.Facts) string {
	first := func(path string) string {
		for _, s := range f.Strings {
			if s.Path == path {
				return s.Value
			}
		}
		return ""
	}
	return strings.TrimSpace(first("name.given") + " " + first("name.family"))
}
