// Package store keeps the gateway's own durable state, in SQLite or in PostgreSQL: opening a database so that a commit survives a power cut,
// migrating its schema, and the tables of state. Both understand the same statements; what differs (how tables are made, how a transaction
// begins) stands in one place each, and one suite of tests runs on both.
//
// Nothing of a client's record is kept here, and nothing here is an answer's source: what cannot be read withholds.
package store
