package mapping

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// role says what a primitive becomes in the Facts.
type role int

const (
	roleNone role = iota
	roleCode      // a code or boolean of its own
	roleDate
	roleText // of a name, address, contact point or title
	roleFormat
	roleURL
	roleSystem // a part of the Coding, Identifier, Quantity or Period around it
	rolePartCode
	roleDisplay
	roleValue
	roleStart
	roleEnd
)

// note takes a primitive's text into the facts.
func (x *run) note(r role, path, text string) {
	switch r {
	case roleCode:
		x.facts.codings.add(stage.At[fhir.Coding]{Path: path, Value: fhir.Coding{Code: text}})
	case roleText:
		x.facts.strings.add(stage.At[string]{Path: path, Value: text})
	case roleFormat:
		x.facts.formats.add(text)
	case roleURL:
		ref, _ := fhir.ParseReference(text)
		x.facts.references.add(stage.At[fhir.Reference]{Path: path, Value: ref})
	case roleSystem:
		x.capture.system = text
	case rolePartCode:
		x.capture.code = text
	case roleDisplay:
		x.capture.display = text
	case roleValue:
		x.capture.value = text
	}
}

func (x *run) noteDate(r role, path string, i fhir.Interval) {
	switch r {
	case roleDate:
		x.facts.dates.add(stage.At[fhir.Interval]{Path: path, Value: i})
	case roleStart:
		x.period.start = i
	case roleEnd:
		x.period.end = i
	}
}

// slot writes a value into a primitive element.
type slot struct {
	get       getter
	primitive *primitive
	role      role
	path      string
	zone      *time.Location
	// bounded says that it takes at most so many bytes: more go elsewhere (see attachment).
	bounded bool
	most    int
}

func (s *slot) run(x *run) bool {
	v := s.get.value(x)
	if v.IsNull() {
		return false
	}
	switch s.primitive.kind {
	case kindBoolean:
		x.buf = strconv.AppendBool(x.buf, v.Bool)
		x.note(s.role, s.path, strconv.FormatBool(v.Bool))
		return true
	case kindInteger, kindPositive, kindUnsigned:
		return s.integer(x, v)
	case kindDecimal:
		text := textOf(v)
		x.buf = append(x.buf, text...)
		x.note(s.role, s.path, text)
		return true
	case kindDate, kindDateTime, kindInstant:
		return s.date(x, v)
	case kindBase64:
		return s.base64(x, v)
	}
	return s.text(x, v)
}

// text writes a text; the empty one is null, since FHIR has no empty strings (R4 2.24.0.1).
func (s *slot) text(x *run, v *practice.Value) bool {
	text := textOf(v)
	if v.Type == practice.Bytes {
		text = string(v.Bytes)
	}
	if text == "" {
		return false
	}
	if why := s.primitive.refuse(text); why != "" {
		x.fail(s.get.column(), why)
		return false
	}
	x.buf = fhirjson.AppendString(x.buf, text)
	x.note(s.role, s.path, text)
	return true
}

func (s *slot) integer(x *run, v *practice.Value) bool {
	least := int64(math.MinInt32)
	switch s.primitive.kind {
	case kindPositive:
		least = 1
	case kindUnsigned:
		least = 0
	}
	if v.Int < least || v.Int > math.MaxInt32 {
		x.fail(s.get.column(), "out of the range of its element")
		return false
	}
	x.buf = strconv.AppendInt(x.buf, v.Int, 10)
	return true
}

func (s *slot) base64(x *run, v *practice.Value) bool {
	raw := v.Bytes
	if v.Type != practice.Bytes {
		x.scratch = append(x.scratch[:0], v.Text...)
		raw = x.scratch
	}
	if len(raw) == 0 {
		return false
	}
	if s.bounded && len(raw) > s.most {
		if _, assembled := s.get.(sections); assembled || v.Type != practice.Bytes {
			raw = slices.Clone(raw) // what a column yields stays as it is
		}
		x.large = raw
		return false
	}
	x.buf = append(appendBase64(append(x.buf, '"'), raw), '"')
	return true
}

func (s *slot) date(x *run, v *practice.Value) bool {
	interval, ok := x.appendDate(v, s.primitive.kind, s.zone)
	if !ok {
		x.fail(s.get.column(), "no date that its element takes")
		return false
	}
	x.noteDate(s.role, s.path, interval)
	return true
}

// appendDate writes a date or a time as its element wants it: a date takes the local day of a time, an instant the beginning of a
// day, a dateTime either as it is. Times are written in UTC.
func (x *run) appendDate(v *practice.Value, kind primitiveKind, zone *time.Location) (fhir.Interval, bool) {
	t := v.Time
	if v.Type == practice.Date || kind == kindDate {
		day := string(appendDayOf(nil, v, zone))
		interval, err := fhir.ParseDateTime(day, zone)
		if err != nil {
			return fhir.Interval{}, false
		}
		if kind != kindInstant {
			x.buf = append(append(append(x.buf, '"'), day...), '"')
			return interval, true
		}
		if len(day) != len(time.DateOnly) {
			return fhir.Interval{}, false
		}
		t = interval.Start
	}
	return x.appendTime(t), true
}

// written is a time as it was written. A record and its Provenance say some times more than once.
type written struct {
	at       time.Time
	text     []byte
	interval fhir.Interval
}

// appendTime writes "2006-01-02T15:04:05Z", with milliseconds where there are any.
func (x *run) appendTime(t time.Time) fhir.Interval {
	w := &x.clock
	if len(w.text) == 0 || w.at != t {
		w.at = t
		w.text, w.interval = appendInstant(w.text[:0], t.UTC())
	}
	x.buf = append(x.buf, w.text...)
	return w.interval
}

// appendInstant writes a time in UTC. It is written out because a chart has many times.
func appendInstant(b []byte, t time.Time) ([]byte, fhir.Interval) {
	unit := time.Second
	if t.Nanosecond() >= int(time.Millisecond) {
		unit = time.Millisecond
	}
	if over := t.Nanosecond() % int(unit); over > 0 {
		t = t.Add(-time.Duration(over))
	}
	hour, minute, second := t.Clock()
	b = append(appendDay(append(b, '"'), t), 'T')
	b = append(pair(b, hour), ':')
	b = append(pair(b, minute), ':')
	b = pair(b, second)
	if unit == time.Millisecond {
		millis := t.Nanosecond() / int(time.Millisecond)
		b = pair(append(b, '.', byte('0'+millis/100)), millis%100)
	}
	return append(b, 'Z', '"'), fhir.Interval{Start: t, End: t.Add(unit)}
}

// appendDay writes "2006-01-02".
func appendDay(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	b = append(pair(pair(b, year/100), year%100), '-')
	b = append(pair(b, int(month)), '-')
	return pair(b, day)
}

// pair writes two digits.
func pair(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }
