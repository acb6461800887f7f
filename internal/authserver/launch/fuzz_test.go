package launch

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzAuthorize sends what anybody can make a browser send. Whatever it is, nobody is sent but to the provider or to a redirect URI that the app has
// registered, and an error page says nothing of it.
func FuzzAuthorize(f *testing.F) {
	for _, q := range []url.Values{
		good(), {}, {"client_id": {"app"}, "redirect_uri": {"https://evil.example/"}}, {"client_id": {"app", "app"}, "redirect_uri": {redirect}, "state": {"a", "b"}},
		{"client_id": {"narrow"}, "redirect_uri": {"org.example.narrow:/cb"}, "state": {"\r\nLocation: https://evil.example/"}},
	} {
		f.Add(q.Encode(), false)
		f.Add(q.Encode(), true)
	}
	f.Add(strings.ReplaceAll(good().Encode(), "&", ";"), false)
	f.Add(good().Encode()+"&scope=%zz&prompt=none", false)
	f.Add(good().Encode()+"&max_age=99999999999999999999&prompt=login", true)
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, query string, posted bool) {
		r := httptest.NewRequest(http.MethodGet, issuer+AuthorizePath, nil)
		r.URL.RawQuery = query
		if posted {
			r = httptest.NewRequest(http.MethodPost, issuer+AuthorizePath, strings.NewReader(query))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		if !w.Serve(rec, r, AuthorizePath) {
			t.Fatal("no such page")
		}
		to := rec.Header().Get("Location")
		switch rec.Code {
		case http.StatusSeeOther:
			may := []string{"https://login.example.org/authorize?state=", redirect + "?", redirect[:len(redirect)-2] + "other?x=1&", "org.example.narrow:/cb?"}
			if !slices.ContainsFunc(may, func(p string) bool { return strings.HasPrefix(to, p) }) || strings.ContainsAny(to, "\r\n") {
				t.Errorf("sent to %q", to)
			}
			q := answer(t, rec.Result())
			if sent, _ := url.ParseQuery(query); q.Get("error") != "" && q.Get("state") != state(sent) {
				t.Errorf("told %v", q)
			}
		case http.StatusBadRequest:
			if to != "" || !slices.Contains([]string{explained(w, errForm), explained(w, errUnknownApp)}, rec.Body.String()) {
				t.Errorf("to %q: %s", to, rec.Body)
			}
		default:
			t.Errorf("status %d", rec.Code)
		}
	})
}

// explained is the page of an error.
func explained(w *world, err error) string {
	rec := httptest.NewRecorder()
	w.explain(rec, err)
	return rec.Body.String()
}
