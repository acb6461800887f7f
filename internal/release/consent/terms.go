package consent

import (
	"cmp"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
)

// Terms is what one Consent permits to one requester, as far as the requester may know (rule 22): no denies, labels, data or other recipients.
// It is made of the provisions by which something visible is permitted, and of nothing else that the Consent says.
type Terms struct {
	Consent, Client fhir.Reference
	// Recipient is the requester itself, as it is registered: what the Consent calls it stays there.
	Recipient Recipient
	// Discloser is this practice; zero if it has no identifier.
	Discloser fhir.Identifier
	// Part2 says that the Consent was made under 42 CFR Part 2; Authorization that it is such a Consent or an authorization (45 CFR 164.508).
	Part2, Authorization bool
	// Permits are what it permits, each once, in an order that does not depend on the Consent's.
	Permits []Permit
	// Shown says that the requester can read the extract of the Consent.
	Shown bool
}

// Recipient is a requester by its own name.
type Recipient struct {
	Name       string          // as the register has it, or the partner's id
	Identifier fhir.Identifier // the organisation's; zero for none
}

// Permit is one thing that a Consent permits.
type Permit struct {
	Period fhir.Interval
	// Purposes are the named ones that reach a purpose of the requester's, or the requester's own where none is named. Never empty.
	Purposes []fhir.Coding
	// Classes and Codes are the kinds of record; empty for any.
	Classes, Codes []fhir.Coding
}

// TermsOf says what a Consent of the client's permits to the requester by the bases that name it. ok is false if the Consent is not found, or is
// not what the bases say.
func TermsOf(in Input, ref fhir.Reference, bases []Basis) (t *Terms, ok bool) {
	p := policyOf(in.Policies[in.Client], ref)
	if p == nil || p.Patient != in.Client || in.Requester == nil || in.Rules == nil {
		return nil, false
	}
	t = &Terms{Consent: ref, Client: in.Client, Discloser: discloser(in.Practice), Part2: p.Part2, Authorization: p.Authorization,
		Recipient: Recipient{Name: cmp.Or(in.Requester.Name, in.Requester.PartnerID), Identifier: foremost(in.Requester.Organization.Identifiers)}}
	purposes := map[string][]fhir.Coding{}
	for _, b := range bases {
		if b.Consent == ref {
			purposes[b.Provision] = append(purposes[b.Provision], b.Purpose)
		}
	}
	for path, of := range purposes {
		rule := provision(p.Root, path)
		if rule == nil || rule.Effect != policy.Permit {
			return nil, false
		}
		t.Permits = append(t.Permits, permit(rule, of, in.Rules))
	}
	// Two provisions that differ only in what is left out are one here.
	slices.SortFunc(t.Permits, func(a, b Permit) int { return strings.Compare(a.key(), b.key()) })
	t.Permits = slices.CompactFunc(t.Permits, func(a, b Permit) bool { return a.key() == b.key() })
	return t, len(t.Permits) > 0
}

// policyOf finds a Consent in a set. Of two with one id none is found.
func policyOf(set policy.Set, ref fhir.Reference) (found *policy.Policy) {
	for _, p := range set.Policies() {
		if p.ID != ref {
			continue
		}
		if found != nil {
			return nil
		}
		found = p
	}
	return found
}

// provision finds a provision by its path, nil for none.
func provision(p *policy.Provision, path string) *policy.Provision {
	if p == nil || p.Path == path {
		return p
	}
	for _, child := range p.Children {
		if found := provision(child, path); found != nil {
			return found
		}
	}
	return nil
}

func discloser(practice []requester.Party) fhir.Identifier {
	var all []fhir.Identifier
	for _, p := range practice {
		all = append(all, p.Identifiers...)
	}
	return foremost(all)
}

// foremost gives the NPI, or else the identifier that sorts first: the order in which they are registered does not matter.
func foremost(all []fhir.Identifier) (best fhir.Identifier) {
	for _, i := range all {
		npi, had := i.System == fhir.SystemNPI, best.System == fhir.SystemNPI
		if best == (fhir.Identifier{}) || npi && !had || npi == had && compareIdentifiers(i, best) < 0 {
			best = i
		}
	}
	return best
}

func compareIdentifiers(a, b fhir.Identifier) int {
	return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Value, b.Value))
}
