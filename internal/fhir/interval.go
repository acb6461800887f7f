package fhir

import (
	"errors"
	"time"
)

// Interval is a half-open stretch of time [Start, End). A zero Start is open towards the past, a zero End towards the future.
// The zero Interval is all of time: keep "undated" apart from it.
type Interval struct {
	Start time.Time
	End   time.Time
}

// ErrDate says that a text is no FHIR date, dateTime or instant. It never repeats the text.
var ErrDate = errors.New("fhir: not a date, dateTime or instant")

var layouts = []struct {
	layout string
	next   func(time.Time) time.Time
	zoned  bool
}{
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }, false},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }, false},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }, false},
	{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }, true},
	{"2006-01-02T15:04:05Z07:00", func(t time.Time) time.Time { return t.Add(time.Second) }, true},
}

// ParseDateTime reads a FHIR date, dateTime or instant (FHIR R4 2.24.0.1) as the interval that it covers: "2026-11" is from its
// first to its last day in zone, a time with seconds is that second, one with fractions that millisecond.
func ParseDateTime(s string, zone *time.Location) (Interval, error) {
	for _, l := range layouts {
		if len(s) < len("2006") || l.zoned != (len(s) > len("2006-01-02")) {
			continue
		}
		t, err := time.ParseInLocation(l.layout, s, zone)
		if err != nil {
			continue
		}
		if l.zoned && t.Nanosecond() != 0 { // time.Parse takes fractions after any seconds field
			return Interval{Start: t, End: t.Add(time.Millisecond)}, nil
		}
		return Interval{Start: t, End: l.next(t)}, nil
	}
	return Interval{}, ErrDate
}

// ParsePeriod reads a Period (FHIR R4 2.24.0.10): from the beginning of what start covers to the end of what end covers. An empty
// text is an open end.
func ParsePeriod(start, end string, zone *time.Location) (Interval, error) {
	var i Interval
	if start != "" {
		s, err := ParseDateTime(start, zone)
		if err != nil {
			return Interval{}, err
		}
		i.Start = s.Start
	}
	if end != "" {
		e, err := ParseDateTime(end, zone)
		if err != nil {
			return Interval{}, err
		}
		i.End = e.End
	}
	return i, nil
}

// And is the stretch that lies both in i and in o. Where there is none it contains nothing.
func (i Interval) And(o Interval) Interval {
	if o.Start.After(i.Start) {
		i.Start = o.Start
	}
	if i.End.IsZero() || !o.End.IsZero() && o.End.Before(i.End) {
		i.End = o.End
	}
	return i
}

// Contains tells whether t lies in i.
func (i Interval) Contains(t time.Time) bool {
	return (i.Start.IsZero() || !t.Before(i.Start)) && (i.End.IsZero() || t.Before(i.End))
}

// Within tells whether the whole of i lies in o.
func (i Interval) Within(o Interval) bool {
	startIn := o.Start.IsZero() || !i.Start.IsZero() && !i.Start.Before(o.Start)
	endIn := o.End.IsZero() || !i.End.IsZero() && !i.End.After(o.End)
	return startIn && endIn
}

// Overlaps tells whether i and o share an instant.
func (i Interval) Overlaps(o Interval) bool {
	iBeforeO := !i.End.IsZero() && !o.Start.IsZero() && !i.End.After(o.Start)
	oBeforeI := !o.End.IsZero() && !i.Start.IsZero() && !o.End.After(i.Start)
	return !iBeforeO && !oBeforeI
}
