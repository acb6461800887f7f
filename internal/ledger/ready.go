package ledger

import "context"

// Ready tells whether the ledger is open and its file can be read.
func (l *SQLite) Ready(ctx context.Context) error {
	l.mu.RLock()
	closed := l.closed
	l.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	var n int
	return l.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&n)
}
