package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// Pages of the app's registered origin may call for records and tokens, other pages may not, and nobody's page what people see.
func TestWhosePagesMayCall(t *testing.T) {
	d := sharedDemo(t)
	const allow, app, evil = "Access-Control-Allow-Origin", "http://127.0.0.1:3000", "https://evil.example"
	auth := strings.TrimSuffix(d.TokenEndpoint, "/token")
	for target, x := range map[string]struct{ app, evil string }{
		d.FHIRBase + "/Patient?_count=1":                {app, ""},
		d.FHIRBase + "/Patient/x":                       {app, ""},
		d.FHIRBase:                                      {app, ""},
		d.FHIRBase + "/metadata":                        {"*", "*"},
		d.FHIRBase + "/.well-known/smart-configuration": {"*", "*"},
		auth + "/.well-known/openid-configuration":      {"*", "*"},
		auth + "/jwks.json":                             {"*", "*"},
		auth + "/token":                                 {app, ""},
		auth + "/revoke":                                {app, ""},
		auth + "/introspect":                            {"", ""},
		auth + "/authorize":                             {"", ""},
		auth + "/consent":                               {"", ""},
		strings.TrimSuffix(auth, "/auth") + "/portal/authorize": {"", ""},
		strings.TrimSuffix(auth, "/auth") + "/livez":            {"", ""},
	} {
		for origin, want := range map[string]string{app: x.app, evil: x.evil, "null": map[bool]string{true: "*"}[x.evil == "*"]} {
			for _, method := range []string{http.MethodGet, http.MethodOptions} {
				r, err := http.NewRequest(method, target, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Origin", origin)
				if method == http.MethodOptions {
					r.Header.Set("Access-Control-Request-Method", http.MethodGet)
					r.Header.Set("Access-Control-Request-Headers", "authorization")
				}
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := resp.Header.Get(allow); got != want || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s from %s: allowed %q, want %q", method, r.URL.Path, origin, got, want)
				}
			}
		}
	}
}
