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

	"github.com/consentry/gateway/conformance/missing"
)

// harness is a store under test. Time passes by its own means: a fake clock, miniredis' clock, or really.
type harness struct {
	store Store
	pass  func(time.Duration)
}

// second is the suite's unit: short, because a real Redis needs real time.
const second = 600 * time.Millisecond

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
		missing.Skip(t, "redis-server")
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
	got, err := h.store.Admit(t.Context(), Limit{Key: key, Events: limit, Window: window})
	if err != nil {
		t.Fatalf("%v, %v", got, err)
	}
	return got.Admitted
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

func TestWhoOnlyLooksIsNotCounted(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		look := func() bool {
			t.Helper()
			got, err := h.store.Admit(t.Context(), Limit{Key: "a", Events: 2, Window: 4 * second, Look: true})
			if err != nil || !got.Admitted && (got.After <= 0 || got.After > 4*second) {
				t.Fatalf("%v, %v", got, err)
			}
			return got.Admitted
		}
		for range 5 {
			if !look() {
				t.Error("refused before anything was counted")
			}
		}
		if !h.take(t, "a", 2, 4*second) || !look() || !h.take(t, "a", 2, 4*second) {
			t.Error("an event of 2 is refused")
		}
		if look() || h.take(t, "a", 2, 4*second) {
			t.Error("event 3 of 2 is allowed")
		}
		h.pass(5 * second)
		if !look() || !h.take(t, "a", 2, second) {
			t.Error("refused in a new window")
		}
	})
}

func TestAnEventIsCountedUpToTheLimitThatItGoesBeyond(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		first := Limit{Key: "first", Events: 3, Window: time.Minute}
		middle := Limit{Key: "middle", Events: 1, Window: time.Minute}
		last := Limit{Key: "last", Events: 1, Window: 2 * time.Minute}
		none := Limit{Key: "none"}
		for i, c := range []struct {
			limits []Limit
			want   Verdict
		}{
			{nil, Verdict{Admitted: true}},
			{[]Limit{none}, Verdict{Admitted: true}},
			{[]Limit{none, first, middle}, Verdict{Admitted: true}},
			{[]Limit{first, none, middle, last}, Verdict{Limit: 2, After: time.Minute}},
			{[]Limit{none, last}, Verdict{Admitted: true}},
			{[]Limit{none, last, first}, Verdict{Limit: 1, After: 2 * time.Minute}},
			{[]Limit{first}, Verdict{Admitted: true}},
			{[]Limit{first, last}, Verdict{Limit: 0, After: time.Minute}},
		} {
			got, err := h.store.Admit(t.Context(), c.limits...)
			if early := c.want.After - got.After; early >= 0 && early < 10*time.Second { // time passes on a real server
				got.After = c.want.After
			}
			if got != c.want || err != nil {
				t.Errorf("event %d: %+v, %v; want %+v", i+1, got, err, c.want)
			}
		}
	})
}

func TestTheUsesHaveTheirOwnKeys(t *testing.T) {
	suite(t, func(t *testing.T, h harness) {
		h.take(t, "a", 5, time.Minute)
		if h.seen(t, "a", time.Minute) {
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
				if got, err := h.store.Admit(t.Context(), Limit{Key: "a", Events: 7, Window: time.Minute}); err == nil && got.Admitted {
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
	for _, l := range []Limit{{}, {Key: "new", Events: 10, Window: time.Minute}, {Key: "new", Events: 10, Window: time.Minute, Look: true}} {
		if got, err := s.Admit(ctx, l); got != (Verdict{}) || !errors.Is(err, want) {
			t.Errorf("Admit(%v) = %v, %v", l, got, err)
		}
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
		for _, l := range []Limit{{Key: "a", Events: -1, Window: time.Minute}, {Key: "a", Events: 1, Window: -1}, {Key: "a", Events: 1}} {
			if got, err := h.store.Admit(t.Context(), Limit{Key: "b", Events: 9, Window: time.Minute}, l); got != (Verdict{}) || !errors.Is(err, ErrArgument) {
				t.Errorf("Admit(%v) = %v, %v", l, got, err)
			}
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
			switch rapid.SampledFrom([]string{"seen", "admit", "pass"}).Draw(rt, "event") {
			case "seen":
				got, _ = r.Seen(t.Context(), k, d)
				want, _ = mem.Seen(t.Context(), k, d)
			case "admit":
				limits := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Limit {
					return Limit{fmt.Sprint(run, key.Draw(rt, "key")), rapid.IntRange(0, 2).Draw(rt, "limit"), d, rapid.Bool().Draw(rt, "look")}
				}), 0, 3).Draw(rt, "limits")
				got, _ = r.Admit(t.Context(), limits...)
				want, _ = mem.Admit(t.Context(), limits...)
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
