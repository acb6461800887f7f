// Package practice reads raw rows from the practice's own systems, read only (in policy terms, the information point, PIP). It knows
// columns and keys, not FHIR: what a row means is the maps' business.
//
// It must not import fhir, release or gin.
package practice

import (
	"context"
	"errors"
	"time"
)

// ClientKey is the practice's own key of a client, in its canonical text form: a number in decimal, a UUID in lower case.
// It never leaves the gateway.
type ClientKey string

// Query is a statement of a map and the columns that it must yield.
type Query struct {
	Map     string // the map's name, for reports
	SQL     string // with the placeholder :clients where the client keys go
	Columns []Column
	// Key and Client name the columns that tell rows and clients apart, for reports; either may be "".
	Key    string
	Client string
}

// Column is a declared column.
type Column struct {
	Name     string
	Type     ColumnType
	Nullable bool
	Fields   []Column // of Items, sorted by name
}

// ColumnType is the type that a map declares for a column.
type ColumnType string

// The column types of a map.
const (
	Int       ColumnType = "int"
	Text      ColumnType = "text"
	Decimal   ColumnType = "decimal"
	Bool      ColumnType = "bool"
	Date      ColumnType = "date"      // a calendar day, or a partial date: 2026, 2026-11
	LocalTime ColumnType = "localtime" // a time without zone, in the practice's zone
	Instant   ColumnType = "instant"   // a time with zone
	Bytes     ColumnType = "bytes"
	List      ColumnType = "list"  // a JSON array of strings
	Items     ColumnType = "items" // a JSON array of flat objects, each with the column's Fields
)

// Value is one typed value. The zero value is null.
type Value struct {
	Type  ColumnType // "" for null
	Int   int64
	Text  string // Text, Decimal and Date as they stand
	Bool  bool
	Time  time.Time
	Bytes []byte
	List  []string
	Items [][]Value // each in the order of the column's Fields
}

// IsNull tells whether the value is null.
func (v Value) IsNull() bool { return v.Type == "" }

// Row is one row, in the order of the query's columns. The slice is valid until the next row is read; what its values refer to stays as it is.
type Row []Value

// BrokenRow says that one row cannot be read as its query declares it. The row is withheld and reported; the others are read on.
type BrokenRow struct {
	Map    string
	Column string
	Key    string // the row's key as text, where it could be read; never a value
	// Client is whose row it is, "" where that could not be read either.
	Client ClientKey
}

func (b *BrokenRow) Error() string {
	return "practice: broken row in " + b.Map + ", column " + b.Column
}

// ErrUnavailable says that the source could not answer, or not in time. Nothing may be concluded from what it yielded before.
var ErrUnavailable = errors.New("practice: the source is not available")

// ErrNoVersion says that the source has no version that changes with every change.
var ErrNoVersion = errors.New("practice: the source has no version")

// Source is a practice's system, read only. Implementations are safe for concurrent use.
type Source interface {
	// Rows runs a query for the given clients and calls each for every row, or broken for a row that does not fit its columns. An
	// error that wraps ErrUnavailable means that the answer is incomplete.
	Rows(ctx context.Context, q Query, clients []ClientKey, each func(Row) error, broken func(*BrokenRow)) error
	// Version gives a text that changes with every insert, update and delete that the source has committed, or ErrNoVersion.
	Version(ctx context.Context) (string, error)
	// Describe checks that the query can run and yields the declared columns; it reads no row. An error that does not wrap ErrUnavailable
	// is the query's: it names tables and columns.
	Describe(ctx context.Context, q Query) error
	// ProveSeparation tries to read the separated psychotherapy store and fails if it can, or if it cannot tell. An error that wraps
	// ErrUnavailable says only that the source did not answer.
	ProveSeparation(ctx context.Context) error
	Close() error
}

// Snapshotter is a Source that can be read as of one committed state. What is released is decided over such a state alone: Consents of before
// a change and a chart of after it could let out together what neither does.
type Snapshotter interface {
	Source
	// Snapshot calls f with a Source whose reads all see one state, committed after the call began. Its Version names that state, or is
	// ErrNoVersion where the state cannot be named. It is for one goroutine, until f returns. After a read of it has failed nothing more
	// can be read from it, and Snapshot fails.
	Snapshot(ctx context.Context, f func(context.Context, Source) error) error
}

// PsychotherapyNote is all that the gateway may know of a note that is kept apart from the record (45 CFR 164.501): that it exists.
// It has no text, and no mapper takes it.
type PsychotherapyNote struct {
	Key    string
	Client ClientKey
}

// Separation says what must not be readable, for ProveSeparation: wall 1 around the psychotherapy notes.
type Separation struct {
	// Probes are statements that would read the separated store. Each must be refused for the right reason: no such table, no permission.
	Probes []string
	// Files says that other database files must not be attachable either (SQLite).
	Files bool
}
