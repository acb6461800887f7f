package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the databases of the demo
)

// books are the practice's own records: what is true, whatever the gateway says. They give upper bounds only: what they do not allow must not come
// out, whatever else a consent says.
type books struct {
	db      *sql.DB
	secrets []string // texts that must never leave
	names   []string // titles and file names of the practice's files, which are never ours to tell
}

func openBooks(ctx context.Context, m *manifest) (*books, error) {
	apart, err := sql.Open("sqlite", "file:"+m.PsychotherapyDatabase+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer apart.Close()
	db, err := sql.Open("sqlite", "file:"+m.PracticeDatabase+"?mode=rw&_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	b := &books{db: db}
	if err = b.read(ctx, apart); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

var marker = regexp.MustCompile(`NR-[a-z2-7]{14}`)

func (b *books) read(ctx context.Context, apart *sql.DB) error {
	canaries, err := column[string](ctx, apart, "SELECT canary FROM psychotherapy_notes")
	if err != nil {
		return fmt.Errorf("the psychotherapy notes: %w", err)
	}
	marked, err := column[string](ctx, b.db, "SELECT plan FROM notes WHERE plan LIKE '%NR-%'")
	if err != nil {
		return fmt.Errorf("the notes: %w", err)
	}
	b.secrets = slices.Concat(canaries, marker.FindAllString(strings.Join(marked, "\n"), -1))
	if len(canaries) == 0 || len(b.secrets) == len(canaries) {
		return errors.New("the practice has no notes that must not leave: there is nothing to look for")
	}
	b.names, err = column[string](ctx, b.db, "SELECT title FROM documents WHERE title IS NOT NULL UNION SELECT file_name FROM documents WHERE file_name IS NOT NULL")
	return err
}

// column reads the one column of a query.
func column[T any](ctx context.Context, db *sql.DB, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// recipients says of a form f that it names the organisation ?1, a person of it, or nobody at all while the practice's data tie it to the client.
const recipients = `(
	EXISTS (SELECT 1 FROM release_recipients x LEFT JOIN outside_people h ON h.id=x.person_id OR h.npi=x.npi JOIN organizations o ON o.code=?1
		WHERE x.release_id=f.id AND (x.organization_id=o.id OR h.organization_id=o.id OR x.npi=o.npi))
	OR EXISTS (SELECT 1 FROM release_exceptions x LEFT JOIN outside_people h ON h.id=x.person_id JOIN organizations o ON o.code=?1
		WHERE x.release_id=f.id AND x.effect='also' AND (x.organization_id=o.id OR h.organization_id=o.id))
	OR NOT EXISTS (SELECT 1 FROM release_recipients x WHERE x.release_id=f.id AND (x.organization_id IS NOT NULL OR x.person_id IS NOT NULL OR x.npi IS NOT NULL))
		AND EXISTS (SELECT 1 FROM (SELECT client_id, organization_id FROM referrals WHERE deleted=0 UNION ALL SELECT client_id, organization_id FROM care_team
			UNION ALL SELECT client_id, organization_id FROM coverages WHERE deleted=0) t JOIN organizations o ON o.id=t.organization_id AND o.code=?1 WHERE t.client_id=f.client_id))`

// inForce says of a form f that it is one that can release, signed, not ended, and within its dates; ?2 is yesterday and ?3 tomorrow.
const inForce = `f.deleted=0 AND f.status='active' AND f.revoked_at IS NULL AND f.signed_at IS NOT NULL AND f.signed_at <= ?3 || ' 24'
	AND f.form NOT IN ('npp_ack','restriction','self_pay_restriction','opt_out','psychotherapy_auth')
	AND (f.expires_on IS NULL OR f.expires_on >= substr(?2,1,length(f.expires_on))) AND (f.effective_on IS NULL OR f.effective_on <= substr(?3,1,length(f.effective_on)))`

func around() (yesterday, tomorrow string) {
	return time.Now().Add(-24 * time.Hour).Format(time.DateOnly), time.Now().Add(24 * time.Hour).Format(time.DateOnly)
}

// mayKnow are the keys of the clients of whom the partner may know at most: some form in force names it.
func (b *books) mayKnow(ctx context.Context, p *partner) ([]string, error) {
	yesterday, tomorrow := around()
	return column[string](ctx, b.db, "SELECT DISTINCT CAST(f.client_id AS TEXT) FROM releases f WHERE "+inForce+" AND "+recipients, p.organization, yesterday, tomorrow)
}

// mayKnowPart2 are those whose programme under 42 CFR Part 2 the partner may know of at most: a form in force names it and is one for such records.
func (b *books) mayKnowPart2(ctx context.Context, p *partner) ([]string, error) {
	yesterday, tomorrow := around()
	return column[string](ctx, b.db, "SELECT DISTINCT CAST(f.client_id AS TEXT) FROM releases f WHERE "+inForce+" AND "+recipients+
		" AND (f.form IN ('part2','part2_tpo') OR EXISTS (SELECT 1 FROM release_topics t WHERE t.release_id=f.id AND t.topic='substance_use'))", p.organization, yesterday, tomorrow)
}

// sessionsOf gives when the client's sessions began that a condition on the session s tells, but for those that began when another one did.
func (b *books) sessionsOf(ctx context.Context, key, condition string, args ...any) ([]string, error) {
	const from = "SELECT s.starts_at FROM sessions s JOIN session_participants p ON p.session_id=s.id WHERE p.client_id=?1 AND "
	return column[string](ctx, b.db, from+"("+condition+") EXCEPT "+from+"NOT ("+condition+")", append([]any{key}, args...)...)
}

// notesOf gives when the client's notes were written that belong to such sessions.
func (b *books) notesOf(ctx context.Context, key, condition string, args ...any) ([]string, error) {
	const from = "SELECT n.written_at FROM notes n LEFT JOIN sessions s ON s.id=n.session_id WHERE n.client_id=?1 AND "
	return column[string](ctx, b.db, from+"coalesce("+condition+",0) EXCEPT "+from+"NOT coalesce("+condition+",0)", append([]any{key}, args...)...)
}

// part2Codes are the codes that only the client's programme under Part 2 has recorded.
func (b *books) part2Codes(ctx context.Context, key string) ([]string, error) {
	const of = "(SELECT client_id, programme, icd10 AS code FROM diagnoses UNION ALL SELECT client_id, programme, rxnorm FROM medications)"
	return column[string](ctx, b.db, "SELECT code FROM "+of+" WHERE client_id=?1 AND programme IS NOT NULL EXCEPT SELECT code FROM "+of+" WHERE client_id=?1 AND programme IS NULL", key)
}

// person is what the practice knows a client by.
type person struct{ mrn, family, given, born, phone, email string }

func (b *books) person(ctx context.Context, key string) (person, error) {
	var p person
	err := b.db.QueryRowContext(ctx, "SELECT mrn, last_name, first_name, coalesce(birth_date,''), coalesce(phone,''), coalesce(email,'') FROM clients WHERE id=?", key).
		Scan(&p.mrn, &p.family, &p.given, &p.born, &p.phone, &p.email)
	return p, err
}

// files gives the client's scans that somebody has filed, or those that nobody has or that are deleted.
func (b *books) files(ctx context.Context, key string, filed bool) ([][]byte, error) {
	const condition = "(status='final' AND deleted=0)"
	return column[[]byte](ctx, b.db, "SELECT content FROM documents WHERE client_id=? AND content IS NOT NULL AND "+condition+"=?", key, filed)
}
