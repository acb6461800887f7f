package store

import (
	"context"
	"database/sql"
	"fmt"
)

// State is state.db.
type State struct {
	db *sql.DB
}

var stateSchema = []Migration{{
	Name: "client handles",
	SQL: `CREATE TABLE client_handles (
		handle INTEGER PRIMARY KEY AUTOINCREMENT,
		client_key TEXT NOT NULL UNIQUE
	) STRICT`,
}}

// OpenState opens state.db, makes it if it is not there, and brings its schema up to date.
func OpenState(ctx context.Context, path string) (*State, error) {
	db, err := OpenSQLite(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	if err := Migrate(ctx, db, stateSchema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("state.db: %w", err)
	}
	return &State{db: db}, nil
}

// Close closes the database.
func (s *State) Close() error { return s.db.Close() }
