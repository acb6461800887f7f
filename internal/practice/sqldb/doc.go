// Package sqldb reads a practice's rows from an SQL database, read only. What differs between databases lies behind dialect: SQLite is
// here, and a second one changes no caller.
//
// Nothing that goes wrong sticks: a database that is gone, slow or replaced makes every read fail with practice.ErrUnavailable, and the
// first read after it came back works.
//
// It must not import fhir, release or gin, and never puts a value into an error.
package sqldb
