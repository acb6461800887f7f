package conformance

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Whatever a client of OAuth meets below the issuer it is told as OAuth says it (RFC 6749, 5.2), and never as FHIR does; the API stays FHIR's.
func TestBelowTheIssuerNobodyMeetsFHIR(t *testing.T) {
	t.Parallel()
	d := sharedDemo(t)
	auth := strings.TrimSuffix(d.TokenEndpoint, "/token")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte("grant_type=client_credentials"))
	_ = w.Close()
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	long := strings.Repeat("x", 80<<10)
	for name, x := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		code               string
	}{
		"no route":                   {"GET", "/elsewhere", "", nil, 404, "invalid_request"},
		"no route, by POST":          {"POST", "/register", "a=b", form, 404, "invalid_request"},
		"the issuer itself":          {"GET", "", "", nil, 404, "invalid_request"},
		"a type of FHIR's":           {"GET", "/Patient/x", "", nil, 404, "invalid_request"},
		"another method":             {"GET", "/token", "", nil, 405, "invalid_request"},
		"another method of a form":   {"PUT", "/revoke", "a=b", form, 405, "invalid_request"},
		"another method of the keys": {"POST", "/jwks.json", "a=b", form, 405, "invalid_request"},
		"a body that is too long":    {"POST", "/token", "scope=" + long, form, 413, "invalid_request"},
		"a body that is packed":      {"POST", "/introspect", packed.String(), http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"gzip"}}, 415, "invalid_request"},
		"another kind of body":       {"POST", "/token", "{}", http.Header{"Content-Type": {"application/json"}}, 400, "invalid_request"},
		"nobody":                     {"POST", "/token", "grant_type=client_credentials", form, 401, "invalid_client"},
	} {
		a := (&caller{}).do(t, x.method, auth+x.path, io.MultiReader(strings.NewReader(x.body)), x.header)
		said := a.object(t)
		if a.status != x.status || said["error"] != x.code || said["error_description"] == "" || said["resourceType"] != nil {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if h := a.header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, h)
		}
	}
	if a := (&caller{}).do(t, "GET", auth+"/elsewhere", nil, http.Header{"Accept": {"text/html"}}); a.status != 404 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("a person: %d %v", a.status, a.header)
	}
	if a := (&caller{base: d.FHIRBase}).get(t, "Elsewhere"); a.status != 404 || a.object(t)["resourceType"] != "OperationOutcome" {
		t.Errorf("the API: %d %s", a.status, a.body)
	}
}
