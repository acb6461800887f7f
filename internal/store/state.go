package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// State is the gateway's state but for the ledger: state.db, or tables in PostgreSQL.
type State struct {
	db    *DB
	watch watch
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
}, {
	Name: "partners, and what is revoked",
	SQLite: `
CREATE TABLE partners (
	id      TEXT NOT NULL PRIMARY KEY,
	entry   TEXT NOT NULL,
	enabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked (
	mark  BLOB NOT NULL PRIMARY KEY,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE standing (version INTEGER NOT NULL) STRICT;
INSERT INTO standing VALUES (0);
`,
	Postgres: `
CREATE TABLE partners (
	id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	entry   TEXT NOT NULL,
	enabled BIGINT NOT NULL
);
CREATE TABLE revoked (
	mark  BYTEA NOT NULL PRIMARY KEY,
	until BIGINT NOT NULL
);
CREATE TABLE standing (version BIGINT NOT NULL);
INSERT INTO standing VALUES (0);
`,
}, grantsMigration, grantTimesMigration, grantEndsMigration, grantCodesMigration}

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
	s := &State{db: db}
	if db.kind == sqlite {
		if s.watch.file, err = os.Stat(db.file); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return s, nil
}

// Close closes the database.
func (s *State) Close() error {
	s.watch.close()
	return s.db.Close()
}
