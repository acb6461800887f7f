package release

import (
	"context"
	"runtime"
	"sync"
)

// versions gives the version of the records as of an instant after it was asked for, "" for a source that has none.
type versions func(context.Context) (string, error)

// Together gives the same Service for what came in together: a request, or a batch of them. It reads the version of the records once, when a View is
// first asked for; so what it gives is never older than the call of Together.
func (s *Service) Together() *Service {
	together := *s
	together.now = once(s.now)
	return &together
}

// once is the first answer, for good. A read that panics is one that failed.
func once(now versions) versions {
	var first sync.Once
	version, err := "", ErrUnavailable
	return func(ctx context.Context) (string, error) {
		first.Do(func() { version, err = now(ctx) })
		return version, err
	}
}

// fresh shares one read among requests, but only a read that began after each of them arrived: whoever arrives while a read runs waits for
// the next one. So a revocation that was committed before a request arrived is seen by it.
type fresh struct {
	read func(context.Context) (string, error)

	mu   sync.Mutex
	next *reading // has not begun: whoever arrives may wait for it
	busy bool     // somebody reads, or is about to
}

type reading struct {
	waiting int
	done    chan struct{}
	version string
	err     error
}

// get gives the version as of an instant after the call began.
func (f *fresh) get(ctx context.Context) (string, error) {
	f.mu.Lock()
	if f.next == nil {
		f.next = &reading{done: make(chan struct{})}
	}
	mine, first := f.next, !f.busy
	mine.waiting++
	f.busy = true
	f.mu.Unlock()
	if first {
		f.run(ctx)
	}
	select {
	case <-mine.done:
		return mine.version, mine.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// begin takes the reading that is next. It lets others run first, as long as that brings somebody who shares it: one reading costs less than
// several would. Where nobody else is busy it does not wait.
func (f *fresh) begin() *reading {
	for before := 0; ; {
		runtime.Gosched()
		f.mu.Lock()
		r := f.next
		if r.waiting == before || r.waiting >= manyWaiting {
			f.next = nil
			f.mu.Unlock()
			return r
		}
		before = r.waiting
		f.mu.Unlock()
	}
}

// manyWaiting is how many share a reading before it begins at the latest.
const manyWaiting = 64

// run does the reading that is next, and starts another goroutine if somebody waits for the one after it. A reading outlives the request
// that began it, since others may wait for it; the source's own timeout bounds it. One that panics fails its waiters.
func (f *fresh) run(ctx context.Context) {
	r := f.begin()
	r.err = ErrUnavailable
	defer func() {
		_ = recover() // r.err stands; the stack would hold nothing that the source's own error does not
		f.mu.Lock()
		f.busy = f.next != nil
		again := f.busy
		f.mu.Unlock()
		close(r.done)
		if again {
			go f.run(ctx)
		}
	}()
	version, err := f.read(context.WithoutCancel(ctx))
	r.version, r.err = version, err
}
