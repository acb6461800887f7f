package answers

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// criterion is one condition of a search: a parameter with its values, of which one must match.
type criterion struct {
	name, modifier string
	values         []string
}

// matches says whether a resource in a client's chart matches.
func (c criterion) matches(zone *time.Location, r Object, client string) bool {
	p, _ := knows(text(r["resourceType"]), c.name)
	values := p.values(r)
	if c.name == "patient" && client != "" { // in whose chart it stands
		values = []any{Object{"reference": client}}
		p.targets = nil
	}
	switch c.modifier {
	case "missing":
		return (len(values) == 0) == (c.values[0] == "true")
	case "not":
		return !slices.ContainsFunc(c.values, func(v string) bool { return c.one(p, zone, values, v) })
	}
	return slices.ContainsFunc(c.values, func(v string) bool { return c.one(p, zone, values, v) })
}

// values are what stands at a parameter's paths.
func (p parameter) values(r Object) (out []any) {
	for _, path := range p.paths {
		out = append(out, at(r, path)...)
	}
	return out
}

func (c criterion) one(p parameter, zone *time.Location, values []any, asked string) bool {
	return slices.ContainsFunc(values, func(v any) bool {
		switch p.kind {
		case "token":
			return tokenMatches(p, v, unescape(asked))
		case "date":
			prefix, date := datePrefix(asked)
			want, ok := dateSpan(date, zone)
			has, known := timeOf(v, zone)
			return ok && known && dateMatches(prefix, has, want)
		case "string":
			return slices.ContainsFunc(strings1(v), func(s string) bool { return c.stringMatches(s, unescape(asked)) })
		case "reference":
			return p.referenceMatches(referenceOf(v), asked, c.modifier)
		}
		return false
	})
}

// code is a token of a resource.
type code struct{ system, code string }

// tokens are the tokens in an element: a Coding, a CodeableConcept, an Identifier or a bare code.
func tokens(p parameter, v any) []code {
	if s := text(v); s != "" {
		if p.system == "" {
			return []code{{"", s}}
		}
		return []code{{p.system, s}, {"", s}}
	}
	if codings := at(v, "coding"); len(codings) > 0 {
		var out []code
		for _, c := range codings {
			out = append(out, tokens(p, c)...)
		}
		return out
	}
	o, _ := v.(Object)
	if value := text(o["value"]); value != "" {
		return []code{{text(o["system"]), value}}
	}
	if text(o["code"]) == "" {
		return nil
	}
	return []code{{text(o["system"]), text(o["code"])}}
}

func tokenMatches(p parameter, v any, asked string) bool {
	system, value, both := strings.Cut(asked, "|")
	if !both {
		system, value = "", asked
	}
	return slices.ContainsFunc(tokens(p, v), func(t code) bool {
		return (!both || t.system == system) && (value == "" && system != "" || strings.EqualFold(t.code, value))
	})
}

// strings1 are the strings in an element: itself, or the parts of a HumanName or an Address.
func strings1(v any) (out []string) {
	if s := text(v); s != "" {
		return []string{s}
	}
	for _, part := range []string{"text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"} {
		for _, s := range at(v, part) {
			out = append(out, text(s))
		}
	}
	return out
}

func (c criterion) stringMatches(has, asked string) bool {
	switch c.modifier {
	case "exact":
		return has == asked
	case "contains":
		return strings.Contains(plain(has), plain(asked))
	}
	return strings.HasPrefix(plain(has), plain(asked))
}

// plain takes case and accents off.
func plain(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// referenceMatches compares a reference with an id, "Type/id" or, with the type as modifier, an id of it.
func (p parameter) referenceMatches(has, asked, modifier string) bool {
	if has == "" || len(p.targets) > 0 && !slices.Contains(p.targets, typeOf(has)) {
		return false
	}
	if modifier != "" {
		return has == modifier+"/"+asked || has == asked && typeOf(asked) == modifier
	}
	return has == asked || idOf(has) == asked
}

// unescape takes the backslashes of FHIR's escapes off.
func unescape(s string) string {
	return strings.NewReplacer(`\,`, ",", `\|`, "|", `\$`, "$", `\\`, `\`).Replace(s)
}
