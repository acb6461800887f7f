package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/store/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// onBoth runs a test on both kinds of database, each time on an empty one.
func onBoth(t *testing.T, test func(t *testing.T, p Place)) {
	t.Run("SQLite", func(t *testing.T) { test(t, Place{SQLite: filepath.Join(t.TempDir(), "a ?#% name.db")}) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresPlace(t)) })
}

func postgresPlace(t *testing.T) Place {
	d := postgrestest.New(t)
	return Place{Postgres: d.URL, PasswordFile: d.PasswordFile}
}

func openState(t *testing.T, p Place) *State {
	t.Helper()
	s, err := OpenState(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openDB(t *testing.T, p Place) *DB {
	t.Helper()
	db, err := Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestHandlesStayTheSameAfterReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s := openState(t, p)
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
		s = openState(t, p)
		again, err := s.Handle(t.Context(), "a key that is too long for an id")
		if err != nil || again != first {
			t.Fatalf("after reopening %d, %v; want %d", again, err, first)
		}
		key, err := s.Key(t.Context(), second)
		if diff := cmp.Diff("another key that is too long", key); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}

func TestASQLiteFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	openState(t, Place{SQLite: path})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestUnknownHandles(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s := openState(t, p)
		if _, err := s.Find(t.Context(), "never seen"); !errors.Is(err, ErrNoHandle) {
			t.Errorf("finding an unknown key: %v; want ErrNoHandle", err)
		}
		for _, h := range []uint64{0, 1, 1 << 62, 1 << 63, 1<<64 - 1} {
			if _, err := s.Key(t.Context(), h); !errors.Is(err, ErrNoHandle) {
				t.Errorf("handle %d: %v; want ErrNoHandle", h, err)
			}
		}
	})
}

func TestHandlesOfConcurrentCallersAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		memos := []*Memo{NewMemo(openState(t, p), 0), NewMemo(openState(t, p), 0)} // two processes
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
	})
}

func TestMemoWithholdsWhenTheTableIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s := openState(t, p)
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
	})
}
