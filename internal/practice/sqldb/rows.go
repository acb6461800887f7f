package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/consentry/gateway/internal/practice"
)

// stopped carries an error of the caller's through a session, so that it is not taken for the database's.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

// Rows runs a query for the given clients, in batches.
func (s *Source) Rows(ctx context.Context, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	return s.rows(ctx, s.with, q, clients, each, broken)
}

// on runs f on a session: any, or the one of a snapshot.
type on func(ctx context.Context, f func(context.Context, *session) error) error

func (s *Source) rows(ctx context.Context, with on, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	if len(q.Columns) == 0 {
		return fmt.Errorf("sqldb: %s declares no column", q.Map)
	}
	r := newReader(s, with, q, each, broken)
	if clients == nil {
		return r.batch(ctx, nil)
	}
	args := r.arguments(clients)
	for len(args) > 0 {
		n := min(len(args), sizes[len(sizes)-1])
		if err := r.batch(ctx, args[:n]); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// reader reads the rows of one query.
type reader struct {
	s       *Source
	with    on
	q       practice.Query
	each    func(practice.Row) error
	broken  func(*practice.BrokenRow)
	row     practice.Row
	values  []any
	targets []any
	key     int
	client  int
}

func newReader(s *Source, with on, q practice.Query, each func(practice.Row) error, broken func(*practice.BrokenRow)) *reader {
	n := len(q.Columns)
	r := &reader{s: s, with: with, q: q, each: each, broken: broken, row: make(practice.Row, n), values: make([]any, n), targets: make([]any, n), key: -1, client: -1}
	for i := range r.values {
		r.targets[i] = &r.values[i]
		switch q.Columns[i].Name {
		case q.Key:
			r.key = i
		case q.Client:
			r.client = i
		}
	}
	if q.Key != "" && q.Key == q.Client {
		r.client = r.key
	}
	return r
}

// arguments gives the keys in the type of the client column. A key that is no number cannot be in a column of numbers.
func (r *reader) arguments(clients []practice.ClientKey) []any {
	args := make([]any, 0, len(clients))
	for _, c := range clients {
		if r.client < 0 || r.q.Columns[r.client].Type != practice.Int {
			args = append(args, string(c))
			continue
		}
		if n, err := strconv.ParseInt(string(c), 10, 64); err == nil {
			args = append(args, n)
		}
	}
	return args
}

// batch runs the statement once. A batch that is smaller than its statement repeats its last key.
func (r *reader) batch(ctx context.Context, args []any) error {
	n := 0
	if len(args) > 0 {
		n = sizeFor(len(args))
		padded := make([]any, n)
		for i := range padded {
			padded[i] = args[min(i, len(args)-1)]
		}
		args = padded
	}
	text := statement(r.s.dialect, r.q, n)
	err := r.with(ctx, func(ctx context.Context, one *session) error {
		stmt, err := one.prepare(ctx, text)
		if err != nil {
			return r.s.unavailable(err)
		}
		rows, err := stmt.QueryContext(ctx, args...)
		if err != nil {
			return r.s.unavailable(err)
		}
		defer rows.Close() // for a panic: with open rows the connection could not be closed
		err = r.all(rows)
		if closing := rows.Close(); err == nil && closing != nil {
			err = r.s.unavailable(closing)
		}
		return err
	})
	if stop := (stopped{}); errors.As(err, &stop) {
		return stop.error
	}
	if err != nil {
		return fmt.Errorf("map %s: %w", r.q.Map, err)
	}
	return nil
}

func (r *reader) all(rows *sql.Rows) error {
	for rows.Next() {
		if err := rows.Scan(r.targets...); err != nil {
			return r.s.unavailable(err)
		}
		if !r.scan() {
			continue
		}
		if err := r.each(r.row); err != nil {
			return stopped{err}
		}
	}
	if err := rows.Err(); err != nil {
		return r.s.unavailable(err)
	}
	return nil
}

// scan converts a row, and reports it if it does not fit its columns.
func (r *reader) scan() bool {
	for i := range r.q.Columns {
		c := &r.q.Columns[i]
		if err := practice.Scan(&r.row[i], c, r.values[i], r.s.config.Zone); err != nil {
			r.report(practice.Misfit(c, err))
			return false
		}
	}
	return true
}

func (r *reader) report(column string) {
	b := &practice.BrokenRow{Map: r.q.Map, Column: column}
	var v practice.Value
	if r.key >= 0 && practice.Scan(&v, &r.q.Columns[r.key], r.values[r.key], r.s.config.Zone) == nil {
		b.Key = keyText(v)
	}
	if r.client >= 0 && practice.Scan(&v, &r.q.Columns[r.client], r.values[r.client], r.s.config.Zone) == nil {
		b.Client, _ = practice.CanonicalClient(v)
	}
	r.broken(b)
}

func keyText(v practice.Value) string {
	if v.Type == practice.Int {
		return strconv.FormatInt(v.Int, 10)
	}
	return v.Text
}
