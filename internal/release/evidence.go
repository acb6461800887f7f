package release

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// Evidence is what the disclosure ledger keeps of how a View came about. It never leaves.
type Evidence struct {
	Client       fhir.Reference // zero where the request named nobody the requester may know of
	ChartVersion string         // a digest of the labeled chart
	Consents     []ConsentUse   // the Consents that permitted something, sorted
	Withheld     map[string]uint32
	SelfAccess   bool
	// Authorization says that every Consent that permitted something is an authorization (45 CFR 164.508) or a Part 2 consent.
	Authorization bool
}

// ConsentUse is a Consent that permitted something, and the digest of its content.
type ConsentUse struct {
	Reference fhir.Reference
	Version   [32]byte
}

// notShown is the reason under which the ledger counts what a Consent released and the view still does not hold: what would have lost a
// required reference, and a Consent of which not even an extract is shown.
const notShown = "not-shown"

// evidence says for the ledger what decided. The Consents are those that permitted what is shown.
func (s *Service) evidence(in consent.Input, c *chart, res consent.Result, resources []stage.Released, under grounds) Evidence {
	e := Evidence{Client: in.Client, ChartVersion: c.digest, Withheld: map[string]uint32{}, Authorization: len(under.consents) > 0}
	shown := make(map[fhir.Reference]bool, len(resources))
	for _, r := range resources {
		shown[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = true
		e.SelfAccess = e.SelfAccess || r.Grant().Reason == string(consent.SelfAccess)
	}
	for i, d := range res.Decisions {
		f := in.Chart[i].Facts()
		here := f != nil && shown[fhir.Reference{Type: f.Type, ID: f.ID}]
		switch {
		case here && f.Type == consentType: // its extract is all that anybody but the client ever sees of it
		case !d.Release:
			e.Withheld[string(d.Reason)]++
		case !here:
			e.Withheld[notShown]++
		}
	}
	for _, ref := range under.consents {
		p := policyOf(in.Policies, ref)
		e.Authorization = e.Authorization && p.Authorization
		e.Consents = append(e.Consents, ConsentUse{Reference: ref, Version: p.Digest})
	}
	return e
}

// policyOf gives the Policy of a Consent, an empty one where it is not among the sets.
func policyOf(sets map[fhir.Reference]policy.Set, ref fhir.Reference) *policy.Policy {
	for _, set := range sets {
		for _, p := range set.Policies() {
			if p.ID == ref {
				return p
			}
		}
	}
	return &policy.Policy{}
}
