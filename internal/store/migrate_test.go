package store

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// both is a step that both kinds write alike.
func both(name, text string) Migration { return Migration{Name: name, SQLite: text, Postgres: text} }

func TestMigrate(t *testing.T) {
	one, two := both("one", `CREATE TABLE one (n INTEGER)`), both("two", `CREATE TABLE two (n INTEGER)`)
	for _, c := range []struct {
		name          string
		first, second []Migration
		want          error
	}{
		{"the same again", []Migration{one}, []Migration{one}, nil},
		{"a step more", []Migration{one}, []Migration{one, two}, nil},
		{"a newer database", []Migration{one, two}, []Migration{one}, ErrSchema},
		{"a changed step", []Migration{one}, []Migration{two}, ErrSchema},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p Place) {
				db := openDB(t, p)
				if err := Migrate(t.Context(), db, "some", c.first); err != nil {
					t.Fatal(err)
				}
				if err := Migrate(t.Context(), db, "some", c.second); !errors.Is(err, c.want) {
					t.Errorf("%v; want %v", err, c.want)
				}
			})
		})
	}
}

func TestAFailedStepLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		db := openDB(t, p)
		one, broken := both("one", `CREATE TABLE one (n INTEGER)`), both("broken", `CREATE TABLE three (n INTEGER); CREATE TABLE one (n INTEGER)`)
		if err := Migrate(t.Context(), db, "some", []Migration{one, broken}); err == nil {
			t.Fatal("a broken step succeeded")
		}
		if _, err := db.ExecContext(t.Context(), `SELECT n FROM three`); err == nil {
			t.Error("a failed step left a table")
		}
		if err := Migrate(t.Context(), db, "some", []Migration{one}); err != nil {
			t.Errorf("the step before it: %v", err)
		}
	})
}

func TestProcessesThatStartAtOnceMigrateOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		var wg sync.WaitGroup
		for range 8 {
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
	})
}

func TestOnePostgresHoldsSeveralParts(t *testing.T) {
	db := openDB(t, postgresPlace(t))
	for _, part := range []string{"some", "other"} {
		if err := Migrate(t.Context(), db, part, []Migration{both(part, `CREATE TABLE of_`+part+` (n INTEGER)`)}); err != nil {
			t.Error(err)
		}
	}
}

func TestReadingChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s := openState(t, p)
		if _, err := s.Handle(t.Context(), "a key"); err != nil {
			t.Fatal(err)
		}
		db, err := OpenToRead(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(t.Context(), `DELETE FROM client_handles`); err == nil {
			t.Error("a reader deletes")
		}
		if _, err := s.Find(t.Context(), "a key"); err != nil {
			t.Error(err)
		}
	})
}

func TestOpenNeedsOnePlace(t *testing.T) {
	for name, p := range map[string]Place{"none": {}, "two": {SQLite: filepath.Join(t.TempDir(), "x.db"), Postgres: "postgres://x@localhost/x"}} {
		if _, err := Open(t.Context(), p); err == nil {
			t.Errorf("%s: opened", name)
		}
		if _, err := OpenToRead(t.Context(), p); err == nil {
			t.Errorf("%s: opened to read", name)
		}
	}
	if _, err := OpenToRead(t.Context(), Place{SQLite: filepath.Join(t.TempDir(), "absent.db")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading an absent database: %v", err)
	}
}
