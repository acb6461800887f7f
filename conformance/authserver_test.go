package conformance

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// client is a partner's software as the built-in authorization server knows it.
type client struct {
	id  string
	key jose.JSONWebKey
}

// assertion proves the client to an endpoint.
func (c client) assertion(t testing.TB, endpoint string) string {
	t.Helper()
	return sign(t, c.key, "JWT", map[string]any{"iss": c.id, "sub": c.id, "aud": endpoint, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text()})
}

// post sends a form to an endpoint with the client's assertion, and with headers.
func (c client) post(t testing.TB, endpoint string, form url.Values, header http.Header) *answer {
	t.Helper()
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", c.assertion(t, endpoint))
	return postForm(t, endpoint, form, header)
}

func postForm(t testing.TB, endpoint string, form url.Values, header http.Header) *answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := plainClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return a
}

// object is the answer's JSON object.
func (a *answer) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(a.body, &o); err != nil {
		t.Fatalf("%d, no JSON object", a.status)
	}
	return o
}

// accessToken asks the token endpoint.
func (c client) accessToken(t testing.TB, endpoint, scope string) string {
	t.Helper()
	a := c.post(t, endpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}, nil)
	token, _ := a.object(t)["access_token"].(string)
	if a.status != http.StatusOK || token == "" {
		t.Fatalf("the token endpoint: %d %s", a.status, a.body)
	}
	return token
}

func (d *demonstration) client(t testing.TB, id string) client {
	t.Helper()
	return client{id: id, key: readKey(t, d.partner(t, id).PrivateJWK)}
}

// endpoints are those that the discovery document names.
func (d *demonstration) endpoints(t testing.TB) (token, introspection, revocation string) {
	t.Helper()
	doc := (&caller{base: d.FHIRBase}).get(t, ".well-known/smart-configuration").object(t)
	text := func(name string) string { s, _ := doc[name].(string); return s }
	if text("token_endpoint") != d.TokenEndpoint || text("introspection_endpoint") == "" || text("revocation_endpoint") == "" {
		t.Fatalf("the discovery document says %v", doc)
	}
	return text("token_endpoint"), text("introspection_endpoint"), text("revocation_endpoint")
}

// A token that its partner takes back opens nothing from the next request on, and nobody is told otherwise.
func TestAPartnerRevokesItsToken(t *testing.T) {
	d := sharedDemo(t)
	token, introspection, revocation := d.endpoints(t)
	partner, other := d.client(t, harbor), d.client(t, blueriver)
	first, second := partner.accessToken(t, token, "system/*.rs"), partner.accessToken(t, token, "system/*.rs")
	active := func(who client, token string) bool {
		a := who.post(t, introspection, url.Values{"token": {token}}, nil)
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("introspection: %d", a.status)
		}
		return a.object(t)["active"] == true
	}
	opens := func(token string) bool {
		return (&caller{base: d.FHIRBase, token: token}).get(t, "Patient?_count=1").status == http.StatusOK
	}
	if !active(partner, first) || active(other, first) || !opens(first) {
		t.Fatal("a good token is not active, or active for another partner")
	}
	if a := other.post(t, revocation, url.Values{"token": {first}}, nil); a.status != http.StatusBadRequest || !opens(first) {
		t.Errorf("another partner revokes it: %d", a.status)
	}
	if a := partner.post(t, revocation, url.Values{"token": {first}, "token_type_hint": {"access_token"}}, nil); a.status != http.StatusOK {
		t.Errorf("its partner revokes it: %d %s", a.status, a.body)
	}
	if opens(first) || active(partner, first) {
		t.Error("a revoked token opens the records, or is said to")
	}
	if !opens(second) || !active(partner, second) {
		t.Error("another token of the partner is revoked as well")
	}
}

func TestSigningKeysAreRotatedByACommand(t *testing.T) {
	dir := t.TempDir() + "/signing"
	for i, want := range []struct {
		code int
		text string
	}{{0, "made " + dir}, {0, "it signs from "}, {1, "wait until then"}} {
		got := runGateway(t, "keys", "rotate", "--dir", dir)
		if got.code != want.code || !strings.Contains(got.stdout+got.stderr, want.text) {
			t.Errorf("rotation %d: %d %s%s", i+1, got.code, got.stdout, got.stderr)
		}
	}
}
