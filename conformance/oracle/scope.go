package oracle

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// scope is one SMART scope that has been understood whole.
type scope struct {
	level, resourceType string
	read                bool
	params              []param
}

type param struct{ name, value string }

var (
	scopeForm = regexp.MustCompile(`^(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.([a-z*]+)(\?(.+))?$`)
	v2        = regexp.MustCompile(`^c?r?u?d?s?$`)
	paramForm = regexp.MustCompile(`^[_a-z][a-z-]*$`)
)

// rule3Parse reads the scopes; one that cannot be read whole is void.
func rule3Parse(s string) []scope {
	var out []scope
	for one := range strings.FieldsSeq(s) {
		if sc, ok := parseScope(strings.TrimPrefix(one, "http://smarthealthit.org/fhir/scopes/")); ok {
			out = append(out, sc)
		}
	}
	return out
}

func parseScope(s string) (scope, bool) {
	m := scopeForm.FindStringSubmatch(s)
	if m == nil || strings.Contains(s, "?") && m[5] == "" {
		return scope{}, false
	}
	sc := scope{level: m[1], resourceType: m[2]}
	switch perms := m[3]; {
	case perms == "read" || perms == "*":
		sc.read = true
	case perms == "write":
	case v2.MatchString(perms):
		sc.read = strings.Contains(perms, "r")
	default:
		return scope{}, false
	}
	if m[5] == "" {
		return sc, true
	}
	if slices.Contains([]string{"read", "write", "*"}, m[3]) {
		return scope{}, false
	}
	for one := range strings.SplitSeq(m[5], "&") {
		name, value, ok := strings.Cut(one, "=")
		decoded, err := url.QueryUnescape(value)
		if !ok || err != nil || decoded == "" || !paramForm.MatchString(name) {
			return scope{}, false
		}
		sc.params = append(sc.params, param{name, decoded})
	}
	return sc, true
}

// allows says whether the scope lets this record be read, wherever it stands.
func (s scope) allows(r record) bool {
	if !s.read || s.resourceType != "*" && s.resourceType != typeOf(r.ref) {
		return false
	}
	return !slices.ContainsFunc(s.params, func(p param) bool { return !p.matches(r) })
}

// rule3Scope is the reason why no scope reaches the record, or "". selfOnly asks the patient/ scopes alone.
func (q *question) rule3Scope(r record, selfOnly bool) string {
	elsewhere := false
	for _, s := range q.who.scopes {
		if !s.allows(r) {
			continue
		}
		if s.level != "patient" {
			if !selfOnly {
				return ""
			}
			continue
		}
		if q.who.patient == "" {
			continue
		}
		if len(r.clients) > 0 && r.clients[0] == q.who.patient {
			return ""
		}
		elsewhere = true
	}
	if elsewhere {
		return "other-patient"
	}
	return "scope"
}

// matches says whether a record matches a granular search parameter; values between commas are alternatives.
func (p param) matches(r record) bool {
	for one := range strings.SplitSeq(p.value, ",") {
		if p.matchesOne(r, one) {
			return true
		}
	}
	return false
}

func (p param) matchesOne(of record, value string) bool {
	r := of.body
	switch p.name {
	case "_id":
		return text(r["id"]) == value
	case "status":
		return value != "" && text(r["status"]) == value
	case "subject":
		return slices.Contains([]string{"DocumentReference", "Observation"}, typeOf(of.ref)) && isClient(referenceOf(r["subject"]), value)
	case "patient":
		who := referenceOf(r["subject"])
		if who == "" {
			who = referenceOf(r["patient"])
		}
		if typeOf(of.ref) == "Provenance" && len(of.clients) > 0 {
			who = of.clients[0]
		}
		return isClient(who, value)
	case "category", "type":
		return tokenMatches(r[p.name], value)
	case "code":
		return tokenMatches(r["code"], value) || tokenMatches(r["medicationCodeableConcept"], value)
	}
	return false
}

func isClient(who, value string) bool {
	return typeOf(who) == "Patient" && (who == value || who == "Patient/"+value)
}

// tokenMatches is FHIR token search: code, system|code, |code or system|.
func tokenMatches(concepts any, value string) bool {
	system, code, withSystem := strings.Cut(value, "|")
	if !withSystem {
		system, code = "", value
	}
	return slices.ContainsFunc(conceptCodings(concepts), func(c coding) bool {
		return (code == "" && system != "" || c.code == code && code != "") && (!withSystem || c.system == system)
	})
}
