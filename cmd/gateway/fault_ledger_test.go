package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/store"
)

// brokenLedger fails while it is broken.
type brokenLedger struct {
	recorder
	broken bool
	how    func(context.Context) error
}

func (l *brokenLedger) Append(ctx context.Context, answer ...ledger.Record) error {
	if l.broken {
		return l.how(ctx)
	}
	return l.recorder.Append(ctx, answer...)
}

// Without its record nothing leaves: no body, no entity tag, no partial answer, whether the ledger fails, panics or hangs.
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
				l.broken = true
				w, _, _ := x.ask(path)
				refused(t, c.name, w, c.status)
				l.broken = false
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
	l, err := ledger.Open(t.Context(), store.Place{SQLite: t.TempDir() + "/ledger.db"}, ledger.Options{Key: testLedgerKey(), Now: r.now.now})
	noError(t, err)
	x := r.open(parts{ledger: l}, faultPartner)
	if w, _, _ := x.ask(path); w.Code != http.StatusOK || len(resourcesIn(t, w)) == 0 {
		t.Fatalf("before: status %d", w.Code)
	}
	noError(t, l.Close())
	w, _, _ := x.ask(path)
	refused(t, "closed", w, http.StatusServiceUnavailable)
}
