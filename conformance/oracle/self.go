package oracle

import (
	"slices"
	"time"
)

// rule6SelfAccess says whether the client, or a representative with authority now, asks through a patient/ scope for the client's own chart.
func (q *question) rule6SelfAccess(r record) bool {
	if q.who.kind != "patient" || q.who.patient == "" || q.rule3Scope(r, true) != "" {
		return false
	}
	return q.who.person == q.who.patient || q.hasAuthority(q.who.person, q.who.patient)
}

// selfAccess decides what a client or a representative sees.
func (q *question) selfAccess(r record, l *Line) {
	representative := q.who.person != q.who.patient
	switch {
	case len(r.clients) > 1: // rule 20: goes to staff
		l.Reason = "other-patient"
		return
	case carries(r, q.labels.LegalProceedings.Code):
		l.Reason = "label"
		return
	case representative && q.minorConfidential(r):
		l.Reason = "label"
		return
	}
	if representative {
		if v := q.clientsDenies(r); v.reason == "denied" {
			l.says(v)
			return
		}
	}
	l.Reason = "self-access"
}

// clientsDenies: for a representative the client's denies hold too. Without a purpose, a deny for any purpose does.
func (q *question) clientsDenies(r record) verdict {
	purposes := q.who.purposes
	if len(purposes) == 0 {
		purposes = []coding{{}}
	}
	for _, p := range purposes {
		if v := q.rule18Together(r, q.who.patient, p); v.reason == "denied" {
			return v
		}
	}
	return verdict{}
}

// hasAuthority says whether a RelatedPerson of the chart may act for the client now (45 CFR 164.502(g)).
func (q *question) hasAuthority(person, client string) bool {
	return typeOf(person) == "RelatedPerson" && slices.ContainsFunc(q.chart, func(r record) bool {
		if r.ref != person || referenceOf(r.body["patient"]) != client || r.body["active"] == false || unsaid(r.body, "active") || q.cannotBeReadWhole(r.body) {
			return false
		}
		if p, present := r.body["period"]; present {
			if s, ok := surely(p, q.zone); !ok || !s.holds(q.at) {
				return false
			}
		}
		return q.relationshipGives(r, client)
	})
}

func (q *question) relationshipGives(r record, client string) bool {
	for _, c := range conceptCodings(r.body["relationship"]) {
		rel, listed := q.represent.Relationships[c.code]
		if c.system != roleCode || !listed {
			continue
		}
		if !rel.MinorOnly {
			return true
		}
		if majority, known := q.majority(client); known && q.at.Before(majority) {
			return true
		}
	}
	return false
}

// majority is the first moment of the birthday on which the client comes of age.
func (q *question) majority(client string) (time.Time, bool) {
	for _, r := range q.chart {
		if r.ref == client {
			born, ok := rule19Date(text(r.body["birthDate"]), q.zone)
			return born.from.AddDate(q.represent.MajorityAge, 0, 0), ok
		}
	}
	return time.Time{}, false
}

// minorConfidential: care that a minor may consent to is not shown to a representative (164.502(g)(3)(i)).
func (q *question) minorConfidential(r record) bool {
	if majority, known := q.majority(q.who.patient); known && !q.at.Before(majority) {
		return false
	}
	return len(q.ofKind(r.labels, "unknown")) > 0 || slices.ContainsFunc(q.represent.MinorConfidential, func(w string) bool {
		return q.carriesAtOrBelow(r, written(w))
	})
}
