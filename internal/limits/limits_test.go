package limits

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/serving"
	"github.com/consentry/gateway/internal/smart"
)

// replicas are two processes that share a store, which can be taken away.
type replicas struct {
	shared   *shared
	one, two *Limits
	now      time.Time
	log      bytes.Buffer
	metrics  *prometheus.Registry
}

// shared is a store that the test can take away.
type shared struct {
	ephemeral.Store
	away  bool
	asked atomic.Int64
}

func (s *shared) Admit(ctx context.Context, limits ...ephemeral.Limit) (ephemeral.Verdict, error) {
	s.asked.Add(1)
	if s.away {
		return ephemeral.Verdict{}, ephemeral.ErrUnavailable
	}
	return s.Store.Admit(ctx, limits...)
}

func newReplicas(t *testing.T, most PerMinute) *replicas {
	t.Helper()
	r := &replicas{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), metrics: prometheus.NewRegistry()}
	clock := func() time.Time { return r.now }
	r.shared = &shared{Store: ephemeral.NewMemory(0, clock)}
	log := slog.New(slog.NewJSONHandler(&r.log, nil))
	for l, metrics := range map[**Limits]prometheus.Registerer{&r.one: r.metrics, &r.two: nil} {
		var err error
		if *l, err = New(Options{PerMinute: most, Shared: r.shared, Own: ephemeral.NewMemory(0, clock), Metrics: metrics, Log: log, Now: clock}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// count is what the first process says of a metric, with that label.
func (r *replicas) count(t *testing.T, name, label string) (sum float64) {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// status is what the requester is answered, 200 for nothing but the answer.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return outcome.Of(err).Kind().Status()
}

func retryAfter(err error) string {
	for _, h := range outcome.Of(err).Answer().Headers {
		if h.Name == "Retry-After" {
			return h.Value
		}
	}
	return ""
}

func TestEachLimitHoldsForAllReplicasTogether(t *testing.T) {
	clinic, insurer := &smart.Token{ClientID: "clinic"}, &smart.Token{ClientID: "insurer"}
	for name, c := range map[string]struct {
		most  PerMinute
		ask   func(*Limits) error
		other func(*Limits) error // is not limited by it
	}{
		"partner":        {PerMinute{Requests: 3}, func(l *Limits) error { return l.Admit(t.Context(), clinic) }, func(l *Limits) error { return l.Admit(t.Context(), insurer) }},
		"tokens":         {PerMinute{Tokens: 3}, func(l *Limits) error { return l.Issue(t.Context(), "clinic") }, func(l *Limits) error { return l.Issue(t.Context(), "insurer") }},
		"address":        {PerMinute{OfAddress: 3}, func(l *Limits) error { return l.Enter(t.Context()) }, func(l *Limits) error { return l.Admit(t.Context(), clinic) }},
		"introspections": {PerMinute{Introspections: 3}, func(l *Limits) error { return l.Introspect(t.Context()) }, func(l *Limits) error { return l.Enter(t.Context()) }},
		"failures": {PerMinute{Failures: 3}, func(l *Limits) error {
			err := l.Enter(t.Context())
			if err == nil {
				l.Failed(t.Context())
			}
			return err
		}, func(l *Limits) error { return l.Issue(t.Context(), "clinic") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplicas(t, c.most)
			for i, l := range []*Limits{r.one, r.two, r.two} {
				if got := status(c.ask(l)); got != 200 {
					t.Errorf("%d of 3: %d", i+1, got)
				}
			}
			r.now = r.now.Add(20 * time.Second)
			for _, l := range []*Limits{r.one, r.two} {
				err := c.ask(l)
				if status(err) != 429 || retryAfter(err) != "40" {
					t.Errorf("the fourth: %v, Retry-After %s", err, retryAfter(err))
				}
				if got := status(c.other(l)); got != 200 {
					t.Errorf("something else: %d", got)
				}
			}
			if got := r.count(t, "gateway_limited_total", name); got != 1 {
				t.Errorf("%v were counted", got)
			}
			r.now = r.now.Add(40 * time.Second)
			if got := status(c.ask(r.one)); got != 200 {
				t.Errorf("in the next minute: %d", got)
			}
		})
	}
}

func TestWithoutALimitNobodyIsAsked(t *testing.T) {
	r := newReplicas(t, PerMinute{})
	r.shared.away = true
	for range 3 {
		if err := errors.Join(r.one.Enter(t.Context()), r.one.Admit(t.Context(), &smart.Token{}), r.one.Issue(t.Context(), "x"), r.one.Introspect(t.Context())); err != nil {
			t.Error(err)
		}
		r.one.Failed(t.Context())
	}
	if n := r.shared.asked.Load(); n != 0 {
		t.Errorf("%d times", n)
	}
}

// While the shared store is away, requests with a token go on, counted by each process; no token is issued.
func TestWithoutTheSharedStore(t *testing.T) {
	r := newReplicas(t, PerMinute{Requests: 2, Tokens: 9, OfAddress: 9, Failures: 9})
	clinic := &smart.Token{ClientID: "clinic"}
	r.shared.away = true
	for _, l := range []*Limits{r.one, r.two} {
		for i, want := range []int{200, 200, 429} {
			if got := status(l.Admit(t.Context(), clinic)); got != want || status(l.Enter(t.Context())) != 200 {
				t.Errorf("request %d: %d, want %d", i+1, got, want)
			}
		}
		if got := status(l.Issue(t.Context(), "clinic")); got != 503 {
			t.Errorf("a token: %d", got)
		}
		issuer := l.Issuer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the issuer was asked") }), serving.Refuse)
		w := httptest.NewRecorder()
		issuer.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/auth/token", nil))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("the token endpoint: %d", w.Code)
		}
	}
	if n := r.shared.asked.Load(); n != 2 {
		t.Errorf("a store that is away was asked %d times within a second by two processes", n)
	}
	if got := r.count(t, "gateway_shared_limits", ""); got != 0 {
		t.Errorf("the metric says %v", got)
	}
	r.shared.away = false
	r.now = r.now.Add(retryEvery)
	if got := status(r.one.Issue(t.Context(), "clinic")); got != 200 {
		t.Errorf("a token when the store is back: %d", got)
	}
	if got := r.count(t, "gateway_shared_limits", ""); got != 1 {
		t.Errorf("the metric says %v", got)
	}
	if text := r.log.String(); strings.Count(text, "does not answer") != 2 || strings.Count(text, "answers again") != 1 {
		t.Errorf("the log says\n%s", text)
	}
}

// A request that its sender gives up says nothing of the store, and is let in nowhere.
func TestARequestThatHasEndedIsRefused(t *testing.T) {
	r := newReplicas(t, PerMinute{Requests: 2, OfAddress: 2, Failures: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status(r.one.Enter(ctx)) != 503 || status(r.one.Admit(ctx, &smart.Token{})) != 503 {
		t.Error("let in")
	}
	if r.log.Len() > 0 {
		t.Errorf("the log says\n%s", &r.log)
	}
	r.one.Failed(ctx)
	if got := status(r.one.Enter(t.Context())); got != 429 {
		t.Errorf("after a failure whose sender did not wait: %d", got)
	}
}

// A process alone has no other memory to fall back on: when that is full, or gone, nobody is let in.
func TestOneProcessAloneFailsClosed(t *testing.T) {
	own := ephemeral.NewMemory(0, nil)
	l, err := New(Options{PerMinute: PerMinute{Requests: 2}, Shared: own, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if got := status(l.Admit(t.Context(), &smart.Token{})); got != 200 {
		t.Errorf("%d", got)
	}
	_ = own.Close()
	if got := status(l.Admit(t.Context(), &smart.Token{})); got != 503 {
		t.Errorf("without its memory: %d", got)
	}
}

// What the issuer refuses is a failure of the address; its pages and documents are not, and go on while the shared store is away.
func TestTheIssuersRefusalsAreFailures(t *testing.T) {
	r := newReplicas(t, PerMinute{Failures: 2})
	answers := 0
	issuer := r.one.Issuer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answers++
		switch req.URL.Path {
		case "/unauthorized":
			w.WriteHeader(http.StatusUnauthorized)
		case "/bad":
			w.WriteHeader(http.StatusBadRequest)
		case "/away":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), serving.Refuse)
	for i, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/good", 200}, {"POST", "/away", 503}, {"GET", "/bad", 400}, {"POST", "/unauthorized", 401}, {"POST", "/good", 200}, {"POST", "/bad", 400},
		{"POST", "/good", 429}, {"GET", "/good", 429},
	} {
		w := httptest.NewRecorder()
		issuer.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want || c.want == 429 && w.Header().Get("Retry-After") != "60" {
			t.Errorf("request %d: %d, want %d", i, w.Code, c.want)
		}
	}
	if answers != 6 {
		t.Errorf("the issuer was asked %d times", answers)
	}
	if got := r.count(t, "gateway_failed_authentications_total", "issuer"); got != 2 {
		t.Errorf("%v failures", got)
	}
	r.now = r.now.Add(time.Minute)
	r.shared.away = true
	w := httptest.NewRecorder()
	if issuer.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/good", nil)); w.Code != 200 {
		t.Errorf("a page while the store is away: %d", w.Code)
	}
	for _, line := range strings.Split(strings.TrimSpace(r.log.String()), "\n") {
		if strings.Contains(line, "failed authentication") && !strings.HasSuffix(line, `"msg":"failed authentication","at":"issuer"}`) {
			t.Errorf("the log says %s", line)
		}
	}
}

func TestLimitsNeedWhatTheyCountWith(t *testing.T) {
	good := Options{Shared: ephemeral.NewMemory(0, nil), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	for name, change := range map[string]func(*Options){
		"no store": func(o *Options) { o.Shared = nil }, "no log": func(o *Options) { o.Log = nil }, "no clock": func(o *Options) { o.Now = nil },
		"a negative limit": func(o *Options) { o.PerMinute.Failures = -1 },
	} {
		o := good
		change(&o)
		if l, err := New(o); l != nil || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkARequest is what a request pays for the limits of its address and its partner, in the memory of one process.
func BenchmarkARequest(b *testing.B) {
	most := PerMinute{Requests: 1 << 40, OfAddress: 1 << 40, Failures: 1 << 40}
	l, err := New(Options{PerMinute: most, Shared: ephemeral.NewMemory(0, nil), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	token := &smart.Token{ClientID: "clinic"}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if l.Enter(b.Context()) != nil || l.Admit(b.Context(), token) != nil {
				b.Error("refused")
			}
		}
	})
}
