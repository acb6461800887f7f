package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// older lays a database as a gateway with that many steps of the schema left it: testdata/older has what such gateways wrote, as `pg_dump --inserts` and sqlite's
// `.dump` give it. A step that is added needs the files of the state before it.
func older(t *testing.T, kind string, steps int) Place {
	t.Helper()
	p := Place{SQLite: filepath.Join(t.TempDir(), "state.db")}
	if kind == "postgres" {
		p = postgresPlace(t)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "older", fmt.Sprintf("%d-%s.sql", steps, kind)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDB(t, p).ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

// onEveryOlder runs a test on a state of each number of steps, in each kind of database, which several processes bring up to date at once.
func onEveryOlder(t *testing.T, test func(t *testing.T, steps int, s *State)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		for steps := 1; steps <= len(stateSchema); steps++ {
			t.Run(fmt.Sprintf("%s of %d steps", kind, steps), func(t *testing.T) {
				p := older(t, kind, steps)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						s, err := OpenState(t.Context(), p)
						if err != nil {
							t.Error(err)
							return
						}
						_ = s.Close()
					})
				}
				wg.Wait()
				test(t, steps, openState(t, p))
			})
		}
	}
}

// Whatever an older gateway wrote is there in a newer one, and goes on.
func TestAnOlderStateKeepsWhatWasInIt(t *testing.T) {
	now, far := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	fresh := map[kind][]string{sqlite: columns(t, openState(t, Place{SQLite: filepath.Join(t.TempDir(), "new.db")})), postgres: columns(t, openState(t, postgresPlace(t)))}
	onEveryOlder(t, func(t *testing.T, steps int, s *State) {
		if d := cmp.Diff(fresh[s.db.kind], columns(t, s)); d != "" {
			t.Errorf("other tables than those of a new state (-new +old)\n%s", d)
		}
		for i, key := range []string{"client-1", "client-2", "client-3"} { // the third is new
			handle, err := s.Handle(t.Context(), key)
			if err != nil || handle != uint64(i+1) {
				t.Errorf("%s has handle %d, %v", key, handle, err)
			}
			if got, err := s.Key(t.Context(), uint64(i+1)); got != key || err != nil {
				t.Errorf("handle %d is of %q, %v", i+1, got, err)
			}
		}
		want := Standing{Revoked: map[Mark]time.Time{}}
		if steps >= 2 {
			want.Version, want.Revoked[Mark{1, 2, 3}] = 4, far
			want.Partners = []Partner{{ID: "clinic", Entry: "entry of the clinic", Enabled: true}, {ID: "plan", Entry: "entry of the plan"}}
		}
		got, err := s.Standing(t.Context())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v, other partners or marks (-want +got)\n%s", err, d)
		}
		checkOlderGrants(t, steps, s, now, far)
		if err := errors.Join(s.AddPartner(t.Context(), "new", "entry of a new one", false), s.Revoke(t.Context(), Mark{4}, far, now)); err != nil {
			t.Errorf("it does not go on: %v", err)
		}
	})
}

func checkOlderGrants(t *testing.T, steps int, s *State, now, far time.Time) {
	t.Helper()
	var want []Grant
	g := Grant{App: "diary", Patient: "Patient/p1", Person: "Patient/p1", Scope: "patient/*.rs", Until: far.Local()}
	if steps >= 4 {
		g.Begun = now.Local()
	}
	if steps >= 3 {
		one, two := g, g
		one.ID, two.ID, two.Ended = "grant-1", "grant-2", true
		if steps >= 5 {
			two.End = End{By: ByOperator, At: now.Local(), Operator: "somebody"}
		}
		want = []Grant{one, two}
	}
	got, err := s.Grants(t.Context(), "", "", now)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, other grants (-want +got)\n%s", err, d)
	}
	refresh := func(secret string) Refresh {
		return Refresh{sha256.Sum256([]byte("family")), sha256.Sum256([]byte(secret))}
	}
	third := g
	third.ID = "grant-3" // ended before it came
	early := s.GiveGrant(t.Context(), third, now)
	if steps < 3 {
		if early != nil {
			t.Errorf("a grant cannot be added: %v", early)
		}
		return
	}
	if !errors.Is(early, ErrNoGrant) {
		t.Errorf("a grant that had ended before it came begins: %v", early)
	}
	if _, err := s.FindGrant(t.Context(), refresh("first"), now); !errors.Is(err, ErrReused) {
		t.Errorf("a refresh token that was used: %v", err)
	}
	if found, err := s.FindGrant(t.Context(), refresh("second"), now); err != nil || found.ID != "grant-1" {
		t.Errorf("the refresh token that is good: %v", err)
	}
	if err := s.RotateGrant(t.Context(), "grant-1", refresh("second"), refresh("third"), now); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// columns are those of all tables, and how they are declared.
func columns(t *testing.T, s *State) (all []string) {
	t.Helper()
	query := `SELECT m.name || ' ' || p.name || ' ' || p.type || ' ' || p."notnull" || ' ' || ifnull(p.dflt_value, '') FROM sqlite_master m, pragma_table_info(m.name) p ORDER BY 1`
	if s.db.kind == postgres {
		query = `SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity) FROM information_schema.columns
			WHERE table_schema = 'public' ORDER BY 1`
	}
	rows, err := s.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil || len(all) < 20 {
		t.Fatalf("%d columns, %v", len(all), err)
	}
	return all
}

// A step that has been applied never changes: one whose text differs is no step of this schema.
func TestAChangedStepRefusesAnOlderState(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		p := older(t, kind, len(stateSchema))
		if _, err := openDB(t, p).ExecContext(t.Context(), `UPDATE `+map[string]string{"sqlite": "schema", "postgres": "state"}[kind]+`_migrations SET digest = 'another' WHERE step = 2`); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenState(t.Context(), p); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v; want ErrSchema", kind, err)
		}
	}
}
