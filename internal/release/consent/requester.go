package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
)

// likeness is how an actor of a Consent compares with the requester.
type likeness uint8

const (
	other likeness = iota
	unknown
	same
)

// permitReaches tells whether a permit is for this requester, now, for this purpose. Unknown never matches.
func (d *decider) permitReaches(p *policy.Provision, q purpose) bool {
	for _, period := range p.Periods {
		if period.Unread || !period.Contains(d.in.Now) {
			return false
		}
	}
	for _, a := range p.Actions {
		if !a.Ours {
			return false
		}
	}
	named := false
	for _, group := range p.Actors {
		best, recipients := d.group(group)
		if recipients && best != same {
			return false
		}
		named = named || recipients
	}
	return (named || d.in.Related) && d.permitsPurpose(p.Purposes, q)
}

// denyReaches tells whether a deny may be for this requester, now, for this purpose. Unknown always matches.
func (d *decider) denyReaches(p *policy.Provision, q purpose) bool {
	for _, period := range p.Periods {
		if !period.Unread && !period.Contains(d.in.Now) {
			return false
		}
	}
	for _, a := range p.Actions {
		if !a.Ours && !a.Unread {
			return false
		}
	}
	for _, group := range p.Actors {
		if best, recipients := d.group(group); recipients && best == other {
			return false
		}
	}
	return d.deniesPurpose(p.Purposes, q)
}

// group compares the actors of one provision. recipients is false where it names none: this practice as custodian is no recipient.
func (d *decider) group(actors []policy.Actor) (best likeness, recipients bool) {
	for _, a := range actors {
		if a.Custodian {
			if !d.isPractice(a.Party) {
				best, recipients = max(best, unknown), true
			}
			continue
		}
		best, recipients = max(best, d.isRequester(a)), true
	}
	return best, recipients
}

func (d *decider) permitsPurpose(named []fhir.Coding, q purpose) bool {
	tree := d.in.Rules.Purposes
	if !q.known {
		return false
	}
	if named == nil {
		return tree.Reached(q.code, "")
	}
	return slices.ContainsFunc(named, func(c fhir.Coding) bool { return tree.Known(c) && tree.Reached(q.code, c.Code) })
}

func (d *decider) deniesPurpose(named []fhir.Coding, q purpose) bool {
	tree := d.in.Rules.Purposes
	if named == nil || !q.known {
		return true
	}
	return slices.ContainsFunc(named, func(c fhir.Coding) bool {
		return !tree.Known(c) || tree.Below(q.code, c.Code) || tree.Below(c.Code, q.code)
	})
}

// isRequester compares an actor with the requester: organisation, practitioner and the person behind the token (rule 13).
func (d *decider) isRequester(a policy.Actor) likeness {
	req := d.in.Requester
	if a.Unread {
		return unknown
	}
	switch a.Reference.Type {
	case "Patient", "RelatedPerson":
		if a.Reference == req.Person {
			return same
		}
		return other
	}
	found := other
	if a.Reference.Type != "Practitioner" {
		found = compare(a.Party, req.Organization)
		if isNobody(req.Organization) && req.Person == (fhir.Reference{}) {
			found = unknown // a partner of whom nothing is registered may be anybody
		}
	}
	if a.Reference.Type != "Organization" && req.Practitioner != nil {
		found = max(found, compare(a.Party, *req.Practitioner))
	}
	return found
}

func (d *decider) isPractice(a policy.Party) bool {
	return d.in.AnyDiscloser || slices.ContainsFunc(d.in.Practice, func(p requester.Party) bool { return compare(a, p) == same })
}

// compare tells whether a party of a Consent is a registered one. They are known to differ only where both are given in the same way: both
// by reference, or both by an identifier of one system.
func compare(a policy.Party, p requester.Party) likeness {
	if isNobody(p) {
		return other
	}
	if a.Reference != (fhir.Reference{}) && a.Reference == p.Reference {
		return same
	}
	comparable := a.Reference != (fhir.Reference{}) && p.Reference != (fhir.Reference{})
	for _, id := range p.Identifiers {
		if id == a.Identifier && id.System != "" && id.Value != "" {
			return same
		}
		comparable = comparable || id.System == a.Identifier.System && id.System != ""
	}
	if comparable {
		return other
	}
	return unknown
}

func isNobody(p requester.Party) bool {
	return p.Reference == (fhir.Reference{}) && len(p.Identifiers) == 0
}
