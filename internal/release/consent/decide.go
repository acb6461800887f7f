package consent

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Decide says for every resource of a chart whether this requester may have it now, and why (design section 5). It is pure: no I/O, no
// clock, and the same answer whatever the order of Consents, provisions and resources.
func Decide(in Input) Result {
	res := Result{Decisions: make([]Decision, len(in.Chart)), ValidUntil: in.Now}
	if !in.complete() || in.Client.Type != "Patient" {
		return res
	}
	d := newDecider(in)
	for i, l := range in.Chart {
		if r := d.record(l); r.facts == nil || r.facts.Type != provenanceType {
			res.Decisions[i] = d.decide(&r)
		}
	}
	d.provenances(&res)
	for i, l := range in.Chart {
		if res.Decisions[i].Release {
			res.Released = append(res.Released, release(l, res.Decisions[i]))
		}
		res.minimal.note(in.Client, l.Facts(), res.Decisions[i])
	}
	res.ValidUntil = d.until
	return res
}

// DecideDirectory decides over the practice's own staff and sites, who are about no client: scope alone decides (rule 22).
func DecideDirectory(in Input) Result {
	res := Result{Decisions: make([]Decision, len(in.Chart)), ValidUntil: in.Now}
	if !in.complete() {
		return res
	}
	in.Client = fhir.Reference{}
	d := newDecider(in)
	for i, l := range in.Chart {
		r := d.record(l)
		decision := Decision{Reason: Unclassified}
		if r.facts != nil && r.facts.Origin.Directory {
			decision = d.decide(&r)
		}
		res.Decisions[i] = decision
		if decision.Release {
			res.Released = append(res.Released, release(l, decision))
		}
	}
	res.ValidUntil = d.until
	return res
}

// complete tells whether nothing is missing without which nothing can be decided.
func (in Input) complete() bool {
	return in.Requester != nil && in.Rules != nil && in.Rules.Labels != nil && in.Rules.Purposes != nil && in.Zone != nil && !in.Now.IsZero()
}

func release(l stage.Labeled, d Decision) stage.Released {
	return sealed.Release(l, sealed.Grant{Reason: string(d.Reason), Consent: d.Consent, Provision: d.Provision})
}

const auditEventType = "AuditEvent"

// decide takes one resource through the rules, in their order.
func (d *decider) decide(r *record) Decision {
	if reason := d.beforeScope(r); reason != "" {
		return Decision{Reason: reason}
	}
	if reason := d.scope(r); reason != "" {
		return Decision{Reason: reason}
	}
	if place := d.forbids(r); place != "" {
		return Decision{Reason: Token, Provision: place}
	}
	if r.facts.Origin.Directory {
		return Decision{Release: true, Reason: Permitted}
	}
	self := d.self != nobody && d.throughPatientScope(r)
	switch {
	case !self && !d.purposesHeld:
		return Decision{Reason: Purpose}
	case d.restricted(r):
		return Decision{Reason: Restriction}
	case d.in.Refused:
		return Decision{Reason: Denied}
	case self:
		return d.selfAccess(r)
	case r.facts.Type == auditEventType: // for the client, and no Consent makes them anybody else's (rule 22)
		return Decision{Reason: NoConsent}
	}
	return d.byConsent(r.clients, r)
}

// beforeScope applies rules 1 and 2.
func (d *decider) beforeScope(r *record) Reason {
	switch {
	case r.facts == nil:
		return Unclassified
	case r.marks.Never || d.in.Rules.Labels.Never(r.facts.SourceLabels):
		return PsychotherapyNote
	case !r.facts.Origin.Listed || !d.in.Rules.ListsType(r.facts.Type):
		return Unclassified
	case r.facts.Origin.Directory:
		if r.facts.Subject != (fhir.Reference{}) || len(r.facts.Clients) > 0 {
			return Unclassified
		}
	case r.marks.Confidentiality == 0 || r.facts.Subject == (fhir.Reference{}):
		return Unclassified
	}
	return ""
}

// restricted applies rule 5: what no Consent lifts and no right of access opens.
func (d *decider) restricted(r *record) bool {
	return r.marks.NoDisclosure || r.marks.NotToClient && d.clientSide() || r.marks.SelfPay && d.selfPay
}

// byConsent applies rules 7 to 20: the decision of each client concerned, for each purpose stated, must release.
func (d *decider) byConsent(clients []fhir.Reference, r *record) Decision {
	answer := d.concerned(d.in.Client, r)
	for _, c := range clients {
		if c != d.in.Client {
			answer = both(answer, d.concerned(c, r))
		}
	}
	return answer
}

func (d *decider) concerned(client fhir.Reference, r *record) Decision {
	v := d.voices(client)
	if v.refused.Reason != "" {
		return v.refused
	}
	answer := Decision{Release: true, Reason: Permitted}
	for i := range d.purposes {
		one := d.ask(v.byPurpose[i], d.purposes[i], r)
		if i == 0 {
			answer = one
			continue
		}
		answer = both(answer, one)
	}
	if len(d.purposes) == 0 {
		return Decision{Reason: Purpose}
	}
	return answer
}

// rank orders the answers of the Consents from the farthest from release to release.
var rank = map[Reason]int{Denied: 1, NoConsent: 2, Label: 3, PurposeRule: 4, Permitted: 5}

// both joins two answers that must each release: a deny goes first, else the first that fails.
func both(a, b Decision) Decision {
	if a.Reason == Denied || !a.Release && b.Reason != Denied || b.Release {
		return a
	}
	return b
}
