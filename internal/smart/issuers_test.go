package smart

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// twoIssuers are a verifier of two issuers with keys of their own.
func twoIssuers(t *testing.T, c *stepClock) (v *Verifier, a, b *issuerServer) {
	t.Helper()
	a, b = newIssuerServer(t, "es256"), newIssuerServer(t, "rs256")
	var configs []Config
	for _, s := range []*issuerServer{a, b} {
		configs = append(configs, Config{
			Issuer: s.URL, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"RS256", "ES256"}, JWKSURI: s.URL + "/keys", Transport: s.Client().Transport, Now: c.now,
		})
	}
	v, err := NewVerifier(configs...)
	if err != nil {
		t.Fatal(err)
	}
	return v, a, b
}

func TestATokenIsVerifiedByTheKeysOfItsOwnIssuer(t *testing.T) {
	c := newStepClock()
	v, a, b := twoIssuers(t, c)
	for name, x := range map[string]struct {
		of   *issuerServer
		key  string
		want error
	}{
		"the first with its key":        {a, "es256", nil},
		"the second with its key":       {b, "rs256", nil},
		"the first with the second's":   {a, "rs256", ErrInvalid},
		"the second with the first's":   {b, "es256", ErrInvalid},
		"an issuer that nobody entered": {newIssuerServer(t, "es256"), "es256", ErrInvalid},
	} {
		tok, err := v.Verify(t.Context(), x.of.token(t, x.key, nil))
		if !errors.Is(err, x.want) || tok != nil && tok.Issuer != x.of.URL {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
}

func TestAnIssuersAlgorithmsAndAudienceAreItsOwn(t *testing.T) {
	first, second := testConfig(t), testConfig(t)
	first.Algorithms = []string{"ES256"}
	second.Issuer, second.Audience, second.Algorithms = "https://second.example.org", "https://second.example.org/fhir", []string{"RS256"}
	v, err := NewVerifier(first, second)
	if err != nil {
		t.Fatal(err)
	}
	ofSecond := object{"iss": second.Issuer, "aud": second.Audience}
	for name, x := range map[string]struct {
		key    string
		claims object
		want   error
	}{
		"the first":                         {"es256", nil, nil},
		"the second":                        {"rs256", ofSecond, nil},
		"the first, signed as the second":   {"rs256", nil, ErrInvalid},
		"the second, signed as the first":   {"es256", ofSecond, ErrInvalid},
		"the first for the second's use":    {"es256", object{"aud": second.Audience}, ErrInvalid},
		"the second for the first's use":    {"rs256", object{"iss": second.Issuer}, ErrInvalid},
		"two issuers at once":               {"es256", object{"iss": []string{testIssuer, second.Issuer}}, ErrInvalid},
		"an issuer in another letter case":  {"es256", object{"iss": "HTTPS://issuer.example.org/realm"}, ErrInvalid},
		"an issuer with a slash at its end": {"es256", object{"iss": testIssuer + "/"}, ErrInvalid},
	} {
		if _, err := v.Verify(t.Context(), sign(t, testKeys[x.key], nil, payload(x.claims))); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewVerifier(first, first); err == nil {
		t.Error("one issuer twice is taken")
	}
	if _, err := NewVerifier(); err == nil {
		t.Error("no issuer is taken")
	}
}

func TestAnIssuerThatHangsKeepsNobodyElseWaiting(t *testing.T) {
	c := newStepClock()
	v, a, b := twoIssuers(t, c)
	a.delay.Store(int64(5 * time.Second))
	hanging, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if tok, err := v.Verify(hanging, a.token(t, "es256", nil)); tok != nil || !errors.Is(err, ErrKeys) {
		t.Errorf("of the one that hangs: %v, %v", tok, err)
	}
	began := time.Now()
	if _, err := v.Verify(t.Context(), b.token(t, "rs256", nil)); err != nil {
		t.Errorf("of the other: %v", err)
	}
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
	if waited := time.Since(began); waited > 4*time.Second {
		t.Errorf("the other's token waited %v", waited)
	}
}

func TestReadyIsNoIssuerTooFew(t *testing.T) {
	c := newStepClock()
	v, a, b := twoIssuers(t, c)
	a.down.Store(true)
	if err := v.Ready(t.Context()); err != nil {
		t.Errorf("one of two is there: %v", err)
	}
	b.down.Store(true)
	c.step(2 * staleAfter)
	if err := v.Ready(t.Context()); !errors.Is(err, ErrKeys) {
		t.Errorf("none is there: %v", err)
	}
}

// TestKeysAreFetchedAheadOfTheRequests runs in a time of its own.
func TestKeysAreFetchedAheadOfTheRequests(t *testing.T) {
	keys, err := ParseJWKS(jwks(t, "es256"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		var down atomic.Bool
		away := &issuer{config: Config{Issuer: testIssuer}, keys: &keyRing{now: time.Now, fetch: func(context.Context) ([]jose.JSONWebKey, error) {
			fetches.Add(1)
			if down.Load() {
				return nil, errors.New("down")
			}
			return keys, nil
		}}}
		v := &Verifier{issuers: map[string]*issuer{testIssuer: away, "fixed": {keys: &keyRing{}}}}
		var mu sync.Mutex
		var heard []error
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go v.Refresh(ctx, func(of string, err error) {
			if of != testIssuer {
				t.Errorf("heard of %s", of)
			}
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, err)
		})
		wait := func(d time.Duration) int32 {
			before := fetches.Load()
			time.Sleep(d)
			synctest.Wait()
			return fetches.Load() - before
		}
		if n := wait(time.Second); n != 1 || !away.keys.usable() {
			t.Errorf("%d fetches at the start", n)
		}
		if n := wait(time.Hour); n < 6 || n > 8 || len(heard) != 0 {
			t.Errorf("%d fetches in an hour without a request, heard %v", n, heard)
		}
		down.Store(true)
		if n := wait(staleAfter + refreshAhead + time.Minute); n < 50 || n > 75 || away.keys.usable() || len(heard) != 1 || heard[0] == nil {
			t.Errorf("%d fetches while it is away for more than an hour, usable %v, heard %v", n, away.keys.usable(), heard)
		}
		down.Store(false)
		if wait(2 * refetchInterval); !away.keys.usable() || len(heard) != 2 || heard[1] != nil {
			t.Errorf("back, but usable %v, heard %v", away.keys.usable(), heard)
		}
	})
}
