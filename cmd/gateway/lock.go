package main

import (
	"context"
	"database/sql"
	"errors"
	"os"

	_ "modernc.org/sqlite" // its lock on a file is the same on every system and ends with the process
)

// lock is held by one process at a time, until Close or the end of the process.
type lock struct {
	db *sql.DB
	tx *sql.Tx
}

var errLocked = errors.New("another process holds it, or it cannot be written")

// lockFile makes the file if it is not there, for its owner alone, and locks it. Where another process has done so it is errLocked.
func lockFile(ctx context.Context, path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would make it readable by others
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=exclusive&_pragma=busy_timeout(0)")
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, errors.Join(errLocked, db.Close())
	}
	return &lock{db, tx}, nil
}

// Close lets the next one have it.
func (l *lock) Close() error { return errors.Join(l.tx.Rollback(), l.db.Close()) }
