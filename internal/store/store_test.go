package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func openState(t *testing.T, path string) *State {
	t.Helper()
	s, err := OpenState(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestHandlesStayTheSameAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#% name.db")
	s := openState(t, path)
	first, err := s.Handle(t.Context(), "a key that is too long for an id")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Handle(t.Context(), "another key that is too long")
	if err != nil || second == first {
		t.Fatalf("second handle %d, first %d, %v", second, first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openState(t, path)
	again, err := s.Handle(t.Context(), "a key that is too long for an id")
	if err != nil || again != first {
		t.Fatalf("after reopening %d, %v; want %d", again, err, first)
	}
	key, err := s.Key(t.Context(), second)
	if diff := cmp.Diff("another key that is too long", key); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestUnknownHandles(t *testing.T) {
	s := openState(t, filepath.Join(t.TempDir(), "state.db"))
	if _, err := s.Find(t.Context(), "never seen"); !errors.Is(err, ErrNoHandle) {
		t.Errorf("finding an unknown key: %v; want ErrNoHandle", err)
	}
	for _, h := range []uint64{0, 1, 1 << 62, 1 << 63, 1<<64 - 1} {
		if _, err := s.Key(t.Context(), h); !errors.Is(err, ErrNoHandle) {
			t.Errorf("handle %d: %v; want ErrNoHandle", h, err)
		}
	}
}

func TestHandlesOfConcurrentCallersAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	memos := []*Memo{NewMemo(openState(t, path), 0), NewMemo(openState(t, path), 0)} // two processes
	var mu sync.Mutex
	got := map[string]uint64{}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			key := "client " + strconv.Itoa(i%8)
			h, err := memos[i%2].Handle(key)
			mu.Lock()
			defer mu.Unlock()
			if had, ok := got[key]; err != nil || ok && had != h {
				t.Errorf("%d: %v; another caller has %d", h, err, had)
			}
			got[key] = h
		})
	}
	wg.Wait()
	for key, h := range got {
		if k, known := memos[0].Key(h); !known || k != key {
			t.Errorf("handle %d gives another key", h)
		}
	}
}

func TestMemoWithholdsWhenTheTableIsGone(t *testing.T) {
	s := openState(t, filepath.Join(t.TempDir(), "state.db"))
	m := NewMemo(s, 0)
	h, err := m.Handle("known before")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if k, known := m.Key(h); !known || k != "known before" {
		t.Error("what was remembered is lost")
	}
	if _, known := m.Key(h + 1); known {
		t.Error("a handle is known without a table")
	}
	if _, err := m.Handle("new"); err == nil {
		t.Error("a handle was given without a table")
	}
}

func TestMigrate(t *testing.T) {
	one := Migration{"one", `CREATE TABLE one (n INTEGER) STRICT`}
	two := Migration{"two", `CREATE TABLE two (n INTEGER) STRICT`}
	broken := Migration{"broken", `CREATE TABLE three (n INTEGER); CREATE TABLE one (n INTEGER)`}
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
			db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "m.db"), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if err := Migrate(t.Context(), db, c.first); err != nil {
				t.Fatal(err)
			}
			if err := Migrate(t.Context(), db, c.second); !errors.Is(err, c.want) {
				t.Errorf("%v; want %v", err, c.want)
			}
		})
	}
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "m.db"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := Migrate(t.Context(), db, []Migration{one, broken}); err == nil {
		t.Fatal("a broken step succeeded")
	}
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_schema WHERE name IN ('three')`).Scan(&n); err != nil || n != 0 {
		t.Errorf("a failed step left %d tables, %v", n, err)
	}
	if _, err := ReadSQLite(t.Context(), filepath.Join(t.TempDir(), "absent.db"), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading an absent database: %v", err)
	}
}
