package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// Migration is one step of a schema. Steps are only ever added; one that has been applied never changes.
type Migration struct {
	Name string
	SQL  string
}

// ErrSchema says that a database was made by another version of the gateway: a step of its schema is unknown here, or has another text.
var ErrSchema = errors.New("store: the database has another schema than this version of the gateway")

// Migrate applies the steps that the database does not have yet, each in a transaction of its own, and checks the others.
func Migrate(ctx context.Context, db *sql.DB, steps []Migration) error {
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
		step INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT`
	if _, err := db.ExecContext(ctx, table); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var newest int
	if err := db.QueryRowContext(ctx, `SELECT coalesce(max(step), 0) FROM schema_migrations`).Scan(&newest); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if newest > len(steps) {
		return ErrSchema
	}
	for i, m := range steps {
		if err := apply(ctx, db, i+1, m); err != nil {
			return err
		}
	}
	return nil
}

func apply(ctx context.Context, db *sql.DB, step int, m Migration) error {
	sum := sha256.Sum256([]byte(m.SQL))
	digest := hex.EncodeToString(sum[:])
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var applied string
	err = tx.QueryRowContext(ctx, `SELECT digest FROM schema_migrations WHERE step = ?`, step).Scan(&applied)
	switch {
	case err == nil && applied == digest:
		return nil
	case err == nil:
		return ErrSchema
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("store: %w", err)
	}
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return fmt.Errorf("store: step %d (%s): %w", step, m.Name, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_migrations (step, name, digest) VALUES (?, ?, ?)`, step, m.Name, digest); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
