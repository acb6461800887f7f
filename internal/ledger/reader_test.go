package ledger

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/store"
)

func TestReadingDoesNotHoldUpTheWriter(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, within(path, 50*time.Millisecond), Options{})
		for i := range 3 {
			if err := l.Append(t.Context(), sample(i, 2)); err != nil {
				t.Fatal(err)
			}
		}
		seen := 0
		for e, err := range readerAt(t, path).Disclosures(t.Context(), Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if err := l.Append(t.Context(), sample(10+seen, 2)); err != nil {
				t.Errorf("while record %d is read: %v", e.Seq, err)
			}
		}
		if seen != 3 {
			t.Errorf("%d records; a reader sees what was there when it began", seen)
		}
		if n := len(recordsAt(t, path, Filter{})); n != 6 {
			t.Errorf("%d records; want 6", n)
		}
	})
}

func TestDisclosuresChooseByClientAndTime(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, path, Options{})
		for _, client := range []int{1, 2, 3, 1} {
			if err := l.Append(t.Context(), sample(client, 1)); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			filter Filter
			want   int
		}{
			"all":                 {Filter{}, 4},
			"one client":          {Filter{Client: "Patient/" + sealedID(1)}, 2},
			"nobody":              {Filter{Client: "Patient/x"}, 0},
			"from an instant on":  {Filter{Since: instantOf(2)}, 2},
			"a client since then": {Filter{Client: "Patient/" + sealedID(3), Since: instantOf(3)}, 1},
			"after all":           {Filter{Since: instantOf(4)}, 0},
		} {
			if got := len(recordsAt(t, path, c.filter)); got != c.want {
				t.Errorf("%s: %d records; want %d", name, got, c.want)
			}
		}
		for range readerAt(t, path).Disclosures(t.Context(), Filter{}) {
			break // a consumer that has had enough is not called again
		}
	})
}

func TestADamagedRecordTakesAlongThoseUpToTheNextCheckpoint(t *testing.T) {
	onBoth(t, func(t *testing.T, path store.Place) {
		l := openAt(t, path, Options{CheckpointEvery: 5})
		for i := range 20 {
			r := sample(1, 3) // every record needs the names of the first
			r.RequestID = strconv.Itoa(i)
			if err := l.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		tamper(t, path, `UPDATE commits SET records = zeroblob(10) WHERE seq = 7`)
		var read []string
		var last error
		for e, err := range readerAt(t, path).Disclosures(t.Context(), Filter{}) {
			if last = err; err == nil {
				read = append(read, e.Record.RequestID)
			}
		}
		want := []string{"0", "1", "2", "3", "4", "5", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Error(diff)
		}
		if last == nil {
			t.Error("a damaged ledger was read to its end without an error")
		}
	})
}
