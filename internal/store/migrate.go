package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// Migration is one step of a schema, as each kind of database writes it. Steps are only ever added; one that has been applied never changes.
type Migration struct {
	Name     string
	SQLite   string
	Postgres string
}

// ErrSchema says that a database was made by another version of the gateway: a step of its schema is unknown here, or has another text.
var ErrSchema = errors.New("store: the database has another schema than this version of the gateway")

// Migrate applies the steps that the database does not have yet, each in a transaction of its own, and checks the others. part names the tables
// that the steps make: one PostgreSQL database holds several parts. Several processes may do so at once.
func Migrate(ctx context.Context, db *DB, part string, steps []Migration) error {
	m := migrator{db: db, table: "schema_migrations"}
	if db.kind == postgres {
		m.table = part + "_migrations"
	}
	newest := 0
	err := db.update(ctx, func(tx *sql.Tx) error {
		if err := m.begin(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT coalesce(max(step), 0) FROM `+m.table).Scan(&newest)
	})
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if newest > len(steps) {
		return fmt.Errorf("%w: a newer version has changed it", ErrSchema)
	}
	for i, step := range steps {
		if err := m.apply(ctx, i+1, step); err != nil {
			return err
		}
	}
	return nil
}

type migrator struct {
	db    *DB
	table string // of the steps that were applied
}

// migrationLock is the key of the lock under which processes that share a PostgreSQL database make their tables, one after the other.
const migrationLock = 0x636f6e73656e7472

// begin makes the table of steps, alone.
func (m migrator) begin(ctx context.Context, tx *sql.Tx) error {
	strict := " STRICT"
	if m.db.kind == postgres {
		strict = ""
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+m.table+` (
		step INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL)`+strict)
	return err
}

func (m migrator) apply(ctx context.Context, number int, step Migration) error {
	text := step.SQLite
	if m.db.kind == postgres {
		text = step.Postgres
	}
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	return m.db.update(ctx, func(tx *sql.Tx) error {
		if err := m.begin(ctx, tx); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		var applied string
		err := tx.QueryRowContext(ctx, `SELECT digest FROM `+m.table+` WHERE step = $1`, number).Scan(&applied)
		switch {
		case err == nil && applied == digest:
			return nil
		case err == nil:
			return ErrSchema
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("store: %w", err)
		}
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("store: step %d (%s): %w", number, step.Name, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+m.table+` (step, name, digest) VALUES ($1, $2, $3)`, number, step.Name, digest); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		return nil
	})
}
