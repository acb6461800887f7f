package crossorigin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/crossorigin"
)

func handler() http.Handler {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
	of := func(r *http.Request) crossorigin.Pages {
		return map[string]crossorigin.Pages{"/data": crossorigin.Apps, "/public": crossorigin.Anybodys}[r.URL.Path]
	}
	return crossorigin.Handler(next, of, func(_ context.Context, origin string) bool { return origin == "https://app.example" })
}

func TestWhosePagesMayCallWhat(t *testing.T) {
	const allow = "Access-Control-Allow-Origin"
	for name, x := range map[string]struct {
		method, path, origin string
		headers              map[string]string
		code                 int
		allowed              string
	}{
		"an app":                             {"GET", "/data", "https://app.example", nil, 200, "https://app.example"},
		"another's page":                     {"GET", "/data", "https://evil.example", nil, 200, ""},
		"a page of no origin":                {"GET", "/data", "null", nil, 200, ""},
		"the app's name in another's":        {"GET", "/data", "https://app.example.evil.example", nil, 200, ""},
		"the app's name in capitals":         {"GET", "/data", "https://APP.example", nil, 200, ""},
		"no page":                            {"GET", "/data", "", nil, 200, ""},
		"a public document":                  {"GET", "/public", "https://evil.example", nil, 200, "*"},
		"what people see":                    {"GET", "/page", "https://app.example", nil, 200, ""},
		"an app asks first":                  {"OPTIONS", "/data", "https://app.example", map[string]string{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,dpop"}, 204, "https://app.example"},
		"an app asks first to write":         {"OPTIONS", "/data", "https://app.example", map[string]string{"Access-Control-Request-Method": "PUT"}, 204, ""},
		"an app asks to send something else": {"OPTIONS", "/data", "https://app.example", map[string]string{"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-else"}, 204, ""},
		"another's page asks first":          {"OPTIONS", "/data", "https://evil.example", map[string]string{"Access-Control-Request-Method": "GET"}, 204, ""},
		"who asks first for what people see": {"OPTIONS", "/page", "https://app.example", map[string]string{"Access-Control-Request-Method": "GET"}, 405, ""},
		"anybody asks first for a document":  {"OPTIONS", "/public", "https://evil.example", map[string]string{"Access-Control-Request-Method": "GET"}, 204, "*"},
		"OPTIONS of no page":                 {"OPTIONS", "/data", "", nil, 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(x.method, x.path, nil)
			for k, v := range x.headers {
				r.Header.Set(k, v)
			}
			if x.origin != "" {
				r.Header.Set("Origin", x.origin)
			}
			w := httptest.NewRecorder()
			handler().ServeHTTP(w, r)
			if w.Code != x.code || w.Header().Get(allow) != x.allowed || w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if x.allowed == "https://app.example" && !strings.Contains(w.Header().Get("Vary"), "Origin") {
				t.Errorf("an answer to one origin may be kept for another: %v", w.Header())
			}
		})
	}
}
