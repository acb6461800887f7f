package smart

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// When keys are fetched. An unknown kid or a bad signature fetches them again, but whoever sends junk causes one fetch a minute at most.
const (
	refetchInterval = time.Minute     // between two attempts
	firstInterval   = 5 * time.Second // between two attempts while there are no keys at all
	refreshAfter    = 10 * time.Minute
	refreshAhead    = 8 * time.Minute // so long before they are due, keys are fetched in the background
	staleAfter      = time.Hour       // keys that could not be fetched again for so long are no keys
	fetchTimeout    = 10 * time.Second
	// How long a request waits for a fetch: not to its end, so that an issuer that hangs holds few requests, and hardly at all once it has failed.
	patience      = 3 * time.Second
	shortPatience = 300 * time.Millisecond
)

// keySet is one state of the issuer's keys.
type keySet struct {
	keys    []jose.JSONWebKey
	fetched time.Time
	// generation changes when a key has gone: tokens that it signed must be verified again.
	generation uint64
}

// keyRing holds the issuer's keys and fetches them when needed, one fetch at a time.
type keyRing struct {
	fetch func(context.Context) ([]jose.JSONWebKey, error) // nil for fixed keys, and for those of this process
	own   func() []jose.JSONWebKey                         // of this process
	now   func() time.Time

	set atomic.Pointer[keySet]

	mu        sync.Mutex
	attempted time.Time
	flight    chan struct{} // closed when the fetch that is under way has ended, nil if none is
	failure   error         // of the last fetch that has ended, nil if it was good
}

// current are the keys to verify with. Keys older than an hour are none.
func (r *keyRing) current(ctx context.Context) (*keySet, error) {
	if r.own != nil {
		return r.latest(), nil
	}
	if s := r.set.Load(); r.fetch == nil || r.age(s) <= refreshAfter {
		return s, nil
	} else if r.age(s) <= staleAfter {
		r.refetch() // in the background: these keys are still good
		return s, nil
	}
	if err := r.wait(ctx, r.refetch()); err != nil {
		return nil, err
	}
	if r.usable() {
		return r.set.Load(), nil
	}
	return nil, ErrKeys
}

// latest are the keys of this process as they are.
func (r *keyRing) latest() *keySet {
	same := func(s *keySet, keys []jose.JSONWebKey) bool {
		return s != nil && len(s.keys) == len(keys) && (len(keys) == 0 || &s.keys[0] == &keys[0])
	}
	if s := r.set.Load(); same(s, r.own()) {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if keys := r.own(); !same(r.set.Load(), keys) {
		r.replace(keys)
	}
	return r.set.Load()
}

// usable tells whether there are keys to verify with, without waiting for any.
func (r *keyRing) usable() bool { return r.fetch == nil || r.age(r.set.Load()) <= staleAfter }

// newer fetches the keys again because those of s do not verify a token. It returns nil if there is nothing newer.
func (r *keyRing) newer(ctx context.Context, s *keySet) (*keySet, error) {
	if r.fetch == nil {
		return nil, nil
	}
	if err := r.wait(ctx, r.refetch()); err != nil {
		return nil, err
	}
	if n := r.set.Load(); n != s {
		return n, nil
	}
	return nil, nil
}

// age is how long ago the keys were fetched; a clock that went back makes them too old.
func (r *keyRing) age(s *keySet) time.Duration {
	if s == nil {
		return staleAfter + 1
	}
	age := r.now().Sub(s.fetched)
	if age < 0 {
		return staleAfter + 1
	}
	return age
}

// refetch starts a fetch, or joins the one under way. It returns nil if the last attempt is too recent.
func (r *keyRing) refetch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return r.flight
	}
	interval := refetchInterval
	if r.set.Load() == nil {
		interval = firstInterval
	}
	now := r.now()
	if since := now.Sub(r.attempted); since >= 0 && since < interval {
		return nil
	}
	r.attempted = now
	done := make(chan struct{})
	r.flight = done
	go r.run(done)
	return done
}

func (r *keyRing) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout) // not the request's: others wait for it too
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && len(keys) > 0 {
		r.replace(keys)
	}
	r.failure = err
	r.flight = nil
	close(done)
}

func (r *keyRing) replace(keys []jose.JSONWebKey) {
	next := &keySet{keys: keys, fetched: r.now().Round(0)} // the time of day: the clock of a process stops while its machine sleeps
	if old := r.set.Load(); old != nil {
		next.generation = old.generation
		if !containsAll(keys, old.keys) {
			next.generation++
		}
	}
	r.set.Store(next)
}

// wait waits for a fetch as long as a request does.
func (r *keyRing) wait(ctx context.Context, done <-chan struct{}) error {
	if done == nil {
		return nil
	}
	long := patience
	if r.failed() != nil {
		long = shortPatience
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return ErrKeys
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeys, ctx.Err())
	}
}

// failed is what was wrong with the last fetch that has ended.
func (r *keyRing) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
