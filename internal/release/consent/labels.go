package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
)

// reachesLabels tells whether a permit's own securityLabel reaches the record: its confidentiality does and, where it lists none, the record
// carries one of the labels listed (rule 16).
func (d *decider) reachesLabels(s *policy.LabelSet, r *record) bool {
	switch {
	case s == nil:
		return r.marks.Confidentiality <= d.in.Rules.Labels.Default
	case s.Limited:
		return r.marks.Confidentiality <= s.Highest
	}
	return r.marks.Confidentiality <= d.in.Rules.Labels.Default && carriesOne(s, r)
}

// carriesOne tells whether the record carries one of the labels listed, or one below it.
func carriesOne(s *policy.LabelSet, r *record) bool {
	return s.Named&r.marks.Sensitivity != 0 || s.Part2 && r.marks.Part2 || hasLabel(r, s.Handling)
}

// deniesLabels tells whether a deny's securityLabel may speak of the record: a confidentiality means it and higher, and lower too where
// the deny inherits it from a permit.
func deniesLabels(s *policy.LabelSet, ofPermit bool, r *record) bool {
	if s == nil || s.Unread || r.marks.Unknown {
		return true
	}
	if s.Lowest > 0 && (ofPermit || r.marks.Confidentiality == 0 || r.marks.Confidentiality >= s.Lowest) {
		return true
	}
	return carriesOne(s, r)
}

func hasLabel(r *record, listed []fhir.Coding) bool {
	return len(listed) > 0 && slices.ContainsFunc(r.labels, func(c fhir.Coding) bool {
		return slices.Contains(listed, fhir.Coding{System: c.System, Code: c.Code})
	})
}

// cover is what permits name.
type cover struct {
	named policy.Mask
	part2 bool
}

func (c *cover) add(s *policy.LabelSet) {
	if s != nil {
		c.named |= s.Named
		c.part2 = c.part2 || s.Part2
	}
}

// covers tells whether what the permits of one Consent name covers all labels of the record that are to be named (rule 16).
func (d *decider) covers(p *policy.Policy, c cover, r *record) bool {
	labels := d.in.Rules.Labels
	if r.marks.Unknown || r.marks.Part2 && !p.Part2 && !c.part2 {
		return false
	}
	if r.marks.Part2 && p.Part2 {
		c.named |= labels.Part2
	}
	needed := r.marks.Sensitivity
	if !p.NamesSensitivity {
		needed &= labels.ToBeNamed
	}
	return needed&^c.named == 0
}
