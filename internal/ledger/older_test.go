package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consentry/gateway/internal/store"
)

// older lays a ledger of nine records as a gateway with that many steps of the schema left it: testdata/older has what such gateways wrote, as `pg_dump --inserts` and
// sqlite's `.dump` give it. On PostgreSQL there was never one of a single step: it is one of two without the second.
func older(t *testing.T, kind string, steps int) store.Place {
	t.Helper()
	p, written := file(t), steps
	if kind == "postgres" {
		p, written = server(t), max(steps, 2)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "older", fmt.Sprintf("%d-%s.sql", written, kind)))
	if err != nil {
		t.Fatal(err)
	}
	statements := string(text)
	if written > steps {
		statements += `DROP TABLE public.segments; DELETE FROM public.ledger_migrations WHERE step = 2;`
	}
	db, err := store.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return p
}

// What an older gateway wrote is whole, also after several processes have brought it up to date at once and written on.
func TestAnOlderLedgerIsWholeAndGoesOn(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		for steps := 1; steps <= len(schema); steps++ {
			t.Run(fmt.Sprintf("%s of %d steps", kind, steps), func(t *testing.T) {
				p := older(t, kind, steps)
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() { writeOne(t, p, sample(1, 3)) })
				}
				wg.Wait()
				if r := verifyAt(t, p, nil); !r.OK() || r.Chains != 4 || r.Records != 12 {
					t.Errorf("%d chains, %d records, problems %v", r.Chains, r.Records, r.Problems)
				}
				var want []Record
				for i := range 9 {
					want = append(want, sample(i%3, 2))
				}
				want = append(want, sample(1, 3), sample(1, 3), sample(1, 3))
				inOrder := cmpopts.SortSlices(func(a, b Record) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
				if d := cmp.Diff(want, recordsAt(t, p, Filter{}), cmpopts.EquateEmpty(), inOrder); d != "" {
					t.Errorf("other records (-want +got)\n%s", d)
				}
				if of, err := readerAt(t, p).Of(t.Context(), clientRef(1)); err != nil || len(of) != 6 {
					t.Errorf("%d records of one client, %v", len(of), err)
				}
			})
		}
	}
}

func writeOne(t *testing.T, p store.Place, r Record) {
	l, err := Open(t.Context(), p, Options{Key: signingKey})
	if err != nil {
		t.Error(err)
		return
	}
	if err := l.Append(t.Context(), r); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// What was changed in an older ledger is found as it is in a new one.
func TestAChangeOfAnOlderLedgerIsFound(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		p := older(t, kind, 1)
		db, err := store.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `DELETE FROM commits WHERE seq = 5`); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
		writeOne(t, p, sample(1, 3))
		if r := verifyAt(t, p, nil); r.OK() || !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Seq == 5 }) {
			t.Errorf("%s: problems %v", kind, r.Problems)
		}
	}
}
