package consent

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// author compares who authored a record with whom a Consent means (`authoredby`). Two of one type are known to differ, and so are people,
// organisations and devices. Who acts in a PractitionerRole is who holds it, as far as that is known. A CareTeam may be anybody, and so may who
// cannot be named.
func (t *target) author(a fhir.Reference) likeness {
	switch meant := t.Reference; {
	case a == meant:
		return same
	case a.Type == meant.Type:
		return other
	case a.Type == roleType && isParty(meant.Type):
		return t.roles.held(a, meant)
	case meant.Type == roleType && isParty(a.Type):
		return min(t.roles.held(meant, a), unknown) // it may have been in another role
	case isParty(a.Type) && isParty(meant.Type):
		return other
	}
	return unknown
}

// isParty tells whether a resource of the type is one person, organisation or thing, and stands for no other.
func isParty(resourceType string) bool {
	switch resourceType {
	case "Practitioner", "Organization", "Patient", "RelatedPerson", "Device":
		return true
	}
	return false
}

// roleType is what somebody is for an organisation.
const roleType = "PractitionerRole"

// roles are the PractitionerRoles that are known. Two with one id are both meant.
type roles map[fhir.Reference][]*stage.Facts

// practitionerRoles looks up the roles in the chart and beside it, once.
func (d *decider) practitionerRoles() roles {
	if d.roles != nil {
		return d.roles
	}
	d.roles = roles{}
	for _, list := range [][]stage.Labeled{d.in.Chart, d.in.People} {
		for _, l := range list {
			if f := l.Facts(); f != nil && f.Type == roleType {
				role := fhir.Reference{Type: roleType, ID: f.ID}
				d.roles[role] = append(d.roles[role], f)
			}
		}
	}
	return d.roles
}

// held compares who holds a role with somebody. What is written in the role of an organisation may be the organisation's.
func (r roles) held(role, who fhir.Reference) likeness {
	path, equal := "", same
	switch who.Type {
	case "Practitioner":
		path = "practitioner"
	case "Organization":
		path, equal = "organization", unknown
	default:
		return other // nobody else can hold one
	}
	best, found := other, false
	for _, f := range r[role] {
		named := false
		for _, ref := range f.References {
			switch {
			case ref.Path != path:
			case ref.Value == who:
				best, named = max(best, equal), true
			case ref.Value.Type == who.Type:
				named = true
			}
		}
		if !named {
			best = max(best, unknown)
		}
		found = true
	}
	if !found {
		return unknown
	}
	return best
}
