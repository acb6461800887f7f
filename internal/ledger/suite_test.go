package ledger

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// opened is a ledger under test: what it holds can be read back, in the order of each chain.
type opened struct {
	Ledger
	records func(t *testing.T) []Record
}

// testLedger is what every implementation of Ledger must do.
func testLedger(t *testing.T, open func(t *testing.T) opened) {
	t.Run("gives back what was written", func(t *testing.T) {
		l := open(t)
		want := []Record{sample(1, 50), sample(2, 0), sample(1, 50), {At: instantOf(9), Interaction: "GET /fhir/Patient", Status: 200}}
		for _, r := range want {
			if err := l.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, l.records(t), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("has every confirmed record of concurrent writers", func(t *testing.T) {
		l := open(t)
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 20 {
					r := sample(w, 5)
					r.RequestID = strconv.Itoa(w) + "/" + strconv.Itoa(i)
					if err := l.Append(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		seen := map[string]int{}
		for _, r := range l.records(t) {
			seen[r.RequestID]++
		}
		if len(seen) != 320 {
			t.Errorf("%d different records; want 320", len(seen))
		}
	})
	t.Run("writes all records of an answer or none", func(t *testing.T) {
		l := open(t)
		if err := l.Append(t.Context(), sample(1, 2), sample(2, 2), Record{}); !errors.Is(err, ErrRecord) {
			t.Errorf("with an incomplete one: %v; want ErrRecord", err)
		}
		if err := l.Append(t.Context()); !errors.Is(err, ErrRecord) {
			t.Errorf("an answer without a record: %v; want ErrRecord", err)
		}
		want := []Record{sample(3, 2), sample(4, 2), sample(3, 2)}
		if err := l.Append(t.Context(), want...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, l.records(t), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("refuses incomplete records", func(t *testing.T) {
		l := open(t)
		for name, change := range map[string]func(*Record){
			"no time":          func(r *Record) { r.At = time.Time{} },
			"no interaction":   func(r *Record) { r.Interaction = "" },
			"no status":        func(r *Record) { r.Status = 0 },
			"too long a name":  func(r *Record) { r.Partner = strings.Repeat("x", maxName+1) },
			"too long an id":   func(r *Record) { r.Released = []string{strings.Repeat("x", maxName+1)} },
			"a long reason":    func(r *Record) { r.Withheld = map[string]uint32{strings.Repeat("x", maxName+1): 1} },
			"a long reference": func(r *Record) { r.Consents = []ConsentUse{{Reference: strings.Repeat("x", maxName+1)}} },
		} {
			r := sample(1, 1)
			change(&r)
			if err := l.Append(t.Context(), r); !errors.Is(err, ErrRecord) {
				t.Errorf("%s: %v; want ErrRecord", name, err)
			}
		}
		if n := len(l.records(t)); n != 0 {
			t.Errorf("%d records were written", n)
		}
	})
	t.Run("confirms nothing to a caller who has given up", func(t *testing.T) {
		l := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Append(ctx, sample(1, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("%v; want context.Canceled", err)
		}
		if n := len(l.records(t)); n != 0 {
			t.Errorf("%d records were written", n)
		}
	})
	t.Run("writes what is under way and then nothing more", func(t *testing.T) {
		l := open(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		confirmed := 0
		for i := range 64 {
			wg.Go(func() {
				err := l.Append(t.Context(), sample(i, 3))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					confirmed++
				} else if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := l.Append(t.Context(), sample(1, 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v; want ErrClosed", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		if n := len(l.records(t)); n != confirmed {
			t.Errorf("%d records, %d confirmed", n, confirmed)
		}
	})
}

func instantOf(n int) time.Time { return time.Date(2026, 11, 21, 10, 0, n, 123456789, time.UTC) }

// sample is the record of an answer about one client with n resources.
func sample(client, n int) Record {
	r := Record{
		At: instantOf(client), RequestID: "0f8fad5b-d9cb-469f-a165-70867728950e", Partner: "referring-clinic",
		Purposes:    []string{actReason + "|TREAT"},
		Interaction: "GET /fhir/DocumentReference", Status: 200,
		Client: "Patient/" + sealedID(client), ChartVersion: "v" + strconv.Itoa(client),
		Consents: []ConsentUse{{Reference: "Consent/" + sealedID(client+1000), Version: [32]byte{1, byte(client)}}},
		Withheld: map[string]uint32{"denied": 3, "psychotherapy-note": 1},
		Digest:   [32]byte{7, byte(client)},
	}
	for i := range n {
		r.Released = append(r.Released, "DocumentReference/"+sealedID(client*1000+i))
	}
	return r
}

// sealedID has the form of a sealed id.
func sealedID(n int) string {
	var b [packedLength]byte
	for i := range b {
		b[i] = byte(n>>(8*(i%4))) ^ byte(i*37)
	}
	return sealedIDs.EncodeToString(b[:])
}
