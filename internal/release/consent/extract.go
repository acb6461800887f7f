package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

const consentType = "Consent"

// Extract releases the i-th resource of the chart, a Consent, for its extract (rule 22): egress puts the Terms in the place of its body. Who is
// permitted something by a Consent needs no Consent for that, so no Consent is asked and its own class, code or label need not cover it; but
// rules 1, 2, 4, 5 and 20 hold, and what the token itself forbids. Rule 3 holds for the extract: see InScope. t must say what the Consent permits.
func Extract(in Input, res Result, i int, t *Terms) (released stage.Released, ok bool) {
	if !in.complete() || in.Refused || t == nil || i < 0 || i >= len(in.Chart) || len(res.Decisions) != len(in.Chart) {
		return stage.Released{}, false
	}
	l, d := in.Chart[i], newDecider(in)
	r := d.record(l)
	switch {
	case d.beforeScope(&r) != "" || r.facts.Type != consentType || r.facts.Subject != in.Client || t.Client != in.Client,
		t.Consent != fhir.Reference{Type: consentType, ID: r.facts.ID},
		!d.purposesHeld || d.restricted(&r) || d.forbids(&r) != "" || !in.mayReach(),
		slices.ContainsFunc(r.clients, func(c fhir.Reference) bool { return c != in.Client }) && !res.Decisions[i].Release:
		return stage.Released{}, false
	}
	return sealed.Release(l, sealed.Grant{Reason: string(Permitted), Consent: t.Consent}), true
}

// InScope applies rule 3 to the extract of a Consent: a granular scope must not find what the extract does not hold.
func InScope(in Input, extract *stage.Facts) bool {
	if !in.complete() || extract == nil {
		return false
	}
	return newDecider(in).scope(&record{facts: extract}) == ""
}
