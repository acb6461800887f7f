package authserver

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
)

func TestDocuments(t *testing.T) {
	w := newWorld(t)
	get := func(path string) map[string]any {
		rec := w.serve(httptest.NewRequest("GET", issuer+path, nil))
		var doc map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Code != 200 || rec.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
		}
		return doc
	}
	doc := get("/.well-known/openid-configuration")
	if doc["issuer"] != issuer || doc["jwks_uri"] != issuer+"/jwks.json" || doc["token_endpoint"] != issuer+"/token" {
		t.Errorf("discovery document is %v", doc)
	}
	const bound = "tls_client_certificate_bound_access_tokens"
	seeing := w.server.config
	seeing.SeesCertificates = true
	blind := w.server
	var err error
	if w.server, err = New(seeing); err != nil {
		t.Fatal(err)
	}
	if seen := get("/.well-known/openid-configuration"); doc[bound] != false || seen[bound] != true {
		t.Errorf("tokens are bound to certificates: %v where none is seen, %v where some are", doc[bound], seen[bound])
	}
	w.server = blind
	keys := get("/jwks.json")["keys"].([]any)
	if len(keys) != 1 {
		t.Fatalf("%d keys, want 1", len(keys))
	}
	want := []string{"alg", "crv", "kid", "kty", "use", "x", "y"}
	if got := slices.Sorted(maps.Keys(keys[0].(map[string]any))); !slices.Equal(got, want) {
		t.Errorf("a key has members %v, want %v: no private one", got, want)
	}
}

func TestMintIsForRegisteredClients(t *testing.T) {
	w := newWorld(t)
	me := fhir.Reference{Type: "Patient", ID: "me"}
	raw, err := w.server.Mint(Claims{ClientID: "app", Subject: "user-1", Scope: "patient/*.rs openid fhirUser", FHIRUser: me, Patient: me})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := w.verifier(t).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	q, err := w.parties.Requester(tok)
	if err != nil {
		t.Fatal(err)
	}
	if person, ok := q.SelfAccess(); !ok || person != me || q.Patient != me || q.Scopes.String() != "patient/*.rs" {
		t.Errorf("requester is %+v", q)
	}
	for _, c := range []Claims{{}, {ClientID: "nobody", Subject: "x"}, {ClientID: "elsewhere", Subject: "x"}, {ClientID: "app"}} {
		if raw, err := w.server.Mint(c); raw != "" || err == nil {
			t.Errorf("Mint(%+v) = %q, %v", c, raw, err)
		}
	}
}

func TestFetchTokenAgainstARealListener(t *testing.T) {
	w := newWorld(t)
	w.now = time.Now()
	mux := http.NewServeMux()
	ts := httptest.NewServer(mux)
	defer ts.Close()
	server, err := New(Config{Issuer: ts.URL + "/auth/", Audience: audience, Keys: signing(t, "server-rsa"), Claims: claims(t), Partners: fixed{parties(t, ts.URL+"/auth/")}, Replay: w.replay})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/auth/", server)
	v, err := smart.NewVerifier(smart.Config{Issuer: ts.URL + "/auth/", Audience: audience, Claims: claims(t), Algorithms: []string{"RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clinic.jwk")
	if err := WriteKey(path, w.keys["rsa"]); err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	a := Assertion{ClientID: "clinic", Endpoint: server.TokenEndpoint(), Key: key}
	raw, err := FetchToken(t.Context(), ts.Client(), a, "system/*.rs")
	if err != nil {
		t.Fatal(err)
	}
	if tok, err := v.Verify(t.Context(), raw); err != nil || tok.ClientID != "clinic" {
		t.Errorf("Verify = %+v, %v", tok, err)
	}
	if raw, err := FetchToken(t.Context(), ts.Client(), a, "system/Goal.d"); raw != "" || err == nil || !strings.Contains(err.Error(), "400 invalid_scope") {
		t.Errorf("FetchToken = %q, %v", raw, err)
	}
	if err := WriteKey(path, w.keys["ec"]); err == nil {
		t.Error("a key file was overwritten")
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	good := Config{Issuer: issuer, Audience: audience, Keys: signing(t, "server"), Claims: claims(t), Partners: fixed{w.parties}, Replay: w.replay}
	for name, change := range map[string]func(*Config){
		"issuer":                     func(c *Config) { c.Issuer = "" },
		"relative issuer":            func(c *Config) { c.Issuer = "/auth" },
		"audience":                   func(c *Config) { c.Audience = "" },
		"keys":                       func(c *Config) { c.Keys = nil },
		"register":                   func(c *Config) { c.Partners = nil },
		"claims":                     func(c *Config) { c.Claims = smart.Mapping{} },
		"a nameless resource server": func(c *Config) { c.ResourceServers = []ResourceServer{{}} },
		"replay":                     func(c *Config) { c.Replay = nil },
		"too long a life":            func(c *Config) { c.Lifetime = time.Hour },
	} {
		c := good
		change(&c)
		if s, err := New(c); s != nil || err == nil {
			t.Errorf("%s: New = %v, %v", name, s, err)
		}
	}
	_, err := New(Config{})
	if got := len(err.(interface{ Unwrap() []error }).Unwrap()); got < 5 {
		t.Errorf("%d problems reported at once: %v", got, err)
	}
}
