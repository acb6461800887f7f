package label

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/consentry/gateway/internal/fhir"
)

// match says how the codes of a system are compared.
type match string

const (
	exact   match = "exact"
	prefix  match = "prefix"
	product match = "product"
)

func (m match) valid() bool { return m == exact || m == prefix || m == product }

type system struct {
	name  string
	match match
}

// span is all codes from lo to hi, and what lies below them.
type span struct {
	lo, hi string
	gift   *gift
}

// codes finds what a code means, by the short name of its system.
type codes struct {
	exact map[string]map[string][]*gift
	spans map[string][]span
}

func newCodes() codes {
	return codes{exact: map[string]map[string][]*gift{}, spans: map[string][]span{}}
}

// add enters the codes of a rule. A key is a short name, or the URI of a system that a practice made itself.
func (c *codes) add(names map[string]system, entries map[string][]string, g *gift) error {
	for key, list := range entries {
		s, known := names[key]
		if !known && !strings.Contains(key, ":") {
			return fmt.Errorf("label: %s: %q is no system", rulesFile, key)
		}
		if len(list) == 0 {
			return fmt.Errorf("label: %s: no codes of %s", rulesFile, key)
		}
		for _, code := range list {
			if s.match == prefix || s.match == product {
				lo, hi, found := strings.Cut(code, "-")
				if s.match == product || !found {
					lo, hi = code, code
				}
				lo, hi = s.normal(lo), s.normal(hi)
				if len(lo) < 3 || len(lo) != len(hi) || lo > hi {
					return fmt.Errorf("label: %s: %q is no code or range of %s", rulesFile, code, key)
				}
				c.spans[key] = append(c.spans[key], span{lo, hi, g})
				continue
			}
			if c.exact[key] == nil {
				c.exact[key] = map[string][]*gift{}
			}
			c.exact[key][code] = append(c.exact[key][code], g)
		}
	}
	return nil
}

// normal writes a code of s in the one way in which it is compared.
func (s system) normal(code string) string {
	switch s.match {
	case prefix:
		return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(code), ".", ""))
	case product:
		return ndcProduct(code)
	}
	return code
}

// ndcProduct gives labeler and product of an NDC as nine digits: FHIR and FDA write it with hyphens in segments of 4-4-2, 5-3-2 or 5-4-1,
// billing in eleven digits.
func ndcProduct(code string) string {
	parts := strings.Split(strings.TrimSpace(code), "-")
	if len(parts) >= 2 && len(parts[0]) <= 5 && len(parts[1]) <= 4 {
		return strings.Repeat("0", 5-len(parts[0])) + parts[0] + strings.Repeat("0", 4-len(parts[1])) + parts[1]
	}
	if len(code) >= 9 {
		return code[:9]
	}
	return code
}

// find calls each for everything that a code means in a system, or in all systems if it names none.
func (c *codes) find(systems map[string]system, coding fhir.Coding, each func(*gift)) {
	if coding.System == "" {
		for key := range c.exact {
			c.in(system{name: key, match: exact}, coding.Code, each)
		}
		for _, s := range systems {
			if s.match != exact {
				c.in(s, coding.Code, each)
			}
		}
		return
	}
	s, known := systems[coding.System]
	if !known {
		s = system{name: coding.System, match: exact}
	}
	c.in(s, coding.Code, each)
}

func (c *codes) in(s system, code string, each func(*gift)) {
	for _, g := range c.exact[s.name][code] {
		each(g)
	}
	spans := c.spans[s.name]
	if len(spans) == 0 {
		return
	}
	n := s.normal(code)
	for _, sp := range spans {
		if sp.holds(n) {
			each(sp.gift)
		}
	}
}

// holds tells whether a code lies in the span. A code that is shorter than the bounds, a category without its digits, may mean what lies
// in it, so it does.
func (sp span) holds(code string) bool {
	n := min(len(code), len(sp.lo))
	if n < 3 {
		return false
	}
	return sp.lo[:n] <= code[:n] && code[:n] <= sp.hi[:n]
}

// word is a word or phrase that is looked for in displays.
type word struct {
	text string // lower case
	gift *gift
}

// in tells whether the word stands in a text, which is in lower case, as a whole word.
func (w word) in(text string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], w.text)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(w.text)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if (start == 0 || !unicode.IsLetter(before)) && (end == len(text) || !unicode.IsLetter(after)) {
			return true
		}
		from = end
	}
}

// meaning is what one coding says.
type meaning struct {
	gifts []*gift
	held  bool // it waits for a person
	known bool // its system is one that the rules read
}

// meaning looks a coding up. A chart says the same codes over and over, so b remembers them.
func (b *board) meaning(c fhir.Coding) meaning {
	if m, ok := b.meanings[c]; ok {
		return m
	}
	r := b.rules
	var m meaning
	add := func(g *gift) { m.gifts = append(m.gifts, g) }
	r.codes.find(r.systems, c, add)
	r.held.find(r.systems, c, func(*gift) { m.held = true })
	_, m.known = r.systems[c.System]
	if c.Display != "" {
		text := strings.ToLower(c.Display)
		for _, w := range r.words {
			if w.in(text) {
				add(w.gift)
			}
		}
	}
	b.meanings[c] = m
	return m
}

// classify gives a record what its codes, its kind and the parties in it say.
func (b *board) classify(rec *record) {
	r := b.rules
	t := r.types[rec.facts.Type]
	coded := t.Code == ""
	for _, c := range rec.facts.Codings {
		m := b.meaning(c.Value)
		for _, g := range m.gifts {
			g.give(rec)
		}
		rec.hold = rec.hold || m.held && !rec.classified
		coded = coded || m.known && c.Path == t.Code
	}
	if !coded && !rec.classified {
		rec.hold = true
	}
	if g := r.kinds[rec.facts.Origin.Kind]; g != nil {
		g.give(rec)
	}
	for _, id := range rec.facts.Identifiers {
		if g := r.parties[id.Value]; g != nil {
			g.give(rec)
		}
	}
}
