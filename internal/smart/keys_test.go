package smart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// issuerServer serves keys that a test can rotate, and counts how often they are fetched.
type issuerServer struct {
	*httptest.Server
	fetches atomic.Int32
	body    atomic.Pointer[[]byte]
	down    atomic.Bool
	delay   atomic.Int64
}

func newIssuerServer(t *testing.T, names ...string) *issuerServer {
	t.Helper()
	s := &issuerServer{}
	s.serve(jwks(t, names...))
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL, s.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		s.fetches.Add(1)
		time.Sleep(time.Duration(s.delay.Load()))
		if s.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Write(*s.body.Load())
	})
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *issuerServer) serve(body []byte) { s.body.Store(&body) }

// stepClock is a clock that a test moves.
type stepClock struct{ ns atomic.Int64 }

func newStepClock() *stepClock {
	c := &stepClock{}
	c.ns.Store(testNow.UnixNano())
	return c
}

func (c *stepClock) now() time.Time             { return time.Unix(0, c.ns.Load()) }
func (c *stepClock) step(d time.Duration)       { c.ns.Add(int64(d)) }
func (c *stepClock) exp(d time.Duration) object { return object{"exp": c.now().Add(d).Unix()} }

func (s *issuerServer) verifier(t *testing.T, c *stepClock) *Verifier {
	t.Helper()
	return newTestVerifier(t, Config{
		Issuer: s.URL, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"RS256", "ES256"}, JWKSURI: s.URL + "/keys", Transport: s.Client().Transport, Now: c.now,
	})
}

func (s *issuerServer) token(t *testing.T, key string, changes object) string {
	t.Helper()
	p := payload(changes)
	p["iss"] = s.URL
	return sign(t, testKeys[key], nil, p)
}

func TestKeysAreFetchedOnceAndKept(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := s.verifier(t, c)
	var all sync.WaitGroup
	s.delay.Store(int64(20 * time.Millisecond))
	for i := range 20 {
		raw := s.token(t, "es256", object{"jti": fmt.Sprint(i)})
		all.Go(func() {
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
}

func TestDiscoveryLeadsToTheKeys(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := newTestVerifier(t, Config{Issuer: s.URL, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"ES256"}, Transport: s.Client().Transport, Now: c.now})
	if _, err := v.Verify(t.Context(), s.token(t, "es256", nil)); err != nil {
		t.Error(err)
	}
}

func TestDiscoveryOfAnotherIssuerIsRefused(t *testing.T) {
	s := newIssuerServer(t, "es256")
	for name, document := range map[string]string{
		"another issuer":    `{"issuer":"https://other.example.org","jwks_uri":"` + s.URL + `/keys"}`,
		"no issuer":         `{"jwks_uri":"` + s.URL + `/keys"}`,
		"no keys":           `{"issuer":"ISSUER"}`,
		"keys in the clear": `{"issuer":"ISSUER","jwks_uri":"http://issuer.example.org/keys"}`,
		"keys in a file":    `{"issuer":"ISSUER","jwks_uri":"file:///etc/keys"}`,
		"no JSON":           `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			var ts *httptest.Server
			ts = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, strings.ReplaceAll(document, "ISSUER", ts.URL))
			}))
			defer ts.Close()
			v := newTestVerifier(t, Config{Issuer: ts.URL, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"ES256"}, Transport: s.Client().Transport})
			if err := v.Ready(t.Context()); !errors.Is(err, ErrKeys) {
				t.Errorf("Ready = %v", err)
			}
		})
	}
}

func TestANewKeyIsFoundAtOnceButJunkFetchesOnceAMinute(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := s.verifier(t, c)
	if _, err := v.Verify(t.Context(), s.token(t, "es256", nil)); err != nil {
		t.Fatal(err)
	}
	s.serve(jwks(t, "es256", "next"))
	c.step(refetchInterval)
	if _, err := v.Verify(t.Context(), s.token(t, "next", c.exp(time.Hour))); err != nil {
		t.Errorf("a rotated key: %v", err)
	}
	if n := s.fetches.Load(); n != 2 {
		t.Fatalf("%d fetches, want 2", n)
	}
	forged := testKeys["stranger"]
	forged.KeyID = "es256"
	for i := range 30 { // half of them with an unknown kid, half with a bad signature, over just under a minute
		key := testKeys["stranger"]
		if i%2 == 0 {
			key = forged
		}
		p := payload(c.exp(time.Hour))
		p["iss"], p["jti"] = s.URL, fmt.Sprint(i)
		if _, err := v.Verify(t.Context(), sign(t, key, nil, p)); !errors.Is(err, ErrInvalid) {
			t.Errorf("junk: %v", err)
		}
		c.step(refetchInterval / 31)
	}
	if n := s.fetches.Load(); n != 2 {
		t.Errorf("%d fetches within a minute, want 2", n)
	}
	c.step(refetchInterval)
	for range 10 {
		if _, err := v.Verify(t.Context(), s.token(t, "stranger", c.exp(time.Hour))); !errors.Is(err, ErrInvalid) {
			t.Errorf("junk: %v", err)
		}
	}
	if n := s.fetches.Load(); n != 3 {
		t.Errorf("%d fetches in the next minute, want 3", n)
	}
}

func TestATokenOfARemovedKeyIsRefusedThoughRemembered(t *testing.T) {
	s, c := newIssuerServer(t, "es256", "rs256"), newStepClock()
	v := s.verifier(t, c)
	raw := s.token(t, "es256", c.exp(2*time.Hour))
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	s.serve(jwks(t, "rs256"))
	c.step(refreshAfter + time.Second)
	if _, err := v.Verify(t.Context(), s.token(t, "next", c.exp(time.Hour))); !errors.Is(err, ErrInvalid) { // waits for the fetch
		t.Fatal(err)
	}
	if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrInvalid) {
		t.Errorf("Verify = %v, %v", tok, err)
	}
}

func TestOutageWithoutKeysRefusesAndRecovers(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	s.down.Store(true)
	v := s.verifier(t, c)
	raw := s.token(t, "es256", nil)
	for range 10 {
		if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrKeys) {
			t.Errorf("Verify = %v, %v", tok, err)
		}
	}
	if err := v.Ready(t.Context()); !errors.Is(err, ErrKeys) {
		t.Errorf("Ready = %v", err)
	}
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	s.down.Store(false)
	c.step(firstInterval)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("does not recover: %v", err)
	}
}

func TestAnOutageIsBridgedForAnHourAndNoLonger(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := s.verifier(t, c)
	long := s.token(t, "es256", c.exp(5*time.Hour))
	if _, err := v.Verify(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	s.down.Store(true)
	c.step(staleAfter)
	for _, raw := range []string{long, s.token(t, "es256", c.exp(time.Hour))} {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Errorf("within the hour: %v", err)
		}
	}
	c.step(2 * time.Minute)
	for _, raw := range []string{long, s.token(t, "es256", c.exp(time.Hour))} { // also the remembered one
		if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrKeys) {
			t.Errorf("after the hour: %v, %v", tok, err)
		}
	}
	s.down.Store(false)
	c.step(2 * time.Minute)
	if _, err := v.Verify(t.Context(), long); err != nil {
		t.Errorf("does not recover: %v", err)
	}
}

func TestAClockThatGoesBackMakesKeysTooOld(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := s.verifier(t, c)
	raw := s.token(t, "es256", nil)
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	s.down.Store(true)
	c.step(-time.Hour)
	if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrKeys) {
		t.Errorf("Verify = %v, %v", tok, err)
	}
}

func TestBadKeySetsLeaveTheOldKeys(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	v := s.verifier(t, c)
	if _, err := v.Verify(t.Context(), s.token(t, "es256", nil)); err != nil {
		t.Fatal(err)
	}
	k := testKeys["next"]
	private, _ := k.MarshalJSON()
	for name, body := range map[string]string{
		"empty": "", "no JSON": "<html>", "no keys": `{"keys":[]}`, "private": `{"keys":[` + string(private) + `]}`,
		"too large": string(jwks(t, "next")) + strings.Repeat(" ", maxKeysBytes),
	} {
		s.serve([]byte(body))
		c.step(refetchInterval)
		if _, err := v.Verify(t.Context(), s.token(t, "next", c.exp(time.Hour))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: a key from it: %v", name, err)
		}
		if _, err := v.Verify(t.Context(), s.token(t, "es256", c.exp(time.Hour))); err != nil {
			t.Errorf("%s: the old key: %v", name, err)
		}
	}
}

func TestWhoWaitsForKeysCanGiveUp(t *testing.T) {
	s, c := newIssuerServer(t, "es256"), newStepClock()
	s.delay.Store(int64(2 * time.Second))
	v := s.verifier(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if tok, err := v.Verify(ctx, s.token(t, "es256", nil)); tok != nil || !errors.Is(err, ErrKeys) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Verify = %v, %v", tok, err)
	}
	if _, err := v.Verify(t.Context(), s.token(t, "es256", nil)); err != nil { // the fetch went on for the others
		t.Errorf("Verify = %v", err)
	}
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestKeysAreNotFetchedByWayOfARedirectElsewhere(t *testing.T) {
	evil := newIssuerServer(t, "stranger")
	var target string
	ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			w.Write(jwks(t, "es256"))
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer ts.Close()
	for to, want := range map[string]error{evil.URL + "/keys": ErrKeys, "http://" + ts.Listener.Addr().String() + "/moved": ErrKeys, ts.URL + "/loop": ErrKeys, "/moved": nil} {
		target = to
		v := newTestVerifier(t, Config{Issuer: testIssuer, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"ES256"}, JWKSURI: ts.URL + "/keys", Transport: evil.Client().Transport})
		if err := v.Ready(t.Context()); !errors.Is(err, want) {
			t.Errorf("redirect to %s: %v, want %v", to, err, want)
		}
	}
	if n := evil.fetches.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

func TestPlainHTTPIsForLoopbackOrOnRequest(t *testing.T) {
	for uri, want := range map[string]bool{
		"http://127.0.0.1:1/k": true, "http://localhost/k": true, "http://[::1]/k": true, "https://example.org/k": true,
		"http://example.org/k": false, "http://localhost.example.org/k": false, "http://127.0.0.1.example.org/k": false, "ftp://127.0.0.1/k": false, "http://u@127.0.0.1/k": false,
	} {
		c := testConfig(t)
		c.JWKS, c.JWKSURI = nil, uri
		if _, err := NewVerifier(c); (err == nil) != want {
			t.Errorf("%s: %v", uri, err)
		}
	}
	c := testConfig(t)
	c.JWKS, c.JWKSURI, c.InsecurePlainHTTP = nil, "http://example.org/k", true
	if _, err := NewVerifier(c); err != nil {
		t.Errorf("on request: %v", err)
	}
}
