package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// Writer is a second handle on the practice's record, as the practice's own EHR has it: while the gateway reads, the front desk and the therapists
// write. Every change is its own committed transaction.
type Writer struct {
	db   *sql.DB
	zone *time.Location
}

// ErrNoSuchRow says that nothing was changed: the row to change is not there.
var ErrNoSuchRow = errors.New("demo: no such row")

// Writer opens the practice's record for writing. The caller closes it.
func (p *Practice) Writer(ctx context.Context) (*Writer, error) {
	db, err := sql.Open("sqlite", "file:"+p.Database+"?mode=rw&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, fmt.Errorf("demo: open for writing: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("demo: open for writing: %w", err), db.Close())
	}
	return &Writer{db: db, zone: p.Zone}, nil
}

// Close closes the handle.
func (w *Writer) Close() error { return w.db.Close() }

// Exec runs any statement, for what the other methods do not do.
func (w *Writer) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	res, err := w.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("demo: write: %w", err)
	}
	return res.RowsAffected()
}

// one runs a statement that must change something.
func (w *Writer) one(ctx context.Context, statement string, args ...any) error {
	n, err := w.Exec(ctx, statement, args...)
	if err == nil && n == 0 {
		return ErrNoSuchRow
	}
	return err
}

// Revoke ends one signed form, as a client may at any time (45 CFR 164.508(b)(5)).
func (w *Writer) Revoke(ctx context.Context, release int64, at time.Time) error {
	when := local(at.In(w.zone))
	return w.one(ctx, "UPDATE releases SET status='ended', revoked_at=?, updated_at=? WHERE id=? AND revoked_at IS NULL", when, when, release)
}

// RevokeTo ends all of a client's active forms that name the organisation as a recipient.
func (w *Writer) RevokeTo(ctx context.Context, client practice.ClientKey, organization int64, at time.Time) error {
	when := local(at.In(w.zone))
	return w.one(ctx, `UPDATE releases SET status='ended', revoked_at=?, updated_at=? WHERE client_id=? AND status='active' AND form NOT IN ('restriction','opt_out','self_pay_restriction')
		AND id IN (SELECT release_id FROM release_recipients WHERE organization_id=?)`, when, when, string(client), organization)
}

// RevokeAll ends all of a client's active forms, restrictions excepted.
func (w *Writer) RevokeAll(ctx context.Context, client practice.ClientKey, at time.Time) error {
	when := local(at.In(w.zone))
	return w.one(ctx, "UPDATE releases SET status='ended', revoked_at=?, updated_at=? WHERE client_id=? AND status='active' AND form NOT IN ('restriction','opt_out','self_pay_restriction')",
		when, when, string(client))
}

// Sign enters a signed form for a client and gives its id.
func (w *Writer) Sign(ctx context.Context, client practice.ClientKey, r Release, now time.Time) (int64, error) {
	var id int64
	err := w.inTransaction(ctx, func(add adder) error {
		key, err := clientID(client)
		if err != nil {
			return err
		}
		r.Signed = in(r.Signed, w.zone)
		r.RevokedAt = in(r.RevokedAt, w.zone)
		id = enterRelease(add, key, r, now.In(w.zone))
		return nil
	})
	return id, err
}

// in is the time in the zone; the zero time stays zero.
func in(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}

// inTransaction runs f with an adder whose rows are committed together, or not at all.
func (w *Writer) inTransaction(ctx context.Context, f func(adder) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("demo: begin: %w", err)
	}
	rows := &inserter{ctx: ctx, db: w.db, tx: tx, stmts: map[string]*sql.Stmt{}}
	add := func(table, columns string, values ...any) int64 {
		if rows.err != nil {
			return 0
		}
		var id int64
		if rows.err = tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(id),0)+1 FROM "+table).Scan(&id); rows.err != nil {
			return 0
		}
		rows.insert(table, "id, "+columns, append([]any{id}, values...)...)
		return id
	}
	if err := f(add); err != nil {
		rows.err = errors.Join(rows.err, err)
	}
	rows.flush()
	return rows.err
}
