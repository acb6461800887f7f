package smart

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
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
