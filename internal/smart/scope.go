package smart

import (
	"slices"
	"strings"
)

// Level is the first part of a SMART scope.
type Level string

// The levels of a SMART scope (SMART App Launch 2.2, "Scopes for requesting FHIR resources").
const (
	LevelPatient Level = "patient"
	LevelUser    Level = "user"
	LevelSystem  Level = "system"
)

// Permission is one letter of a v2 scope's permissions: c, r, u, d or s.
type Permission byte

// The permissions that a read-only gateway asks for.
const (
	Read   Permission = 'r'
	Search Permission = 's'
	// ReadAndSearch is no letter of a scope: it asks for both, of the same scope or of two. $everything reads what nobody has searched for.
	ReadAndSearch Permission = '&'
)

// Param is one search parameter of a granular scope, decoded.
type Param struct {
	Name  string
	Value string
}

// Scope is one resource scope. Type is a resource type or "*".
type Scope struct {
	Level       Level
	Type        string
	Permissions string
	Params      []Param
}

// Scopes is the set of scopes of a token. The zero value allows nothing.
type Scopes struct {
	list []Scope
}

// Ask is one question to a set of scopes: may a resource of this type be read or searched?
type Ask struct {
	Type       string
	Permission Permission
	// InLaunchChart says that the resource is in the chart of the launch patient: the only ones that a patient/ scope reaches.
	InLaunchChart bool
	// Match tells whether the resource matches a search parameter of a granular scope; nil matches none.
	Match func(Param) bool
}

// Allows tells whether one of the scopes, taken alone, allows what is asked. Scopes are a union of independent grants (SMART 2.2,
// "Batches and transactions"): the permission of one is never combined with the parameters of another.
func (s Scopes) Allows(q Ask) bool {
	if q.Permission == ReadAndSearch {
		read, search := q, q
		read.Permission, search.Permission = Read, Search
		return s.Allows(read) && s.Allows(search)
	}
	return slices.ContainsFunc(s.list, func(c Scope) bool { return c.covers(q.Type, q.Permission) && c.reaches(q) })
}

// MayAny tells whether any resource of the type could be allowed. Where it says no, the answer is 403 whatever the data are.
func (s Scopes) MayAny(typ string, p Permission) bool {
	if p == ReadAndSearch {
		return s.MayAny(typ, Read) && s.MayAny(typ, Search)
	}
	return slices.ContainsFunc(s.list, func(c Scope) bool { return c.covers(typ, p) })
}

// Canonical gives Read for each permission that the scopes grant wherever they grant Read, and nowhere else: what was decided under one holds under
// the other. Any other permission stays what it is.
func (s Scopes) Canonical(p Permission) Permission {
	if p != Search && p != ReadAndSearch {
		return p
	}
	for _, c := range s.list {
		if strings.IndexByte(c.Permissions, byte(Read)) < 0 != (strings.IndexByte(c.Permissions, byte(Search)) < 0) {
			return p
		}
	}
	return Read
}

// Empty tells whether the scopes allow nothing at all.
func (s Scopes) Empty() bool { return len(s.list) == 0 }

// All yields the scopes in their canonical order. What it returns is the caller's own.
func (s Scopes) All() []Scope {
	all := make([]Scope, len(s.list))
	for i, c := range s.list {
		c.Params = slices.Clone(c.Params)
		all[i] = c
	}
	return all
}

// String writes the scopes in a canonical order and form: two sets that are written alike allow alike, and ParseScopes reads it back.
func (s Scopes) String() string {
	texts := make([]string, len(s.list))
	for i, c := range s.list {
		texts[i] = c.String()
	}
	return strings.Join(texts, " ")
}

// Intersect is what both sets allow: an authorization server grants the requested scopes as far as they are registered. Levels do not
// stand in for each other.
func (s Scopes) Intersect(o Scopes) Scopes {
	var both []Scope
	for _, a := range s.list {
		for _, b := range o.list {
			if c, ok := a.intersect(b); ok {
				both = append(both, c)
			}
		}
	}
	return newScopes(both)
}

func (c Scope) covers(typ string, p Permission) bool {
	return typ != "" && (c.Type == "*" || c.Type == typ) && strings.IndexByte(c.Permissions, byte(p)) >= 0
}

func (c Scope) reaches(q Ask) bool {
	switch c.Level {
	case LevelPatient:
		if !q.InLaunchChart {
			return false
		}
	case LevelUser, LevelSystem:
	default:
		return false
	}
	for _, p := range c.Params {
		if q.Match == nil || !q.Match(p) {
			return false
		}
	}
	return true
}

func (c Scope) intersect(o Scope) (Scope, bool) {
	typ := c.Type
	if typ == "*" {
		typ = o.Type
	}
	if c.Level != o.Level || typ != c.Type && c.Type != "*" || o.Type != "*" && o.Type != typ {
		return Scope{}, false
	}
	permissions := strings.Map(func(r rune) rune {
		if strings.ContainsRune(o.Permissions, r) {
			return r
		}
		return -1
	}, c.Permissions)
	params := append(slices.Clone(c.Params), o.Params...)
	return Scope{Level: c.Level, Type: typ, Permissions: permissions, Params: params}, permissions != ""
}

// Covers tells whether the scope alone grants whatever the other does.
func (c Scope) Covers(o Scope) bool {
	return c.Permissions != "" && c.Level == o.Level && (c.Type == "*" || c.Type == o.Type) && strings.Trim(o.Permissions, c.Permissions) == "" &&
		!slices.ContainsFunc(c.Params, func(p Param) bool { return !slices.Contains(o.Params, p) })
}

// Only are the scopes of one level: self-access is through patient/ scopes alone.
func (s Scopes) Only(l Level) Scopes {
	return Scopes{slices.DeleteFunc(s.All(), func(c Scope) bool { return c.Level != l })}
}
