package egress

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// gone is a connection that breaks in the middle of a write, as an HTTP/2 stream that is reset: Write returns while the bytes are still being
// sent.
type gone struct {
	header http.Header
	held   []byte
}

func (g *gone) Header() http.Header { return g.header }
func (g *gone) WriteHeader(int)     {}
func (g *gone) Write(b []byte) (int, error) {
	g.held = b
	return 0, errors.New("the stream was reset")
}

func pageOf(t testing.TB, ids ...string) *Page {
	t.Helper()
	p := &Page{Self: "DocumentReference?patient=p1"}
	for _, id := range ids {
		p.Entries = append(p.Entries, Entry{Released: release(t, note(id))})
	}
	return p
}

// What a broken connection may still be sending is never used for another client's answer.
func TestABufferWhoseWriteFailedIsNotUsedAgain(t *testing.T) {
	e := newEgress(t)
	for range 100 { // the pool gives a buffer back more often than not, and not always
		a := e.Encode(pageOf(t, "first"), "")
		w := &gone{header: http.Header{}}
		if a.Write(w, false) == nil {
			t.Fatal("the write did not fail")
		}
		a.Close()
		other := e.Encode(pageOf(t, "other"), "")
		if sent := string(w.held); strings.Contains(sent, "other") || !strings.Contains(sent, "first") {
			t.Fatal("another answer is written over one that may still be on its way")
		}
		other.Close()
	}
}

// Closing twice does not give one buffer to two answers.
func TestAnAnswerIsClosedOnce(t *testing.T) {
	e := newEgress(t)
	a := e.Encode(pageOf(t, "first"), "")
	a.Close()
	a.Close()
	b, c := e.Encode(pageOf(t, "one"), ""), e.Encode(pageOf(t, "two"), "")
	if !strings.Contains(string(b.body), `"one"`) || !strings.Contains(string(c.body), `"two"`) {
		t.Error("two answers share a buffer")
	}
}

// Many answers at once, each of its own client: each connection gets its own bytes.
func TestAnswersAtOnceDoNotMix(t *testing.T) {
	e := newEgress(t)
	ids := []string{"a1", "b22", "c333", "d4444"}
	want := make([]string, len(ids))
	pages := make([]*Page, len(ids))
	for i, id := range ids {
		pages[i] = pageOf(t, strings.Fields(strings.Repeat(id+" ", 3*i+1))...)
		want[i] = write(t, e.Encode(pages[i], ""), false).Body.String()
	}
	var wg sync.WaitGroup
	for i := range ids {
		for range 4 {
			wg.Go(func() {
				for range 50 {
					a := e.Encode(pages[i], "")
					if got := string(a.body); got != want[i] {
						t.Errorf("client %d got other bytes than alone", i)
						return
					}
					a.Close()
				}
			})
		}
	}
	wg.Wait()
}
