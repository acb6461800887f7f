package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/release/policy"
)

// Applies tells, without a chart, whether Decide could release anything of the client to this requester now: whether a Consent permits
// something to it, or it asks for its own records. It may say yes where Decide then releases nothing, never the other way round. Reach is
// made of it, so that a client without an applicable Consent is looked at no further than one who does not exist.
func Applies(in Input) bool {
	if !in.complete() || in.Client.Type != "Patient" || in.Refused || !in.mayReach() {
		return false
	}
	in.Chart = nil
	d := &decider{in: in, until: Forever, withoutChart: true, launched: in.Requester.Patient == in.Client}
	d.readPurposes()
	if d.launched && knownKind(in.Requester.Kind) && !in.Requester.Scopes.Intersect(patientScopes).Empty() {
		if p := in.Requester.Person; p == in.Client || p.Type == "RelatedPerson" {
			return true
		}
	}
	set := in.Policies[in.Client]
	if !d.purposesHeld || set.Unreadable() != nil {
		return false
	}
	return !slices.ContainsFunc(d.purposes, func(q purpose) bool { return !d.anyPermit(set, q) })
}

// anyPermit tells whether a Consent of the set holds a permit that reaches the requester for the purpose, whatever the record.
func (d *decider) anyPermit(set policy.Set, q purpose) bool {
	return slices.ContainsFunc(set.Policies(), func(p *policy.Policy) bool {
		return d.mayPermit(p, d.in.Client) && d.permitBelow(p.Root, q)
	})
}

func (d *decider) permitBelow(rule *policy.Provision, q purpose) bool {
	if rule == nil {
		return false
	}
	if rule.Effect == policy.Permit && d.permitReaches(rule, q, d.in.Client) {
		return true
	}
	return slices.ContainsFunc(rule.Children, func(c *policy.Provision) bool { return d.permitBelow(c, q) })
}
