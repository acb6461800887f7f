package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/practice"
)

// faulty is a practice's database that fails at one place: at the n-th thing that it is asked for or yields.
type faulty struct {
	practice.Snapshotter
	*fault
}

// fault is where and how a source fails. The places are counted: the version, the beginning and the end of a snapshot, the beginning and
// the end of each statement, and each row.
type fault struct {
	mu    sync.Mutex
	at    int // 0 for nowhere
	seen  int
	fired bool
	how   mishap
	where string
}

// mishap is how a source fails.
type mishap struct {
	name   string
	err    error // given instead of an answer
	panics bool
	row    func(practice.Row) practice.Row // a row that is not what was declared
	text   *string                         // a version that is none
	status int
}

var empty = ""

var mishaps = []mishap{
	{name: "unavailable", err: fmt.Errorf("%w: gone", practice.ErrUnavailable), status: http.StatusServiceUnavailable},
	{name: "an error of any kind", err: errFault, status: http.StatusServiceUnavailable},
	{name: "deadline", err: context.DeadlineExceeded, status: http.StatusServiceUnavailable},
	{name: "cancelled", err: context.Canceled, status: http.StatusServiceUnavailable},
	{name: "panic", panics: true, status: http.StatusInternalServerError}, // 503 where others could have waited for the same read
	{name: "a column too few", row: func(r practice.Row) practice.Row { return r[:len(r)-1] }, status: http.StatusServiceUnavailable},
	{name: "a column too many", row: func(r practice.Row) practice.Row { return append(slices.Clone(r), practice.Value{}) }, status: http.StatusServiceUnavailable},
	{name: "a row of nothing", row: func(practice.Row) practice.Row { return nil }, status: http.StatusServiceUnavailable},
	{name: "an empty version", text: &empty, status: http.StatusServiceUnavailable},
}

// here counts one place and tells whether to fail there.
func (f *fault) here(where string, canBe bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fired {
		return false
	}
	f.seen++
	if f.at == 0 || f.seen < f.at || !canBe {
		return false
	}
	f.fired, f.where = true, where
	return true
}

// arm sets the next place.
func (f *fault) arm(how mishap, at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how, f.at, f.seen, f.fired, f.where = how, at, 0, false, ""
}

// fail fails at a place, if it is the one.
func (f *fault) fail(where string) error {
	if !f.here(where, f.how.err != nil || f.how.panics) {
		return nil
	}
	if f.how.panics {
		panic("fault")
	}
	return f.how.err
}

func (f faulty) Version(ctx context.Context) (string, error) {
	if f.how.text != nil && f.here("version", true) {
		return *f.how.text, nil
	}
	if err := f.fail("version"); err != nil {
		return "", err
	}
	return f.Snapshotter.Version(ctx)
}

func (f faulty) Snapshot(ctx context.Context, g func(context.Context, practice.Source) error) error {
	if err := f.fail("snapshot"); err != nil {
		return err
	}
	if err := f.Snapshotter.Snapshot(ctx, func(ctx context.Context, at practice.Source) error {
		return g(ctx, faultyState{at, f.fault})
	}); err != nil {
		return err
	}
	return f.fail("end of the snapshot")
}

// faultyState is the source within a snapshot.
type faultyState struct {
	practice.Source
	*fault
}

func (f faultyState) Version(ctx context.Context) (string, error) {
	if f.how.text != nil && f.here("version of the snapshot", true) {
		return *f.how.text, nil
	}
	if err := f.fail("version of the snapshot"); err != nil {
		return "", err
	}
	return f.Source.Version(ctx)
}

func (f faultyState) Rows(ctx context.Context, q practice.Query, clients []practice.ClientKey, each func(practice.Row) error, broken func(*practice.BrokenRow)) error {
	if err := f.fail("statement of " + q.Map); err != nil {
		return err
	}
	err := f.Source.Rows(ctx, q, clients, func(r practice.Row) error {
		if f.how.row != nil && f.here("row of "+q.Map, true) {
			r = f.how.row(r)
		}
		if err := f.fail("row of " + q.Map); err != nil {
			return err
		}
		return each(r)
	}, broken)
	if err != nil {
		return err
	}
	return f.fail("end of " + q.Map)
}

// requestsOf are requests whose answers hold something.
func (r *rig) requestsOf() []string {
	id := patientID(r.t, r.demonstration, r.practice.Story.Referred)
	return []string{"DocumentReference?patient=" + id + "&_revinclude=Provenance:target&_count=5", "Patient/" + id, "Patient?_count=3", "Practitioner?_count=3"}
}

const faultPartner = "harbor-family-medicine"

// Whatever the practice's database does at whatever place, a request whose answer depends on it releases nothing and says 503 (500 for a panic),
// and the next request is answered as if nothing had been: nothing of what was read in part is kept.
func TestAFailingPracticeReleasesNothing(t *testing.T) {
	r := newRig(t)
	requests := r.requestsOf()
	for _, path := range requests {
		t.Run(kindOf(path), func(t *testing.T) {
			r.t = t
			whole := r.open(parts{}, faultPartner).get(path)
			if whole.Code != http.StatusOK || len(resourcesIn(t, whole)) == 0 {
				t.Fatalf("status %d, %d resources: nothing is at stake", whole.Code, len(resourcesIn(t, whole)))
			}
			for i, how := range mishaps {
				stride := 1
				switch { // the places are nearly the same: one mishap goes through all of them
				case strings.HasPrefix(path, "Patient?"): // a search over the reach reads many charts
					stride = 97
				case testing.Short():
					stride = 23
				case i > 0 || path != requests[0]:
					stride = 11
				}
				places := r.failAt(t, path, how, stride, whole.Body.String())
				if places < 1 {
					t.Errorf("%s: %d places", how.name, places)
				}
			}
		})
	}
}

// failAt fails at each place in turn, or at every so manieth, until a request goes through.
func (r *rig) failAt(t *testing.T, path string, how mishap, stride int, whole string) (places int) {
	for at := 1; ; {
		f := &fault{}
		f.arm(how, at)
		x := r.open(parts{source: func(s practice.Snapshotter) practice.Snapshotter { return faulty{s, f} }}, faultPartner)
		w, released, _ := x.ask(path)
		if !f.fired {
			if w.Code != http.StatusOK || w.Body.String() != whole {
				t.Errorf("%s, nowhere: status %d", how.name, w.Code)
			}
			return places
		}
		places++
		what := fmt.Sprintf("%s at place %d (%s)", how.name, f.seen, f.where)
		if how.panics && f.where == "version" {
			refused(t, what, w, http.StatusServiceUnavailable)
		} else {
			refused(t, what, w, how.status)
		}
		if len(released) > 0 {
			t.Errorf("%s: %d resources are recorded as released", what, len(released))
		}
		if again := x.get(path); again.Code != http.StatusOK || again.Body.String() != whole {
			t.Errorf("%s: afterwards status %d with %d bytes, want %d", what, again.Code, again.Body.Len(), len(whole))
		}
		at = f.seen + stride
	}
}
