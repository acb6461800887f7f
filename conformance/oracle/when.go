package oracle

import (
	"slices"
	"time"
	"unicode"
)

var (
	distantPast   = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	distantFuture = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// span is the time from `from`, included, to `to`, excluded.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }
func (s span) inside(o span) bool     { return !s.from.Before(o.from) && !s.to.After(o.to) }
func (s span) overlaps(o span) bool   { return s.from.Before(o.to) && o.from.Before(s.to) }

// rule19Date reads a FHIR date, dateTime or instant as the time that it covers: a date its whole day in the zone, a month its whole month.
func rule19Date(s string, zone *time.Location) (span, bool) {
	for _, p := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {"2006-01-02", 0, 0, 1}} {
		if t, err := time.ParseInLocation(p.layout, s, zone); err == nil {
			return span{t, t.AddDate(p.years, p.months, p.days)}, true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return span{}, false
	}
	if t.Nanosecond() != 0 {
		return span{t, t.Add(time.Millisecond)}, true
	}
	return span{t, t.Add(time.Second)}, true
}

// rule19Period reads a FHIR Period; a side that is not stated is open. It is not ok if it has no side or one that cannot be read.
func rule19Period(v any, zone *time.Location) (s span, ok bool) {
	s = span{distantPast, distantFuture}
	start, end := text(child(v, "start")), text(child(v, "end"))
	if start == "" && end == "" {
		return s, false
	}
	if start != "" {
		d, ok := rule19Date(start, zone)
		if !ok {
			return s, false
		}
		s.from = d.from
	}
	if end != "" {
		d, ok := rule19Date(end, zone)
		if !ok {
			return s, false
		}
		s.to = d.to
	}
	return s, s.from.Before(s.to)
}

// surely reads a Period of which both sides count: one that is there and not said leaves it unknown.
func surely(v any, zone *time.Location) (s span, ok bool) {
	s, ok = rule19Period(v, zone)
	return s, ok && !unsaid(v, "start") && !unsaid(v, "end")
}

// when is the time of a record's matter, as a permit and as a deny take it (rule 12).
type when struct {
	timeless, known, state bool
	permit, deny           span
}

// rule12When finds when a record happened.
func (k *codes) rule12When(r object, zone *time.Location) when {
	t := k.types[text(r["resourceType"])]
	if t.Timeless {
		return when{timeless: true}
	}
	v, found := firstTime(r, t.Time)
	if !found {
		return when{state: t.State}
	}
	s, ok := timeValue(v, zone)
	if !ok {
		return when{state: t.State}
	}
	w := when{known: true, state: t.State, permit: s, deny: s}
	if t.State {
		w.permit, w.deny = k.stateSpans(r, t, v, s, zone)
	}
	if w.permit.to.Before(w.permit.from) {
		return when{state: t.State}
	}
	return w
}

// stateSpans are the times that a state lasts: to its end element, to the end of its period, on and on, or to nobody knows when.
func (k *codes) stateSpans(r object, t resourceType, v any, s span, zone *time.Location) (permit, deny span) {
	onAndOn := span{s.from, distantFuture}
	if t.End != "" {
		if e, found := firstTime(r, []string{t.End}); found {
			if end, ok := timeValue(e, zone); ok {
				whole := span{s.from, end.to}
				return whole, whole
			}
			return startOnly(v, s, zone), onAndOn
		}
	} else if text(child(v, "end")) != "" {
		return s, s
	}
	if slices.ContainsFunc(statusCodes(r[t.Status]), func(c string) bool { return slices.Contains(t.Ongoing, c) }) {
		return onAndOn, onAndOn
	}
	return startOnly(v, s, zone), onAndOn
}

// startOnly is the time of the start alone: of a Period, its first day or instant. Where nobody knows that either, it ends before it begins.
func startOnly(v any, s span, zone *time.Location) span {
	if first, ok := rule19Date(text(child(v, "start")), zone); ok {
		return first
	}
	if _, period := v.(object); period {
		return span{s.to, s.from}
	}
	return s
}

// statusCodes are the codes of a status, which is a code or a CodeableConcept.
func statusCodes(v any) []string {
	if s := text(v); s != "" {
		return []string{s}
	}
	var out []string
	for _, c := range conceptCodings(v) {
		out = append(out, c.code)
	}
	return out
}

// firstTime is the first of the elements that is present; `effective` also stands for effectiveDateTime, effectivePeriod and so on.
func firstTime(r object, paths []string) (any, bool) {
	for _, path := range paths {
		if vs := elements(r, path); len(vs) > 0 {
			return vs[0], true
		}
		for name, v := range r {
			if rest := []rune(name); len(name) > len(path) && name[:len(path)] == path && unicode.IsUpper(rest[len(path)]) {
				return v, true
			}
		}
	}
	return nil, false
}

// timeValue reads a date, dateTime, instant or Period.
func timeValue(v any, zone *time.Location) (span, bool) {
	if s := text(v); s != "" {
		return rule19Date(s, zone)
	}
	return rule19Period(v, zone)
}
