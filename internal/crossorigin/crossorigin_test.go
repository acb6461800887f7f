package crossorigin_test

import (
	"context"
	"errors"
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
	return crossorigin.Handler(crossorigin.Options{
		Next: next, Of: of, Registered: func(_ context.Context, origin string) bool { return origin == "https://app.example" },
		Enter: func(ctx context.Context) error {
			if n, ok := ctx.Value(counted{}).(*preflights); ok {
				n.asked++
				return n.err
			}
			return nil
		},
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Retry-After", "40")
			http.Error(w, err.Error(), http.StatusTooManyRequests)
		},
	})
}

// preflights are those that were counted, and whether there were too many.
type preflights struct {
	asked int
	err   error
}

type counted struct{}

// A preflight is answered without anybody behind, so it is counted here; everything else is counted there, and once.
func TestPreflightsAreCountedAndNothingElse(t *testing.T) {
	for name, x := range map[string]struct {
		method, path, origin, wants string
		count                       int
	}{
		"an app's":                        {"OPTIONS", "/data", "https://app.example", "POST", 1},
		"another's page":                  {"OPTIONS", "/data", "https://evil.example", "GET", 1},
		"of a document":                   {"OPTIONS", "/public", "https://evil.example", "GET", 1},
		"of what people see":              {"OPTIONS", "/page", "https://app.example", "GET", 0},
		"OPTIONS of a page, no preflight": {"OPTIONS", "/data", "https://app.example", "", 0},
		"OPTIONS of no page":              {"OPTIONS", "/data", "", "GET", 0},
		"a request":                       {"GET", "/data", "https://app.example", "GET", 0},
	} {
		for _, tooMany := range []error{nil, errors.New("too many")} {
			n := &preflights{err: tooMany}
			r := httptest.NewRequest(x.method, x.path, nil).WithContext(context.WithValue(t.Context(), counted{}, n))
			for h, v := range map[string]string{"Origin": x.origin, "Access-Control-Request-Method": x.wants} {
				if v != "" {
					r.Header.Set(h, v)
				}
			}
			w := httptest.NewRecorder()
			handler().ServeHTTP(w, r)
			if n.asked != x.count {
				t.Errorf("%s: counted %d times", name, n.asked)
			}
			refused := x.count > 0 && tooMany != nil
			if (w.Code == http.StatusTooManyRequests) != refused || refused && (w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Retry-After") == "") {
				t.Errorf("%s: %d %v", name, w.Code, w.Header())
			}
		}
	}
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
