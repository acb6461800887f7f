package consent

import (
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// self says whose own records are asked for.
type self uint8

const (
	nobody self = iota
	client
	representative
)

// readSelf finds out whether the authenticated person is the client or a representative with authority now (rule 6).
func (d *decider) readSelf() {
	person := d.in.Requester.Person
	if !d.launched || !knownKind(d.in.Requester.Kind) {
		return
	}
	switch {
	case person == d.in.Client:
		d.self = client
	case person.Type == "RelatedPerson" && d.authority(person, d.in.Client):
		d.self = representative
		d.minor = d.isMinor()
	}
}

// selfAccess applies rules 6 and 20 to a person who asks for their own records, or for those of whom they represent.
func (d *decider) selfAccess(r *record) Decision {
	if slices.ContainsFunc(r.clients, func(c fhir.Reference) bool { return c != d.in.Client }) {
		return Decision{Reason: OtherPatient} // about somebody else too: staff decide
	}
	if r.marks.LegalProceedings { // 164.524(a)(1)(ii)
		return Decision{Reason: Label}
	}
	if d.self == representative {
		if d.minor && (r.marks.Sensitivity&d.in.Rules.Representatives.Confidential != 0 || r.marks.Unknown) {
			return Decision{Reason: Label}
		}
		if denied := d.deniedByClient(r); denied.Reason != "" {
			return denied
		}
	}
	return Decision{Release: true, Reason: SelfAccess}
}

// deniedByClient finds a deny of the client's that reaches the representative. Without the Consents nobody knows that there is none.
func (d *decider) deniedByClient(r *record) Decision {
	v := d.voices(d.in.Client)
	if v.refused.Reason != "" {
		return v.refused
	}
	for k, one := range v.byPurpose {
		for i := range one {
			if denied := one[i].says(d, v.purposes[k], r); denied.Reason == Denied {
				return denied
			}
		}
	}
	return Decision{}
}

// authority tells whether a RelatedPerson may act for a client now (45 CFR 164.502(g), profiles/policies/representatives.yaml).
func (d *decider) authority(person, client fhir.Reference) bool {
	if d.withoutChart {
		return true
	}
	f := d.findPerson(person)
	if f == nil || !f.Origin.Listed || f.Subject != client {
		return false
	}
	for _, c := range f.Codings {
		if c.Path == "active" && c.Value.Code != "true" {
			return false
		}
	}
	for _, p := range f.Dates {
		if p.Path == "period" {
			d.notice(p.Value.Start)
			d.notice(p.Value.End)
			if !p.Value.Contains(d.in.Now) {
				return false
			}
		}
	}
	return d.related(f)
}

// related tells whether the relationship gives authority now.
func (d *decider) related(f *stage.Facts) bool {
	forMinor := false
	for _, c := range f.Codings {
		if c.Path != "relationship" || c.Value.System != fhir.SystemRoleCode {
			continue
		}
		minorOnly, ok := d.in.Rules.Representatives.Relationship(c.Value.Code)
		if ok && !minorOnly {
			return true
		}
		forMinor = forMinor || ok
	}
	majority, known := d.majority(f.Subject)
	return forMinor && known && d.in.Now.Before(majority)
}

// isMinor tells whether the client is a minor; one whose birth date is not known counts as one.
func (d *decider) isMinor() bool {
	majority, known := d.majority(d.in.Client)
	return !known || d.in.Now.Before(majority)
}

// majority is when a client comes of age: for a partial birth date the earliest instant that it can be.
func (d *decider) majority(client fhir.Reference) (t time.Time, known bool) {
	f := d.findPerson(client)
	if f == nil {
		return time.Time{}, false
	}
	for _, b := range f.Dates {
		if b.Path == "birthDate" && !b.Value.Start.IsZero() {
			at := d.in.Rules.Representatives.Majority(b.Value.Start, d.in.Zone)
			if !known || at.Before(t) {
				t, known = at, true
			}
		}
	}
	if known {
		d.notice(t)
	}
	return t, known
}

// find looks a resource up in the chart.
func (d *decider) find(ref fhir.Reference) *stage.Facts { return findIn(d.in.Chart, ref) }

// findPerson looks a client or somebody who represents one up.
func (d *decider) findPerson(ref fhir.Reference) *stage.Facts {
	if f := d.find(ref); f != nil {
		return f
	}
	return findIn(d.in.People, ref)
}

func findIn(list []stage.Labeled, ref fhir.Reference) *stage.Facts {
	for _, l := range list {
		if f := l.Facts(); f != nil && f.Type == ref.Type && f.ID == ref.ID {
			return f
		}
	}
	return nil
}
