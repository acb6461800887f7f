package smart

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scopeURI is the prefix of a scope written as an absolute URI (SMART 2.2, "Scopes for requesting FHIR resources", URI form).
const scopeURI = "http://smarthealthit.org/fhir/scopes/"

// permissionOrder is the order in which a v2 scope must name its permissions.
const permissionOrder = "cruds"

// ParseScopes reads the value of a scope claim (RFC 6749, 3.3). Every resource scope is read on its own: one that cannot be read whole is
// void, and so is whatever is no resource scope (openid, launch, offline_access). Nothing void ever widens another.
func ParseScopes(s string) Scopes {
	var list []Scope
	for part := range strings.SplitSeq(s, " ") {
		if c, ok := parseScope(part); ok {
			list = append(list, c)
		}
	}
	return newScopes(list)
}

// newScopes sorts and drops repetitions, so that equal sets are written alike.
func newScopes(list []Scope) Scopes {
	for i := range list {
		slices.SortFunc(list[i].Params, compareParams)
		list[i].Params = slices.Compact(list[i].Params)
	}
	slices.SortFunc(list, func(a, b Scope) int { return cmp.Compare(a.String(), b.String()) })
	return Scopes{slices.CompactFunc(list, func(a, b Scope) bool { return a.String() == b.String() })}
}

func compareParams(a, b Param) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
}

func parseScope(s string) (Scope, bool) {
	s = strings.TrimPrefix(s, scopeURI)
	head, query, granular := strings.Cut(s, "?")
	level, rest, ok := strings.Cut(head, "/")
	if !ok || !isLevel(Level(level)) {
		return Scope{}, false
	}
	typ, suffix, ok := strings.Cut(rest, ".")
	if !ok || !isScopeType(typ) {
		return Scope{}, false
	}
	permissions, v2 := parsePermissions(suffix)
	if permissions == "" || granular && !v2 { // a v1 scope has no parameters
		return Scope{}, false
	}
	c := Scope{Level: Level(level), Type: typ, Permissions: permissions}
	if granular {
		if c.Params, ok = parseParams(query); !ok {
			return Scope{}, false
		}
	}
	return c, true
}

func isLevel(l Level) bool { return l == LevelPatient || l == LevelUser || l == LevelSystem }

func isScopeType(s string) bool {
	if s == "*" {
		return true
	}
	for i := range len(s) {
		upper, lower := 'A' <= s[i] && s[i] <= 'Z', 'a' <= s[i] && s[i] <= 'z'
		if !upper && (i == 0 || !lower) {
			return false
		}
	}
	return s != ""
}

// parsePermissions reads the suffix of a scope: the words of v1, or the letters of v2, each once and in their order. It is empty for
// anything else, which SMART leaves to the server to reject.
func parsePermissions(suffix string) (permissions string, v2 bool) {
	switch suffix {
	case "read":
		return "rs", false
	case "write":
		return "cud", false
	case "*":
		return permissionOrder, false
	}
	at := 0
	for i := range len(suffix) {
		next := strings.IndexByte(permissionOrder[at:], suffix[i])
		if next < 0 {
			return "", false
		}
		at += next + 1
	}
	return suffix, true
}

// parseParams reads the parameters of a granular scope; one that cannot be read voids them all, since without it the scope would be wider.
func parseParams(query string) ([]Param, bool) {
	var params []Param
	for part := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, false
		}
		p := Param{}
		if p.Name, ok = unescape(name); !ok || !isParamName(p.Name) {
			return nil, false
		}
		if p.Value, ok = unescape(value); !ok || p.Value == "" {
			return nil, false
		}
		params = append(params, p)
	}
	return params, true
}

// unescape decodes the percent-encoding. A bare plus is a space to some and a plus to others: it is refused.
func unescape(s string) (string, bool) {
	if strings.ContainsAny(s, "+=?") { // the separators must be escaped inside a value
		return "", false
	}
	text, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", false
	}
	return text, true
}

// isParamName admits the plain name of a search parameter. Modifiers, chains and _has (":" and "."), which SMART calls experimental, and
// the parameters that select no resources (_filter, _text, _include, _count and the like) are refused.
func isParamName(s string) bool {
	switch s {
	case "_id", "_lastUpdated", "_profile", "_security", "_tag":
		return true
	}
	for i := range len(s) {
		letter := 'A' <= s[i] && s[i] <= 'Z' || 'a' <= s[i] && s[i] <= 'z'
		if !letter && (i == 0 || s[i] != '-' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != ""
}

// String writes the scope in the form of SMART v2.
func (c Scope) String() string {
	var b strings.Builder
	b.WriteString(string(c.Level) + "/" + c.Type + "." + c.Permissions)
	for i, p := range c.Params {
		sep := "&"
		if i == 0 {
			sep = "?"
		}
		b.WriteString(sep + escape(p.Name) + "=" + escape(p.Value))
	}
	return b.String()
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
