package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
)

// ErrReplaced says that another file lies where the state was: this process does not see what is written there.
var ErrReplaced = errors.New("store: the file of the state was replaced; the gateway has to be started again")

const versionOf = `SELECT version FROM standing`

// Version is a number that changes with the register and the marks. It is cheap enough to be asked for each request.
func (s *State) Version(ctx context.Context) (int64, error) {
	if s.db.kind == sqlite {
		return s.watch.version(ctx, s.db)
	}
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	var v int64
	if err := s.db.QueryRowContext(ctx, versionOf).Scan(&v); err != nil {
		return 0, fmt.Errorf("store: %w", withoutAddress(err))
	}
	return v, nil
}

// watch asks a SQLite file on a connection of its own: there data_version, which costs less than a query, changes with every commit of another
// connection, of any process.
type watch struct {
	file os.FileInfo // as it was when the state was opened

	mu          sync.Mutex
	conn        *sql.Conn
	counter     *sql.Stmt
	seen, known int64
}

func (w *watch) version(ctx context.Context, db *DB) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.read(ctx, db)
	if err != nil {
		w.drop()
		return 0, fmt.Errorf("store: %w", err)
	}
	return v, nil
}

func (w *watch) read(ctx context.Context, db *DB) (int64, error) {
	if now, err := os.Stat(db.file); err != nil || !os.SameFile(w.file, now) {
		return 0, errors.Join(ErrReplaced, err)
	}
	fresh := w.conn == nil
	if fresh {
		if err := w.connect(ctx, db); err != nil {
			return 0, err
		}
	}
	var counter int64
	if err := w.counter.QueryRowContext(ctx).Scan(&counter); err != nil {
		return 0, err
	}
	if counter == w.seen && !fresh {
		return w.known, nil
	}
	// The row is read after the counter: if it is newer, the next counter differs and it is read again.
	if err := w.conn.QueryRowContext(ctx, versionOf).Scan(&w.known); err != nil {
		return 0, err
	}
	w.seen = counter
	return w.known, nil
}

func (w *watch) connect(ctx context.Context, db *DB) (err error) {
	if w.conn, err = db.Conn(ctx); err != nil {
		return err
	}
	w.counter, err = w.conn.PrepareContext(ctx, `PRAGMA data_version`)
	return err
}

// close gives the connection back.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
}

// drop gives the connection up; the next version is read on another.
func (w *watch) drop() {
	if w.counter != nil {
		_ = w.counter.Close()
	}
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.conn, w.counter = nil, nil
}
