package ephemeral

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"
)

// harness is a store under test. Time passes by its own means: a fake clock, miniredis' clock, or really.
type harness struct {
	store Store
	pass  func(time.Duration)
}

// second is the suite's unit: short, because a real Redis needs real time.
const second = 200 * time.Millisecond

// stores are all the implementations; one suite holds for each.
func stores(t *testing.T) map[string]func(t *testing.T) harness {
	t.Helper()
	return map[string]func(t *testing.T) harness{
		"memory": func(*testing.T) harness {
			c := newClock()
			return harness{NewMemory(0, c.now), c.pass}
		},
		"miniredis": func(t *testing.T) harness {
			m := miniredis.RunT(t)
			return harness{open(t, m.Addr()), m.FastForward}
		},
		"redis": func(t *testing.T) harness { return harness{open(t, startRedis(t)), time.Sleep} },
	}
}

func suite(t *testing.T, test func(t *testing.T, h harness)) {
	for name, start := range stores(t) {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func open(t *testing.T, addr string) *Redis {
	t.Helper()
	r, err := NewRedis(RedisConfig{URL: "redis://" + addr, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// startRedis runs a real redis-server of our own on a free port.
func startRedis(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (apt-get install redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(bin, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--maxmemory-policy", "noeviction")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return ""
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func (h harness) seen(t *testing.T, key string, ttl time.Duration) bool {
	t.Helper()
	seen, err := h.store.Seen(t.Context(), key, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func (h harness) take(t *testing.T, key string, limit int, window time.Duration) bool {
	t.Helper()
	got, err := h.store.Admit(t.Context(), nil, Limit{key, limit, window})
	if err != nil || got == Refused {
		t.Fatalf("%v, %v", got, err)
	}
	return got == Admitted
}

func (h harness) marked(t *testing.T, key string) bool {
	t.Helper()
	got, err := h.store.Admit(t.Context(), []string{key}, Limit{})
	if err != nil || got == Exceeded {
		t.Fatalf("%v, %v", got, err)
	}
	return got == Refused
}

func TestASecondSightIsAReplayUntilItsTimeIsOver(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		if h.seen(t, "a", 2*second) {
			t.Error("the first time counts as seen")
		}
		if !h.seen(t, "a", 2*second) || !h.seen(t, "a", 2*second) {
			t.Error("a replay is not seen")
		}
		if h.seen(t, "b", second) {
			t.Error("another key counts as seen")
		}
		h.pass(3 * second)
		if h.seen(t, "a", second) {
			t.Error("still seen after its time")
		}
	})
}

func TestTakeLimitsAWindow(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		for i := range 3 {
			if !h.take(t, "a", 3, 4*second) {
				t.Errorf("event %d of 3 is refused", i+1)
			}
		}
		if h.take(t, "a", 3, 4*second) {
			t.Error("event 4 of 3 is allowed")
		}
		if !h.take(t, "b", 3, 4*second) {
			t.Error("another key is limited too")
		}
		h.pass(5 * second)
		if !h.take(t, "a", 3, second) {
			t.Error("refused in a new window")
		}
	})
}

func TestAWindowIsNotProlongedByEvents(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		h.take(t, "a", 1, 4*second)
		h.pass(2 * second)
		if h.take(t, "a", 1, 4*second) {
			t.Error("allowed within the window")
		}
		h.pass(3 * second)
		if !h.take(t, "a", 1, 4*second) {
			t.Error("a refused event prolonged the window")
		}
	})
}

func TestMarksHoldForTheirTimeAndAreNeverShortened(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		if h.marked(t, "a") {
			t.Error("marked before it was")
		}
		for _, ttl := range []time.Duration{4 * second, second} {
			if err := h.store.Mark(t.Context(), "a", ttl); err != nil {
				t.Fatal(err)
			}
		}
		if !h.marked(t, "a") || h.marked(t, "b") {
			t.Error("the wrong key is marked")
		}
		h.pass(2 * second)
		if !h.marked(t, "a") {
			t.Error("a shorter mark took the longer one's place")
		}
		h.pass(3 * second)
		if h.marked(t, "a") {
			t.Error("marked for ever")
		}
		for _, ttl := range []time.Duration{second, 4 * second} {
			if err := h.store.Mark(t.Context(), "c", ttl); err != nil {
				t.Fatal(err)
			}
		}
		h.pass(2 * second)
		if !h.marked(t, "c") {
			t.Error("a longer mark does not prolong")
		}
	})
}

func TestAMarkedRequestIsRefusedAndNotCounted(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		if err := h.store.Mark(t.Context(), "revoked", time.Minute); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			keys []string
			want Admission
		}{
			{[]string{"revoked"}, Refused}, {[]string{"good", "revoked"}, Refused}, {[]string{"revoked", "good"}, Refused},
			{[]string{"good"}, Admitted}, {nil, Admitted}, {[]string{"good", "fine"}, Exceeded}, {[]string{"revoked"}, Refused},
		} {
			if got, err := h.store.Admit(t.Context(), c.keys, Limit{"partner", 2, time.Minute}); got != c.want || err != nil {
				t.Errorf("request %d: %v, %v; want %v", i+1, got, err, c.want)
			}
		}
		if got, err := h.store.Admit(t.Context(), []string{"good"}, Limit{Key: "partner"}); got != Admitted || err != nil {
			t.Errorf("without a limit: %v, %v", got, err)
		}
	})
}

func TestTheThreeUsesHaveTheirOwnKeys(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		h.take(t, "a", 5, time.Minute)
		if h.marked(t, "a") || h.seen(t, "a", time.Minute) {
			t.Error("one use sees the key of another")
		}
	})
}

func TestOfManyAtOnceExactlyOneIsFirst(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		var first, allowed atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				if seen, err := h.store.Seen(t.Context(), "a", time.Minute); err == nil && !seen {
					first.Add(1)
				}
				if got, err := h.store.Admit(t.Context(), []string{"b"}, Limit{"a", 7, time.Minute}); err == nil && got == Admitted {
					allowed.Add(1)
				}
			})
		}
		all.Wait()
		if first.Load() != 1 || allowed.Load() != 7 {
			t.Errorf("%d were first, %d were allowed; want 1 and 7", first.Load(), allowed.Load())
		}
	})
}

// denies checks that every answer denies and is an error.
func denies(t *testing.T, ctx context.Context, s Store, want error) {
	t.Helper()
	seen, err := s.Seen(ctx, "new", time.Minute)
	if !seen || !errors.Is(err, want) {
		t.Errorf("Seen = %v, %v", seen, err)
	}
	for _, l := range []Limit{{}, {"new", 10, time.Minute}} {
		if got, err := s.Admit(ctx, []string{"new"}, l); got != Refused || !errors.Is(err, want) {
			t.Errorf("Admit = %v, %v", got, err)
		}
	}
	if err := s.Mark(ctx, "new", time.Minute); !errors.Is(err, want) {
		t.Errorf("Mark = %v", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, want) {
		t.Errorf("Ready = %v", err)
	}
}

func TestAClosedStoreDenies(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		if err := h.store.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.store.Close()
		denies(t, t.Context(), h.store, ErrUnavailable)
	})
}

func TestACancelledRequestIsDenied(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		denies(t, ctx, h.store, ErrUnavailable)
	})
}

func TestNonsenseArgumentsAreDenied(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		if seen, err := h.store.Seen(t.Context(), "a", 0); !seen || !errors.Is(err, ErrArgument) {
			t.Errorf("Seen = %v, %v", seen, err)
		}
		for _, l := range []Limit{{"a", -1, time.Minute}, {"a", 1, -1}, {"a", 1, 0}} {
			if got, err := h.store.Admit(t.Context(), nil, l); got != Refused || !errors.Is(err, ErrArgument) {
				t.Errorf("Admit(%v) = %v, %v", l, got, err)
			}
		}
		if err := h.store.Mark(t.Context(), "a", -time.Second); !errors.Is(err, ErrArgument) {
			t.Errorf("Mark = %v", err)
		}
	})
}

// TestMemoryAndRedisAgree drives both with the same random events.
func TestMemoryAndRedisAgree(t *testing.T) {
	m := miniredis.RunT(t)
	r := open(t, m.Addr())
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		c := newClock()
		mem := NewMemory(0, c.now)
		key := rapid.SampledFrom([]string{"a", "b"})
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			k := fmt.Sprint(run, key.Draw(rt, "key"))
			d := time.Duration(rapid.IntRange(1, 5).Draw(rt, "seconds")) * time.Second
			var got, want any
			switch rapid.SampledFrom([]string{"seen", "admit", "mark", "pass"}).Draw(rt, "event") {
			case "seen":
				got, _ = r.Seen(t.Context(), k, d)
				want, _ = mem.Seen(t.Context(), k, d)
			case "admit":
				marks := rapid.SampledFrom([][]string{nil, {k}, {k, "another"}}).Draw(rt, "marks")
				l := Limit{k, rapid.IntRange(0, 2).Draw(rt, "limit"), d}
				got, _ = r.Admit(t.Context(), marks, l)
				want, _ = mem.Admit(t.Context(), marks, l)
			case "mark":
				got, want = r.Mark(t.Context(), k, d), mem.Mark(t.Context(), k, d)
			case "pass":
				c.pass(d)
				m.FastForward(d)
			}
			if got != want {
				rt.Fatalf("Redis says %v, memory %v", got, want)
			}
		}
	})
}
