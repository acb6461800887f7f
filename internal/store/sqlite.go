package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// DefaultBusyTimeout is how long a connection waits for another's lock.
const DefaultBusyTimeout = 5 * time.Second

// openSQLite opens a database with a write-ahead log and synchronous=FULL: a commit returns when its data are on the disk.
func openSQLite(ctx context.Context, p Place) (*DB, error) {
	f, err := os.OpenFile(filepath.Clean(p.SQLite), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return connectSQLite(ctx, p, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)")
}

func readSQLite(ctx context.Context, p Place) (*DB, error) {
	if _, err := os.Stat(p.SQLite); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return connectSQLite(ctx, p, "query_only(1)", "trusted_schema(0)")
}

func connectSQLite(ctx context.Context, p Place, pragmas ...string) (*DB, error) {
	if p.BusyTimeout == 0 {
		p.BusyTimeout = DefaultBusyTimeout
	}
	// The busy timeout stands first: changing the journal mode takes a lock already.
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(" + strconv.FormatInt(p.BusyTimeout.Milliseconds(), 10) + ")"}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(p.SQLite)
	db, err := sql.Open("sqlite", "file:"+escaped+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("store: open %s: %w", filepath.Base(p.SQLite), err)
	}
	return &DB{DB: db, kind: sqlite, file: p.SQLite}, nil
}
