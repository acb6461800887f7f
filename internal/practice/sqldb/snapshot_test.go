package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
)

var journals = []string{"DELETE", "WAL"}

func journaled(t *testing.T, mode string) (path string, s *sqldb.Source) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "p.db")
	write(t, path, "PRAGMA journal_mode="+mode+";"+schema)
	return path, open(t, path)
}

// bodies reads the bodies of client 7's notes.
func bodies(t *testing.T, s practice.Source) string {
	t.Helper()
	var all string
	err := s.Rows(t.Context(), notes, []practice.ClientKey{"7"}, func(r practice.Row) error {
		all += r[4].Text + ";"
		return nil
	}, func(*practice.BrokenRow) { t.Error("broken row") })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writing runs statements as the practice's own software does, for as long as a reader is in its way.
func writing(t *testing.T, path, statements string) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
		if err == nil {
			_, err = db.Exec(statements)
			err = errors.Join(err, db.Close())
		}
		done <- err
	}()
	return done
}

func TestASnapshotIsOneState(t *testing.T) {
	for _, mode := range journals {
		t.Run(mode, func(t *testing.T) {
			path, s := journaled(t, mode)
			before, err := s.Version(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var wrote <-chan error
			err = s.Snapshot(t.Context(), func(ctx context.Context, at practice.Source) error {
				if v, err := at.Version(ctx); err != nil || v != before {
					t.Errorf("the state is not the one that Version names (%v)", err)
				}
				if got := bodies(t, at); got != "first;;" {
					t.Errorf("before: %s", got)
				}
				wrote = writing(t, path, "UPDATE notes SET body = 'later' WHERE client = 7")
				if mode == "WAL" {
					if err := <-wrote; err != nil { // a reader is in nobody's way
						t.Fatal(err)
					}
					wrote = nil
				} else {
					time.Sleep(20 * time.Millisecond)
				}
				if got := bodies(t, at); got != "first;;" {
					t.Errorf("within: %s", got)
				}
				if v, err := at.Version(ctx); err != nil || v != before {
					t.Errorf("the state has another name now (%v)", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if wrote != nil {
				if err := <-wrote; err != nil {
					t.Fatalf("the practice's own write failed: %v", err)
				}
			}
			after, err := s.Version(t.Context())
			if err != nil || after == before {
				t.Errorf("the version did not change (%v)", err)
			}
			if got := bodies(t, s); got != "later;later;" {
				t.Errorf("after: %s", got)
			}
		})
	}
}

// A version names one content, however fast the practice writes: what two snapshots of one version read is the same.
func TestAVersionNamesOneState(t *testing.T) {
	for _, mode := range journals {
		t.Run(mode, func(t *testing.T) {
			path, s := journaled(t, mode)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(i%5) * time.Millisecond):
					}
					if _, err := db.Exec(fmt.Sprintf("UPDATE notes SET body = 'n%d' WHERE id = 1", i)); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			var mu sync.Mutex
			content := map[string]string{}
			named := 0
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 150 {
						err := s.Snapshot(t.Context(), func(ctx context.Context, at practice.Source) error {
							first := bodies(t, at)
							if second := bodies(t, at); second != first {
								t.Error("a snapshot changed")
							}
							v, err := at.Version(ctx)
							if errors.Is(err, practice.ErrNoVersion) {
								return nil
							}
							mu.Lock()
							defer mu.Unlock()
							named++
							if c, ok := content[v]; ok && c != first {
								t.Error("two contents have one version")
							}
							content[v] = first
							return err
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			close(stop)
			<-stopped
			if named < 100 || len(content) < 3 {
				t.Errorf("%d snapshots were named, of %d states: the test saw nothing", named, len(content))
			}
		})
	}
}

func TestASnapshotThatFailsLeavesNothingBehind(t *testing.T) {
	mine := errors.New("enough")
	missing := practice.Query{Map: "m", SQL: "SELECT id FROM nowhere", Columns: []practice.Column{{Name: "id", Type: practice.Int}}}
	ignore := func(practice.Row) error { return nil }
	cases := map[string]struct {
		f     func(context.Context, practice.Source) error
		panic bool
		want  error
	}{
		"the caller's error": {f: func(context.Context, practice.Source) error { return mine }, want: mine},
		"a read that failed, and the caller says nothing": {f: func(ctx context.Context, at practice.Source) error {
			if err := at.Rows(ctx, missing, nil, ignore, nil); !errors.Is(err, practice.ErrUnavailable) {
				return fmt.Errorf("no error from a table that is not there: %w", err)
			}
			if err := at.Rows(ctx, notes, []practice.ClientKey{"7"}, ignore, nil); !errors.Is(err, practice.ErrUnavailable) {
				return fmt.Errorf("it went on after a failure: %w", err)
			}
			if _, err := at.Version(ctx); !errors.Is(err, practice.ErrUnavailable) {
				return fmt.Errorf("it has a name after a failure: %w", err)
			}
			return nil
		}, want: practice.ErrUnavailable},
		"a panic": {f: func(context.Context, practice.Source) error { panic("row") }, panic: true},
		"a panic amid the rows": {f: func(ctx context.Context, at practice.Source) error {
			return at.Rows(ctx, notes, []practice.ClientKey{"7"}, func(practice.Row) error { panic("row") }, nil)
		}, panic: true},
		"a context that ends": {f: func(ctx context.Context, at practice.Source) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return at.Rows(ctx, notes, []practice.ClientKey{"7"}, ignore, nil)
		}, want: practice.ErrUnavailable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path, s := journaled(t, "DELETE")
			for range 20 { // more often than there are sessions
				func() {
					defer func() {
						if p := recover(); (p != nil) != c.panic {
							t.Errorf("panic: %v", p)
						}
					}()
					if err := s.Snapshot(t.Context(), c.f); !errors.Is(err, c.want) {
						t.Errorf("error %v, want %v", err, c.want)
					}
				}()
			}
			write(t, path, "UPDATE notes SET body = 'later'") // no busy timeout: fails if a transaction is left open
			err := s.Snapshot(t.Context(), func(_ context.Context, at practice.Source) error {
				if got := bodies(t, at); got != "later;later;" {
					t.Errorf("afterwards: %s", got)
				}
				return nil
			})
			if err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestNothingIsReadFromASnapshotThatHasEnded(t *testing.T) {
	_, s := journaled(t, "WAL")
	var kept practice.Source
	if err := s.Snapshot(t.Context(), func(_ context.Context, at practice.Source) error { kept = at; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := kept.Rows(t.Context(), notes, nil, func(practice.Row) error { return nil }, nil); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("rows: %v", err)
	}
	if _, err := kept.Version(t.Context()); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("version: %v", err)
	}
}

func TestASnapshotOfADatabaseThatIsGoneIsUnavailable(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "none.db"))
	err := s.Snapshot(t.Context(), func(context.Context, practice.Source) error { t.Error("it ran"); return nil })
	if !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	s := open(b, database(b))
	for b.Loop() {
		if err := s.Snapshot(b.Context(), func(context.Context, practice.Source) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
