package practice

import (
	"strconv"
	"strings"
	"time"
)

// scanDate takes a calendar day or a partial date: 2026-11-02, 2026-11, 2026. A day that comes with a time is taken only if the time
// is midnight.
func scanDate(v *Value, src any) error {
	switch s := src.(type) {
	case time.Time:
		if s.Hour() != 0 || s.Minute() != 0 || s.Second() != 0 || s.Nanosecond() != 0 {
			return errValue
		}
		v.Text = s.Format(time.DateOnly)
		return nil
	case []byte:
		return scanDate(v, string(s))
	case int64: // SQLite keeps a year in a column declared DATE as a number
		if s < 1000 || s > 9999 {
			return errValue
		}
		v.Text = strconv.FormatInt(s, 10)
		return nil
	case string:
		s = strings.TrimSuffix(strings.TrimSuffix(s, " 00:00:00"), "T00:00:00")
		if _, ok := parseDay(s); !ok {
			return errValue
		}
		v.Text = s
		return nil
	}
	return errValue
}

var dayLayouts = map[int]string{4: "2006", 7: "2006-01", 10: time.DateOnly}

func parseDay(s string) (time.Time, bool) {
	layout, ok := dayLayouts[len(s)]
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, s)
	return t, err == nil && t.Year() > 0
}

// scanTime takes a time without zone (localtime, in the practice's zone) or with one (instant). A localtime that the clock change
// skipped or repeated is taken as time.Date takes it.
func scanTime(v *Value, typ ColumnType, src any, zone *time.Location) error {
	switch s := src.(type) {
	case time.Time: // a driver's reading of a column without zone carries UTC
		if typ == LocalTime {
			s = time.Date(s.Year(), s.Month(), s.Day(), s.Hour(), s.Minute(), s.Second(), s.Nanosecond(), zone)
		}
		v.Time = s
	case []byte:
		return scanTime(v, typ, string(s), zone)
	case string:
		t, ok := parseTime(s, typ, zone)
		if !ok {
			return errValue
		}
		v.Time = t
	default:
		return errValue
	}
	if v.Time.Year() < 1 || v.Time.Year() > 9999 {
		return errValue
	}
	v.Time = v.Time.UTC()
	return nil
}

// parseTime reads "2006-01-02 15:04[:05[.999]]", with a "T" or a blank, and for an instant a zone behind it ("Z" or an offset).
func parseTime(s string, typ ColumnType, zone *time.Location) (time.Time, bool) {
	if typ == Instant {
		return parseInstant(s)
	}
	const least = len("2006-01-02 15:04")
	if len(s) < least || s[10] != ' ' && s[10] != 'T' {
		return time.Time{}, false
	}
	year, month, day, ok := clockDate(s)
	hour, okH := two(s, 11)
	minute, okM := two(s, 14)
	if !ok || !okH || !okM || s[13] != ':' || hour > 23 || minute > 59 {
		return time.Time{}, false
	}
	second, nano, ok := clockSeconds(s[least:])
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, zone)
	return t, true
}

// clockDate reads the date at the front of s, and refuses one that no calendar has.
func clockDate(s string) (year, month, day int, ok bool) {
	century, ok1 := two(s, 0)
	years, ok2 := two(s, 2)
	month, ok3 := two(s, 5)
	day, ok4 := two(s, 8)
	year = century*100 + years
	if !ok1 || !ok2 || !ok3 || !ok4 || s[4] != '-' || s[7] != '-' || month < 1 || month > 12 || day < 1 {
		return 0, 0, 0, false
	}
	return year, month, day, day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// clockSeconds reads "", ":05" or ":05.123".
func clockSeconds(s string) (second, nano int, ok bool) {
	if s == "" {
		return 0, 0, true
	}
	if len(s) < 3 || s[0] != ':' {
		return 0, 0, false
	}
	second, ok = two(s, 1)
	if !ok || second > 59 {
		return 0, 0, false
	}
	fraction := s[3:]
	if fraction == "" {
		return second, 0, true
	}
	if fraction[0] != '.' || !digits(fraction[1:]) || len(fraction) > 10 {
		return 0, 0, false
	}
	for i := 1; i < 10; i++ {
		nano *= 10
		if i < len(fraction) {
			nano += int(fraction[i] - '0')
		}
	}
	return second, nano, true
}

func two(s string, at int) (int, bool) {
	a, b := s[at]-'0', s[at+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

var instantLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"}

func parseInstant(s string) (time.Time, bool) {
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for _, l := range instantLayouts {
		if t, err := time.Parse(l, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
