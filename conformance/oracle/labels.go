package oracle

import "slices"

// labelKind sorts a label: "confidentiality", "sensitivity", "handling" or "unknown".
func (k *codes) labelKind(c coding) string {
	switch {
	case c.system == k.labels.Confidentiality.System && slices.Contains(k.labels.Confidentiality.Order, c.code):
		return "confidentiality"
	case c.system == k.labels.Sensitivity.System && inTree(k.labels.Sensitivity.Tree, c.code):
		return "sensitivity"
	case slices.Contains(k.labels.NeverReleased, c.code), c == coding{k.labels.LegalProceedings.System, k.labels.LegalProceedings.Code}:
		return "handling"
	case slices.Contains(k.labels.Handling, c.code) && slices.Contains([]string{actCode, integrity, ourLabels}, c.system):
		return "handling"
	}
	return "unknown"
}

func (k *codes) ofKind(cs []coding, kind string) []coding {
	return slices.DeleteFunc(slices.Clone(cs), func(c coding) bool { return k.labelKind(c) != kind })
}

// rank is how high a confidentiality stands; of several the highest counts; -1 for none.
func (k *codes) rank(cs []coding) int {
	high := -1
	for _, c := range k.ofKind(cs, "confidentiality") {
		high = max(high, slices.Index(k.labels.Confidentiality.Order, c.code))
	}
	return high
}

func (k *codes) confidentiality(r record) int { return k.rank(r.labels) }

// carriesAtOrBelow says whether the record carries this sensitivity or one below it.
func (k *codes) carriesAtOrBelow(r record, named coding) bool {
	return named.system == k.labels.Sensitivity.System && slices.ContainsFunc(k.ofKind(r.labels, "sensitivity"), func(c coding) bool {
		return atOrBelow(k.labels.Sensitivity.Tree, c.code, named.code)
	})
}

func securityLabel(o object) []coding {
	var out []coding
	for _, v := range list(o["securityLabel"]) {
		out = append(out, codingOf(v))
	}
	return out
}

// carriesOne says whether the record carries a label that the list names: a sensitivity or one below it, or a handling code.
func (m matcher) carriesOne(listed []coding) bool {
	return slices.ContainsFunc(listed, func(c coding) bool {
		return m.labelKind(c) == "sensitivity" && m.carriesAtOrBelow(m.record, c) || m.labelKind(c) == "handling" && carries(m.record, c.code)
	})
}

// rule16Deny: a deny for X covers X and higher, a sensitivity and what lies below it. A list inherited from a permit limits what the permit
// reached (X and lower), so it is taken in both directions.
func (m matcher) rule16Deny(p provision) truth {
	o, inherited := rule10Nearest(p, "securityLabel"), false
	if o["modifierExtension"] != nil {
		return yes
	}
	for i := range p.chain {
		if len(securityLabel(p.chain[i])) > 0 {
			inherited = false
		}
		above := i < len(p.chain)-1
		inherited = inherited || above && p.kinds[i] != "deny"
	}
	if len(securityLabel(o)) > 0 && len(m.ofKind(m.record.labels, "unknown")) > 0 {
		return unknown
	}
	return anyOf(securityLabel(o), func(c coding) truth {
		switch m.labelKind(c) {
		case "confidentiality":
			high := m.confidentiality(m.record)
			return truthOf(inherited || high >= m.rank([]coding{c}))
		case "unknown":
			return unknown
		}
		return truthOf(m.carriesOne([]coding{c}))
	})
}

// permitReachesLabel is the permit's list alone: its confidentiality covers the record's, and where it lists no confidentiality the record
// carries one of what is listed.
func (m matcher) permitReachesLabel(p provision) bool {
	listed := securityLabel(rule10Nearest(p, "securityLabel"))
	limit := slices.Index(m.labels.Confidentiality.Order, m.labels.Confidentiality.PermitDefault)
	if slices.ContainsFunc(listed, func(c coding) bool { return c.system == m.labels.Confidentiality.System }) {
		limit = m.rank(listed)
	} else if len(listed) > 0 && !m.carriesOne(listed) {
		return false
	}
	return m.confidentiality(m.record) <= limit
}

// rule16Permit: the permit reaches the record's labels, and every one of them that is to be named is named within this Consent.
func (m matcher) rule16Permit(p provision) bool {
	labels := m.record.labels
	if len(m.ofKind(labels, "unknown")) > 0 || !m.permitReachesLabel(p) {
		return false
	}
	named := m.named()
	part2 := carries(m.record, m.labels.Part2)
	underPart2 := m.ruleIn(m.consent, []string{m.reading.Part2Rule})
	if part2 && !underPart2 && !slices.Contains(named, coding{actCode, m.labels.Part2}) {
		return false
	}
	tree := m.labels.Sensitivity.Tree
	for _, s := range m.ofKind(labels, "sensitivity") {
		covered := slices.ContainsFunc(m.ofKind(named, "sensitivity"), func(n coding) bool { return atOrBelow(tree, s.code, n.code) })
		covered = covered || part2 && underPart2 && atOrBelow(tree, s.code, "SUD")
		if !covered && m.toBeNamed(s) {
			return false
		}
	}
	return true
}

// named is every label that a permit of this Consent names which matches in everything but sensitivity.
func (m matcher) named() []coding {
	var out []coding
	m.root.every(func(p provision) {
		if p.kind == "permit" && m.attributes(p, false) && m.permitReachesLabel(p) {
			out = append(out, securityLabel(rule10Nearest(p, "securityLabel"))...)
		}
	})
	return out
}

// toBeNamed: SUD and below, ETH, HIV, SDV; in a Consent of whose permits one names any sensitivity, all.
func (m matcher) toBeNamed(s coding) bool {
	any := false
	m.root.every(func(p provision) {
		if p.kind != "permit" {
			return
		}
		for _, c := range securityLabel(rule10Nearest(p, "securityLabel")) {
			named := c.system != m.labels.Confidentiality.System && m.labelKind(c) != "handling" || slices.Contains(m.labels.NeverReleased, c.code)
			any = any || named
		}
	})
	return any || slices.ContainsFunc(m.labels.Sensitivity.ToBeNamed, func(top string) bool {
		return atOrBelow(m.labels.Sensitivity.Tree, s.code, top)
	})
}
