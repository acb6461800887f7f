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

var grantEndsMigration = Migration{
	Name: "who has ended what apps were given",
	SQLite: `
ALTER TABLE app_grants ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';
ALTER TABLE app_grants ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE app_grants ADD COLUMN operator TEXT NOT NULL DEFAULT '';
`,
	Postgres: `
ALTER TABLE app_grants ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';
ALTER TABLE app_grants ADD COLUMN ended_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_grants ADD COLUMN operator TEXT NOT NULL DEFAULT '';
`,
}

var grantCodesMigration = Migration{
	Name:     "what apps were given and have not come for",
	SQLite:   `ALTER TABLE app_grants ADD COLUMN redeemed INTEGER NOT NULL DEFAULT 1`,
	Postgres: `ALTER TABLE app_grants ADD COLUMN redeemed BIGINT NOT NULL DEFAULT 1`,
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
	End     End  // if it has ended; zero where an earlier gateway has ended it
}

// EndedBy is what kind of actor has ended a grant.
type EndedBy string

const (
	// ByApp is the app itself, as it lets the client disconnect.
	ByApp EndedBy = "app"
	// ByOperator is a person of the practice.
	ByOperator EndedBy = "operator"
	// ByReuse is the gateway: a code or a refresh token was shown twice, or by another app, so that somebody else may have it.
	ByReuse EndedBy = "reuse"
	// ByNewer is the client, who has taken something of it away when they launched the app again.
	ByNewer EndedBy = "newer"
	// ByExpiry is its time, which was over.
	ByExpiry EndedBy = "expiry"
)

// End says who has ended a grant, and when.
type End struct {
	By       EndedBy
	At       time.Time
	Operator string // the name of the operating system's user, for ByOperator
}

// remembered is for how long it is known who has ended a grant, after the time that it was given for.
const remembered = 90 * 24 * time.Hour

// Refresh is a refresh token as the store knows it: the family, which stays, and the secret, which is another one each time.
type Refresh struct{ Family, Secret [sha256.Size]byte }

var (
	// ErrNoGrant says that no grant has this refresh token, or that it has ended.
	ErrNoGrant = errors.New("store: no such grant, or it has ended")
	// ErrReused says that a secret was shown that is not the grant's last: somebody else has one, too. The grant must not go on.
	ErrReused = errors.New("store: the refresh token was used before")
)

// GiveGrant keeps a new grant that the app has not come for yet: until g.Until it may.
func (s *State) GiveGrant(ctx context.Context, g Grant, now time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	return s.db.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM app_grants WHERE until <= $1 OR until <= $2 AND app = ''`, now.Add(-remembered).Unix(), now.Unix()); err != nil {
			return fmt.Errorf("store: grants: %w", err)
		}
		added, err := tx.ExecContext(ctx, `INSERT INTO app_grants (id, app, patient, person, scope, begun, until, ended, redeemed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0) ON CONFLICT DO NOTHING`, g.ID, g.App, g.Patient, g.Person, g.Scope, now.Unix(), g.Until.Unix())
		return exactlyOne(added, err)
	})
}

// BeginGrant gives the app a grant that it has come for, once, with its first refresh token; with the zero one it cannot come back. One that was ended before
// does not begin.
func (s *State) BeginGrant(ctx context.Context, g Grant, r Refresh, now time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	family, secret := r.columns()
	changed, err := s.db.ExecContext(ctx, `UPDATE app_grants SET family = $1, secret = $2, scope = $3, until = $4, redeemed = 1
		WHERE id = $5 AND app = $6 AND patient = $7 AND person = $8 AND redeemed = 0 AND ended = 0 AND until > $9`,
		family, secret, g.Scope, g.Until.Unix(), g.ID, g.App, g.Patient, g.Person, now.Unix())
	return exactlyOne(changed, err)
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

// FindGrant gives the grant of a refresh token. Of one that was used before it says whose grant is to be ended.
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
		return Grant{ID: g.ID, App: g.App}, ErrReused
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
func (s *State) Grants(ctx context.Context, app, patient string, now time.Time) ([]Grant, error) {
	return s.grants(ctx, `until > $1`, app, patient, now)
}

// EndedGrants are those that have ended, or are over, as far as they are remembered, otherwise as Grants.
func (s *State) EndedGrants(ctx context.Context, app, patient string, now time.Time) ([]Grant, error) {
	return s.grants(ctx, `(ended <> 0 OR until <= $1)`, app, patient, now)
}

func (s *State) grants(ctx context.Context, which, app, patient string, now time.Time) (all []Grant, err error) {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	rows, err := s.db.QueryContext(ctx, `SELECT id, app, patient, person, scope, begun, until, ended, ended_by, ended_at, operator FROM app_grants
		WHERE app <> '' AND `+which+` AND ($2 = '' OR app = $2) AND ($3 = '' OR patient = $3) ORDER BY begun, id`, now.Unix(), app, patient)
	if err != nil {
		return nil, fmt.Errorf("store: grants: %w", withoutAddress(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		g, err := scanGrant(rows, now)
		if err != nil {
			return nil, fmt.Errorf("store: grants: %w", err)
		}
		all = append(all, g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: grants: %w", err)
	}
	return all, nil
}

func scanGrant(rows *sql.Rows, now time.Time) (g Grant, err error) {
	var begun, until, ended, endedAt int64
	err = rows.Scan(&g.ID, &g.App, &g.Patient, &g.Person, &g.Scope, &begun, &until, &ended, &g.End.By, &endedAt, &g.End.Operator)
	g.Begun, g.Until, g.Ended, g.End.At = instant(begun), instant(until), ended != 0, instant(endedAt)
	if !g.Ended && !now.Before(g.Until) {
		g.End = End{By: ByExpiry, At: g.Until}
	}
	return g, err
}

// RotateGrant puts the next secret in place of the one that was shown. Of two who show the same one, one is refused, and the grant ends.
func (s *State) RotateGrant(ctx context.Context, id string, from, to Refresh, now time.Time) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	changed, err := s.db.ExecContext(ctx, `UPDATE app_grants SET secret = $1 WHERE id = $2 AND family = $3 AND secret = $4 AND ended = 0 AND until > $5`,
		to.Secret[:], id, from.Family[:], from.Secret[:], now.Unix())
	err = exactlyOne(changed, err)
	if errors.Is(err, ErrNoGrant) {
		return errors.Join(ErrReused, s.EndGrant(ctx, id, now, End{By: ByReuse, At: now}))
	}
	return err
}

// EndGrant ends a grant, also one that is still to come: what was replayed before the first answer was written must not begin afterwards. That is
// remembered until then at least. Who ends a grant that has ended already, or is over, changes nothing.
func (s *State) EndGrant(ctx context.Context, id string, until time.Time, end End) error {
	ctx, cancel := s.db.Bounded(ctx)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `INSERT INTO app_grants (id, app, patient, person, scope, until, ended, ended_by, ended_at, operator)
		VALUES ($1, '', '', '', '', $2, 1, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET ended = 1, ended_by = excluded.ended_by, ended_at = excluded.ended_at, operator = excluded.operator
		WHERE app_grants.ended = 0 AND app_grants.until > excluded.ended_at`, id, until.Unix(), string(end.By), end.At.Unix(), end.Operator)
	if err != nil {
		return fmt.Errorf("store: grants: %w", err)
	}
	return nil
}
