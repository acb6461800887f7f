package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/practice"
)

// walk is the canary's way through the gateway.
type walk struct {
	t       *testing.T
	c       *clinic
	scan    *scanner
	routes  capability
	mu      sync.Mutex
	leaks   map[string]bool
	answers int
	batched int            // of the questions, those that were asked in batches
	types   map[string]int // resources seen
	ids     map[string]bool
}

// asking gives the caller, heard by the scanner. who names it in a failure.
func (w *walk) asking(who string, c *caller) *caller {
	c.heard = func(a *answer) {
		leak := w.scan.hear(a)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answers++
		if leak {
			w.leaks[who] = true
		}
	}
	return c
}

// read notes what a Bundle holds, and what the Bundles in it hold, and gives its next link. It looks for their marks: to decode every answer as JSON
// would cost more than to make it.
func (w *walk) read(t testing.TB, body []byte) (next string) {
	t.Helper()
	for _, mark := range []string{`"fullUrl":"`, `"url":"`} {
		for rest := body; ; {
			_, after, found := bytes.Cut(rest, []byte(mark+w.c.base+"/"))
			if !found {
				break
			}
			ref, _, _ := bytes.Cut(after, []byte(`"`))
			if mark == `"fullUrl":"` || bytes.HasPrefix(ref, []byte("Binary/")) {
				w.note(string(ref))
			}
			rest = after
		}
	}
	if _, after, found := bytes.Cut(body, []byte(`"relation":"next","url":`)); found {
		if err := json.NewDecoder(bytes.NewReader(after)).Decode(&next); err != nil {
			t.Fatalf("a next link cannot be read: %v", err)
		}
	}
	return next
}

// note keeps what was seen.
func (w *walk) note(ref string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ids[ref] {
		w.ids[ref] = true
		w.types[withoutID(ref)]++
	}
}

func withoutID(ref string) string { return strings.SplitN(ref, "/", 2)[0] }

// requester is somebody who asks, by name.
type requester struct {
	who string
	*caller
}

// requesters are all who ask for a client: each partner's software and the client in person. The client comes second: then there are
// AuditEvents to see, and not thousands yet, for each request makes one.
func (w *walk) requesters(t testing.TB, client practice.ClientKey) (out []requester) {
	for _, p := range machines {
		out = append(out, requester{p, w.asking(p, w.c.as(t, p))})
	}
	id := w.c.id(t, client)
	return slices.Insert(out, 1, requester{myRecords, w.asking(myRecords, w.c.person(t, id, "Patient/"+id))})
}

// inParallel runs f for each client, some at a time.
func (w *walk) inParallel(clients []practice.ClientKey, f func(int, practice.ClientKey)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for i, c := range clients {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i, c)
		})
	}
	wg.Wait()
}

// follow asks, and for all further pages.
func (w *walk) follow(t testing.TB, c *caller, target string) {
	t.Helper()
	for target != "" {
		a := c.get(t, target)
		if a.status != http.StatusOK {
			return
		}
		target = w.read(t, a.body)
	}
}

// ask puts many questions: alone, or in batches, which take much less of the machine. That an entry of a batch is the request alone, to the byte, and
// with the same tag and date, is proven by TestAnEntryOfABatchIsTheRequestAlone.
func (w *walk) ask(t testing.TB, r requester, alone bool, targets ...string) {
	t.Helper()
	if alone {
		for _, target := range targets {
			w.follow(t, r.caller, target)
		}
		return
	}
	for some := range slices.Chunk(targets, 25) {
		var requests []string
		for _, target := range some {
			requests = append(requests, "GET "+target)
		}
		a := r.batch(t, requests...)
		if got := bytes.Count(a.body, []byte(`"response":{`)); a.status != http.StatusOK || got != len(some) {
			t.Fatalf("%s: a batch of %d: %d with %d answers", r.who, len(some), a.status, got)
		}
		w.read(t, a.body)
		w.mu.Lock()
		w.batched += len(some)
		w.mu.Unlock()
	}
}
