package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// Config is what a Source needs. Path and Zone have no default.
type Config struct {
	Database   string         // the dialect: sqlite, which is the default
	Path       string         // of the database file
	Zone       *time.Location // the practice's, for times without zone
	Timeout    time.Duration  // of one statement; 5s if 0
	Sessions   int            // statements at a time; 8 if 0
	Separation practice.Separation
}

// Source is a practice's database. It is safe for concurrent use.
type Source struct {
	config  Config
	dialect dialect

	mu      sync.Mutex
	pool    *pool
	version versions
	closed  bool
}

var _ practice.Snapshotter = (*Source)(nil)

// Open checks the configuration. It does not connect: a database that is gone now may come back.
func Open(c Config) (*Source, error) {
	if c.Database == "" {
		c.Database = "sqlite"
	}
	d := dialects[c.Database]
	if d == nil || c.Path == "" || c.Zone == nil {
		return nil, errors.New("sqldb: a known database (sqlite), path and zone are required")
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Sessions <= 0 {
		c.Sessions = 8
	}
	return &Source{config: c, dialect: d}, nil
}

// Close ends all connections.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drop()
	return nil
}

// pool holds the sessions with one database file.
type pool struct {
	db   *sql.DB
	info os.FileInfo
	idle chan *session
	slot chan struct{} // one for each session that may be
}

// current gives the pool of the file that is there now. A file that was replaced gets a new pool, so that no connection reads on in
// one that is gone.
func (s *Source) current() (*pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.dialect.identity(s.config.Path)
	if err != nil || s.closed {
		s.drop()
		return nil, fmt.Errorf("%w: no database file", practice.ErrUnavailable)
	}
	if s.pool != nil && os.SameFile(s.pool.info, info) {
		return s.pool, nil
	}
	s.drop()
	db, err := s.dialect.open(s.config.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be opened", practice.ErrUnavailable)
	}
	s.pool = &pool{db: db, info: info, idle: make(chan *session, s.config.Sessions), slot: make(chan struct{}, s.config.Sessions)}
	return s.pool, nil
}

// drop gives up the pool and the version's connection; s.mu is held. Sessions in use end when they are given back.
func (s *Source) drop() {
	s.version.end()
	if s.pool != nil {
		s.pool.db.Close()
		s.pool = nil
	}
}

// session is one restricted connection with the statements that are prepared on it.
type session struct {
	pool     *pool
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// maxPrepared bounds the statements of one session: every map in every size, with room.
const maxPrepared = 512

func (s *Source) connect(ctx context.Context, p *pool) (*session, error) {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	one := &session{pool: p, conn: conn, prepared: map[string]*sql.Stmt{}}
	if err := s.dialect.restrict(ctx, conn); err != nil {
		one.end()
		return nil, err
	}
	return one, nil
}

// end closes the connection for good; database/sql would keep it.
func (one *session) end() {
	for _, stmt := range one.prepared {
		stmt.Close()
	}
	_ = one.conn.Raw(func(any) error { return driver.ErrBadConn })
	one.conn.Close()
}

func (one *session) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := one.prepared[text]; stmt != nil {
		return stmt, nil
	}
	if len(one.prepared) >= maxPrepared {
		for _, stmt := range one.prepared {
			stmt.Close()
		}
		clear(one.prepared)
	}
	stmt, err := one.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	one.prepared[text] = stmt
	return stmt, nil
}

// with runs f, which is one statement, on a session.
func (s *Source) with(ctx context.Context, f func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.hold(ctx, f)
}

// hold runs f on a session. A session on which anything failed or panicked is not used again: it could still be in a transaction.
func (s *Source) hold(ctx context.Context, f func(context.Context, *session) error) error {
	p, one, err := s.take(ctx)
	if err != nil {
		return err
	}
	good := false
	defer func() {
		if good {
			s.giveBack(p, one)
		} else {
			one.end()
		}
		<-p.slot
	}()
	err = f(ctx, one)
	good = err == nil
	return err
}

// poolTries is how often a session is asked for because the file, or what is known of it, changed meanwhile.
const poolTries = 4

// take gives a session of the current pool, and a slot of it.
func (s *Source) take(ctx context.Context) (*pool, *session, error) {
	for try := 1; ; try++ {
		p, err := s.current()
		if err != nil {
			return nil, nil, err
		}
		select {
		case p.slot <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%w: all sessions are busy", practice.ErrUnavailable)
		}
		select {
		case one := <-p.idle:
			return p, one, nil
		default:
		}
		one, err := s.connect(ctx, p)
		if err == nil {
			return p, one, nil
		}
		<-p.slot
		if now, gone := s.current(); gone != nil || now == p || try == poolTries {
			return nil, nil, s.unavailable(err)
		}
	}
}

func (s *Source) giveBack(p *pool, one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != p {
		one.end()
		return
	}
	p.idle <- one // there is room: no more sessions are out than it holds
}

// unavailable says that the database did not answer, by the code of its error only.
func (s *Source) unavailable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: not in time", practice.ErrUnavailable)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", practice.ErrUnavailable, context.Canceled)
	}
	return fmt.Errorf("%w: %s", practice.ErrUnavailable, s.dialect.code(err))
}
