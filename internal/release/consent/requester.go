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

// permitReaches tells whether a client's permit is for this requester, now, for this purpose. Unknown never matches. One that names no recipient
// is for whom the practice's own data tie to that client, whoever else the record is about.
func (d *decider) permitReaches(p *policy.Provision, q purpose, c fhir.Reference) bool {
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
	return (named || d.in.Related[c]) && d.permitsPurpose(p.Purposes, q)
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

// isRequester compares an actor with all who stand behind a request: the organisation, its practitioner and the person (rule 13).
func (d *decider) isRequester(a policy.Actor) likeness {
	if a.Unread {
		return unknown
	}
	return max(as("Organization", a, d.organization(a)), as("Practitioner", a, d.practitioner(a)), d.person(a))
}

// as is how an actor compares with a party of one resource type. One that the Consent gives another type is known not to be that party, unless
// they have a number in common.
func as(resourceType string, a policy.Actor, l likeness) likeness {
	switch {
	case a.Type == "" || a.Type == resourceType:
		return l
	case l == same:
		return unknown
	}
	return other
}

func (d *decider) organization(a policy.Actor) likeness {
	org := d.in.Requester.Organization
	if isNobody(org) && d.in.Requester.Person == (fhir.Reference{}) {
		return unknown // a partner of whom nothing is registered may be anybody
	}
	return compare(a.Party, org)
}

// practitioner compares an actor with the one who acts for the organisation. Where none is stated, or none that is registered, nobody knows who
// acts, unless it is the person behind the token.
func (d *decider) practitioner(a policy.Actor) likeness {
	who := d.in.Requester.Practitioner
	switch {
	case who != nil && !isNobody(*who):
		return compare(a.Party, *who)
	case d.in.Requester.Person != fhir.Reference{}:
		return other
	}
	return unknown
}

// person compares an actor with the person behind the token: a client or a representative, known by reference only. Nobody of the family acts
// for an organisation; who uses an app of clients may not be known.
func (d *decider) person(a policy.Actor) likeness {
	who, nobody := d.in.Requester.Person, fhir.Reference{}
	switch {
	case who != nobody && a.Reference == who:
		return same
	case a.Type == "Organization" || a.Type == "Practitioner":
		return other
	case who == nobody && d.in.Requester.Kind == requester.KindPatient:
		return unknown
	case who != nobody && a.Reference == nobody && (a.Type == "" || a.Type == who.Type):
		return unknown
	}
	return other
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
