package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// Partner is an entry of the partner register as it is kept. What its text says is the caller's.
type Partner struct {
	ID      string
	Entry   string
	Enabled bool
}

// Mark is the digest of what is revoked.
type Mark = [32]byte

// Standing is who may ask, and what was revoked, in one state of the store.
type Standing struct {
	Version  int64
	Partners []Partner          // by id
	Revoked  map[Mark]time.Time // until when
}

// Errors of the register.
var (
	ErrNoPartner     = errors.New("store: no such partner")
	ErrPartnerExists = errors.New("store: the partner is registered already")
)

// Standing reads the register and the marks, both of one instant.
func (s *State) Standing(ctx context.Context) (st Standing, err error) {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	err = s.db.Snapshot(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, versionOf).Scan(&st.Version); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if st.Partners, err = partners(ctx, tx); err != nil {
			return fmt.Errorf("store: partners: %w", err)
		}
		if st.Revoked, err = revoked(ctx, tx); err != nil {
			return fmt.Errorf("store: revoked: %w", err)
		}
		return nil
	})
	return st, err
}

func partners(ctx context.Context, tx *sql.Tx) (all []Partner, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, entry, enabled FROM partners ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p Partner
		var enabled int64
		if err := rows.Scan(&p.ID, &p.Entry, &enabled); err != nil {
			return nil, err
		}
		p.Enabled = enabled == 1
		all = append(all, p)
	}
	return all, rows.Err()
}

func revoked(ctx context.Context, tx *sql.Tx) (map[Mark]time.Time, error) {
	rows, err := tx.QueryContext(ctx, `SELECT mark, until FROM revoked`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[Mark]time.Time{}
	for rows.Next() {
		var mark []byte
		var until int64
		if err := rows.Scan(&mark, &until); err != nil {
			return nil, err
		}
		if len(mark) != len(Mark{}) {
			return nil, errors.New("a mark of another length")
		}
		all[Mark(mark)] = time.Unix(0, until)
	}
	return all, rows.Err()
}

// AddPartner registers a partner. One who is registered already is ErrPartnerExists, unless it is to be replaced; then it stays disabled if it was.
func (s *State) AddPartner(ctx context.Context, id, entry string, replace bool) error {
	text := `INSERT INTO partners (id, entry, enabled) VALUES ($1, $2, 1) ON CONFLICT (id) DO NOTHING`
	if replace {
		text = `UPDATE partners SET entry = $2 WHERE id = $1`
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		changed, err := one(tx.ExecContext(ctx, text, id, entry))
		switch {
		case err == nil && !changed && replace:
			return ErrNoPartner
		case err == nil && !changed:
			return ErrPartnerExists
		}
		return err
	})
}

// ChangePartner gives a partner another entry, made of the one that it has.
func (s *State) ChangePartner(ctx context.Context, id string, to func(entry string) (string, error)) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		var entry string
		err := tx.QueryRowContext(ctx, `SELECT entry FROM partners WHERE id = $1`, id).Scan(&entry)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoPartner
		}
		if err != nil {
			return err
		}
		if entry, err = to(entry); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE partners SET entry = $2 WHERE id = $1`, id, entry)
		return err
	})
}

// EnablePartner lets a partner ask, or no longer.
func (s *State) EnablePartner(ctx context.Context, id string, enabled bool) error {
	value := 0
	if enabled {
		value = 1
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		changed, err := one(tx.ExecContext(ctx, `UPDATE partners SET enabled = $2 WHERE id = $1`, id, value))
		if err == nil && !changed {
			return ErrNoPartner
		}
		return err
	})
}

// forgotten is how long after its end a mark is forgotten: by another process's clock it may not have ended.
const forgotten = 24 * time.Hour

// latest is the last instant that a mark can end: what is revoked for longer is so until then.
var latest = time.Unix(0, math.MaxInt64)

// Revoke marks something as revoked until an instant. A mark is never shortened. Marks that have ended are forgotten in the end.
func (s *State) Revoke(ctx context.Context, mark Mark, until, now time.Time) error {
	if until.After(latest) {
		until = latest
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM revoked WHERE until <= $1`, now.Add(-forgotten).UnixNano()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO revoked (mark, until) VALUES ($1, $2)
			ON CONFLICT (mark) DO UPDATE SET until = excluded.until WHERE revoked.until < excluded.until`, mark[:], until.UnixNano())
		return err
	})
}

// change runs a change of the register or the marks. The version goes up first: who changes something waits for whoever does so already.
func (s *State) change(ctx context.Context, write func(*sql.Tx) error) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	return s.db.update(ctx, func(tx *sql.Tx) error {
		if changed, err := one(tx.ExecContext(ctx, `UPDATE standing SET version = version + 1`)); err != nil || !changed {
			return errors.Join(errors.New("store: the version of the register"), err)
		}
		err := write(tx)
		if err != nil && !errors.Is(err, ErrNoPartner) && !errors.Is(err, ErrPartnerExists) {
			return fmt.Errorf("store: %w", err)
		}
		return err
	})
}

// one tells whether a statement has changed one row.
func one(done sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}
