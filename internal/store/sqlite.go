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

// OpenSQLite opens the database at path, made with mode 0600 if it is not there, with a write-ahead log and synchronous=FULL: a commit
// returns when its data are on the disk. busyTimeout 0 means DefaultBusyTimeout.
func OpenSQLite(ctx context.Context, path string, busyTimeout time.Duration) (*sql.DB, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return open(ctx, path, busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)")
}

// ReadSQLite opens the database at path for reading only; it must be there.
func ReadSQLite(ctx context.Context, path string, busyTimeout time.Duration) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return open(ctx, path, busyTimeout, "query_only(1)", "trusted_schema(0)")
}

func open(ctx context.Context, path string, busyTimeout time.Duration, pragmas ...string) (*sql.DB, error) {
	if busyTimeout == 0 {
		busyTimeout = DefaultBusyTimeout
	}
	// The busy timeout stands first: changing the journal mode takes a lock already.
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")"}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite", "file:"+escaped+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("store: open %s: %w", filepath.Base(path), err)
	}
	return db, nil
}
