package authserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/profiles"
)

// hosted is a partner that publishes its keys at a URL.
type hosted struct {
	*world
	*httptest.Server
	fetches atomic.Int32
	set     atomic.Pointer[[]byte]
	cache   atomic.Pointer[string]
}

func newHosted(t *testing.T) *hosted {
	t.Helper()
	h := &hosted{world: newWorld(t)}
	h.publish(t, "max-age=60", "ec")
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.fetches.Add(1)
		if len(*h.set.Load()) == 0 {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		w.Header().Set("Cache-Control", *h.cache.Load())
		w.Write(*h.set.Load())
	}))
	t.Cleanup(h.Close)
	files := fstest.MapFS{"p.yaml": {Data: []byte("partners:\n  - {id: clinic, kind: provider, organization: {npi: \"1234567893\"}, purposes: [TREAT], scopes: system/*.rs, jwks-uri: \"" + h.URL + "/keys\"}\n")}}
	register, err := requester.Load(files, "p.yaml", profiles.FS, issuer)
	if err != nil {
		t.Fatal(err)
	}
	c := h.server.config
	c.Partners, c.Transport = fixed{register}, h.Client().Transport
	if h.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hosted) publish(t *testing.T, cacheControl string, names ...string) {
	t.Helper()
	set := []byte{}
	if len(names) > 0 {
		keys := []jose.JSONWebKey{}
		for _, n := range names {
			keys = append(keys, testKeys[n])
		}
		var err error
		if set, err = PublicKeys(keys...); err != nil {
			t.Fatal(err)
		}
	}
	h.set.Store(&set)
	h.cache.Store(&cacheControl)
}

// ask sends a fresh assertion and tells whether it was taken.
func (h *hosted) ask(t *testing.T, key, jku string) bool {
	t.Helper()
	header := map[jose.HeaderKey]any{}
	if jku != "" {
		header["jku"] = jku
	}
	h.now = h.now.Add(time.Second)
	jti := h.now.String() + key + jku
	rec := h.post(h.form(forge(t, h.keys[key], header, h.payload(map[string]any{"jti": jti}))))
	if rec.Code != http.StatusOK {
		refused(t, rec, http.StatusUnauthorized, "invalid_client")
	}
	return rec.Code == http.StatusOK
}

func TestKeysAtARegisteredURL(t *testing.T) {
	h := newHosted(t)
	if !h.ask(t, "ec", "") || !h.ask(t, "ec", h.URL+"/keys") {
		t.Error("a good assertion is refused")
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within max-age, want 1", n)
	}
	for _, jku := range []string{h.URL, h.URL + "/keys?x", h.URL + "/keys/", strings.ToUpper(h.URL) + "/keys", "https://evil.example.org/keys"} {
		if h.ask(t, "ec", jku) {
			t.Errorf("jku %s is taken", jku)
		}
	}
	if h.ask(t, "stranger", "") {
		t.Error("a key that is not published is taken")
	}
}

func TestKeysAreKeptNoLongerThanTheirCacheControlAllows(t *testing.T) {
	h := newHosted(t)
	if !h.ask(t, "ec", "") {
		t.Fatal("a good assertion is refused")
	}
	h.publish(t, "no-store", "rsa")
	h.now = h.now.Add(time.Minute)
	if h.ask(t, "ec", "") || !h.ask(t, "rsa", "") {
		t.Error("a withdrawn key is taken, or its successor is not")
	}
	before := h.fetches.Load()
	h.publish(t, "max-age=60")
	if h.ask(t, "rsa", "") {
		t.Error("a key that may not be kept is taken while its URL is down")
	}
	again := forge(t, h.keys["rsa"], nil, h.payload(map[string]any{"jti": "same instant"}))
	refused(t, h.post(h.form(again)), http.StatusUnauthorized, "invalid_client")
	if h.fetches.Load() == before {
		t.Error("no-store was kept")
	}
	h.publish(t, "max-age=60", "rsa")
	if !h.ask(t, "rsa", "") {
		t.Error("does not recover")
	}
}

// Whoever sends an assertion of a partner's with a kid that nobody has makes its keys be fetched. If that fails, those that may still be kept are.
func TestAKeyThatNobodyHasTakesNoneAway(t *testing.T) {
	h := newHosted(t)
	if !h.ask(t, "ec", "") {
		t.Fatal("a good assertion is refused")
	}
	h.publish(t, "max-age=60")
	h.now = h.now.Add(missInterval)
	before := h.fetches.Load()
	if h.ask(t, "stranger", "") || h.fetches.Load() == before {
		t.Fatal("a key that is not published is taken, or not looked for")
	}
	if !h.ask(t, "ec", "") {
		t.Error("a key that may be kept is refused")
	}
	h.now = h.now.Add(time.Minute)
	if h.ask(t, "ec", "") {
		t.Error("a key that may not be kept is taken")
	}
}

func TestManyAssertionsFetchOnceASecondAtMost(t *testing.T) {
	h := newHosted(t)
	h.publish(t, "no-store", "ec")
	for range 20 {
		h.post(h.form(forge(t, h.keys["stranger"], nil, h.payload(nil))))
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("%d fetches at one instant, want 1", n)
	}
}

func TestAPartnerWhoHasRotatedNeedNotWait(t *testing.T) {
	h := newHosted(t)
	if !h.ask(t, "ec", "") {
		t.Fatal("a good assertion is refused")
	}
	h.publish(t, "max-age=600", "ec", "rsa")
	if h.ask(t, "rsa", "") {
		t.Error("the keys were fetched again at once: junk would cause a fetch each")
	}
	h.now = h.now.Add(missInterval)
	if !h.ask(t, "rsa", "") || !h.ask(t, "ec", "") {
		t.Error("the new key is not taken, or the old one no more")
	}
	for range 20 {
		h.ask(t, "stranger", "")
	}
	if n := h.fetches.Load(); n > 4 {
		t.Errorf("%d fetches within half a minute", n)
	}
}

func TestKeysAreThoseOfTheURLThatIsRegisteredNow(t *testing.T) {
	h := newHosted(t)
	p, err := h.server.partner(t.Context(), "clinic")
	if err != nil || len(h.server.keys.of(t.Context(), p, "")) != 1 {
		t.Fatal(err)
	}
	moved := *p
	moved.JWKSURI = h.URL + "/elsewhere"
	h.publish(t, "max-age=600")
	if keys := h.server.keys.of(t.Context(), &moved, ""); len(keys) != 0 {
		t.Error("keys of the URL before are taken")
	}
}

func TestKeysAreNotFetchedByWayOfARedirect(t *testing.T) {
	h := newHosted(t)
	h.Config.Handler = http.RedirectHandler("/moved", http.StatusFound)
	if h.ask(t, "ec", "") {
		t.Error("taken")
	}
}

func TestExactlyOneKeyMustMatch(t *testing.T) {
	h := newHosted(t)
	sameName := testKeys["rsa"]
	sameName.KeyID = testKeys["ec"].KeyID
	both, err := PublicKeys(testKeys["ec"], sameName)
	if err != nil {
		t.Fatal(err)
	}
	h.set.Store(&both)
	h.keys = map[string]jose.JSONWebKey{"ec": testKeys["ec"], "named alike": sameName}
	if !h.ask(t, "ec", "") || !h.ask(t, "named alike", "") {
		t.Error("kid and kty name one key each, and it is refused")
	}
	h.now = h.now.Add(time.Hour)
	double := testKeys["stranger"]
	double.KeyID = testKeys["ec"].KeyID
	set, err := PublicKeys(testKeys["ec"], double)
	if err != nil {
		t.Fatal(err)
	}
	h.set.Store(&set)
	if h.ask(t, "ec", "") {
		t.Error("taken though two keys have its kid")
	}
}
