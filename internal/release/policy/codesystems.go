package policy

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// codesFile is policies/codes.yaml; see its comment.
type codesFile struct {
	Systems []struct {
		System   string   `yaml:"system"`
		Also     []string `yaml:"also"`
		Spelling string   `yaml:"spelling"`
	} `yaml:"systems"`
	Known   []string `yaml:"known"`
	Unknown []string `yaml:"unknown"`
}

// codeSystems are the code systems by which Consents and records are compared.
type codeSystems struct {
	names       map[string]string // every name of a listed system, plainly written -> the system
	anySpelling map[string]bool
	known       []string // beginnings of further systems of which records are known to be, plainly written
	unknown     map[string]bool
}

func newCodeSystems(l *loader, f codesFile) codeSystems {
	s := codeSystems{names: map[string]string{}, anySpelling: map[string]bool{}, unknown: map[string]bool{}}
	for _, e := range f.Systems {
		for _, name := range append([]string{e.System}, e.Also...) {
			name = plainly(name)
			l.need(fileCodes, "systems: one place only for "+name, name != "" && s.names[name] == "")
			s.names[name] = e.System
		}
		l.need(fileCodes, "systems: spelling of "+e.System, e.Spelling == "" || e.Spelling == "any")
		s.anySpelling[e.System] = e.Spelling == "any"
	}
	for _, k := range f.Known {
		l.need(fileCodes, "known", plainly(k) != "")
		s.known = append(s.known, plainly(k))
	}
	for _, u := range f.Unknown {
		s.unknown[plainly(u)] = true
	}
	for setting, n := range map[string]int{"systems": len(f.Systems), "known": len(f.Known), "unknown": len(f.Unknown)} {
		l.need(fileCodes, setting, n > 0)
	}
	return s
}

// plainly writes the name of a code system in the one way in which it is compared.
func plainly(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, prefix := range []string{"http://", "https://", "urn:oid:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.TrimRight(name, "/")
}

// code reads a code of a provision.
func (s *codeSystems) code(c fhir.Coding) Code {
	_, listed := s.names[plainly(c.System)]
	return Code{Coding: c, Foreign: !listed, same: s.same(c)}
}

// same writes a coding in the one way in which it is compared: the system by its own name, and the code in one spelling.
func (s *codeSystems) same(c fhir.Coding) fhir.Coding {
	if name := plainly(c.System); s.names[name] != "" {
		c.System = s.names[name]
	} else if s.begins(name) {
		c.System = name
	}
	return fhir.Coding{System: c.System, Code: s.spelled(c.System, c.Code)}
}

// spelled writes a code as it is compared within its system.
func (s *codeSystems) spelled(system, code string) string {
	if !s.anySpelling[system] {
		return code
	}
	return strings.ToUpper(strings.NewReplacer(".", "", " ", "").Replace(code))
}

func (s *codeSystems) begins(name string) bool {
	return slices.ContainsFunc(s.known, func(k string) bool { return strings.HasPrefix(name, k) })
}

// tells whether a coding says what something is: its system is known.
func (s *codeSystems) tells(c fhir.Coding) bool {
	name := plainly(c.System)
	return c.Code != "" && !s.unknown[name] && (s.names[name] != "" || s.begins(name))
}

// Codings are the codes of one record, as they are compared with those of Consents.
type Codings struct {
	systems *codeSystems
	listed  []fhir.Coding
	bare    []string // codes that do not say their system
	vague   bool     // none says what the record is
}

// CodingsOf reads the codes of a record, wherever they stand in it, and its labels.
func (r *Reading) CodingsOf(resourceType string, codings []stage.At[fhir.Coding], labels []fhir.Coding) *Codings {
	c := &Codings{systems: &r.systems, vague: len(r.types[resourceType].Code) > 0}
	add := func(v fhir.Coding) {
		if v.System == "" {
			c.bare = append(c.bare, v.Code)
			return
		}
		c.listed = append(c.listed, r.systems.same(v))
	}
	for i := range codings {
		at := &codings[i]
		add(at.Value)
		c.vague = c.vague && !(slices.Contains(r.types[resourceType].Code, at.Path) && r.systems.tells(at.Value))
	}
	for _, v := range labels {
		add(v)
	}
	return c
}

// Has tells whether the record has the code.
func (c *Codings) Has(code Code) bool {
	return code.System != "" && code.Code != "" && slices.Contains(c.listed, code.same)
}

// MayHave tells whether the record has the code, or may have it: the code's system is none that we know, what the record is is not known, or a code
// that does not say its system is spelled the same.
func (c *Codings) MayHave(code Code) bool {
	return code.Foreign || c.vague || c.Has(code) || slices.ContainsFunc(c.bare, func(bare string) bool {
		return c.systems.spelled(code.same.System, bare) == code.same.Code
	})
}

// Concept is the path of the element that says what a record of the type is; "" for a type that has none.
func (r *Reading) Concept(resourceType string) string {
	if paths := r.types[resourceType].Code; len(paths) > 0 {
		return paths[0]
	}
	return ""
}
