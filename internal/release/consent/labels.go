package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
)

// carries tells whether a permit's securityLabel speaks of the record: one that lists no confidentiality speaks only of records that
// carry one of the labels listed (rule 16).
func carries(s *policy.LabelSet, r *record) bool {
	return s == nil || s.Highest > 0 || s.Named&r.marks.Sensitivity != 0 || s.Part2 && r.marks.Part2 || hasLabel(r, s.Handling)
}

// deniesLabels tells whether a deny's securityLabel may speak of the record: a confidentiality means it and higher, and lower too where
// the deny inherits it from a permit.
func deniesLabels(p *policy.Provision, r *record) bool {
	s := p.Labels
	if s == nil || s.Unread {
		return true
	}
	switch {
	case s.Lowest > 0 && p.LabelsOfPermit:
		return true
	case s.Lowest > 0 && (r.marks.Confidentiality == 0 || r.marks.Confidentiality >= s.Lowest):
		return true
	case r.marks.Unknown && (s.Named != 0 || s.Part2 || len(s.Handling) > 0):
		return true
	}
	return s.Named&r.marks.Sensitivity != 0 || s.Part2 && r.marks.Part2 || hasLabel(r, s.Handling)
}

func hasLabel(r *record, listed []fhir.Coding) bool {
	return len(listed) > 0 && slices.ContainsFunc(r.labels, func(c fhir.Coding) bool {
		return slices.Contains(listed, fhir.Coding{System: c.System, Code: c.Code})
	})
}

// covers tells whether the permits of one Consent together cover all labels of the record (rule 16).
func (d *decider) covers(p *policy.Policy, permits []*node, r *record) bool {
	if len(permits) == 0 || r.marks.Unknown {
		return false
	}
	labels := d.in.Rules.Labels
	level, named, part2 := 0, policy.Mask(0), p.Part2
	for _, n := range permits {
		s := n.rule.Labels
		if s == nil || s.Highest == 0 {
			level = max(level, labels.Default)
		} else {
			level = max(level, s.Highest)
		}
		if s != nil {
			named |= s.Named
			part2 = part2 || s.Part2
		}
	}
	if r.marks.Part2 {
		if !part2 {
			return false
		}
		if p.Part2 {
			named |= labels.Part2
		}
	}
	needed := r.marks.Sensitivity
	if !p.NamesSensitivity {
		needed &= labels.ToBeNamed
	}
	return r.marks.Confidentiality <= level && needed&^named == 0
}
