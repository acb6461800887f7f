package oracle

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ground is what permits a record for one stated purpose: a provision of a Consent.
type Ground struct {
	Place
	Purpose string // a code of v3-ActReason
}

// Permit is one thing that a Consent permits to a requester (rule 22). A zero side of its time is open.
type Permit struct {
	From, To                 time.Time
	Purposes, Classes, Codes []Code
}

// Code is a code with its system, without display.
type Code struct{ System, Code string }

// Terms are what a requester may know of a Consent.
type Terms struct {
	// Part2 says that it was made under 42 CFR Part 2; Authorization that it is such a one, or an authorization under 45 CFR 164.508.
	Part2, Authorization bool
	// Permits are in the order of their times, then of their purposes, classes and codes.
	Permits []Permit
}

func (c coding) public() Code { return Code{c.system, c.code} }

var errGround = errors.New("a ground that is no provision")

// TermsOf says what a Consent permits by the provisions that are grounds: their time, the purposes that reach those of the grounds, and the kinds.
// Of an attribute that several ancestors state, what all of them have in common counts, or else what is stated last.
func TermsOf(raw json.RawMessage, grounds []Ground, zone *time.Location) (Terms, error) {
	k, err := loadCodes()
	if err != nil {
		return Terms{}, err
	}
	q := &question{codes: k, zone: zone}
	c := q.readConsent(raw)
	t := Terms{Part2: q.ruleIn(c, []string{q.reading.Part2Rule}), Authorization: q.ruleIn(c, q.reading.AuthorizationRules)}
	asked := map[string][]string{}
	for _, g := range grounds {
		if !slices.Contains(asked[g.Provision], g.Purpose) {
			asked[g.Provision] = append(asked[g.Provision], g.Purpose)
		}
	}
	found := 0
	q.rule9Root(c).every(func(p provision) {
		if of := asked[p.path]; of != nil {
			found++
			t.Permits = append(t.Permits, q.rule22Permit(p, of))
		}
	})
	if found != len(asked) {
		return Terms{}, errGround
	}
	slices.SortFunc(t.Permits, func(a, b Permit) int { return strings.Compare(a.key(), b.key()) })
	t.Permits = slices.CompactFunc(t.Permits, func(a, b Permit) bool { return a.key() == b.key() })
	return t, nil
}

// key is all of a Permit as text; an open side goes first.
func (p Permit) key() string {
	return fmt.Sprint(p.From.UTC().Format(time.RFC3339Nano), " ", p.To.UTC().Format(time.RFC3339Nano), " ", p.Purposes, p.Classes, p.Codes)
}

func (q *question) rule22Permit(p provision, asked []string) (out Permit) {
	for _, o := range p.chain {
		s, ok := surely(o["period"], q.zone)
		if !ok {
			continue
		}
		if !s.from.Equal(distantPast) && s.from.After(out.From) {
			out.From = s.from
		}
		if !s.to.Equal(distantFuture) && (out.To.IsZero() || s.to.Before(out.To)) {
			out.To = s.to
		}
	}
	m := matcher{question: q}
	for _, v := range list(rule10Nearest(p, "purpose")["purpose"]) {
		named := codingOf(v)
		if m.knownPurpose(named) && slices.ContainsFunc(asked, func(a string) bool { return m.reachedByPermit(a, named.code) }) {
			out.Purposes = append(out.Purposes, named.public())
		}
	}
	if rule10Nearest(p, "purpose")["purpose"] == nil {
		for _, a := range asked {
			out.Purposes = append(out.Purposes, Code{q.purposes.System, a})
		}
	}
	out.Purposes = inOrder(out.Purposes)
	out.Classes = inOrder(narrowest(p, "class", func(v any) []Code { return []Code{codingOf(v).public()} }))
	out.Codes = inOrder(slices.DeleteFunc(narrowest(p, "code", codesOf), func(c Code) bool {
		return c.System == "" || c.Code == "" || slices.Contains(q.labels.NeverReleased, c.Code)
	}))
	return out
}

func codesOf(concept any) (out []Code) {
	for _, c := range conceptCodings(concept) {
		out = append(out, c.public())
	}
	return out
}

// narrowest is what every provision of the chain that states an attribute has in common; where that is nothing, what the last one states.
func narrowest(p provision, attribute string, read func(any) []Code) (out []Code) {
	var groups [][]Code
	for _, o := range p.chain {
		var group []Code
		for _, v := range list(o[attribute]) {
			group = append(group, read(v)...)
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	last := groups[len(groups)-1]
	for _, c := range last {
		if !slices.ContainsFunc(groups, func(g []Code) bool { return !slices.Contains(g, c) }) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return slices.Clone(last)
	}
	return out
}

func inOrder(codes []Code) []Code {
	slices.SortFunc(codes, func(a, b Code) int { return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code)) })
	return slices.Compact(codes)
}
