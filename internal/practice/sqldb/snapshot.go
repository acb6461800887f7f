package sqldb

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/consentry/gateway/internal/practice"
)

// snapshotStatements is how many statements at their slowest a snapshot may last in all. In SQLite's rollback mode no writer commits while it
// lasts.
const snapshotStatements = 3

// snapshotTries is how often a snapshot is begun anew because a commit came while its state was being named.
const snapshotTries = 3

// errMoved says that the session is with a file that is not the practice's any more, or that was overwritten.
var errMoved = fmt.Errorf("%w: the file is another one now", practice.ErrUnavailable)

// Snapshot implements practice.Snapshotter by one read transaction.
func (s *Source) Snapshot(ctx context.Context, f func(context.Context, practice.Source) error) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotStatements*s.config.Timeout)
	defer cancel()
	var err error
	for range snapshotTries {
		if err = s.hold(ctx, func(ctx context.Context, one *session) error { return s.transact(ctx, one, f) }); !errors.Is(err, errMoved) {
			break
		}
	}
	if stop := (stopped{}); errors.As(err, &stop) {
		return stop.error
	}
	return err
}

func (s *Source) transact(ctx context.Context, one *session, f func(context.Context, practice.Source) error) error {
	version, err := s.begin(ctx, one)
	if err != nil {
		return err
	}
	view := &snapshot{s: s, one: one, version: version}
	defer func() { view.one = nil }()
	if err := f(ctx, view); err != nil {
		return stopped{err}
	}
	if view.failed {
		return fmt.Errorf("%w: a read of the snapshot failed", practice.ErrUnavailable)
	}
	return s.exec(ctx, one, "ROLLBACK")
}

// begin begins a transaction and names its state: the version from before, if there was no commit between. Each connection counts the
// commits of the others by itself, so this one counts. The version is never asked for within the transaction: a writer that waits for its end would
// keep the version's connection waiting too.
func (s *Source) begin(ctx context.Context, one *session) (version string, err error) {
	for try := 0; ; try++ {
		before, err := s.mark(ctx, one)
		if err != nil {
			return "", err
		}
		if version, err = s.Version(ctx); err != nil {
			return "", err
		}
		if p, err := s.current(); err != nil || p != one.pool {
			return "", errMoved
		}
		if err := s.exec(ctx, one, "BEGIN"); err != nil {
			return "", err
		}
		after, err := s.mark(ctx, one) // the transaction's first read: from here on its state stands
		switch {
		case err != nil:
			return "", err
		case after.equal(before):
			return version, nil
		case try == snapshotTries:
			return "", nil
		}
		if err := s.exec(ctx, one, "ROLLBACK"); err != nil {
			return "", err
		}
	}
}

// mark is what changes on a connection with a commit, or with a file that is overwritten.
type mark struct {
	counter int64
	info    os.FileInfo
}

func (m mark) equal(n mark) bool {
	return m.counter == n.counter && alike(m.info, n.info)
}

func (s *Source) mark(ctx context.Context, one *session) (m mark, err error) {
	if m.info, err = s.dialect.identity(s.config.Path); err != nil {
		return m, fmt.Errorf("%w: no database file", practice.ErrUnavailable)
	}
	stmt, err := one.prepare(ctx, s.dialect.counter())
	if err == nil {
		err = stmt.QueryRowContext(ctx).Scan(&m.counter)
	}
	if err != nil {
		return m, s.unavailable(err)
	}
	return m, nil
}

func (s *Source) exec(ctx context.Context, one *session, statement string) error {
	if _, err := one.conn.ExecContext(ctx, statement); err != nil {
		return s.unavailable(err)
	}
	return nil
}

// snapshot is the Source that a transaction is read through.
type snapshot struct {
	s       *Source
	one     *session // nil when the transaction has ended
	version string
	failed  bool
}

// with runs one statement in the transaction.
func (v *snapshot) with(ctx context.Context, f func(context.Context, *session) error) error {
	if v.one == nil || v.failed {
		return fmt.Errorf("%w: the snapshot has ended", practice.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, v.s.config.Timeout)
	defer cancel()
	v.failed = true // until it has not, also by a panic
	err := f(ctx, v.one)
	v.failed = err != nil
	return err
}

// Rows implements practice.Source.
func (v *snapshot) Rows(ctx context.Context, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	return v.s.rows(ctx, v.with, q, clients, each, broken)
}

// Version names the state that is read.
func (v *snapshot) Version(context.Context) (string, error) {
	if v.one == nil || v.failed {
		return "", fmt.Errorf("%w: the snapshot has ended", practice.ErrUnavailable)
	}
	if v.version == "" {
		return "", practice.ErrNoVersion
	}
	return v.version, nil
}

// Describe implements practice.Source. A statement means the same in every state.
func (v *snapshot) Describe(ctx context.Context, q practice.Query) error { return v.s.Describe(ctx, q) }

// ProveSeparation implements practice.Source.
func (v *snapshot) ProveSeparation(ctx context.Context) error { return v.s.ProveSeparation(ctx) }

// Close does nothing: the snapshot ends with the function that it was made for.
func (v *snapshot) Close() error { return nil }
