package ledger

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consentry/gateway/internal/store"
)

// stretches makes a ledger of so many processes, with a segment for each five records; the last one is open. Client 1 is in the first stretch of each
// chain only, client 2 everywhere.
func stretches(t *testing.T, processes int) store.Place { return stretchesAt(t, file(t), processes) }

func stretchesAt(t *testing.T, path store.Place, processes int) store.Place {
	t.Helper()
	for process := range processes {
		l := openAt(t, path, Options{CheckpointEvery: 5})
		for i, client := range []int{1, 2, 3, 1, 2, 3, 2, 3, 3, 3, 4, 2, 4} {
			r := sample(client, 3)
			r.Part2 = (i+process)%2 == 0
			if err := l.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if process < processes-1 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func clientRef(n int) string { return "Patient/" + sealedID(n) }

func TestTheRecordsOfAClientAreThoseOfAWalkOverAll(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		path = stretchesAt(t, path, 2)
		check := func(t *testing.T) {
			t.Helper()
			r := readerAt(t, path)
			for client := range 6 {
				var want []Entry
				for e, err := range r.Disclosures(t.Context(), Filter{Client: clientRef(client)}) {
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, e)
				}
				got, err := r.Of(t.Context(), clientRef(client))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("client %d: %s", client, diff)
				}
			}
		}
		check(t)
		t.Run("without a part of the index", func(t *testing.T) {
			tamper(t, path, `DELETE FROM segments WHERE last = 10 AND writer = (SELECT writer FROM tips ORDER BY writer LIMIT 1)`)
			check(t)
		})
		t.Run("with an index that hides a client", func(t *testing.T) {
			tamper(t, path, `UPDATE segments SET clients = x''`)
			check(t)
		})
		t.Run("without any index", func(t *testing.T) {
			tamper(t, path, `DELETE FROM segments`)
			check(t)
		})
	})
}

// Stretches that are not about the client are not read: they may be gone, and nobody sees it here.
func TestOnlyTheStretchesOfTheClientAreRead(t *testing.T) {
	path := stretches(t, 2)
	want, err := readerAt(t, path).Of(t.Context(), clientRef(1))
	if err != nil || len(want) != 4 {
		t.Fatal(len(want), err)
	}
	tamper(t, path, `DELETE FROM commits WHERE seq BETWEEN 6 AND 10`)
	got, err := readerAt(t, path).Of(t.Context(), clientRef(1))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := readerAt(t, path).Of(t.Context(), clientRef(2)); !errors.Is(err, ErrDamaged) {
		t.Errorf("one whose records are gone: %v", err)
	}
}

// One reader goes on where it ended, through checkpoints and beside others who ask for the same client; what it gives is what a new one gives. Damage in what
// is new to it is found.
func TestAReaderGoesOnWhereItEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, path, Options{CheckpointEvery: 7})
		kept := readerAt(t, path)
		for i := range 40 {
			if err := l.Append(t.Context(), sample(i%3, 1+i%4)); err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			for client := range 3 {
				fresh := &Reader{db: kept.db, keys: kept.keys}
				want, err := fresh.Of(t.Context(), clientRef(client))
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					group.Go(func() {
						got, err := kept.Of(t.Context(), clientRef(client))
						if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
							t.Errorf("after %d records, client %d: %v %s", i+1, client, err, diff)
						}
					})
				}
			}
			group.Wait()
		}
		if err := l.Append(t.Context(), sample(1, 1)); err != nil {
			t.Fatal(err)
		}
		tamper(t, path, `UPDATE commits SET records = CAST(records || x'00' AS BLOB) WHERE seq = 41`)
		for range 2 {
			if got, err := kept.Of(t.Context(), clientRef(1)); !errors.Is(err, ErrDamaged) || got != nil {
				t.Errorf("%d records of a damaged end, %v", len(got), err)
			}
		}
	})
}

// How long it takes to ask again does not depend on what was read before: a row that was read is not read again.
func TestWhatWasReadIsNotReadAgain(t *testing.T) {
	path := file(t)
	l := openAt(t, path, Options{})
	r := readerAt(t, path)
	for range 3 {
		if err := l.Append(t.Context(), sample(1, 2)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Of(t.Context(), clientRef(1)); err != nil {
			t.Fatal(err)
		}
	}
	tamper(t, path, `DELETE FROM commits`)
	if got, err := r.Of(t.Context(), clientRef(1)); len(got) != 3 || err != nil {
		t.Errorf("%d records, %v", len(got), err)
	}
	if _, err := readerAt(t, path).Of(t.Context(), clientRef(1)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a reader that has read nothing: %v", err)
	}
}

func TestDamageInAClientsStretchGivesNothing(t *testing.T) {
	const first = `(SELECT writer FROM tips ORDER BY writer LIMIT 1)`
	for name, statement := range map[string]string{
		"an edited record":             `UPDATE commits SET records = CAST(records || x'00' AS BLOB) WHERE seq = 3 AND writer = ` + first,
		"a record that is no record":   `UPDATE commits SET records = x'ff' WHERE seq = 3 AND writer = ` + first,
		"another hash":                 `UPDATE commits SET hash = zeroblob(32) WHERE seq = 2 AND writer = ` + first,
		"a record less":                `DELETE FROM commits WHERE seq = 3 AND writer = ` + first,
		"a stretch less":               `DELETE FROM commits WHERE seq <= 5 AND writer = ` + first,
		"the newest gone":              `DELETE FROM commits WHERE seq = 13`,
		"an end that is not ours":      `UPDATE tips SET seq = 12`,
		"no end":                       `DELETE FROM tips WHERE writer = ` + first,
		"the number of a record moved": `UPDATE commits SET seq = 100 WHERE seq = 4 AND writer = ` + first,
	} {
		t.Run(name, func(t *testing.T) {
			path := stretches(t, 1)
			tamper(t, path, statement)
			for _, client := range []int{1, 2} {
				got, err := readerAt(t, path).Of(context.Background(), clientRef(client))
				if client == 2 && !errors.Is(err, ErrDamaged) || err != nil && got != nil {
					t.Errorf("client %d: %d records, %v", client, len(got), err)
				}
			}
		})
	}
	if _, err := readerAt(t, stretches(t, 1)).Of(t.Context(), ""); err == nil {
		t.Error("no client has records")
	}
}

// A commit that failed leaves an index that is true: another stretch begins where the last one ended.
func TestTheIndexStandsAfterAFailedCommit(t *testing.T) {
	path := file(t)
	l := openAt(t, path, Options{CheckpointEvery: 3})
	add := func(client int) error { return l.Append(t.Context(), sample(client, 1)) }
	if err := add(1); err != nil {
		t.Fatal(err)
	}
	tamper(t, path, `CREATE TRIGGER refuse BEFORE INSERT ON commits BEGIN SELECT RAISE(ABORT, 'full'); END`)
	if err := add(2); err == nil {
		t.Fatal("the commit did not fail")
	}
	tamper(t, path, `DROP TRIGGER refuse`)
	for client := range 6 {
		if err := add(client); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for client, want := range []int{1, 2, 1, 1, 1, 1} {
		got, err := readerAt(t, path).Of(t.Context(), clientRef(client))
		if err != nil || len(got) != want {
			t.Errorf("client %d: %d records, want %d, %v", client, len(got), want, err)
		}
	}
}
