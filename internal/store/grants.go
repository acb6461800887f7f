package store

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

var grantsMigration = Migration{
	Name: "what clients have given to apps",
	SQLite: `
CREATE TABLE app_grants (
	id      TEXT NOT NULL PRIMARY KEY,
	family  BLOB UNIQUE,
	secret  BLOB,
	app     TEXT NOT NULL,
	patient TEXT NOT NULL,
	person  TEXT NOT NULL,
	scope   TEXT NOT NULL,
	until   INTEGER NOT NULL,
	ended   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX app_grants_until ON app_grants (until);
`,
	Postgres: `
CREATE TABLE app_grants (
	id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	family  BYTEA UNIQUE,
	secret  BYTEA,
	app     TEXT NOT NULL,
	patient TEXT NOT NULL,
	person  TEXT NOT NULL,
	scope   TEXT NOT NULL,
	until   BIGINT NOT NULL,
	ended   BIGINT NOT NULL
);
CREATE INDEX app_grants_until ON app_grants (until);
`,
}

var grantTimesMigration = Migration{
	Name:     "since when apps have what they were given",
	SQLite:   `ALTER TABLE app_grants ADD COLUMN begun INTEGER NOT NULL DEFAULT 0`,
	Postgres: `ALTER TABLE app_grants ADD COLUMN begun BIGINT NOT NULL DEFAULT 0`,
}

// Grant is what a client has given to an app: since when, until when, and for what. Of its refresh token, if it has one, only digests are kept.
type Grant struct {
	ID      string
	App     string
	Patient string // whose records
	Person  string // who has given it
	Scope   string
	Begun   time.Time // zero where an earlier gateway kept it
	Until   time.Time
	Ended   bool // before its time
}

// Refresh is a refresh token as the store knows it: the family, which stays, and the secret, which is another one each time.
type Refresh struct{ Family, Secret [sha256.Size]byte }

var (
	// ErrNoGrant says that no grant has this refresh token, or that it has ended.
	ErrNoGrant = errors.New("store: no such grant, or it has ended")
	// ErrReused says that a secret was shown that is not the grant's last: somebody else has one, too. The grant has ended.
	ErrReused = errors.New("store: the refresh token was used before; its grant has ended")
)

// AddGrant keeps a new grant with its first refresh token; with the zero one nobody can come back. One that was ended before it came does not begin.
func (s *State) AddGrant(ctx context.Context, g Grant, r Refresh, now time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	return s.db.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM app_grants WHERE until <= $1`, now.Unix()); err != nil {
			return fmt.Errorf("store: grants: %w", err)
		}
		family, secret := r.columns()
		added, err := tx.ExecContext(ctx, `INSERT INTO app_grants (id, family, secret, app, patient, person, scope, begun, until, ended)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT DO NOTHING`, g.ID, family, secret, g.App, g.Patient, g.Person, g.Scope, now.Unix(), g.Until.Unix())
		return exactlyOne(added, err)
	})
}

// columns are what is kept of it: nothing of the zero one.
func (r Refresh) columns() (family, secret []byte) {
	if r == (Refresh{}) {
		return nil, nil
	}
	return r.Family[:], r.Secret[:]
}

// exactlyOne is ErrNoGrant where a statement has changed no row.
func exactlyOne(r sql.Result, err error) error {
	if err != nil {
		return fmt.Errorf("store: grants: %w", err)
	}
	switch n, err := r.RowsAffected(); {
	case err != nil:
		return fmt.Errorf("store: grants: %w", err)
	case n != 1:
		return ErrNoGrant
	}
	return nil
}

// FindGrant gives the grant of a refresh token. One that was used before ends it.
func (s *State) FindGrant(ctx context.Context, r Refresh, now time.Time) (g Grant, err error) {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	var secret []byte
	var begun, until, ended int64
	err = s.db.QueryRowContext(ctx, `SELECT id, secret, app, patient, person, scope, begun, until, ended FROM app_grants WHERE family = $1`, r.Family[:]).
		Scan(&g.ID, &secret, &g.App, &g.Patient, &g.Person, &g.Scope, &begun, &until, &ended)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Grant{}, ErrNoGrant
	case err != nil:
		return Grant{}, fmt.Errorf("store: grants: %w", err)
	case subtle.ConstantTimeCompare(secret, r.Secret[:]) != 1:
		return Grant{ID: g.ID}, errors.Join(ErrReused, s.EndGrant(ctx, g.ID, time.Unix(until, 0)))
	case ended != 0 || now.Unix() >= until:
		return Grant{}, ErrNoGrant
	}
	g.Begun, g.Until = instant(begun), instant(until)
	return g, nil
}

// instant is a time as it is kept, 0 for none.
func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// Grants are those that are not over, the oldest first: of one app or of all (""), over one patient's records or everybody's ("").
func (s *State) Grants(ctx context.Context, app, patient string, now time.Time) (all []Grant, err error) {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	rows, err := s.db.QueryContext(ctx, `SELECT id, app, patient, person, scope, begun, until, ended FROM app_grants
		WHERE app <> '' AND until > $1 AND ($2 = '' OR app = $2) AND ($3 = '' OR patient = $3) ORDER BY begun, id`, now.Unix(), app, patient)
	if err != nil {
		return nil, fmt.Errorf("store: grants: %w", withoutAddress(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var g Grant
		var begun, until, ended int64
		if err := rows.Scan(&g.ID, &g.App, &g.Patient, &g.Person, &g.Scope, &begun, &until, &ended); err != nil {
			return nil, fmt.Errorf("store: grants: %w", err)
		}
		g.Begun, g.Until, g.Ended = instant(begun), instant(until), ended != 0
		all = append(all, g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: grants: %w", err)
	}
	return all, nil
}

// RotateGrant puts the next secret in place of the one that was shown. Of two who show the same one, one is refused, and the grant ends.
func (s *State) RotateGrant(ctx context.Context, id string, from, to Refresh, now time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	changed, err := s.db.ExecContext(ctx, `UPDATE app_grants SET secret = $1 WHERE id = $2 AND family = $3 AND secret = $4 AND ended = 0 AND until > $5`,
		to.Secret[:], id, from.Family[:], from.Secret[:], now.Unix())
	err = exactlyOne(changed, err)
	if errors.Is(err, ErrNoGrant) {
		return errors.Join(ErrReused, s.EndGrant(ctx, id, now))
	}
	return err
}

// EndGrant ends a grant, also one that is still to come: what was replayed before the first answer was written must not begin afterwards. It is
// remembered until then at least.
func (s *State) EndGrant(ctx context.Context, id string, until time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO app_grants (id, app, patient, person, scope, until, ended) VALUES ($1, '', '', '', '', $2, 1)
		ON CONFLICT (id) DO UPDATE SET ended = 1`, id, until.Unix())
	if err != nil {
		return fmt.Errorf("store: grants: %w", err)
	}
	return nil
}
