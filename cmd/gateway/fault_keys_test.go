package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/smart"
)

func testLedgerKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
}

// keyServer is the issuer's key set over HTTP.
type keyServer struct {
	*httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int64
}

func newKeyServer(t testing.TB) *keyServer {
	k := &keyServer{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.fetches.Add(1)
		(*k.answer.Load())(w, r)
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) serve(f http.HandlerFunc) { k.answer.Store(&f) }

func text(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
}

// keysOver lets a gateway fetch its issuer's keys.
func (k *keyServer) keysOver(c *smart.Config) { c.JWKS, c.JWKSURI = nil, k.URL }

// No key set, no records: whatever the issuer's end does, a good token opens nothing until the keys are there, and then it does by itself.
func TestAFailingKeySetReleasesNothing(t *testing.T) {
	r := newRig(t)
	path := r.requestsOf()[0]
	whole := r.open(parts{}, faultPartner).get(path)
	good, err := authserver.PublicKeys(r.key)
	noError(t, err)
	other, err := authserver.GenerateKey("ES256")
	noError(t, err)
	others, err := authserver.PublicKeys(other)
	noError(t, err)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	cases := []struct {
		name   string
		answer http.HandlerFunc
		status int
	}{
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, http.StatusServiceUnavailable},
		{"not found", http.NotFound, http.StatusServiceUnavailable},
		{"garbage", text([]byte("<html>")), http.StatusServiceUnavailable},
		{"nothing", text(nil), http.StatusServiceUnavailable},
		{"half of it", text(good[:len(good)/2]), http.StatusServiceUnavailable},
		{"no keys", text([]byte(`{"keys":[]}`)), http.StatusServiceUnavailable},
		{"no answer", func(_ http.ResponseWriter, q *http.Request) {
			select {
			case <-q.Context().Done():
			case <-end:
			}
		}, http.StatusServiceUnavailable},
		{"hanging up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, http.StatusServiceUnavailable},
		{"a redirect elsewhere", http.RedirectHandler("http://127.0.0.1:1/keys", http.StatusFound).ServeHTTP, http.StatusServiceUnavailable},
		{"somebody else's keys", text(others), http.StatusUnauthorized},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			began := r.now.now()
			defer r.now.set(began)
			k := newKeyServer(t)
			k.serve(c.answer)
			timeout := time.Duration(0)
			if c.name == "no answer" {
				timeout = 300 * time.Millisecond
			}
			x := r.open(parts{tokens: k.keysOver, timeout: timeout}, faultPartner)
			for range 3 {
				w, _, records := x.ask(path)
				refused(t, c.name, w, c.status)
				if records > 0 {
					t.Error("an answer to nobody is recorded")
				}
			}
			if c.name == "no answer" {
				k.CloseClientConnections()
			}
			k.serve(text(good))
			settle(t, func() error {
				r.now.set(r.now.now().Add(61 * time.Second))
				if r.now.now().Sub(began) > 4*time.Minute { // the token's life
					r.now.set(began.Add(62 * time.Second))
				}
				return same200(x, path, whole)
			})
		})
	}
}

// settle waits for something that a background fetch makes true.
func settle(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 100 {
		if err = f(); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(err)
}

func same200(x *rigged, path string, whole *httptest.ResponseRecorder) error {
	w, _, _ := x.ask(path)
	if w.Code != http.StatusOK || w.Body.String() != whole.Body.String() {
		return fmt.Errorf("it does not recover by itself: status %d", w.Code)
	}
	return nil
}

// A key that the issuer has taken back opens nothing any more, also for a token that was good before; the new key does. Keys that could not be
// fetched again for an hour are none.
func TestRotatingAndStaleKeys(t *testing.T) {
	r := newRig(t)
	path := r.requestsOf()[0]
	whole := r.open(parts{}, faultPartner).get(path)
	good, err := authserver.PublicKeys(r.key)
	noError(t, err)
	next, err := authserver.GenerateKey("ES256")
	noError(t, err)
	nextSet, err := authserver.PublicKeys(next)
	noError(t, err)
	k := newKeyServer(t)
	k.serve(text(good))
	x := r.open(parts{tokens: k.keysOver}, faultPartner)
	noError(t, same200(x, path, whole))

	old := x.token
	k.serve(text(nextSet))
	r.now.set(r.now.now().Add(2 * time.Minute))
	x.token = r.token(next, faultPartner)
	noError(t, same200(x, path, whole))
	x.token = old
	w, _, _ := x.ask(path)
	refused(t, "the old key", w, http.StatusUnauthorized)

	k.serve(http.NotFound)
	for range 8 { // the keys age while nobody gives new ones
		r.now.set(r.now.now().Add(10 * time.Minute))
		x.token = r.token(next, faultPartner)
		w, _, _ = x.ask(path)
		time.Sleep(10 * time.Millisecond) // a fetch in the background
	}
	refused(t, "keys older than an hour", w, http.StatusServiceUnavailable)
	k.serve(text(nextSet))
	settle(t, func() error {
		r.now.set(r.now.now().Add(61 * time.Second))
		x.token = r.token(next, faultPartner)
		return same200(x, path, whole)
	})
}
