package answers

import (
	"regexp"
	"strings"
	"time"
)

// span is the time from `from`, included, to `to`, excluded. A zero side is open.
type span struct{ from, to time.Time }

var dateForm = regexp.MustCompile(`^(\d{4})(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$`)

// dateSpan is the time that a date, dateTime or instant covers: a year, month or day in the zone, a minute, a second, or the part of one.
func dateSpan(s string, zone *time.Location) (span, bool) {
	if !dateForm.MatchString(s) {
		return span{}, false
	}
	for _, f := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {"2006-01-02", 0, 0, 1}} {
		if t, err := time.ParseInLocation(f.layout, s, zone); err == nil {
			return span{t, t.AddDate(f.years, f.months, f.days)}, true
		}
	}
	lasts := time.Minute
	clock := s[11:]
	if len(clock) >= 8 && clock[5] == ':' && !strings.ContainsAny(clock[:6], "Z+-") {
		lasts = time.Second
	}
	if _, rest, fraction := strings.Cut(clock, "."); fraction {
		digits := strings.TrimRight(rest, "Z")
		if i := strings.IndexAny(rest, "+-"); i >= 0 {
			digits = rest[:i]
		}
		for range len(digits) {
			lasts /= 10
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return span{t, t.Add(lasts)}, true
		}
	}
	return span{}, false
}

// timeOf is the time that an element covers: a date or a Period.
func timeOf(v any, zone *time.Location) (span, bool) {
	if s := text(v); s != "" {
		return dateSpan(s, zone)
	}
	start, end := text(child(v, "start")), text(child(v, "end"))
	if start == "" && end == "" {
		return span{}, false
	}
	var out span
	if start != "" {
		d, ok := dateSpan(start, zone)
		if !ok {
			return span{}, false
		}
		out.from = d.from
	}
	if end != "" {
		d, ok := dateSpan(end, zone)
		if !ok {
			return span{}, false
		}
		out.to = d.to
	}
	return out, true
}

// beginsBefore and the next compare the sides of spans, of which one may be open.
func (s span) beginsBefore(t time.Time) bool { return s.from.IsZero() || s.from.Before(t) }
func (s span) endsAfter(t time.Time) bool    { return s.to.IsZero() || s.to.After(t) }

var prefixes = []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"}

// datePrefix takes the prefix off a value of a date parameter.
func datePrefix(value string) (prefix, date string) {
	for _, p := range prefixes {
		if rest, is := strings.CutPrefix(value, p); is {
			return p, rest
		}
	}
	return "eq", value
}

// dateMatches compares the time of a resource with that of a search, which is never open (FHIR R4, 3.1.1.4.5 and the table of prefixes).
func dateMatches(prefix string, has, asked span) bool {
	within := !has.beginsBefore(asked.from) && !has.endsAfter(asked.to)
	switch prefix {
	case "ne":
		return !within
	case "gt":
		return has.endsAfter(asked.to)
	case "lt":
		return has.beginsBefore(asked.from)
	case "ge":
		return has.endsAfter(asked.from)
	case "le":
		return has.beginsBefore(asked.to)
	case "sa":
		return !has.beginsBefore(asked.to)
	case "eb":
		return !has.endsAfter(asked.from)
	}
	return within
}

// overlaps says whether two spans have an instant in common; open sides go on for ever.
func (s span) overlaps(o span) bool {
	return (o.to.IsZero() || s.beginsBefore(o.to)) && (o.from.IsZero() || s.endsAfter(o.from))
}
