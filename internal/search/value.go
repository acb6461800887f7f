package search

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/consentry/gateway/internal/fhir"
)

// value is one alternative of a criterion, read by its parameter's kind.
type value struct {
	// Token.
	system    string
	code      string
	anySystem bool // `code`: whatever the system
	anyCode   bool // `system|`: whatever the code

	text string // String: folded, or as it stands with :exact
	ref  fhir.Reference
	// nothing says that the value is well-formed and can match no resource of ours: a reference to another server.
	nothing bool

	prefix   string
	interval fhir.Interval
}

// split cuts s at each sep that no backslash escapes (FHIR R4 3.1.1.4.6); the parts keep their escapes.
func split(s string, sep byte) []string {
	if strings.IndexByte(s, sep) < 0 {
		return []string{s}
	}
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape removes the backslashes of `\,`, `\|`, `\$` and `\\`; any other escape is malformed.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			if i == len(s) || strings.IndexByte(`,|$\`, s[i]) < 0 {
				return "", false
			}
		}
		b = append(b, s[i])
	}
	return string(b), true
}

// printable tells whether s is text: valid UTF-8 without control characters.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// parseToken reads `code`, `system|code`, `|code` and `system|` (FHIR R4 3.1.1.4.10).
func parseToken(s string) (v value, ok bool) {
	parts := split(s, '|')
	if len(parts) > 2 {
		return value{}, false
	}
	code, ok := unescape(parts[len(parts)-1])
	if !ok {
		return value{}, false
	}
	if len(parts) == 1 {
		return value{code: code, anySystem: true}, code != ""
	}
	system, ok := unescape(parts[0])
	if !ok || system == "" && code == "" {
		return value{}, false
	}
	return value{system: system, code: code, anyCode: code == ""}, true
}

func parseText(s string, exact bool) (value, bool) {
	text, ok := unescape(s)
	if !ok || text == "" {
		return value{}, false
	}
	if !exact {
		text = fold(text)
	}
	return value{text: text}, text != ""
}

// parseReference reads `id`, `Type/id` and the absolute URL of a resource here (FHIR R4 3.1.1.4.13). restrict is the type that a
// modifier names, or empty.
func (p *Parser) parseReference(s, restrict string) (v value, ok bool) {
	text, ok := unescape(s)
	if !ok {
		return value{}, false
	}
	absolute := strings.Contains(text, ":")
	if absolute {
		local, ours := strings.CutPrefix(text, p.base+"/")
		if !ours || p.base == "" {
			return value{nothing: true}, isURL(text)
		}
		text = local
	}
	if fhir.IsID(text) && !absolute {
		return value{ref: fhir.Reference{Type: restrict, ID: text}}, true
	}
	ref, ok := fhir.ParseReference(text)
	if !ok {
		return value{}, false
	}
	return value{ref: ref, nothing: restrict != "" && ref.Type != restrict}, true
}

// isURL tells whether s looks like an absolute URI that may identify a resource elsewhere.
func isURL(s string) bool {
	for _, scheme := range []string{"http://", "https://", "urn:uuid:", "urn:oid:"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return rest != "" && !strings.ContainsAny(rest, " <>\"")
		}
	}
	return false
}

var prefixes = map[string]bool{"eq": true, "ne": true, "gt": true, "lt": true, "ge": true, "le": true, "sa": true, "eb": true}

// parseDate reads a date with an optional prefix (FHIR R4 3.1.1.4.7). `ap` is refused: what it matches would change with the clock.
func (p *Parser) parseDate(s string) (v value, ok bool) {
	v.prefix = "eq"
	if len(s) > 2 && (s[0] < '0' || s[0] > '9') {
		v.prefix, s = s[:2], s[2:]
		if !prefixes[v.prefix] {
			return value{}, false
		}
	}
	interval, err := fhir.ParseDateTime(s, p.zone)
	if err != nil {
		if interval, ok = localTime(s, p.zone); !ok {
			return value{}, false
		}
	}
	v.interval = interval
	return v, true
}

// localTime reads a time without a zone, which a search may state and a resource may not: it is in the practice's zone.
func localTime(s string, zone *time.Location) (fhir.Interval, bool) {
	for _, l := range []struct {
		layout string
		length time.Duration
	}{{"2006-01-02T15:04", time.Minute}, {"2006-01-02T15:04:05", time.Second}} {
		if len(s) != len(l.layout) {
			continue
		}
		if t, err := time.ParseInLocation(l.layout, s, zone); err == nil {
			return fhir.Interval{Start: t, End: t.Add(l.length)}, true
		}
	}
	return fhir.Interval{}, false
}
