// Package fresh shares one read among requests, but only a read that began after each of them arrived: whoever arrives while a read runs waits for
// the next one. So what was committed before a request arrived is seen by it.
package fresh

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// Value is something that is read anew for each request, or for several at once.
type Value[T any] struct {
	read func(context.Context) (T, error)

	mu   sync.Mutex
	next *reading[T] // has not begun: whoever arrives may wait for it
	busy bool        // somebody reads, or is about to
}

type reading[T any] struct {
	waiting int
	done    chan struct{}
	value   T
	err     error
}

// errPanicked fails the waiters of a read that panicked.
var errPanicked = errors.New("fresh: the read failed")

// Of makes a Value that is read by read. A read outlives the request that began it, since others may wait for it: it has to end by itself.
func Of[T any](read func(context.Context) (T, error)) *Value[T] { return &Value[T]{read: read} }

// Get gives the value as of an instant after the call began.
func (f *Value[T]) Get(ctx context.Context) (T, error) {
	f.mu.Lock()
	if f.next == nil {
		f.next = &reading[T]{done: make(chan struct{})}
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
		return mine.value, mine.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// begin takes the reading that is next. It lets others run first, as long as that brings somebody who shares it: one reading costs less than
// several would. Where nobody else is busy it does not wait.
func (f *Value[T]) begin() *reading[T] {
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

// run does the reading that is next, and starts another goroutine if somebody waits for the one after it. One that panics fails its waiters.
func (f *Value[T]) run(ctx context.Context) {
	r := f.begin()
	r.err = errPanicked
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
	value, err := f.read(context.WithoutCancel(ctx))
	r.value, r.err = value, err
}
