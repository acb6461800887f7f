package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Place says where a database of the gateway's own is: either in a SQLite file, or on a PostgreSQL server.
type Place struct {
	// SQLite is the path of the file.
	SQLite string
	// BusyTimeout is how long a connection waits for another's lock on the file; 0 means DefaultBusyTimeout.
	BusyTimeout time.Duration
	// Postgres is the address of the database, as libpq takes it, "postgres://gateway@db.example.org/consentry?sslmode=verify-full".
	Postgres string
	// PasswordFile has the password, in its first line; it is read for each connection. Empty where the server asks for none.
	PasswordFile string
}

// DB is an open database of the gateway's own. Statements are written for both kinds: parameters are $1, $2.
type DB struct {
	*sql.DB
	kind kind
	file string // of SQLite
}

// kind is which database it is. The zero kind is none.
type kind int

const (
	sqlite kind = iota + 1
	postgres
)

// Open opens the database to write. A SQLite file is made, with mode 0600, if it is not there.
func Open(ctx context.Context, p Place) (*DB, error) {
	switch {
	case (p.SQLite == "") == (p.Postgres == ""):
		return nil, errors.New("store: a database is either a SQLite file or on a PostgreSQL server")
	case p.Postgres != "":
		return openPostgres(ctx, p, false)
	}
	return openSQLite(ctx, p)
}

// OpenToRead opens the database for reading only. A SQLite file must be there.
func OpenToRead(ctx context.Context, p Place) (*DB, error) {
	switch {
	case (p.SQLite == "") == (p.Postgres == ""):
		return nil, errors.New("store: a database is either a SQLite file or on a PostgreSQL server")
	case p.Postgres != "":
		return openPostgres(ctx, p, true)
	}
	return readSQLite(ctx, p)
}

// Begin is the statement that begins a transaction which writes.
func (db *DB) Begin() string {
	if db.kind == sqlite {
		return "BEGIN IMMEDIATE" // takes the lock at once: a transaction that is promoted later fails where another wrote
	}
	return "BEGIN ISOLATION LEVEL READ COMMITTED"
}

// Alone makes a transaction the only one that writes into a table until it ends. In SQLite one that writes is alone anyway.
func (db *DB) Alone(ctx context.Context, in Execer, table string) error {
	if db.kind == sqlite {
		return nil
	}
	_, err := in.ExecContext(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}

// Execer is a connection or a transaction.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Snapshot calls read with a transaction: what it sees does not move.
func (db *DB) Snapshot(ctx context.Context, read func(*sql.Tx) error) error {
	o := &sql.TxOptions{ReadOnly: true}
	if db.kind == postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return read(tx)
}

// Bounded gives a context that ends when a database on another machine has had time enough. A file answers within its busy timeout.
func (db *DB) Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if db.kind == sqlite {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, postgresTimeout)
}

// update runs a transaction that writes.
func (db *DB) update(ctx context.Context, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := write(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
