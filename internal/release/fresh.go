package release

import (
	"context"
	"sync"
)

// fresh shares one read among requests, but only a read that began after each of them arrived: whoever arrives while a read runs waits for
// the next one. So a revocation that was committed before a request arrived is seen by it.
type fresh struct {
	read func(context.Context) (string, error)

	mu      sync.Mutex
	running *reading
	next    *reading
}

type reading struct {
	done    chan struct{}
	version string
	err     error
}

// get gives the version as of an instant after the call began.
func (f *fresh) get(ctx context.Context) (string, error) {
	f.mu.Lock()
	var mine *reading
	if f.running == nil {
		mine = &reading{done: make(chan struct{})}
		f.running = mine
		f.mu.Unlock()
		f.run(ctx, mine)
		return mine.version, mine.err
	}
	if f.next == nil {
		f.next = &reading{done: make(chan struct{})}
	}
	mine = f.next
	f.mu.Unlock()
	select {
	case <-mine.done:
		return mine.version, mine.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// run does one read for its waiters, and starts the next if anybody waits for one. A read outlives the request that began it, since others
// may wait for it; the source's own timeout bounds it. A read that panics fails its waiters.
func (f *fresh) run(ctx context.Context, r *reading) {
	r.err = ErrUnavailable
	defer func() {
		_ = recover() // r.err stands; the stack would hold nothing that the source's own error does not
		f.mu.Lock()
		f.running, f.next = f.next, nil
		following := f.running
		f.mu.Unlock()
		close(r.done)
		if following != nil {
			go f.run(ctx, following)
		}
	}()
	version, err := f.read(context.WithoutCancel(ctx))
	r.version, r.err = version, err
}
