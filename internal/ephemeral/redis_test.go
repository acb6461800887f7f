package ephemeral

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func TestARedisThatFailsDenies(t *testing.T) {
	m := miniredis.RunT(t)
	r := open(t, m.Addr())
	m.SetError("LOADING Redis is loading the dataset in memory")
	denies(t, t.Context(), r, ErrUnavailable)
	m.SetError("")
	if err := r.Ready(t.Context()); err != nil {
		t.Errorf("does not recover: %v", err)
	}
	m.Close()
	denies(t, t.Context(), r, ErrUnavailable)
}

func TestARedisThatHangsDenies(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := NewRedis(RedisConfig{URL: "redis://" + l.Addr().String(), Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	denies(t, t.Context(), r, ErrUnavailable)
}

func TestForgedEntriesOnlyDeny(t *testing.T) {
	m := miniredis.RunT(t)
	r := open(t, m.Addr())
	for _, use := range []string{useSeen, useTake} {
		if err := m.Set(r.key(use, "a"), "junk"); err != nil {
			t.Fatal(err)
		}
	}
	if seen, _ := r.Seen(t.Context(), "a", time.Minute); !seen {
		t.Error("a forged entry makes a replay new")
	}
	for _, look := range []bool{false, true} {
		if got, err := r.Admit(t.Context(), Limit{"a", 10, time.Minute, look}); got != (Verdict{}) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("with a counter that is none: %v, %v", got, err)
		}
		for _, counter := range []string{"-1000", "-2", "-1", "1"} {
			if err := m.Set(r.key(useTake, "b"), counter); err != nil {
				t.Fatal(err)
			}
			if got, _ := r.Admit(t.Context(), Limit{"b", 1, time.Minute, look}); got.Admitted {
				t.Errorf("a counter of %s admits", counter)
			}
		}
	}
}

func TestAnAdmissionIsOneRoundTrip(t *testing.T) {
	m := miniredis.RunT(t)
	r := open(t, m.Addr())
	h := harness{store: r}
	h.take(t, "warm", 1, time.Minute) // connected, and the script is known
	var trips counter
	r.client.AddHook(&trips)
	if got, err := r.Admit(t.Context(), Limit{"a", 10, time.Minute, true}, Limit{"b", 10, time.Minute, false}); !got.Admitted || err != nil {
		t.Fatal(got, err)
	}
	if trips != 1 {
		t.Errorf("%d round trips", trips)
	}
}

// counter counts what the client sends.
type counter int

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		*c++
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		*c++
		return next(ctx, cmds)
	}
}

func TestRedisHoldsDigestsOnly(t *testing.T) {
	m := miniredis.RunT(t)
	h := harness{store: open(t, m.Addr())}
	h.seen(t, "plain-key", time.Minute)
	h.take(t, "plain-key", 1, time.Minute)
	if got := len(m.Keys()); got != 2 {
		t.Errorf("%d keys, want 2", got)
	}
	if dump := m.Dump(); strings.Contains(dump, "plain-key") {
		t.Errorf("a key stands in the open:\n%s", dump)
	}
	for _, k := range m.Keys() {
		if m.TTL(k) <= 0 {
			t.Errorf("%s never ends", k)
		}
	}
}

func TestNewRedisRefusesAMalformedURLWithoutRepeatingIt(t *testing.T) {
	for _, u := range []string{"", "localhost:6379", "http://x", "redis://:hunter2@%zz"} {
		r, err := NewRedis(RedisConfig{URL: u})
		if r != nil || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("NewRedis(%q) = %v, %v", u, r, err)
		}
	}
}

func TestAFullMemoryRefusesAndForgetsNothing(t *testing.T) {
	c := newClock()
	m := NewMemory(3, c.now)
	h := harness{m, c.pass}
	for i := range 3 {
		h.seen(t, fmt.Sprint(i), time.Minute)
	}
	if seen, err := m.Seen(t.Context(), "3", time.Minute); !seen || !errors.Is(err, ErrFull) {
		t.Errorf("Seen = %v, %v; want full", seen, err)
	}
	if !h.seen(t, "0", time.Minute) {
		t.Error("an entry was forgotten early")
	}
	c.pass(2 * time.Minute)
	if h.seen(t, "3", time.Minute) {
		t.Error("no room after the others have ended")
	}
	if got := len(m.entries); got != 1 {
		t.Errorf("%d entries are kept, want 1", got)
	}
}
