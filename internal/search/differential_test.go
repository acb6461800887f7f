package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// The naive evaluation: dates are sets of days, tokens are compared as the specification spells it out, sentence by sentence.

const days = 14 // days of January 2026; searches stay inside, open ends reach the borders

// span is a set of days.
type span [days]bool

func between(from, to int) (s span) {
	for d := from; d <= to; d++ {
		s[d] = true
	}
	return s
}

func (s span) list() (all []int) {
	for d, in := range s {
		if in {
			all = append(all, d)
		}
	}
	return all
}

func naiveDate(prefix string, search, target span) bool {
	s, t := search.list(), target.list()
	first, last := s[0], s[len(s)-1]
	every := func(in []int, ok func(int) bool) bool {
		return !slices.ContainsFunc(in, func(d int) bool { return !ok(d) })
	}
	inside := every(t, func(d int) bool { return search[d] })
	switch prefix {
	case "eq":
		return inside
	case "ne":
		return !inside
	case "gt":
		return slices.ContainsFunc(t, func(d int) bool { return d > last })
	case "lt":
		return slices.ContainsFunc(t, func(d int) bool { return d < first })
	case "ge":
		return slices.ContainsFunc(t, func(d int) bool { return d >= first })
	case "le":
		return slices.ContainsFunc(t, func(d int) bool { return d <= last })
	case "sa":
		return every(t, func(d int) bool { return d > last })
	default: // eb
		return every(t, func(d int) bool { return d < first })
	}
}

// dated is a period of whole days, open at the borders.
func dated(from, to int) fhir.Interval {
	i := fhir.Interval{Start: time.Date(2026, 1, 1+from, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 2+to, 0, 0, 0, 0, time.UTC)}
	if from == 0 {
		i.Start = time.Time{}
	}
	if to == days-1 {
		i.End = time.Time{}
	}
	return i
}

func TestDatesAgreeWithSetsOfDays(t *testing.T) {
	p, err := NewParser(Config{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	for prefix := range prefixes {
		for day := 3; day <= 9; day++ {
			q, err := p.ParseText("CarePlan", fmt.Sprintf("patient=p1&date=%s2026-01-%02d", prefix, 1+day), true)
			if err != nil {
				t.Fatal(err)
			}
			for from := range days {
				for to := from; to < days; to++ {
					f := &stage.Facts{Type: "CarePlan", References: []stage.At[fhir.Reference]{{Path: "subject", Value: client}},
						Dates: []stage.At[fhir.Interval]{{Path: "period", Value: dated(from, to)}}}
					if got, want := q.Matches(f), naiveDate(prefix, between(day, day), between(from, to)); got != want {
						t.Errorf("%s day %d, period %d to %d: %v", prefix, day, from, to, got)
					}
				}
			}
		}
	}
}

// naiveQuery is a query of the naive kind: all of it must hold.
type naiveQuery struct {
	text  []string
	holds []func(*stage.Facts) bool
}

func (n *naiveQuery) add(name, value string, holds func(*stage.Facts) bool) {
	n.text = append(n.text, name+"="+value)
	n.holds = append(n.holds, holds)
}

var (
	systems = rapid.SampledFrom([]string{"", "http://a.example", "http://b.example"})
	codes   = rapid.SampledFrom([]string{"x", "y", "X", "z"})
	tokens  = map[string]string{"category": "category", "code": "code", "clinical-status": "clinicalStatus"}
)

func (n *naiveQuery) token(t *rapid.T) {
	name := rapid.SampledFrom([]string{"category", "code", "clinical-status"}).Draw(t, "token")
	path := tokens[name]
	switch rapid.SampledFrom([]string{"", "", "not", "missing"}).Draw(t, "modifier") {
	case "missing":
		want := rapid.Bool().Draw(t, "missing")
		n.add(name+":missing", fmt.Sprint(want), func(f *stage.Facts) bool { return want == (len(codingsAt(f, path)) == 0) })
	case "not":
		text, is := drawToken(t)
		n.add(name+":not", text, func(f *stage.Facts) bool { return !slices.ContainsFunc(codingsAt(f, path), is) })
	default:
		text, is := drawToken(t)
		other, isOther := drawToken(t)
		n.add(name, text+","+other, func(f *stage.Facts) bool {
			return slices.ContainsFunc(codingsAt(f, path), func(c fhir.Coding) bool { return is(c) || isOther(c) })
		})
	}
}

func drawToken(t *rapid.T) (string, func(fhir.Coding) bool) {
	system, code := systems.Draw(t, "system"), codes.Draw(t, "code")
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		return code, func(c fhir.Coding) bool { return strings.ToLower(c.Code) == strings.ToLower(code) }
	case 1:
		return system + "|" + code, func(c fhir.Coding) bool {
			return c.System == system && strings.ToLower(c.Code) == strings.ToLower(code)
		}
	default:
		if system == "" {
			system = "http://a.example"
		}
		return system + "|", func(c fhir.Coding) bool { return c.System == system }
	}
}

func codingsAt(f *stage.Facts, path string) (at []fhir.Coding) {
	for _, c := range f.Codings {
		if c.Path == path {
			at = append(at, c.Value)
		}
	}
	return at
}

func (n *naiveQuery) date(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}).Draw(t, "prefix")
	day := rapid.IntRange(3, 9).Draw(t, "day")
	n.add("onset-date", fmt.Sprintf("%s2026-01-%02d", prefix, 1+day), func(f *stage.Facts) bool {
		return slices.ContainsFunc(f.Dates, func(d stage.At[fhir.Interval]) bool {
			from, to := 0, days-1
			if !d.Value.Start.IsZero() {
				from = d.Value.Start.Day() - 1
			}
			if !d.Value.End.IsZero() {
				to = d.Value.End.Day() - 2
			}
			return d.Path == "onset" && naiveDate(prefix, between(day, day), between(from, to))
		})
	})
}

func drawCondition(t *rapid.T, id string) *stage.Facts {
	f := &stage.Facts{Type: "Condition", ID: id, References: []stage.At[fhir.Reference]{{Path: "subject", Value: client}}}
	for range rapid.IntRange(0, 4).Draw(t, "codings") {
		f.Codings = append(f.Codings, stage.At[fhir.Coding]{
			Path:  rapid.SampledFrom([]string{"category", "code", "clinicalStatus", "bodySite"}).Draw(t, "path"),
			Value: fhir.Coding{System: systems.Draw(t, "system"), Code: codes.Draw(t, "code")},
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "dates") {
		from := rapid.IntRange(0, days-1).Draw(t, "from")
		f.Dates = append(f.Dates, stage.At[fhir.Interval]{Path: rapid.SampledFrom([]string{"onset", "recordedDate"}).Draw(t, "path"),
			Value: dated(from, rapid.IntRange(from, days-1).Draw(t, "to"))})
	}
	return f
}

func TestQueriesAgreeWithANaiveEvaluation(t *testing.T) {
	p, err := NewParser(Config{Zone: time.UTC, MaxCount: 1000, DefaultCount: 1000})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := &naiveQuery{}
		n.add("patient", "p1", func(*stage.Facts) bool { return true })
		for range rapid.IntRange(0, 3).Draw(t, "criteria") {
			if rapid.Bool().Draw(t, "date") {
				n.date(t)
			} else {
				n.token(t)
			}
		}
		var list []*stage.Facts
		for i := range rapid.IntRange(1, 12).Draw(t, "conditions") {
			list = append(list, drawCondition(t, fmt.Sprintf("c%02d", i)))
		}
		q, err := p.ParseText("Condition", strings.Join(n.text, "&"), true)
		if err != nil {
			t.Fatal(err)
		}
		page, err := q.Run(rapid.Permutation(releasedAs(t, list...)).Draw(t, "order"))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{}
		for _, f := range list {
			if !slices.ContainsFunc(n.holds, func(holds func(*stage.Facts) bool) bool { return !holds(f) }) {
				want = append(want, f.ID)
			}
		}
		if got := ids(page.Matches); !slices.Equal(got, want) || page.Total != len(want) {
			t.Fatalf("%s: %v (total %d); want %v", q.Self(), got, page.Total, want)
		}
	})
}
