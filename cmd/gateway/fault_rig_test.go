package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/smart"
)

// rig is the demo's practice, with gateways on it whose parts fail.
type rig struct {
	*demonstration
	t   testing.TB
	key jose.JSONWebKey
	now *testClock
}

// testClock is a clock that tests set.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func newRig(t testing.TB) *rig {
	t.Helper()
	d, err := prepareDemo(t.Context(), demoOptions{dir: t.TempDir(), clients: 20, seed: 1}, "127.0.0.1:1")
	noError(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{demonstration: d, t: t, now: &testClock{t: time.Now().Truncate(time.Second)}}
	r.key, err = authserver.GenerateKey("ES256")
	noError(t, err)
	return r
}

// token is a token for one of the demo's partners, signed with a key of the issuer's.
func (r *rig) token(key jose.JSONWebKey, partner string) string {
	r.t.Helper()
	keys, err := authserver.FixedKeys(key)
	noError(r.t, err)
	mapping, err := smart.LoadMapping(r.profiles, "smart")
	noError(r.t, err)
	issuer, err := authserver.New(authserver.Config{Issuer: r.authBase(), Audience: r.fhirBase(), Keys: keys, Claims: mapping, Partners: r.gateway.partners,
		Replay: ephemeral.NewMemory(10, r.now.now), Now: r.now.now})
	noError(r.t, err)
	p := r.partner(partner)
	claims := authserver.Claims{ClientID: p.ID, Subject: p.ID, Scope: p.Scopes}
	for _, purpose := range p.Purposes[:1] {
		claims.Extensions.Purposes = []fhir.Coding{{System: fhir.SystemActReason, Code: purpose}}
	}
	token, err := issuer.Mint(claims)
	noError(r.t, err)
	return token
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) writer() *demo.Writer {
	r.t.Helper()
	w, err := r.practice.Writer(r.t.Context())
	noError(r.t, err)
	r.t.Cleanup(func() { w.Close() })
	return w
}

// parts are what of a gateway a test replaces; nil is the real part.
type parts struct {
	source  func(practice.Snapshotter) practice.Snapshotter
	ledger  fhirapi.Ledger
	tokens  func(*smart.Config)
	timeout time.Duration
}

// rigged is a gateway with replaced parts. Its caches are cold, and it remembers what the ledger was told.
type rigged struct {
	t        testing.TB
	handler  http.Handler
	recorder *recorder
	token    string
}

// gateway makes a gateway on the rig's practice, for a partner.
func (r *rig) open(p parts, partner string) *rigged {
	r.t.Helper()
	own := *r.gateway.records
	cfg := *own.cfg
	cfg.Limits.CacheBytes = 4 << 20
	own.closers, own.cfg = nil, &cfg
	if p.source != nil {
		own.source = p.source(own.source)
	}
	views, err := own.release(slog.New(slog.DiscardHandler), r.now.now)
	noError(r.t, err)
	g := *r.gateway
	g.views = views
	keys, err := authserver.PublicKeys(r.key)
	noError(r.t, err)
	claims, err := smart.LoadMapping(own.profiles, "smart")
	noError(r.t, err)
	tokens := smart.Config{Issuer: r.authBase(), Audience: r.fhirBase(), Claims: claims, Algorithms: []string{"ES256"}, JWKS: keys, Now: r.now.now}
	if p.tokens != nil {
		p.tokens(&tokens)
	}
	verifier, err := smart.NewVerifier(tokens)
	noError(r.t, err)
	options, err := g.apiOptions(verifier, r.now.now)
	noError(r.t, err)
	x := &rigged{t: r.t, recorder: &recorder{}, token: r.token(r.key, partner)}
	options.Ledger, options.Timeout = x.recorder, 5*time.Second
	if p.ledger != nil {
		options.Ledger = p.ledger
	}
	if p.timeout != 0 {
		options.Timeout = p.timeout
	}
	api, err := fhirapi.New(options)
	noError(r.t, err)
	x.handler = api.Handler()
	return x
}

// recorder is a ledger in memory.
type recorder struct {
	mu      sync.Mutex
	records []ledger.Record
}

func (l *recorder) Append(ctx context.Context, answer ...ledger.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, answer...)
	return ctx.Err()
}

// released takes what was recorded as released since the last call.
func (l *recorder) released() (all []string, records int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		all = append(all, r.Released...)
	}
	records, l.records = len(l.records), nil
	slices.Sort(all)
	return all, records
}

// get asks, and checks what holds of every answer: it is whole, and the ledger knows of each resource in it.
func (x *rigged) get(path string) *httptest.ResponseRecorder {
	x.t.Helper()
	w, released, records := x.ask(path)
	got := resourcesIn(x.t, w)
	if len(got) > 0 && w.Code != http.StatusOK {
		x.t.Errorf("%s: status %d with %d resources", kindOf(path), w.Code, len(got))
	}
	if w.Code < 400 && (records == 0 || !slices.Equal(got, released)) {
		x.t.Errorf("%s: %d resources, %d of them recorded in %d records", kindOf(path), len(got), len(released), records)
	}
	return w
}

func (x *rigged) ask(path string) (w *httptest.ResponseRecorder, released []string, records int) {
	r := httptest.NewRequest("GET", "/fhir/"+path, nil)
	r.Header.Set("Authorization", "Bearer "+x.token)
	w = httptest.NewRecorder()
	x.recorder.released()
	x.handler.ServeHTTP(w, r)
	released, records = x.recorder.released()
	return w, released, records
}

// kindOf is a path without its values.
func kindOf(path string) string {
	typ, _, _ := strings.Cut(path, "?")
	typ, _, _ = strings.Cut(typ, "/")
	return typ
}

// resourcesIn names the resources of an answer, sorted.
func resourcesIn(t testing.TB, w *httptest.ResponseRecorder) (all []string) {
	t.Helper()
	type resource struct{ ResourceType, ID string }
	var body struct {
		resource
		Entry []struct {
			Resource resource
			Search   struct{ Mode string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Errorf("status %d: the body is no JSON", w.Code)
		return nil
	}
	switch body.ResourceType {
	case "OperationOutcome":
		return nil
	case "Bundle":
		for _, e := range body.Entry {
			if e.Search.Mode != "outcome" {
				all = append(all, e.Resource.ResourceType+"/"+e.Resource.ID)
			}
		}
	default:
		all = append(all, body.ResourceType+"/"+body.ID)
	}
	slices.Sort(all)
	return all
}

// refused checks that an answer releases nothing and says so in the fixed words: 503 with Retry-After, or 500.
func refused(t testing.TB, what string, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	switch {
	case w.Code != status:
		t.Errorf("%s: status %d, want %d", what, w.Code, status)
	case status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "":
		t.Errorf("%s: 503 without Retry-After", what)
	case len(resourcesIn(t, w)) > 0 || w.Header().Get("ETag") != "" || w.Header().Get("Last-Modified") != "" || w.Body.Len() > 400:
		t.Errorf("%s: something is released", what)
	}
}

var errFault = errors.New("fault")
