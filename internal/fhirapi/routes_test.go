package fhirapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// TestEveryRouteButThePublicOnesNeedsAToken asks each route that the router knows.
func TestEveryRouteButThePublicOnesNeedsAToken(t *testing.T) {
	c := newClinic(t)
	engine, ok := c.Handler().(*gin.Engine)
	if !ok {
		t.Fatal("the handler is no gin.Engine")
	}
	public := map[string]bool{"/fhir/metadata": true, "/fhir/.well-known/smart-configuration": true, "/livez": true, "/readyz": true}
	routes := engine.Routes()
	ofAPatient := 0
	for _, r := range search.Resources() {
		if _, ok := r.Parameter("patient"); ok {
			ofAPatient++
		}
	}
	const aBatch = 2                // with and without a slash
	const twoOperations = 2 * 3 * 2 // by three methods, each written in two ways
	if want := len(search.Resources())*5 + 2*ofAPatient + twoOperations + aBatch + 8; len(routes) != want {
		t.Errorf("the router has %d routes, the table %d", len(routes), want)
	}
	for _, r := range routes {
		target := strings.ReplaceAll(r.Path, ":id", "n1")
		if w := c.ask(r.Method, target, "", "Authorization: "); public[r.Path] == (w.Code == 401) {
			t.Errorf("%s %s without a token: %d", r.Method, r.Path, w.Code)
		}
		if w := c.ask(r.Method, target, "", "Authorization: Bearer bad"); public[r.Path] == (w.Code == 401) {
			t.Errorf("%s %s with a bad token: %d", r.Method, r.Path, w.Code)
		}
		none := c.ask(r.Method, target, "", "Authorization: Bearer good.partner.system/Basic.rs")
		if strings.TrimSuffix(r.Path, "/") == "/fhir" { // it needs a body: each entry has a scope of its own
			if none.Code != 415 {
				t.Errorf("a batch without a body: %d", none.Code)
			}
			continue
		}
		if public[r.Path] == (none.Code == 403) {
			t.Errorf("%s %s without a scope: %d", r.Method, r.Path, none.Code)
		}
	}
	if len(c.ledger) != 0 {
		t.Errorf("something was released: %+v", c.ledger)
	}
}

func dpopChallenge(code string) string {
	return fmt.Sprintf(`DPoP realm="fhir", algs="%s", error="%s"`, strings.Join(smart.ProofAlgorithms(), " "), code)
}

func TestTokens(t *testing.T) {
	c := newClinic(t)
	const target = "/fhir/DocumentReference/n1"
	for name, x := range map[string]struct {
		header, challenge, code string
		status                  int
	}{
		"none":                            {"", `Bearer realm="fhir"`, "login", 401},
		"Basic":                           {"Basic YTpi", `Bearer realm="fhir", error="invalid_token"`, "unknown", 401},
		"empty":                           {"Bearer ", `Bearer realm="fhir"`, "login", 401},
		"bad":                             {"Bearer bad", `Bearer realm="fhir", error="invalid_token"`, "unknown", 401},
		"an unknown partner's":            {"Bearer good.stranger.system/*.rs", `Bearer realm="fhir", error="invalid_token"`, "unknown", 401},
		"of another scope":                {"Bearer good.partner.system/Patient.rs", `Bearer realm="fhir", error="insufficient_scope"`, "forbidden", 403},
		"that may only search":            {"Bearer good.partner.system/*.s", `Bearer realm="fhir", error="insufficient_scope"`, "forbidden", 403},
		"that may read":                   {"bearer good.partner.system/*.r", "", "", 200},
		"with a proof of nothing":         {"DPoP good.partner.system/*.r", `Bearer realm="fhir", error="invalid_token"`, "unknown", 401},
		"bound to a key, alone":           {"Bearer bound.partner.system/*.r", dpopChallenge("invalid_token"), "unknown", 401},
		"bound to a key, without a proof": {"DPoP bound.partner.system/*.r", dpopChallenge("invalid_dpop_proof"), "unknown", 401},
		"of a partner whose tokens are to be bound": {"Bearer good.proves.system/*.r", dpopChallenge("invalid_token"), "unknown", 401},
	} {
		w := c.get(target, "Authorization: "+x.header)
		if w.Code != x.status || name != "empty" && w.Header().Get("WWW-Authenticate") != x.challenge {
			t.Errorf("%s: %d %q", name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if x.code != "" && name != "empty" && code(t, w) != x.code {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
	for err, want := range map[error]int{smart.ErrExpired: 401, smart.ErrKeys: 503, smart.ErrInvalid: 401, errors.New("x"): 401, context.DeadlineExceeded: 503} {
		c.verifyErr = err
		if w := c.get(target); w.Code != want {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
	c.verifyErr = nil
	c.momentErr = requester.ErrUnavailable
	if w := c.get(target); w.Code != 503 || code(t, w) != "transient" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("when nobody knows: %d %s", w.Code, w.Body)
	}
	c.momentErr = nil
	r := httptest.NewRequest("GET", target, nil)
	r.Header["Authorization"] = []string{"Bearer " + all, "Bearer " + all}
	w := httptest.NewRecorder()
	if c.Handler().ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("two headers: %d", w.Code)
	}
}

func TestWritesAreRefused(t *testing.T) {
	c := newClinic(t)
	for target, allow := range map[string][]string{
		"/fhir/DocumentReference":         {"GET", "HEAD"},
		"/fhir/DocumentReference/n1":      {"GET", "HEAD"},
		"/fhir/DocumentReference/_search": {"GET", "HEAD", "POST"},
		"/fhir":                           {"POST"},
		"/fhir/":                          {"POST"},
		"/fhir/metadata":                  {"GET", "HEAD"},
	} {
		for _, method := range []string{"PUT", "PATCH", "DELETE", "POST", "OPTIONS", "TRACE", "CONNECT", "FOO"} {
			if slices.Contains(allow, method) {
				continue
			}
			w := c.ask(method, target, `{"resourceType":"DocumentReference"}`, "X-Http-Method-Override: GET", "Content-Type: application/fhir+json")
			got := strings.Split(w.Header().Get("Allow"), ", ")
			slices.Sort(got)
			if w.Code != 405 || !slices.Equal(got, allow) || code(t, w) != "not-supported" {
				t.Errorf("%s %s: %d, Allow %v", method, target, w.Code, got)
			}
		}
	}
}

// TestAPathIsWhatTheTableSays: nothing is tidied up, decoded or redirected.
func TestAPathIsWhatTheTableSays(t *testing.T) {
	c := newClinic(t)
	for _, target := range []string{
		"/", "/fhir//", "//fhir", "//fhir/Patient/p1", "/fhir//Patient/p1", "/fhir/Patient//p1", "/fhir/Patient/p1/", "/fhir/Patient/p1//", "/fhir/Patient/",
		"/fhir/./Patient/p1", "/fhir/x/../Patient/p1", "/fhir/../fhir/Patient/p1", "/fhir/Patient%2Fp1", "/fhir%2FPatient/p1", "/fhir/%50atient/p1", "/FHIR/Patient/p1",
		"/fhir/patient/p1", "/fhir/Patient;x=1/p1", "/fhir/Patient/p1/_history", "/fhir/Patient/p1/_history/1", "/fhir/_history", "/fhir/Patient/p1/$Everything", "/fhir/$export",
		"/fhir/Patient/p1/$everything/", "/fhir/Patient/p1/%2524everything", "/fhir/Patient/p1/$everything%00", "/fhir/Patient/p1/everything", "/fhir/$everything", "/fhir/Patient/p1/$docref",
		"/fhir/Patient/p1/Patient", "/fhir/Patient/p1/Practitioner", "/fhir/Patient/p1/documentreference", "/fhir/Patient/p1/DocumentReference/n1", "/fhir/Practitioner/d1/Encounter",
		"/fhir/Patient/p1/*", "/fhir/Account", "/fhir/DocumentReference/$docref/x", "/fhir/DocumentReference/n1/$docref", "/metrics", "/debug/pprof/", "/fhir/Patient%00/p1", "/fhir/Patient\\p1",
		"/.well-known/smart-configuration", "/fhir/metadata/", "/fhir/metadata/../Patient/p1",
	} {
		w := c.get(target)
		if w.Code != 404 || w.Header().Get("Location") != "" || code(t, w) != "not-supported" {
			t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
		}
	}
	if len(c.ledger) != 0 {
		t.Errorf("something was released: %+v", c.ledger)
	}
}

func TestNegotiation(t *testing.T) {
	c := newClinic(t)
	for accept, want := range map[string]int{
		"": 200, "*/*": 200, "application/*": 200, "application/json": 200, "application/fhir+json": 200, "APPLICATION/FHIR+JSON": 200,
		"application/fhir+json; fhirVersion=4.0": 200, "text/html, application/xhtml+xml, */*;q=0.8": 200, "application/fhir+json;q=0.5": 200,
		"application/fhir+json; fhirVersion=3.0": 406, "application/fhir+xml": 406, "text/html": 406, "text/*": 406, "application/json;q=0": 406,
		"application/json;q=0.000": 406, "nonsense": 406, ";;": 406,
	} {
		if w := c.get("/fhir/Patient/p1", "Accept: "+accept); w.Code != want {
			t.Errorf("Accept %q: %d", accept, w.Code)
		}
	}
	for format, want := range map[string]int{"json": 200, "application/json": 200, "application/fhir+json": 200, "application/fhir%2Bjson": 200, "": 200,
		"xml": 406, "text/xml": 406, "*/*": 406, "html": 406, "json&_format=xml": 200} {
		if w := c.get("/fhir/Patient/p1?_format="+format, "Accept: application/json"); w.Code != want {
			t.Errorf("_format %q: %d", format, w.Code)
		}
	}
	if w := c.get("/fhir/Patient/p1?_format=json", "Accept: text/html"); w.Code != 200 {
		t.Errorf("_format does not go before Accept: %d", w.Code)
	}
}

func TestThePublicDocuments(t *testing.T) {
	c := newClinic(t)
	for target, contentType := range map[string]string{"/fhir/metadata": "application/fhir+json; charset=utf-8", "/fhir/.well-known/smart-configuration": "application/json; charset=utf-8"} {
		w := c.get(target, "Authorization: ")
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
		if again := c.get(target, "If-None-Match: "+w.Header().Get("ETag")); again.Code != 304 {
			t.Errorf("%s again: %d", target, again.Code)
		}
	}
	if w := c.get("/fhir/.well-known/smart-configuration", "Accept: application/xml"); w.Code != 200 {
		t.Errorf("the discovery document depends on Accept: %d", w.Code)
	}
	if w := c.get("/fhir/metadata", "Accept: application/xml"); w.Code != 406 {
		t.Errorf("the CapabilityStatement as XML: %d", w.Code)
	}
}

// TestFaultsReleaseNothing: what fails fails closed, without a word of why.
func TestFaultsReleaseNothing(t *testing.T) {
	targets := []string{"/fhir/DocumentReference/n1", "/fhir/DocumentReference?patient=p1", "/fhir/Patient?name=roe", "/fhir/Practitioner/d1", "/fhir/Practitioner"}
	for name, x := range map[string]struct {
		fault func(*clinic)
		want  int
		code  string
	}{
		"the practice is gone": {func(c *clinic) { c.viewErr = errors.New("dial tcp 10.0.0.7: Jane Roe") }, 503, "transient"},
		"a kind of its own":    {func(c *clinic) { c.viewErr = outcome.New(outcome.TooManyRequests, nil) }, 429, "throttled"},
		"the ledger is gone":   {func(c *clinic) { c.ledgerErr = errors.New("disk full: Jane Roe") }, 503, "transient"},
	} {
		for _, target := range targets {
			c := newClinic(t)
			x.fault(c)
			for _, w := range []*httptest.ResponseRecorder{c.get(target), c.get(target, "If-None-Match: *")} {
				if w.Code != x.want || code(t, w) != x.code || w.Header().Get("Retry-After") == "" || w.Header().Get("ETag") != "" {
					t.Errorf("%s, %s: %d %v %s", name, target, w.Code, w.Header(), w.Body)
				}
			}
			if len(c.ledger) != 0 || strings.Contains(c.log.String(), "Jane") {
				t.Errorf("%s, %s: ledger %v, log %s", name, target, c.ledger, &c.log)
			}
			c.viewErr, c.ledgerErr = nil, nil
			if w := c.get(target); w.Code != 200 {
				t.Errorf("%s, %s: no recovery: %d", name, target, w.Code)
			}
		}
	}
}

func TestASlowPracticeIsGivenUpOn(t *testing.T) {
	c := newClinic(t)
	c.build(20 * time.Millisecond)
	c.onView = func(ctx context.Context) { <-ctx.Done() } // and then answers all the same
	if w := c.get("/fhir/DocumentReference/n1"); w.Code != 503 || w.Header().Get("Retry-After") == "" || len(c.ledger) != 0 {
		t.Errorf("%d, ledger %v", w.Code, c.ledger)
	}
}

func TestAPanicIsA500WithoutDetail(t *testing.T) {
	c := newClinic(t)
	c.onView = func(context.Context) { panic("Jane Roe, born 1985") }
	w := c.get("/fhir/DocumentReference/n1")
	if w.Code != 500 || code(t, w) != "exception" || strings.Contains(w.Body.String()+c.log.String(), "Jane") || len(c.ledger) != 0 {
		t.Errorf("%d %s %s", w.Code, w.Body, &c.log)
	}
	if !strings.Contains(c.log.String(), `"type":"string"`) || !strings.Contains(c.log.String(), "fhirapi_test") {
		t.Errorf("the log does not say where: %s", &c.log)
	}
	c.onView = nil
	if w := c.get("/fhir/DocumentReference/n1"); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestNothingPrivateIsLoggedOrCounted(t *testing.T) {
	c := newClinic(t)
	c.ask("GET", "/fhir/Patient?name=roe&birthdate=1985-03-04", "")
	c.ask("GET", "/fhir/DocumentReference/n1", "", "X-Request-Id: 6f0e4f5e-3b8e-4a2a-9d43-0d4f5b1f2a11")
	c.ask("GET", "/fhir/DocumentReference/n1", "", "X-Request-Id: Jane-Roe")
	c.ask("GET", "/fhir/nonsense-jane?x=roe", "")
	m := httptest.NewRecorder()
	c.metrics.Handler().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	for _, secret := range []string{"roe", "Roe", "1985", "n1", "p1", "jane", "Jane", "good.", "Bearer", "Consent/c", "DocumentReference/n"} {
		if strings.Contains(c.log.String(), secret) || strings.Contains(m.Body.String(), secret) {
			t.Errorf("%q is in the log or the metrics:\n%s", secret, &c.log)
		}
	}
	if strings.Contains(m.Body.String(), `"partner"`) {
		t.Error("the metrics name a partner")
	}
	for _, want := range []string{`"route":"GET /fhir/Patient"`, `"partner":"partner"`, `"purpose":["TREAT"]`, `"released":1`, `"withheld":{"no-consent":4}`, `"route":"unmatched"`,
		`"theirRequest":"6f0e4f5e-3b8e-4a2a-9d43-0d4f5b1f2a11"`} {
		if !strings.Contains(c.log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &c.log)
		}
	}
	for _, want := range []string{`gateway_requests_total{route="GET /fhir/Patient",status="200"} 1`, `gateway_requests_total{route="unmatched",status="404"} 1`,
		`gateway_released_resources_total{route="GET /fhir/DocumentReference/:id"} 2`, `gateway_withheld_resources_total{reason="no-consent"} 12`} {
		if !strings.Contains(m.Body.String(), want) {
			t.Errorf("the metrics have no %s:\n%s", want, m.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	c := newClinic(t)
	var failing error
	c.checks = []fhirapi.Check{{Name: "keys", Func: func(context.Context) error { return nil }}, {Name: "separation", Func: func(context.Context) error { return failing }},
		{Name: "ledger", Func: func(context.Context) error { panic("x") }}}
	c.build(0)
	ready := func() (int, string) { w := c.get("/readyz", "Authorization: "); return w.Code, w.Body.String() }
	if status, text := ready(); status != 503 || text != "not ready: ledger\n" {
		t.Errorf("a panicking check: %d %s", status, text)
	}
	failing = errors.New("SELECT failed: secret")
	if status, text := ready(); status != 503 || text != "not ready: separation\n" {
		t.Errorf("a failing check: %d %s", status, text)
	}
	failing, c.checks = nil, c.checks[:2]
	c.build(0)
	if status, text := ready(); status != 200 || text != "ok\n" {
		t.Errorf("%d %s", status, text)
	}
	c.Drain()
	if status, text := ready(); status != 503 || text != "draining\n" {
		t.Errorf("while draining: %d %s", status, text)
	}
	if w := c.get("/livez", "Authorization: "); w.Code != http.StatusOK {
		t.Errorf("livez: %d", w.Code)
	}
}

func TestNewRefusesAnAPIWithAHole(t *testing.T) {
	if _, err := fhirapi.New(fhirapi.Options{Base: base}); err == nil {
		t.Error("New took nothing")
	}
}

// FuzzRequest: no request, however odd, panics, is redirected or answered with what is not in the view.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/fhir/DocumentReference/n1", "", "", "")
	f.Add("POST", "/fhir/Patient/_search", "name=roe&_count=1", "application/x-www-form-urlencoded", "*/*")
	f.Add("GET", "/fhir/DocumentReference?_page=AAAA", "", "", "application/fhir+json;q=0")
	c := newClinic(f)
	hidden := released(f, note("m1", "p2"))
	c.charts["p2"] = &view{all: []stage.Released{hidden}} // a view that no id leads to
	delete(c.owners, p2)
	delete(c.owners, fhir.Reference{Type: "DocumentReference", ID: "m1"})
	f.Fuzz(func(t *testing.T, method, target, body, contentType, accept string) {
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r.Method, r.URL = method, u
		r.Header = http.Header{"Authorization": {"Bearer " + all}, "Content-Type": {contentType}, "Accept": {accept}}
		w := httptest.NewRecorder()
		c.Handler().ServeHTTP(w, r)
		if w.Code >= 500 || w.Code >= 300 && w.Code < 400 || strings.Contains(w.Body.String(), `"id":"m1"`) {
			t.Errorf("%q %q: %d %s", method, target, w.Code, w.Body)
		}
		c.ledger = nil
		c.log.Reset()
	})
}

// An unknown route is no different by HEAD: the router must not put an answer of its own where ours has no body.
func TestHeadOfAnUnknownRouteHasTheHeadersOfGet(t *testing.T) {
	c := newClinic(t)
	get, head := c.get("/fhir/Nothing/x"), c.ask(http.MethodHead, "/fhir/Nothing/x", "")
	if get.Code != http.StatusNotFound || head.Code != get.Code || head.Body.Len() > 0 {
		t.Errorf("GET %d, HEAD %d with %d bytes", get.Code, head.Code, head.Body.Len())
	}
	for name := range get.Header() {
		if head.Header().Get(name) != get.Header().Get(name) {
			t.Errorf("%s is %q by HEAD, %q by GET", name, head.Header().Get(name), get.Header().Get(name))
		}
	}
}
