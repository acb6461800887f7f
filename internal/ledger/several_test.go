package ledger

import (
	"errors"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/internal/store/postgrestest"
)

// Each process has its own chain; checkpoints are of all of them, and no process refuses an answer because another writes one.
func TestProcessesWriteAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		var wg sync.WaitGroup
		for process := range 3 {
			wg.Go(func() {
				l, err := Open(t.Context(), path, Options{Key: signingKey, CheckpointEvery: 2})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 15 {
					if err := l.Append(t.Context(), sample(process, 2), sample(i, 1)); err != nil {
						t.Error(err)
					}
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if r := verifyAt(t, path, nil); !r.OK() || r.Chains != 3 || r.Records != 90 {
			t.Errorf("%d chains, %d records, problems %v", r.Chains, r.Records, r.Problems)
		}
		if found, err := readerAt(t, path).Of(t.Context(), clientRef(1)); err != nil || len(found) != 18 {
			t.Errorf("%d records of one client, %v", len(found), err)
		}
	})
}

// A commit that this process gave up may come into the database later. What it writes then, on the end that it knows, must not stand beside it.
func TestAChainNeverForks(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, path, Options{})
		if err := l.Append(t.Context(), sample(1, 2)); err != nil {
			t.Fatal(err)
		}
		w := l.write
		before := w.head
		if err := w.commit([]*pending{{ctx: t.Context(), answer: []Record{sample(2, 2), sample(3, 2)}}}, false); err != nil {
			t.Fatal(err)
		}
		w.head = before // as if nobody had told it
		w.encoder.forget()
		if err := l.Append(t.Context(), sample(4, 2)); !errors.Is(err, errMoved) {
			t.Errorf("%v; want errMoved", err)
		}
		if err := l.Append(t.Context(), sample(5, 2)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if r := verifyAt(t, path, nil); !r.OK() || r.Records != 4 {
			t.Errorf("%d records, problems %v", r.Records, r.Problems)
		}
	})
}

// A server that loses its power fails what is under way. When it is back the chain goes on, with all that was confirmed.
func TestAServerThatDiesAndComesBack(t *testing.T) {
	d := postgrestest.Own(t)
	path := store.Place{Postgres: d.URL, PasswordFile: d.PasswordFile}
	l := openAt(t, path, Options{CheckpointEvery: 3})
	confirmed := 0
	add := func() error {
		err := l.Append(t.Context(), sample(confirmed, 2))
		if err == nil {
			confirmed++
		}
		return err
	}
	for range 5 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	d.Server.Stop()
	for range 2 {
		if err := add(); err == nil {
			t.Error("a record was confirmed without a server")
		}
	}
	if err := l.Ready(t.Context()); err == nil {
		t.Error("ready without a server")
	}
	if err := d.Server.Start(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := add(); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	}
	if err := errors.Join(l.Ready(t.Context()), l.Close()); err != nil {
		t.Error(err)
	}
	if r := verifyAt(t, path, nil); !r.OK() || r.Records < confirmed {
		t.Errorf("%d records, %d confirmed, problems %v", r.Records, confirmed, r.Problems)
	}
}
