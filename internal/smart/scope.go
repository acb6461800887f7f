package smart

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
