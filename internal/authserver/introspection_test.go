package authserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

// asks posts a token to an endpoint as a client.
func (w *world) asks(t *testing.T, endpoint, client, key, token string) *httptest.ResponseRecorder {
	t.Helper()
	return w.postTo(endpoint, w.withToken(t, endpoint, client, key, token))
}

func (w *world) withToken(t *testing.T, endpoint, client, key, token string) url.Values {
	t.Helper()
	w.asked++
	assertion := forge(t, w.keys[key], nil, w.payload(map[string]any{"iss": client, "sub": client, "aud": issuer + endpoint, "jti": strings.Repeat("x", w.asked)}))
	form := url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	if token != "" {
		form.Set("token", token)
	}
	return form
}

func (w *world) postTo(endpoint string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, issuer+endpoint, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.serve(r)
}

func (w *world) mint(t *testing.T, c Claims) string {
	t.Helper()
	raw, err := w.server.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func answered(t *testing.T, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || rec.Code != http.StatusOK || rec.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d %s", rec.Code, rec.Body)
	}
	return body
}

func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	machine := w.mint(t, Claims{ClientID: "clinic", Subject: "clinic", Scope: "system/*.cruds system/Goal.r launch"})
	me := fhir.Reference{Type: "Patient", ID: "me"}
	person := w.mint(t, Claims{ClientID: "app", Subject: "user-1", Scope: "patient/*.rs openid", FHIRUser: me, Patient: me})
	for name, tt := range map[string]struct {
		client, key, token string
		want               map[string]any // without jti
	}{
		"a partner's own": {"clinic", "ec", machine, map[string]any{"active": true, "scope": "system/*.rs system/Goal.r", "client_id": "clinic", "token_type": "Bearer", "iss": issuer,
			"sub": "clinic", "aud": audience, "exp": float64(w.now.Add(MaxLifetime).Unix())}},
		"of a person": {"exports", "stranger", person, map[string]any{"active": true, "scope": "patient/*.rs", "client_id": "app", "token_type": "Bearer", "iss": issuer,
			"sub": "user-1", "aud": audience, "exp": float64(w.now.Add(MaxLifetime).Unix()), "patient": "me", "fhirUser": "Patient/me"}},
		"of another partner": {"clinic", "ec", person, map[string]any{"active": false}},
		"no token":           {"clinic", "ec", "junk", map[string]any{"active": false}},
		"a changed token":    {"exports", "stranger", machine[:len(machine)-4] + "AAAA", map[string]any{"active": false}},
	} {
		t.Run(name, func(t *testing.T) {
			got := answered(t, w.asks(t, introspectionPath, tt.client, tt.key, tt.token))
			if jti, ok := got["jti"].(string); ok != (tt.want["active"] == true) || ok && jti == "" {
				t.Errorf("jti is %v", got["jti"])
			}
			delete(got, "jti")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
		})
	}
	w.now = w.now.Add(MaxLifetime + time.Minute)
	if got := answered(t, w.asks(t, introspectionPath, "exports", "stranger", machine)); got["active"] != false || len(got) != 1 {
		t.Errorf("an expired token: %v", got)
	}
}

func TestIntrospectionAndRevocationNeedAClient(t *testing.T) {
	for _, endpoint := range []string{introspectionPath, revocationPath} {
		w := newWorld(t)
		token := w.mint(t, Claims{ClientID: "clinic", Subject: "clinic", Scope: "system/*.rs"})
		refused(t, w.postTo(endpoint, url.Values{"token": {token}}), http.StatusUnauthorized, "invalid_client")
		refused(t, w.asks(t, endpoint, "clinic", "stranger", token), http.StatusUnauthorized, "invalid_client")
		refused(t, w.asks(t, endpoint, "clinic", "ec", ""), http.StatusBadRequest, "invalid_request")
		form := w.withToken(t, endpoint, "clinic", "ec", token)
		if rec := w.postTo(endpoint, form); rec.Code != http.StatusOK {
			t.Errorf("%s: %d %s", endpoint, rec.Code, rec.Body)
		}
		refused(t, w.postTo(endpoint, form), http.StatusUnauthorized, "invalid_client") // an assertion is good once here too
		refused(t, w.postTo(tokenPath, w.form(form.Get("client_assertion"))), http.StatusUnauthorized, "invalid_client")
		form = w.withToken(t, tokenPath, "clinic", "ec", token) // addressed to the token endpoint, as OpenID Connect Core says
		if rec := w.postTo(endpoint, form); rec.Code != http.StatusOK {
			t.Errorf("%s with an assertion for the token endpoint: %d", endpoint, rec.Code)
		}
		if rec := w.serve(httptest.NewRequest("GET", issuer+endpoint, nil)); rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", endpoint, rec.Code)
		}
	}
	w := newWorld(t)
	refused(t, w.asks(t, revocationPath, "exports", "stranger", "x"), http.StatusUnauthorized, "invalid_client")
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	token := w.mint(t, Claims{ClientID: "clinic", Subject: "clinic", Scope: "system/*.rs"})
	parsed, err := w.verifier(t).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	others := w.mint(t, Claims{ClientID: "app", Subject: "user", Scope: "patient/*.rs"})
	refused(t, w.asks(t, revocationPath, "clinic", "ec", others), http.StatusBadRequest, "unauthorized_client")
	if rec := w.asks(t, revocationPath, "clinic", "ec", "junk"); rec.Code != http.StatusOK || len(w.revoked) > 0 {
		t.Errorf("no token: %d, revoked %v", rec.Code, w.revoked)
	}
	rec := w.asks(t, revocationPath, "clinic", "ec", token)
	if rec.Code != http.StatusOK || rec.Body.Len() > 0 || rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d %q", rec.Code, rec.Body)
	}
	if until := w.revoked[parsed.ID]; len(w.revoked) != 1 || !until.After(parsed.Expiry) {
		t.Errorf("revoked %v", w.revoked)
	}
	w.revoked = nil
	refused(t, w.asks(t, revocationPath, "clinic", "ec", token), http.StatusServiceUnavailable, "temporarily_unavailable")
	c := w.server.config
	c.Revoke = nil
	if w.server, err = New(c); err != nil {
		t.Fatal(err)
	}
	if rec := w.asks(t, revocationPath, "clinic", "ec", token); rec.Code != http.StatusNotFound || w.server.Discovery().RevocationEndpoint != "" {
		t.Errorf("without a store of what is revoked: %d", rec.Code)
	}
}
