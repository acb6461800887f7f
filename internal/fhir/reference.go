package fhir

import "strings"

// Reference is a literal, relative reference: a resource type and a logical id (FHIR R4 2.3.0.1).
// The zero value refers to nothing.
type Reference struct {
	Type string
	ID   string
}

// ParseReference reads "Type/id" (a version suffix "/_history/n" is dropped). Absolute URLs, fragments ("#x"), URNs and
// conditional references are not literal relative references: ok is false.
func ParseReference(s string) (r Reference, ok bool) {
	if i := strings.Index(s, "/_history/"); i > 0 {
		s = s[:i]
	}
	typ, id, found := strings.Cut(s, "/")
	if !found || !isTypeName(typ) || !IsID(id) {
		return Reference{}, false
	}
	return Reference{Type: typ, ID: id}, true
}

// ParseURL reads the target of an Attachment's url (FHIR R4 2.24.0.8): a literal reference, relative or below base, the absolute URL of this FHIR
// service ("" for none). Any other URL leads elsewhere: ok is false.
func ParseURL(base, s string) (r Reference, ok bool) {
	if rest, below := strings.CutPrefix(s, base+"/"); below && base != "" {
		s = rest
	}
	return ParseReference(s)
}

// String is the reference as it stands in FHIR JSON, "Type/id"; empty for the zero value.
func (r Reference) String() string {
	if r == (Reference{}) {
		return ""
	}
	return r.Type + "/" + r.ID
}

// IsID tells whether s has the form of a FHIR id: 1 to 64 of [A-Za-z0-9.-] (FHIR R4 2.24.0.1).
func IsID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

func isTypeName(s string) bool {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}
