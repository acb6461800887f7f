package oracle

import (
	"slices"
	"strings"
)

// likeCode compares a coding of a record with a code that a Consent names.
func (q *question) likeCode(has, named coding) truth {
	anySpelling := func(code string) string { return strings.ToUpper(strings.NewReplacer(".", "", " ", "").Replace(code)) }
	system := q.systemOf(named.system)
	alike := has.code == named.code
	for _, s := range q.names.Systems {
		if s.System == system && s.Spelling == "any" {
			alike = anySpelling(has.code) == anySpelling(named.code)
		}
	}
	switch {
	case !alike:
		return no
	case has.system == "":
		return unknown
	}
	return truthOf(q.systemOf(has.system) == system)
}

// systemOf is the one name of a code system that has several.
func (q *question) systemOf(name string) string {
	for _, s := range q.names.Systems {
		if slices.ContainsFunc(append(s.Also, s.System), func(n string) bool { return bareName(n) == bareName(name) }) {
			return s.System
		}
	}
	if q.beginsKnown(name) {
		return bareName(name)
	}
	return name
}

// bareName leaves out in what the names of one system may differ.
func bareName(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if oid, is := strings.CutPrefix(name, "urn:oid:"); is {
		name = oid
	}
	if _, rest, is := strings.Cut(name, "://"); is && (strings.HasPrefix(name, "http:") || strings.HasPrefix(name, "https:")) {
		name = rest
	}
	for strings.HasSuffix(name, "/") {
		name = name[:len(name)-1]
	}
	return name
}

func (q *question) listedSystem(name string) bool {
	return slices.ContainsFunc(q.names.Systems, func(s codeSystem) bool { return s.System == q.systemOf(name) })
}

func (q *question) beginsKnown(name string) bool {
	return slices.ContainsFunc(q.names.Known, func(k string) bool { return strings.HasPrefix(bareName(name), bareName(k)) })
}

// isUnknownWhat says whether nobody can tell what a record is: what says so has no code of a system that we know.
func (q *question) isUnknownWhat(r record) bool {
	elementsOfType := q.types[typeOf(r.ref)].Code
	for _, name := range elementsOfType {
		for _, c := range append(conceptCodings(r.body[name]), conceptCodings(r.body[name+"CodeableConcept"])...) {
			nothing := slices.ContainsFunc(q.names.Unknown, func(u string) bool { return bareName(u) == bareName(c.system) })
			if c.code != "" && !nothing && (q.listedSystem(c.system) || q.beginsKnown(c.system)) {
				return false
			}
		}
	}
	return len(elementsOfType) > 0
}
