package authserver

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/outcome"
)

// Accept headers of a browser that shows a page to a person, and of those who would take a page but are no person: Java's own HTTP client.
const (
	acceptOfAPerson = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	acceptOfJava    = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
)

func TestWhatNobodyLooksAtIsRefusedAsOAuthDoes(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
		after  string
	}{
		"too many":            {outcome.Retry(outcome.TooManyRequests, 40*time.Second, nil), 429, "temporarily_unavailable", "40"},
		"a part is away":      {outcome.New(outcome.Unavailable, nil), 503, "temporarily_unavailable", "5"},
		"too long":            {outcome.New(outcome.TooLarge, nil), 413, "invalid_request", ""},
		"packed":              {outcome.New(outcome.UnsupportedMediaType, nil), 415, "invalid_request", ""},
		"a fault of ours":     {outcome.New(outcome.Internal, nil), 500, "server_error", ""},
		"of a kind of FHIR's": {outcome.New(outcome.NotFound, nil), 500, "server_error", ""},
	} {
		for _, path := range []string{"/token", "/introspect", "/revoke", "/jwks.json", "/.well-known/openid-configuration"} {
			for _, accept := range []string{"", "application/json", acceptOfJava} {
				r := httptest.NewRequest(http.MethodPost, issuer+path, nil)
				r.Header.Set("Accept", accept)
				rec := httptest.NewRecorder()
				w.server.Refuse(rec, r, c.err)
				refused(t, rec, c.status, c.code)
				h := rec.Header()
				if h.Get("Retry-After") != c.after || h.Get("Connection") != "close" || h.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(rec.Body.String(), "OperationOutcome") {
					t.Errorf("%s: %v %s", name, h, rec.Body)
				}
			}
		}
	}
}

// Who stands before the page of an app that they launch has no use for JSON, which their browser would show as it is.
func TestAPersonIsRefusedInWords(t *testing.T) {
	a := newApps(t)
	for path, people := range map[string]bool{"/authorize": true, "/sign-in": true, "/consent": true, "/elsewhere": true, "/token": false, "/jwks.json": false} {
		for accept, person := range map[string]bool{acceptOfAPerson: true, "application/json": false, "*/*": false, "": false} {
			r := httptest.NewRequest(http.MethodGet, issuer+path, nil)
			r.Header.Set("Accept", accept)
			rec := httptest.NewRecorder()
			a.Refuse(rec, r, outcome.Retry(outcome.TooManyRequests, time.Minute, nil))
			want := "application/json"
			if people && person {
				want = "text/plain; charset=utf-8"
			}
			h := rec.Header()
			if rec.Code != http.StatusTooManyRequests || h.Get("Content-Type") != want || h.Get("Retry-After") != "60" || h.Get("Cache-Control") != "no-store" || h.Get("Connection") != "close" || rec.Body.Len() == 0 {
				t.Errorf("%s, %s: %d %v %s", path, accept, rec.Code, h, rec.Body)
			}
		}
	}
}

func TestWhatIsNotThereIsRefusedAsOAuthDoes(t *testing.T) {
	a := newApps(t)
	for name, c := range map[string]struct {
		method, path, accept string
		status               int
		code, allow          string // no code: words
	}{
		"the token endpoint by GET":      {"GET", "/token", "application/json", 405, "invalid_request", "POST"},
		"the token endpoint by HEAD":     {"HEAD", "/token", "", 405, "invalid_request", "POST"},
		"the token endpoint of Java":     {"GET", "/token", acceptOfJava, 405, "invalid_request", "POST"},
		"introspection by PUT":           {"PUT", "/introspect", "", 405, "invalid_request", "POST"},
		"revocation by OPTIONS":          {"OPTIONS", "/revoke", "", 405, "invalid_request", "POST"},
		"the keys by POST":               {"POST", "/jwks.json", "", 405, "invalid_request", "GET, HEAD"},
		"discovery by DELETE":            {"DELETE", "/.well-known/openid-configuration", "", 405, "invalid_request", "GET, HEAD"},
		"an endpoint that is not there":  {"POST", "/register", "application/json", 404, "invalid_request", ""},
		"a slash too many":               {"POST", "/token/", "", 404, "invalid_request", ""},
		"the issuer itself":              {"GET", "", "", 404, "invalid_request", ""},
		"a page that is not there":       {"GET", "/logout", acceptOfAPerson, 404, "", ""},
		"a page by another method":       {"DELETE", "/authorize", acceptOfAPerson, 405, "", "GET, POST"},
		"a page, asked for by no person": {"GET", "/consent", "application/json", 405, "", "POST"},
	} {
		r := httptest.NewRequest(c.method, issuer+c.path, nil)
		r.Header.Set("Accept", c.accept)
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, r)
		if c.code != "" {
			refused(t, rec, c.status, c.code)
		} else if rec.Code != c.status || rec.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %v %s", name, rec.Code, rec.Header(), rec.Body)
		}
		if rec.Header().Get("Allow") != c.allow {
			t.Errorf("%s: Allow %q", name, rec.Header().Get("Allow"))
		}
	}
}
