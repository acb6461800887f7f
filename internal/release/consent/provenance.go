package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

const provenanceType = "Provenance"

// provenances decides the Provenances of a chart, after everything else: a Provenance is visible with its targets (rule 22). Scope, labels and
// denies are its own; the permit is that of a target that is released, and must cover the labels of both.
func (d *decider) provenances(res *Result) {
	var at map[fhir.Reference]int
	for i, l := range d.in.Chart {
		f := l.Facts()
		if f == nil || f.Type != provenanceType {
			continue
		}
		if at == nil {
			at = index(d.in.Chart)
		}
		r := d.record(l)
		res.Decisions[i] = d.provenance(&r, at, res.Decisions)
	}
}

// index finds the resources that a Provenance may stand beside. Of two with one id none is found.
func index(chart []stage.Labeled) map[fhir.Reference]int {
	at := make(map[fhir.Reference]int, len(chart))
	for i, l := range chart {
		if f := l.Facts(); f != nil && f.Type != provenanceType {
			ref := fhir.Reference{Type: f.Type, ID: f.ID}
			if _, twice := at[ref]; twice {
				i = -1
			}
			at[ref] = i
		}
	}
	return at
}

func (d *decider) provenance(r *record, at map[fhir.Reference]int, decisions []Decision) Decision {
	own := d.decide(r)
	switch own.Reason {
	case Permitted, SelfAccess, NoConsent, Label, PurposeRule:
	default:
		return own
	}
	if own.Reason == Label && d.self != nobody && d.throughPatientScope(r) {
		return own // what the labels keep from self-access no target opens
	}
	answer := Decision{Reason: NoConsent}
	first := true
	for _, ref := range r.facts.References {
		if ref.Path != "target" {
			continue
		}
		one := Decision{Reason: NoConsent}
		if i, ok := at[ref.Value]; ok && i >= 0 {
			one = d.beside(r, own, d.in.Chart[i], decisions[i])
		}
		if one.Release {
			return one
		}
		if first {
			answer, first = one, false
		}
	}
	return answer
}

// beside decides a Provenance by one of its targets.
func (d *decider) beside(r *record, own Decision, target stage.Labeled, decided Decision) Decision {
	if !decided.Release || own.Reason == SelfAccess {
		return Decision{Release: decided.Release, Reason: decided.Reason, Consent: decided.Consent, Provision: decided.Provision}
	}
	joined := d.record(target)
	joined.labels = slices.Concat(r.labels, joined.labels)
	joined.marks = d.in.Rules.Labels.Read(joined.labels)
	return d.byConsent(slices.Concat(r.clients, joined.clients), &joined)
}
