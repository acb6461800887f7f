package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/consentry/gateway/internal/practice"
)

// versions watches the database on one connection of its own: SQLite's data_version changes on a connection with every commit of
// another one, and compares only with itself. A new connection therefore starts a new generation.
type versions struct {
	mu         sync.Mutex
	pool       *pool
	session    *session
	stmt       *sql.Stmt
	info       os.FileInfo
	counter    int64
	generation uint64
}

// end gives up the connection; the next version is of a new generation.
func (v *versions) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop()
}

func (v *versions) drop() {
	if v.session != nil {
		v.session.end()
	}
	v.session, v.stmt, v.pool, v.info = nil, nil, nil, nil
}

// Version gives a text that changes with every commit, and whenever the file is another one or was overwritten in its place.
func (s *Source) Version(ctx context.Context) (string, error) {
	p, err := s.current()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	v := &s.version
	v.mu.Lock()
	overwritten, text, err := v.read(ctx, s, p)
	v.mu.Unlock()
	if err != nil {
		return "", err
	}
	if overwritten {
		s.mu.Lock()
		if s.pool == p {
			s.drop()
		}
		s.mu.Unlock()
	}
	return text, nil
}

func (v *versions) read(ctx context.Context, s *Source, p *pool) (overwritten bool, text string, err error) {
	if v.session == nil || v.pool != p {
		if err := v.connect(ctx, s, p); err != nil {
			v.drop()
			return false, "", s.unavailable(err)
		}
	}
	info, counter, err := v.settled(ctx, s)
	if err != nil {
		v.drop()
		return false, "", err
	}
	// A file that changed without a commit was overwritten, and what the connections remember of it may be wrong. (A checkpoint looks the
	// same and costs new connections, no more.)
	touched := v.info != nil && !alike(v.info, info)
	overwritten = touched && counter == v.counter
	v.info, v.counter = info, counter
	b := make([]byte, 0, 64)
	b = strconv.AppendUint(b, v.generation, 36)
	b = strconv.AppendInt(append(b, '.'), counter, 36)
	b = strconv.AppendInt(append(b, '.'), info.ModTime().UnixNano(), 36)
	b = strconv.AppendInt(append(b, '.'), info.Size(), 36)
	return overwritten, string(b), nil
}

// settledTries is how often the file is looked at because it changed while the counter was read.
const settledTries = 8

// settled reads the counter and what the file looked like at that instant: a file of after a commit beside a counter of before it would look
// overwritten at the next reading. With a practice that never stops writing the last look has to do.
func (v *versions) settled(ctx context.Context, s *Source) (info os.FileInfo, counter int64, err error) {
	for try := 1; ; try++ {
		before, err := s.dialect.identity(s.config.Path)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: no database file", practice.ErrUnavailable)
		}
		if err := v.stmt.QueryRowContext(ctx).Scan(&counter); err != nil {
			return nil, 0, s.unavailable(err)
		}
		if info, err = s.dialect.identity(s.config.Path); err != nil {
			return nil, 0, fmt.Errorf("%w: no database file", practice.ErrUnavailable)
		}
		if alike(before, info) || try == settledTries {
			return info, counter, nil
		}
	}
}

// alike tells whether a file looks as it did.
func alike(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (v *versions) connect(ctx context.Context, s *Source, p *pool) error {
	v.drop()
	one, err := s.connect(ctx, p)
	if err != nil {
		return err
	}
	stmt, err := one.prepare(ctx, s.dialect.counter())
	if err != nil {
		one.end()
		return err
	}
	v.session, v.stmt, v.pool = one, stmt, p
	v.generation++
	return nil
}
