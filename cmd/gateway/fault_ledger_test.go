package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ledger"
)

// brokenLedger fails at its n-th record, and at all after it until it is mended.
type brokenLedger struct {
	recorder
	at, seen int // 0 for never
	how      func(context.Context) error
}

func (l *brokenLedger) Append(ctx context.Context, r ledger.Record) error {
	l.seen++
	if l.at > 0 && l.seen >= l.at {
		return l.how(ctx)
	}
	return l.recorder.Append(ctx, r)
}

// Without its record nothing leaves: no body, no entity tag, no partial answer, whether the ledger fails, panics, hangs, or fails at the second
// of several clients' records.
func TestAFailingLedgerReleasesNothing(t *testing.T) {
	r := newRig(t)
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	cases := []struct {
		name   string
		how    func(context.Context) error
		status int
	}{
		{"an error", func(context.Context) error { return errFault }, http.StatusServiceUnavailable},
		{"closed", func(context.Context) error { return ledger.ErrClosed }, http.StatusServiceUnavailable},
		{"a panic", func(context.Context) error { panic("fault") }, http.StatusInternalServerError},
		{"it hangs", hang, http.StatusServiceUnavailable},
		{"the requester has gone", func(context.Context) error { return context.Canceled }, http.StatusServiceUnavailable},
	}
	for _, c := range cases {
		for _, path := range r.requestsOf() {
			t.Run(c.name+"/"+kindOf(path), func(t *testing.T) {
				r.t = t
				whole := r.open(parts{}, faultPartner).get(path)
				l := &brokenLedger{how: c.how}
				x := r.open(parts{ledger: l, timeout: 2 * time.Second}, faultPartner)
				x.recorder = &l.recorder
				failed := 0
				for l.at = 1; ; l.at++ {
					l.seen = 0
					if c.name == "it hangs" && failed == 1 {
						break // each takes its time
					}
					w, _, _ := x.ask(path)
					if l.seen < l.at {
						break
					}
					failed++
					refused(t, fmt.Sprint("at record ", l.at), w, c.status)
				}
				if failed == 0 {
					t.Error("it never failed")
				}
				l.at = 0
				if again := x.get(path); again.Code != http.StatusOK || again.Body.String() != whole.Body.String() {
					t.Errorf("afterwards: status %d", again.Code)
				}
			})
		}
	}
}

// The ledger on disk, closed under a running gateway.
func TestALedgerThatIsClosedReleasesNothing(t *testing.T) {
	r := newRig(t)
	path := r.requestsOf()[0]
	l, err := ledger.Open(t.Context(), t.TempDir()+"/ledger.db", ledger.Options{Key: testLedgerKey(), Now: r.now.now})
	noError(t, err)
	x := r.open(parts{ledger: l}, faultPartner)
	if w, _, _ := x.ask(path); w.Code != http.StatusOK || len(resourcesIn(t, w)) == 0 {
		t.Fatalf("before: status %d", w.Code)
	}
	noError(t, l.Close())
	w, _, _ := x.ask(path)
	refused(t, "closed", w, http.StatusServiceUnavailable)
}
