package oracle

import (
	"slices"
	"time"
)

// rule17Reaches: minimum necessary. Which kinds of record, and how old, a permit for this purpose reaches.
func (m matcher) rule17Reaches(p provision) bool {
	if m.unbound() || m.namesKindByAuthorization(p) {
		return true
	}
	rule, found := m.nearestRule()
	return found && m.kindListed(rule) && m.youngEnough(rule)
}

// unbound: TREAT and below.
func (m matcher) unbound() bool {
	return slices.ContainsFunc(m.rules.Unbound, func(u string) bool { return atOrBelow(m.purposes.Tree, m.purpose.code, u) })
}

// namesKindByAuthorization: a permit under hipaa-auth or a Part 2 consent that names the kind by class or code (164.502(b)(2)(iii)).
func (m matcher) namesKindByAuthorization(p provision) bool {
	return m.ruleIn(m.consent, m.reading.AuthorizationRules) && slices.ContainsFunc(p.chain, func(o object) bool {
		return len(list(o["class"])) > 0 || len(list(o["code"])) > 0
	})
}

// nearestRule is that of the purpose, or of its nearest ancestor that has one.
func (m matcher) nearestRule() (purposeRule, bool) {
	for p := m.purpose.code; p != ""; p = parent(m.purposes.Tree, p) {
		if rule, found := m.rules.Rules[p]; found {
			return rule, true
		}
	}
	return purposeRule{}, false
}

func (m matcher) kindListed(rule purposeRule) bool {
	for _, k := range rule.Records {
		if k.Type != "*" && k.Type != typeOf(m.record.ref) {
			continue
		}
		if len(k.Codes) == 0 {
			return true
		}
		for _, element := range []string{"type", "category", "code"} {
			if anyIn(conceptCodings(m.record.body[element]), k.Codes) {
				return true
			}
		}
	}
	return false
}

// youngEnough: an event began within the months before the end of today, a state overlaps them.
func (m matcher) youngEnough(rule purposeRule) bool {
	w := m.rule12When(m.record.body, m.zone)
	if rule.MaxAgeMonths == 0 || w.timeless {
		return true
	}
	now := m.at.In(m.zone)
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, m.zone)
	tooOld := func(t time.Time) bool { return !t.In(m.zone).AddDate(0, rule.MaxAgeMonths, 0).After(now) }
	if !w.known || !w.permit.from.Before(tomorrow) {
		return false
	}
	if w.state {
		return w.permit.to.Equal(distantFuture) || !tooOld(w.permit.to)
	}
	return !tooOld(w.permit.from)
}
