package release

import (
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

const consentType = "Consent"

// grounds are the Consents by which what is shown is shown.
type grounds struct {
	consents []fhir.Reference // sorted
	byRef    map[fhir.Reference]*consent.Terms
	terms    map[fhir.Reference][]*consent.Terms // by resource
}

// grounds finds out by which Consents the resources are shown, and on what terms. What is decided and not shown has no say: a Consent that permits
// nothing that is there does not exist for the requester. until is when an answer changes.
func (s *Service) grounds(in consent.Input, res consent.Result, resources []stage.Released) (g grounds, until time.Time) {
	bases, until := consent.Bases(in, res)
	byResource := make(map[fhir.Reference][]consent.Basis, len(bases))
	for i, of := range bases {
		if f := in.Chart[i].Facts(); len(of) > 0 {
			byResource[fhir.Reference{Type: f.Type, ID: f.ID}] = of
		}
	}
	var all []consent.Basis
	for _, r := range resources {
		all = append(all, byResource[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}]...)
	}
	g.byRef = map[fhir.Reference]*consent.Terms{}
	for _, b := range all {
		if slices.Contains(g.consents, b.Consent) {
			continue
		}
		g.consents = append(g.consents, b.Consent)
		if t, ok := consent.TermsOf(in, b.Consent, all); ok {
			g.byRef[b.Consent] = t
		}
	}
	slices.SortFunc(g.consents, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	g.share(resources, byResource)
	return g, until
}

// share notes for each resource the terms that it is shown on. A minimal Patient, which no Consent need permit, stands beside the rest and is
// shown on the terms of all.
func (g *grounds) share(resources []stage.Released, bases map[fhir.Reference][]consent.Basis) {
	g.terms = make(map[fhir.Reference][]*consent.Terms, len(resources))
	for _, r := range resources {
		ref := fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}
		consents := g.consents
		switch of := bases[ref]; {
		case len(of) > 0:
			consents = nil
			for _, b := range of {
				if !slices.Contains(consents, b.Consent) {
					consents = append(consents, b.Consent)
				}
			}
		case ref.Type != "Patient":
			continue
		}
		for _, c := range consents {
			if t := g.byRef[c]; t != nil {
				g.terms[ref] = append(g.terms[ref], t)
			}
		}
	}
}

// extracts gives the extract of each Consent by which something is shown, where the requester's scopes reach it (rule 22), but of one that is shown
// whole already. Its scope is asked of the extract: by what the whole says nothing can be found.
func (s *Service) extracts(in consent.Input, res consent.Result, g grounds) (list []stage.Released) {
	for i, l := range in.Chart {
		f := l.Facts()
		if f == nil || f.Type != consentType || res.Decisions[i].Reason == consent.SelfAccess {
			continue
		}
		ref := fhir.Reference{Type: f.Type, ID: f.ID}
		t := g.byRef[ref]
		if t == nil || t.Shown {
			continue
		}
		whole, ok := consent.Extract(in, res, i, t)
		if !ok {
			continue
		}
		if x, ok := s.opts.Projector.ConsentExtract(whole, t); ok && consent.InScope(in, x.Facts()) {
			t.Shown = true
			g.terms[ref] = []*consent.Terms{t}
			list = append(list, x)
		}
	}
	return list
}
