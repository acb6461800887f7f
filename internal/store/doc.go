// Package store keeps the gateway's own durable state: opening a SQLite database so that a commit survives a power cut, migrating its
// schema, and the tables of state.db. Every table stands behind a small interface of its own, so that PostgreSQL can take its place.
//
// Nothing of a client's record is kept here, and nothing here is an answer's source: what cannot be read withholds.
package store
