package main

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	nonintSeed  = flag.Uint64("nonint.seed", 1, "the first seed of the noninterference test")
	nonintPairs = flag.Int("nonint.pairs", 10_000, "how many pairs of charts the noninterference test compares")
)

// maxDiscarded is how many of a hundred pairs may be thrown away because the real decision, rightly, comes out otherwise for the twin.
const maxDiscarded = 60

// Two charts that differ only in what is withheld from a requester give byte-identical answers, headers included, to every request: to reads
// of every id that either chart has and some that neither has, by GET and HEAD; to searches by values of what is withheld, sorted, counted,
// paged, with _include and _revinclude, by elements and in summary, by GET and POST; and to If-None-Match with the entity tag that the other house gave. What is withheld is what the real
// decision withholds. The twin has withheld resources removed, added and changed, and the references of released resources to withheld ones
// removed, added and turned to others or into the void.
//
// Of some pairs the client asks for AuditEvents too: what was withheld from somebody shows there as little.
//
// The log, the metrics and the ledger are for the practice's staff and do differ: they count what was withheld, and why.
func TestNoninterference(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // it makes millions of small things
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(2 << 30))
	pairs := *nonintPairs
	if testing.Short() {
		pairs = min(pairs, 500)
	}
	total := interfere(t, mutation{}, *nonintSeed, pairs, 10, func(seed uint64, difference string) {
		t.Errorf("seed %d: %s (repeat with -nonint.seed=%d -nonint.pairs=1)", seed, difference, seed)
	})
	t.Logf("%d pairs kept, %d discarded; with something released %d, minimal Patients %d; in the twins %d removed, %d added, %d changed, %d references turned; answers %+v",
		total.kept, total.discarded, total.released, total.minimal, total.removed, total.added, total.changed, total.relinked, total.seen)
	if t.Failed() || pairs < 500 {
		return
	}
	if total.kept < pairs || total.discarded*100 > maxDiscarded*(total.kept+total.discarded) {
		t.Errorf("%d pairs were kept of %d, %d discarded", total.kept, pairs, total.discarded)
	}
	for what, n := range map[string]int{
		"charts of which something is released": total.released, "minimal Patients": 20 * total.minimal, "removed": total.removed, "added": total.added, "changed": total.changed,
		"turned references": 2 * total.relinked, "searches with matches": total.seen.entries, "empty searches": total.seen.empty, "reads": total.seen.read,
		"404": total.seen.missing, "304": total.seen.unchanged, "next pages": 2 * total.seen.pages,
		"Consents": total.seen.consents, "with something included": total.seen.included, "subsets": total.seen.subsets, "batches": total.seen.batches, "contents of documents": 5 * total.seen.contents, "answers in the ledger": total.seen.audited,
	} {
		if n < pairs/2 {
			t.Errorf("%s: %d for %d pairs: the test compares nothing", what, n, pairs)
		}
	}
	if total.seen.refused > total.seen.entries+total.seen.read {
		t.Errorf("%d requests were refused: the test compares errors", total.seen.refused)
	}
}

// tally is what a run saw.
type tally struct {
	kept, discarded, released, minimal, removed, added, changed, relinked int
	seen                                                                  statuses
}

func (t *tally) add(o tally) {
	t.kept, t.discarded, t.released, t.minimal = t.kept+o.kept, t.discarded+o.discarded, t.released+o.released, t.minimal+o.minimal
	t.removed, t.added, t.changed, t.relinked = t.removed+o.removed, t.added+o.added, t.changed+o.changed, t.relinked+o.relinked
	s, n := &t.seen, o.seen
	s.batches += n.batches
	s.entries, s.empty, s.read, s.missing = s.entries+n.entries, s.empty+n.empty, s.read+n.read, s.missing+n.missing
	s.unchanged, s.refused, s.pages, s.consents = s.unchanged+n.unchanged, s.refused+n.refused, s.pages+n.pages, s.consents+n.consents
	s.included, s.subsets, s.contents, s.audited = s.included+n.included, s.subsets+n.subsets, s.contents+n.contents, s.audited+n.audited
}

// interfere compares pairs until enough are kept, on all cores, and reports differences, so many at most.
func interfere(t *testing.T, m mutation, first uint64, pairs, most int, report func(seed uint64, difference string)) tally {
	t.Helper()
	r := &run{first: first, pairs: int64(pairs), most: int64(most), report: report}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, pairs/50)) {
		w := newTwins(t, m)
		wg.Go(func() {
			var mine tally
			for from, more := r.block(); more; from, more = r.block() {
				for seed := from; seed < from+baseUses && !r.ended(); seed++ {
					r.one(t, w, seed, &mine)
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.total.add(mine)
		})
	}
	wg.Wait()
	return r.total
}

// run is what the workers of one comparison share.
type run struct {
	first          uint64
	pairs, most    int64
	next           atomic.Uint64
	kept, reported atomic.Int64
	mu             sync.Mutex
	total          tally
	report         func(seed uint64, difference string)
}

func (r *run) ended() bool { return r.kept.Load() >= r.pairs || r.reported.Load() >= r.most }

// block gives the seeds of pairs that begin with the same chart.
func (r *run) block() (from uint64, more bool) {
	n := r.next.Add(baseUses) - baseUses
	return r.first + n, !r.ended() && n < uint64(5*r.pairs+50)
}

func (r *run) one(t *testing.T, w *twins, seed uint64, mine *tally) {
	p := w.pairOf(t, seed)
	if p == nil {
		mine.discarded++
		return
	}
	r.kept.Add(1)
	mine.note(p)
	x := asking{twins: w, pair: p, clinic: &clinic{Rand: p.rng, ruleset: w.ruleset, chart: p.chart}, seen: &mine.seen}
	if d := x.interferes(); d != "" {
		r.reported.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.report(seed, d)
	}
}

func (t *tally) note(p *pair) {
	t.kept++
	t.removed, t.added, t.changed, t.relinked = t.removed+p.removed, t.added+p.added, t.changed+p.changed, t.relinked+p.relinked
	if len(p.shown) > 0 {
		t.released++
	}
	if p.minimal {
		t.minimal++
	}
}
