package ledger

import "context"

// Ready tells whether the ledger is open and its database can be read.
func (l *Chain) Ready(ctx context.Context) error {
	l.mu.RLock()
	closed := l.closed
	l.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	ctx, cancel := l.db.Bounded(ctx)
	defer cancel()
	var newest int64
	return l.db.QueryRowContext(ctx, `SELECT max(number) FROM checkpoints`).Scan(&newest)
}
