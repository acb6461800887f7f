package egress

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// bounded is an Egress whose answers may hold so much.
func bounded(t testing.TB, most int64) *Egress {
	t.Helper()
	o := options(t)
	o.AnswerBytes = most
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// longPage is a page of some 300 KB.
func longPage(t testing.TB) *Page {
	t.Helper()
	r := release(t, strings.Replace(note("n1"), `"id":"n1"`, `"id":"n1","language":"`+strings.Repeat("a", 1000)+`"`, 1))
	p := &Page{Self: "DocumentReference?patient=p1"}
	for range 200 {
		p.Entries = append(p.Entries, Entry{Released: r})
	}
	return p
}

// What is beyond the budget is refused, with nothing released, and what is short never is. Each answer gives back what it took, once.
func TestAnswersBeyondTheBudgetAreRefused(t *testing.T) {
	raw := []byte(strings.Repeat("scan", 80_000))
	for name, long := range map[string]func() Response{
		"a page":                     func() Response { return longPage(t) },
		"a page that is asked again": func() Response { p := longPage(t); p.answered.Store(1); return p },
		"a Binary":                   func() Response { return &Binary{Released: pdf(t, raw)} },
		"a Binary as it is":          func() Response { return &Binary{Released: pdf(t, raw), Native: true} },
		"a long part of a Binary":    func() Response { return &Binary{Released: pdf(t, raw), Native: true, Range: "bytes=0-200000"} },
		"a resource of some 1,000 KiB": func() Response {
			return &Resource{Released: release(t, strings.Replace(note("n1"), `"id":"n1"`, `"id":"n1","language":"`+strings.Repeat("a", 1<<20)+`"`, 1))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := bounded(t, 1300<<10)
			var open []*Answer
			var last *Answer
			for range 20 {
				if last = e.Encode(long(), ""); last.Failed != nil {
					break
				}
				if held := e.AnswerBytes(); held < int64(last.Size()) || held > 1300<<10 {
					t.Fatalf("%d bytes are held", held)
				}
				open = append(open, last)
			}
			if len(open) == 0 || last.Failed == nil {
				t.Fatalf("%d answers are not too many", len(open))
			}
			held := e.AnswerBytes()
			w := write(t, last, false)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("ETag") != "" || !strings.Contains(w.Body.String(), "transient") {
				t.Errorf("%d %v %.200s", w.Code, w.Header(), w.Body)
			}
			if a := e.Encode(pageOf(t, "short"), ""); a.Failed != nil || e.AnswerBytes() != held {
				t.Error("a short answer takes of the budget")
			}
			for _, a := range open {
				if a.Close(); a.Released != nil {
					t.Error("a closed answer holds resources")
				}
				a.Close()
			}
			if n := e.AnswerBytes(); n != 0 {
				t.Errorf("%d bytes are not given back", n)
			}
			if a := e.Encode(long(), ""); a.Failed != nil {
				t.Error("afterwards an answer is refused")
			}
		})
	}
}

// A page is kept for all, but each answer takes for itself, and nothing while the requester has it already.
func TestAKeptPageTakesForEachAnswer(t *testing.T) {
	e, p := bounded(t, 10<<20), longPage(t)
	first := e.Encode(p, "")
	first.Close()
	second, third := e.Encode(p, ""), e.Encode(p, "")
	if &second.body[0] != &third.body[0] || e.AnswerBytes() < 2*int64(third.Size()) {
		t.Errorf("%d bytes for two of %d", e.AnswerBytes(), third.Size())
	}
	second.Close()
	third.Close()
	for range 2 {
		if a := e.Encode(p, first.tag); a.Status != http.StatusNotModified || a.Failed != nil || e.AnswerBytes() != 0 {
			t.Errorf("%d, %d bytes are held", a.Status, e.AnswerBytes())
		}
	}
}

// A batch takes what its buffer holds while it grows, and refuses an entry for which there is no room; refusals have room always.
func TestABatchTakesWhatItHolds(t *testing.T) {
	e := bounded(t, 3<<20)
	b := e.NewBatch()
	refused := 0
	for range 50 {
		a := e.Encode(longPage(t), "")
		if a.Failed == nil && !b.Room(a) {
			a.Close()
			a = full()
		}
		if a.Failed != nil {
			refused++
		}
		b.Add(a, false)
		if held := e.AnswerBytes(); held > 3<<20 || held > 0 && held < int64(cap(b.body)) {
			t.Fatalf("%d bytes are held for %d", held, cap(b.body))
		}
	}
	text := string(b.Answer().body)
	if refused == 0 || refused == 50 || strings.Count(text, `"503 Service Unavailable"`) != refused || strings.Count(text, `"200 OK"`) != 50-refused {
		t.Errorf("%d are refused", refused)
	}
	b.answer.Close()
	if n := e.AnswerBytes(); n != 0 {
		t.Errorf("%d bytes are not given back", n)
	}
	b = e.NewBatch()
	if !b.Room(e.Encode(longPage(t), "")) {
		t.Error("afterwards there is no room")
	}
	held := e.AnswerBytes()
	if b.Close(); e.AnswerBytes() >= held {
		t.Error("a batch that is given up gives nothing back")
	}
}

func TestTheBudgetHoldsAmongMany(t *testing.T) {
	b := &budget{most: 1000}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 1000 {
				n := int64(100 + 100*i)
				if b.take(n) {
					if held := b.held.Load(); held > 1000 {
						t.Errorf("%d are held", held)
					}
					b.give(n)
				}
			}
		})
	}
	wg.Wait()
	if b.held.Load() != 0 || !b.take(1000) || b.take(1) {
		t.Error("something is left of them")
	}
	if (&budget{}).take(1) {
		t.Error("no budget has room")
	}
}

// A buffer is of the size that was asked for, whatever lies in the pools.
func TestNoShortAnswerHoldsALongBuffer(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 4097, short, short + 1, 1 << 20, 1<<20 + 1, 3 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for range 3 {
				p := newBuffer(n)
				if len(*p) != 0 || cap(*p) < n || cap(*p) >= max(2*roomOf(n), 1) || roomOf(n) >= max(2*n, 8192) {
					t.Errorf("%d of %d", len(*p), cap(*p))
				}
				freeBuffer(p, slices.Grow(*p, cap(*p)+1))
			}
		})
	}
}

// A buffer that has grown beyond its class is not given to an answer that is counted by the class.
func TestABufferHasTheRoomThatIsCounted(t *testing.T) {
	for _, n := range []int{1, 1 << minClass, 1<<minClass + 1, 1 << maxClass, 1<<maxClass + 8192} {
		p := newBuffer(n)
		for range 8 {
			grown := slices.Grow((*p)[:0], n+n/3)
			freeBuffer(p, grown)
			if p = newBuffer(n); cap(*p) != roomOf(n) {
				t.Errorf("of %d bytes, %d are counted", cap(*p), roomOf(n))
			}
		}
	}
}
