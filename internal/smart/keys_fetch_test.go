package smart

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func TestFetchJWKSTellsHowLongTheKeysMayBeKept(t *testing.T) {
	for cacheControl, want := range map[string]time.Duration{
		"": time.Minute, "max-age=30": 30 * time.Second, "public, Max-Age=\"5\"": 5 * time.Second, "max-age=86400": refreshAfter, "no-store": 0,
		"max-age=60, no-cache": 0, "max-age=soon": 0, "max-age": 0, "max-age=-1": 0, "private": time.Minute,
	} {
		ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if cacheControl != "" {
				w.Header().Set("Cache-Control", cacheControl)
			}
			w.Write(jwks(t, "es384"))
		}))
		keys, keep, err := FetchJWKS(t.Context(), ts.Client().Transport, ts.URL)
		if err != nil || len(keys) != 1 || keep != want {
			t.Errorf("%q: %d keys for %v, %v; want %v", cacheControl, len(keys), keep, err, want)
		}
		ts.Close()
	}
}

func TestFetchJWKSRefuses(t *testing.T) {
	ts := httptest.NewTLSServer(http.NotFoundHandler())
	defer ts.Close()
	for _, uri := range []string{"", "http://keys.example.org/x", "file:///etc/keys", ts.URL} {
		if keys, _, err := FetchJWKS(t.Context(), ts.Client().Transport, uri); keys != nil || err == nil {
			t.Errorf("FetchJWKS(%q) = %v, %v", uri, keys, err)
		}
	}
}

// transport answers every request by its URL, without a network.
type transport map[string]string

func (a transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := a[r.URL.String()]
	if !ok {
		return nil, errors.New("no such host")
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
	if to, moved := strings.CutPrefix(body, "-> "); moved {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", to)
	}
	return resp, nil
}

func TestKeysAreNeverFetchedInTheClear(t *testing.T) {
	keys := string(jwks(t, "es256"))
	for name, a := range map[string]transport{
		"jwks_uri":   {testIssuer + "/.well-known/openid-configuration": `{"issuer":"` + testIssuer + `","jwks_uri":"http://issuer.example.org/keys"}`, "http://issuer.example.org/keys": keys},
		"a redirect": {testIssuer + "/.well-known/openid-configuration": "-> http://issuer.example.org/config", "http://issuer.example.org/config": `{"issuer":"` + testIssuer + `","jwks_uri":"https://issuer.example.org/keys"}`, "https://issuer.example.org/keys": keys},
	} {
		v := newTestVerifier(t, Config{Issuer: testIssuer, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"ES256"}, Transport: a})
		if err := v.Ready(t.Context()); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: Ready = %v", name, err)
		}
	}
}

func TestAKeySetThatHoldsASecretIsRefusedWhole(t *testing.T) {
	k := testKeys["next"]
	private, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"private": string(private), "symmetric": `{"kty":"oct","k":"AAAA"}`, "symmetric without k": `{"kty":"oct"}`} {
		set := strings.TrimSuffix(string(jwks(t, "es256")), "]}") + "," + secret + "]}"
		if keys, err := ParseJWKS([]byte(set)); keys != nil || err == nil {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

func TestParseJWKSLeavesOutWhatCannotVerify(t *testing.T) {
	encryption := testKeys["es256"]
	encryption.Use, encryption.KeyID = "enc", "enc"
	weak := `{"kty":"RSA","kid":"weak","n":"` + strings.Repeat("w", 171) + `","e":"AQAB"}`
	public := encryption.Public()
	text, err := public.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := string(jwks(t, "es256", "es512", "rs256"))
	set := strings.TrimSuffix(good, "]}") + "," + string(text) + "," + weak + `,{"kty":"OKP","crv":"X448","x":"AA"},{"kty":"new"}]}`
	keys, err := ParseJWKS([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.KeyID)
	}
	if got := strings.Join(ids, " "); got != "es256 rs256" {
		t.Errorf("keys %s, want es256 rs256", got)
	}
}

func TestAlgorithmsOfAKey(t *testing.T) {
	free := testKeys["rs256"]
	free.Algorithm = ""
	crossed := testKeys["es256"]
	crossed.Algorithm = "ES384"
	for name, tt := range map[string]struct {
		key  jose.JSONWebKey
		want string
	}{"RSA with alg": {testKeys["rs256"], "[RS256]"}, "RSA without": {free, "[RS256 RS384]"}, "P-384": {testKeys["es384"], "[ES384]"}, "P-521": {testKeys["es512"], "[]"}, "alg of another curve": {crossed, "[]"}} {
		if got := fmt.Sprint(algorithms(tt.key.Public())); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
