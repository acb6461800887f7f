package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

// oneSlice yields every row in the same slice, as a database does, and an error after the last.
type oneSlice struct {
	given
	err error
}

func (s oneSlice) Rows(ctx context.Context, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	slice := make(practice.Row, len(q.Columns))
	err := s.given.Rows(ctx, q, clients, func(row practice.Row) error {
		copy(slice, row)
		return each(slice)
	}, broken)
	clear(slice)
	return errors.Join(err, s.err)
}

func manyRows(n int) (rows [][]any) {
	for i := range n {
		rows = append(rows, []any{int64(i), int64(7), fmt.Sprint("a", i), nil, "urn:x", fmt.Sprint("v", i), nil, "text", fmt.Sprintf(`["k%d"]`, i)})
	}
	return rows
}

// Many rows become what each of them becomes alone, in their order; a key that stands twice fails both, however far they are apart.
func TestManyRowsBecomeWhatEachBecomesAlone(t *testing.T) {
	m := load(t, slots)
	rows := manyRows(500)
	rows[300][0] = rows[10][0]
	rows[200][8] = "no list"
	rows[250][1] = int64(8)
	got, report, err := m.MadeOf(t.Context(), oneSlice{given: given{rows}}, "7")
	if err != nil {
		t.Fatal(err)
	}
	var want []mapping.Made
	for i, row := range rows {
		if i == 10 || i == 300 {
			continue
		}
		one, _, err := m.MadeOf(t.Context(), given{[][]any{row}}, "7")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, one...)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error("they become something else than alone")
	}
	if r := report[0]; r.Read != 500 || r.Mapped != 496 || len(r.Failed) != 4 {
		t.Errorf("%d read, %d mapped, %d failed", r.Read, r.Mapped, len(r.Failed))
	}
}

func TestNothingIsMadeOfRowsWhoseEndIsMissing(t *testing.T) {
	m := load(t, slots)
	for _, n := range []int{1, 63, 64, 65, 200} {
		if made, _, err := m.MadeOf(t.Context(), oneSlice{given{manyRows(n)}, practice.ErrUnavailable}, "7"); made != nil || !errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%d rows: %d made, %v", n, len(made), err)
		}
	}
}

// panicking panics when it seals one key.
type panicking struct{}

func (panicking) Seal(resourceType, client, kind, key string) (string, error) {
	if key == "150" {
		panic("sealer")
	}
	return fakeSealer{}.Seal(resourceType, client, kind, key)
}

// A panic reaches whoever reads the rows, in whatever goroutine it came up: it ends a request, and must not end the process.
func TestAPanicReachesTheReader(t *testing.T) {
	m, err := mapping.Load(folder(t, slots), "maps/test", mapping.Options{Sealer: panicking{}, Zone: chicago})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{151, 2000} {
		func() {
			defer func() {
				if recover() != "sealer" {
					t.Error("no panic")
				}
			}()
			_, _, _ = m.MadeOf(t.Context(), oneSlice{given: given{manyRows(n)}}, "7")
		}()
	}
}
