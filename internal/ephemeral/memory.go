package ephemeral

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const defaultEntries = 1 << 20

// Memory is the store of one process. It holds a bounded number of entries; when that many are alive, it refuses more.
type Memory struct {
	now func() time.Time
	max int

	mu      sync.Mutex
	entries map[stored]entry
	sweep   time.Time // when dead entries are next removed
	closed  bool
}

type entry struct {
	until time.Time
	count int
}

const sweepInterval = 10 * time.Second

// NewMemory makes a store for at most maxEntries entries (about a million if zero) that goes by the clock (time.Now if nil).
func NewMemory(maxEntries int, now func() time.Time) *Memory {
	if maxEntries <= 0 {
		maxEntries = defaultEntries
	}
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, max: maxEntries, entries: map[stored]entry{}}
}

// Seen implements Store.
func (m *Memory) Seen(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return true, ErrArgument
	}
	seen := true
	err := m.update(ctx, storedKey(useSeen, key), func(now time.Time, e entry, alive bool) entry {
		if seen = alive; alive {
			return e
		}
		return entry{until: now.Add(ttl)}
	})
	return seen || err != nil, err
}

// Admit implements Store.
func (m *Memory) Admit(ctx context.Context, limits ...Limit) (Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return Verdict{}, err
	}
	now := m.now()
	for i, l := range limits {
		if err := l.check(); err != nil {
			return Verdict{}, err
		}
		if l.Events == 0 {
			continue
		}
		e, err := m.take(l, now)
		switch {
		case err != nil:
			return Verdict{}, err
		case e.count > l.Events:
			return Verdict{Limit: i, After: e.until.Sub(now)}, nil
		}
	}
	return Verdict{Admitted: true}, nil
}

// take gives the counter of a limit as it is with one more event, under the lock.
func (m *Memory) take(l Limit, now time.Time) (with entry, err error) {
	key := storedKey(useTake, l.Key)
	one := func(e entry, alive bool) entry {
		if !alive {
			e = entry{until: now.Add(l.Window)}
		}
		e.count = min(e.count, l.Events) + 1 // beyond it there is nothing to count
		return e
	}
	if l.Look {
		e, known := m.entries[key]
		return one(e, known && now.Before(e.until)), nil
	}
	err = m.change(key, now, func(e entry, alive bool) entry {
		with = one(e, alive)
		return with
	})
	return with, err
}

// Ready implements Store.
func (m *Memory) Ready(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usable(ctx)
}

// Close implements Store. A closed store denies.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.entries = true, nil
	return nil
}

func (m *Memory) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if m.closed {
		return ErrUnavailable
	}
	return nil
}

// update changes one entry.
func (m *Memory) update(ctx context.Context, key stored, change func(now time.Time, e entry, alive bool) entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usable(ctx); err != nil {
		return err
	}
	now := m.now()
	return m.change(key, now, func(e entry, alive bool) entry { return change(now, e, alive) })
}

// change changes one entry, under the lock.
func (m *Memory) change(key stored, now time.Time, to func(e entry, alive bool) entry) error {
	e, known := m.entries[key]
	if !known && !m.room(now) {
		return ErrFull
	}
	m.entries[key] = to(e, known && now.Before(e.until))
	return nil
}

// room removes dead entries now and then, and at once when there is no room.
func (m *Memory) room(now time.Time) bool {
	if full := len(m.entries) >= m.max; full && now.Before(m.sweep) {
		return false
	} else if !full && now.Before(m.sweep) {
		return true
	}
	for k, e := range m.entries {
		if !now.Before(e.until) {
			delete(m.entries, k)
		}
	}
	m.sweep = now.Add(sweepInterval)
	return len(m.entries) < m.max
}
