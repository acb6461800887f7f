package search

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// criterion is one occurrence of a parameter: its values are alternatives.
type criterion struct {
	param    *Parameter
	modifier string // "", "not", "missing", "exact", "contains"; a type modifier stands in the values
	missing  bool   // the value of :missing
	strict   bool   // codes are compared with their case: in a scope, which must not widen
	values   []value
}

// matches tells whether the resource fits the criterion.
func (c *criterion) matches(f *stage.Facts) bool {
	switch c.modifier {
	case "missing":
		return c.param.present(f) != c.missing
	case "not":
		return !c.any(f)
	}
	return c.any(f)
}

func (c *criterion) any(f *stage.Facts) bool {
	switch c.param.Kind {
	case Token:
		return c.param.eachToken(f, c.token)
	case Date:
		return c.param.eachDate(f, c.date)
	case String:
		return c.param.eachString(f, c.text)
	case Reference:
		return c.param.eachReference(f, c.reference)
	}
	return false
}

// token compares a coding or identifier. Where no code system says otherwise, case does not count (FHIR R4 3.1.1.4.10); ids are exact.
func (c *criterion) token(system, code string, primitive bool) bool {
	for i := range c.values {
		v := &c.values[i]
		if !v.anySystem && v.system != system && !(primitive && v.system == c.param.System && v.system != "") {
			continue
		}
		if v.anyCode || v.code == code || !c.strict && c.param.origin != fromID && strings.EqualFold(v.code, code) {
			return true
		}
	}
	return false
}

func (c *criterion) text(s string) bool {
	if c.modifier != "exact" {
		s = fold(s)
	}
	for i := range c.values {
		switch want := c.values[i].text; c.modifier {
		case "exact":
			if s == want {
				return true
			}
		case "contains":
			if strings.Contains(s, want) {
				return true
			}
		default:
			if strings.HasPrefix(s, want) {
				return true
			}
		}
	}
	return false
}

func (c *criterion) reference(r fhir.Reference) bool {
	return slices.ContainsFunc(c.values, func(v value) bool {
		return !v.nothing && v.ref.ID == r.ID && (v.ref.Type == "" || v.ref.Type == r.Type)
	})
}

func (c *criterion) date(i fhir.Interval) bool {
	return slices.ContainsFunc(c.values, func(v value) bool { return v.matchesDate(i) })
}

// matchesDate compares the range of the search value with that of the element (FHIR R4 3.1.1.4.7). The search value has both ends; an end
// that the element leaves open lies beyond every date. `ge` and `le` also find a period that only begins or ends within the search
// value: what started on the day is found by "on the day or before".
func (v *value) matchesDate(i fhir.Interval) bool {
	from, to := v.interval.Start, v.interval.End
	switch v.prefix {
	case "eq":
		return i.Within(v.interval)
	case "ne":
		return !i.Within(v.interval)
	case "gt":
		return i.End.IsZero() || i.End.After(to)
	case "ge":
		return i.End.IsZero() || i.End.After(from)
	case "lt":
		return i.Start.IsZero() || i.Start.Before(from)
	case "le":
		return i.Start.IsZero() || i.Start.Before(to)
	case "sa":
		return !i.Start.IsZero() && !i.Start.Before(to)
	case "eb":
		return !i.End.IsZero() && !i.End.After(from)
	}
	return false
}
