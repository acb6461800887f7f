package store

import (
	"context"
	"fmt"
)

// State is the gateway's state but for the ledger: state.db, or tables in PostgreSQL.
type State struct {
	db *DB
}

var stateSchema = []Migration{{
	Name: "client handles",
	SQLite: `CREATE TABLE client_handles (
		handle INTEGER PRIMARY KEY AUTOINCREMENT,
		client_key TEXT NOT NULL UNIQUE
	) STRICT`,
	Postgres: `CREATE TABLE client_handles (
		handle BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		client_key TEXT COLLATE "C" NOT NULL UNIQUE
	)`,
}}

// OpenState opens the state, makes it if it is not there, and brings its schema up to date.
func OpenState(ctx context.Context, p Place) (*State, error) {
	db, err := Open(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := Migrate(ctx, db, "state", stateSchema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("state: %w", err)
	}
	return &State{db: db}, nil
}

// Close closes the database.
func (s *State) Close() error { return s.db.Close() }
