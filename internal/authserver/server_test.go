package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

const (
	issuer   = "http://127.0.0.1:8080/auth"
	audience = "http://127.0.0.1:8080/fhir"
)

// world is a server with one provider (an EC and an RSA key), one payer without keys, and a clock that stands still.
type world struct {
	server  *Server
	keys    map[string]jose.JSONWebKey
	now     time.Time
	replay  *ephemeral.Memory
	parties *requester.Register
	revoked map[string]time.Time // nil where the store is away
	asked   int
}

var testKeys = func() map[string]jose.JSONWebKey {
	keys := map[string]jose.JSONWebKey{}
	for name, alg := range map[string]string{"server": "ES256", "server-rsa": "RS256", "ec": "ES384", "rsa": "RS384", "stranger": "ES384"} {
		k, err := GenerateKey(alg)
		if err != nil {
			panic(err)
		}
		keys[name] = k
	}
	return keys
}()

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{keys: testKeys, now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), revoked: map[string]time.Time{}}
	w.parties = parties(t, issuer)
	stranger := testKeys["stranger"]
	var err error
	w.replay = ephemeral.NewMemory(0, w.clock)
	w.server, err = New(Config{Issuer: issuer, Audience: audience, Keys: signing(t, "server"), Claims: claims(t), Partners: fixed{w.parties}, Replay: w.replay, Now: w.clock,
		Revoke: w.revoke, ResourceServers: []ResourceServer{{ID: "exports", Keys: []jose.JSONWebKey{stranger.Public()}}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signing are some of the keys, as a server's own.
func signing(t testing.TB, names ...string) *SigningKeys {
	t.Helper()
	var keys []jose.JSONWebKey
	for _, n := range names {
		keys = append(keys, testKeys[n])
	}
	k, err := FixedKeys(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) revoke(_ context.Context, jti string, until time.Time) error {
	if w.revoked == nil {
		return errors.New("the store is away")
	}
	w.revoked[jti] = until
	return nil
}

// fixed is a register that nobody changes.
type fixed struct{ *requester.Register }

func (f fixed) Requester(_ context.Context, tok *smart.Token) (*requester.Requester, error) {
	return f.Register.Requester(tok)
}

func (f fixed) Partner(_ context.Context, id string) (*requester.Partner, error) {
	p, ok := f.Register.Partner(id)
	if !ok {
		return nil, requester.ErrUnknownPartner
	}
	return p, nil
}

// parties are the partners of an issuer, and one of another.
func parties(t testing.TB, issuer string) *requester.Register {
	t.Helper()
	set, err := PublicKeys(testKeys["ec"], testKeys["rsa"])
	if err != nil {
		t.Fatal(err)
	}
	const other = "https://other.example.org"
	files := fstest.MapFS{"clinic.json": {Data: set}, "partners.yaml": {Data: fmt.Appendf(nil, `partners:
  - {id: clinic, issuer: %[1]q, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT, COC], scopes: "system/*.rs patient/*.rs", jwks-file: clinic.json}
  - {id: insurer, issuer: %[1]q, kind: payer, organization: {npi: "1003000126"}, purposes: [HPAYMT], scopes: system/*.rs}
  - {id: app, issuer: %[1]q, kind: patient, purposes: [PATRQT], scopes: patient/*.rs, jwks-file: clinic.json}
  - {id: elsewhere, issuer: %[2]q, kind: provider, organization: {npi: "1245319599"}, purposes: [TREAT], scopes: system/*.rs, jwks-file: clinic.json}
`, issuer, other)}}
	register, err := requester.Load(files, "partners.yaml", profiles.FS, issuer, other)
	if err != nil {
		t.Fatal(err)
	}
	return register
}

func claims(t testing.TB) smart.Mapping {
	t.Helper()
	m, err := smart.LoadMapping(profiles.FS, "smart")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (w *world) clock() time.Time { return w.now }

func (w *world) verifier(t *testing.T) *smart.Verifier {
	t.Helper()
	v, err := smart.NewVerifier(w.server.Tokens())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// forge signs any header and claims; a claim or header of nil is left out.
func forge(t testing.TB, key jose.JSONWebKey, header map[jose.HeaderKey]any, payload map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for k, v := range header {
		if v == nil {
			delete(o.ExtraHeaders, k)
			continue
		}
		o.WithHeader(k, v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signJSON(signer, payload)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) payload(changes map[string]any) map[string]any {
	p := map[string]any{"iss": "clinic", "sub": "clinic", "aud": issuer + "/token", "exp": w.now.Add(4 * time.Minute).Unix(), "jti": "n1"}
	maps.Copy(p, changes)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

func (w *world) form(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
}

func (w *world) post(form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.serve(r)
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return rec
}

// refused checks an error response: its status, its code, and that it can neither be cached nor hold a token.
func refused(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("status %d, body %q: %v", rec.Code, rec.Body, err)
	}
	if rec.Code != status || body["error"] != code {
		t.Errorf("answered %d %v, want %d %s", rec.Code, body, status, code)
	}
	if body["access_token"] != nil || rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("answered %v with headers %v", body, rec.Header())
	}
}

func granted(t *testing.T, rec *httptest.ResponseRecorder) response {
	t.Helper()
	var body response
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || rec.Code != http.StatusOK || body.AccessToken == "" {
		t.Fatalf("answered %d %s", rec.Code, rec.Body)
	}
	return body
}

func TestATokenForAGoodAssertion(t *testing.T) {
	for _, key := range []string{"ec", "rsa"} {
		t.Run(key, func(t *testing.T) {
			w := newWorld(t)
			a := Assertion{ClientID: "clinic", Endpoint: w.server.TokenEndpoint(), Key: w.keys[key], NPI: "1245319599", Purposes: []fhir.Coding{{System: fhir.SystemActReason, Code: "COC"}}}
			signed, err := a.Sign(w.now)
			if err != nil {
				t.Fatal(err)
			}
			form := w.form(signed)
			form.Set("scope", "system/Observation.rs system/Goal.cruds user/*.rs patient/*.rs openid system/Goal.dus")
			rec := w.post(form)
			body := granted(t, rec)
			if body.TokenType != "bearer" || body.ExpiresIn != 300 || body.Scope != "system/Goal.rs system/Observation.rs" {
				t.Errorf("answered %+v", body)
			}
			if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("Pragma") != "no-cache" {
				t.Errorf("headers %v", rec.Header())
			}
			tok, err := w.verifier(t).Verify(t.Context(), body.AccessToken)
			if err != nil {
				t.Fatal(err)
			}
			if tok.ClientID != "clinic" || tok.Subject != "clinic" || !tok.Machine || tok.ID == "" || tok.NPI != "1245319599" || !tok.Expiry.Equal(w.now.Add(300*time.Second)) {
				t.Errorf("token is %+v", tok)
			}
			if d := cmp.Diff(a.Purposes, tok.Purposes); d != "" {
				t.Errorf("purposes (-want +got):\n%s", d)
			}
			if tok.Scopes.String() != body.Scope {
				t.Errorf("the token's scopes are %q", tok.Scopes)
			}
		})
	}
}

func TestAnAssertionThatProvesNothingIsInvalidClient(t *testing.T) {
	base := newWorld(t)
	ec, rsa, stranger := base.keys["ec"], base.keys["rsa"], base.keys["stranger"]
	impostor := stranger
	impostor.KeyID = ec.KeyID
	nameless := ec
	nameless.KeyID = ""
	otherAlg := rsa
	otherAlg.Algorithm = "RS256"
	at := func(d time.Duration) int64 { return base.now.Add(d).Unix() }
	tests := map[string]struct {
		key     jose.JSONWebKey
		header  map[jose.HeaderKey]any
		changes map[string]any
	}{
		"another's key":               {stranger, nil, nil},
		"another's key, our kid":      {impostor, nil, nil},
		"another's key in the header": {impostor, map[jose.HeaderKey]any{"jwk": stranger.Public()}, nil},
		"no kid":                      {nameless, nil, nil},
		"a jku":                       {ec, map[jose.HeaderKey]any{"jku": "https://example.org/keys"}, nil},
		"crit":                        {ec, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}, nil},
		"another typ":                 {ec, map[jose.HeaderKey]any{"typ": "at+jwt"}, nil},
		"no typ":                      {ec, map[jose.HeaderKey]any{"typ": nil}, nil},
		"RS256":                       {otherAlg, nil, nil},
		"a client of another issuer":  {ec, nil, map[string]any{"iss": "elsewhere", "sub": "elsewhere"}},
		"unknown client":              {ec, nil, map[string]any{"iss": "nobody", "sub": "nobody"}},
		"a client without keys":       {ec, nil, map[string]any{"iss": "insurer", "sub": "insurer"}},
		"sub is another":              {ec, nil, map[string]any{"sub": "insurer"}},
		"no sub":                      {ec, nil, map[string]any{"sub": nil}},
		"aud is the issuer":           {ec, nil, map[string]any{"aud": issuer}},
		"aud names another too":       {ec, nil, map[string]any{"aud": []string{issuer + "/token", "https://example.org/token"}}},
		"aud is another endpoint":     {ec, nil, map[string]any{"aud": issuer + "/introspect"}},
		"a resource server":           {stranger, nil, map[string]any{"iss": "exports", "sub": "exports"}},
		"aud elsewhere":               {ec, nil, map[string]any{"aud": []string{"https://example.org/token"}}},
		"no aud":                      {ec, nil, map[string]any{"aud": nil}},
		"no exp":                      {ec, nil, map[string]any{"exp": nil}},
		"exp is text":                 {ec, nil, map[string]any{"exp": "tomorrow"}},
		"expired":                     {ec, nil, map[string]any{"exp": at(-time.Minute)}},
		"exp is too far ahead":        {ec, nil, map[string]any{"exp": at(6 * time.Minute)}},
		"not before later":            {ec, nil, map[string]any{"nbf": at(time.Minute)}},
		"issued later":                {ec, nil, map[string]any{"iat": at(time.Minute)}},
		"no jti":                      {ec, nil, map[string]any{"jti": nil}},
		"jti is a number":             {ec, nil, map[string]any{"jti": 7}},
		"jti too long":                {ec, nil, map[string]any{"jti": strings.Repeat("x", 300)}},
		"claims in capitals":          {ec, nil, map[string]any{"sub": nil, "SUB": "clinic"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.post(w.form(forge(t, tt.key, tt.header, w.payload(tt.changes))))
			refused(t, rec, http.StatusUnauthorized, "invalid_client")
			granted(t, w.post(w.form(forge(t, ec, nil, w.payload(nil))))) // and it has not used up the jti
		})
	}
}

func TestJunkAssertionsAreInvalidClient(t *testing.T) {
	w := newWorld(t)
	good := forge(t, w.keys["ec"], nil, w.payload(nil))
	parts := strings.Split(good, ".")
	none := "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
	for name, junk := range map[string]string{
		"text": "junk", "dots": "..", "alg none": none + parts[1] + ".", "no signature": parts[0] + "." + parts[1] + ".", "other payload": parts[0] + ".e30." + parts[2],
		"oversized": good + strings.Repeat("A", maxAssertionBytes), "JSON form": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.post(w.form(junk)), http.StatusUnauthorized, "invalid_client") })
	}
}

func TestAnAssertionIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	first := forge(t, w.keys["ec"], nil, w.payload(nil))
	granted(t, w.post(w.form(first)))
	refused(t, w.post(w.form(first)), http.StatusUnauthorized, "invalid_client")
	again := forge(t, w.keys["rsa"], nil, w.payload(map[string]any{"exp": w.now.Add(time.Minute).Unix()}))
	refused(t, w.post(w.form(again)), http.StatusUnauthorized, "invalid_client")
	w.now = w.now.Add(4*time.Minute + 5*time.Second) // its exp has passed, the skew has not
	refused(t, w.post(w.form(first)), http.StatusUnauthorized, "invalid_client")
	granted(t, w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(map[string]any{"jti": "n2"})))))
}

func TestServersThatShareAStoreTakeAnAssertionOnce(t *testing.T) {
	w := newWorld(t)
	behind := w.server.config
	behind.Now = func() time.Time { return w.now.Add(-30 * time.Second) }
	other, err := New(behind)
	if err != nil {
		t.Fatal(err)
	}
	used := forge(t, w.keys["ec"], nil, w.payload(map[string]any{"exp": w.now.Add(time.Second).Unix()}))
	granted(t, w.post(w.form(used)))
	w.server = other
	for range 5 { // by its clock the assertion is good for a while after the other has no use for it
		refused(t, w.post(w.form(used)), http.StatusUnauthorized, "invalid_client")
		w.now = w.now.Add(8 * time.Second)
	}
}

func TestWithoutTheReplayStoreThereIsNoToken(t *testing.T) {
	w := newWorld(t)
	w.replay.Close()
	refused(t, w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(nil)))), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// gate refuses tokens to one partner.
type gate struct {
	refused string
	err     error
}

func (g gate) Issue(_ context.Context, partner string) error {
	if partner == g.refused {
		return g.err
	}
	return nil
}

func TestAPartnerWhoHasHadTooManyTokensGetsNone(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		gate
		status int
		after  string
	}{
		"too many":          {gate{"clinic", outcome.Retry(outcome.TooManyRequests, time.Minute, nil)}, http.StatusTooManyRequests, "60"},
		"nobody knows":      {gate{"clinic", outcome.New(outcome.Unavailable, nil)}, http.StatusServiceUnavailable, "5"},
		"of another client": {gate{"insurer", errors.New("x")}, http.StatusOK, ""},
	} {
		w.server.config.Gate = c.gate
		got := w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(map[string]any{"jti": name}))))
		if got.Code != c.status || got.Header().Get("Retry-After") != c.after || strings.Contains(got.Body.String(), "access_token") != (c.status == http.StatusOK) {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
	}
}

// unreadable is a register that cannot be read.
type unreadable struct{ fixed }

func (unreadable) Partner(context.Context, string) (*requester.Partner, error) {
	return nil, requester.ErrUnavailable
}

func TestWithoutARegisterNobodyIsRefusedForGood(t *testing.T) {
	w := newWorld(t)
	w.server.config.Partners = unreadable{}
	refused(t, w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(nil)))), http.StatusServiceUnavailable, "temporarily_unavailable")
}

func TestRequestErrors(t *testing.T) {
	appAssertion := forge(t, testKeys["ec"], nil, newWorld(t).payload(map[string]any{"iss": "app", "sub": "app"}))
	tests := map[string]struct {
		change func(url.Values)
		status int
		code   string
	}{
		"no grant type":            {func(f url.Values) { f.Del("grant_type") }, 400, "invalid_request"},
		"another grant":            {func(f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		"a repeated parameter":     {func(f url.Values) { f.Add("scope", "system/*.cruds") }, 400, "invalid_request"},
		"no assertion":             {func(f url.Values) { f.Del("client_assertion") }, 401, "invalid_client"},
		"another assertion type":   {func(f url.Values) { f.Set("client_assertion_type", "x") }, 401, "invalid_client"},
		"a client secret too":      {func(f url.Values) { f.Set("client_secret", "x") }, 401, "invalid_client"},
		"client_id of another":     {func(f url.Values) { f.Set("client_id", "insurer") }, 401, "invalid_client"},
		"no scope":                 {func(f url.Values) { f.Del("scope") }, 400, "invalid_scope"},
		"a scope not registered":   {func(f url.Values) { f.Set("scope", "system/Goal.cud") }, 400, "invalid_scope"},
		"patient/ for a machine":   {func(f url.Values) { f.Set("scope", "patient/*.rs") }, 400, "invalid_scope"},
		"an app of clients":        {func(f url.Values) { f.Set("client_assertion", appAssertion) }, 400, "unauthorized_client"},
		"a scope that is no scope": {func(f url.Values) { f.Set("scope", "everything") }, 400, "invalid_scope"},
		"a form too large":         {func(f url.Values) { f.Set("x", strings.Repeat("x", maxFormBytes)) }, 413, "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			form := w.form(forge(t, w.keys["ec"], nil, w.payload(nil)))
			tt.change(form)
			refused(t, w.post(form), tt.status, tt.code)
		})
	}
}

func TestTheRequestItself(t *testing.T) {
	w := newWorld(t)
	body := w.form(forge(t, w.keys["ec"], nil, w.payload(nil))).Encode()
	request := func(method, target, media string) *http.Request {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		return r
	}
	const form = "application/x-www-form-urlencoded"
	refused(t, w.serve(request("POST", issuer+"/token", "application/json")), 400, "invalid_request")
	refused(t, w.serve(request("POST", issuer+"/token?scope=system/*.rs", form)), 400, "invalid_request")
	basic := request("POST", issuer+"/token", form)
	basic.SetBasicAuth("clinic", "secret")
	refused(t, w.serve(basic), 401, "invalid_client")
	for target, status := range map[string]int{issuer + "/token": 405, issuer + "/": 404, issuer: 404, issuer + "/token/": 404, "http://127.0.0.1:8080/token": 404, "http://127.0.0.1:8080/": 404} {
		if rec := w.serve(request("GET", target, form)); rec.Code != status {
			t.Errorf("GET %s: %d, want %d", target, rec.Code, status)
		}
	}
	if rec := w.serve(request("POST", issuer+"/jwks.json", form)); rec.Code != 405 {
		t.Errorf("POST to the keys: %d", rec.Code)
	}
	granted(t, w.serve(request("POST", issuer+"/token", form+"; charset=UTF-8")))
}

func TestPurposesMustBeRegistered(t *testing.T) {
	for name, tt := range map[string]struct {
		extensions any
		want       string
	}{
		"one registered":           {map[string]any{"hl7-b2b": map[string]any{"purpose_of_use": []string{"urn:oid:2.16.840.1.113883.5.8#TREAT"}}}, ""},
		"one that is not":          {map[string]any{"hl7-b2b": map[string]any{"purpose_of_use": []string{"TREAT", "HMARKT"}}}, "invalid_grant"},
		"of another system":        {map[string]any{"hl7-b2b": map[string]any{"purpose_of_use": []string{"urn:oid:1.2.3#TREAT"}}}, "invalid_grant"},
		"malformed":                {map[string]any{"hl7-b2b": map[string]any{"purpose_of_use": 7}}, "invalid_grant"},
		"extensions are no object": {[]string{"x"}, "invalid_grant"},
		"an NPI that is none":      {map[string]any{"hl7-b2b": map[string]any{"subject_id": fhir.SystemNPI + "#12"}}, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(map[string]any{"extensions": tt.extensions}))))
			if tt.want != "" {
				refused(t, rec, 400, tt.want)
				return
			}
			granted(t, rec)
		})
	}
}

// A token that the gateway would not look at is not given: the client could not know why it is refused.
func TestATokenHoldsAllItsScopesOrThereIsNone(t *testing.T) {
	w := newWorld(t)
	for n, good := range map[int]bool{50: true, 400: false} {
		var scopes []string
		for i := range n {
			scopes = append(scopes, fmt.Sprintf("system/Observation.rs?code=%d", i))
		}
		form := w.form(forge(t, w.keys["ec"], nil, w.payload(map[string]any{"jti": fmt.Sprint(n)})))
		form.Set("scope", strings.Join(scopes, " "))
		rec := w.post(form)
		if !good {
			refused(t, rec, 400, "invalid_scope")
			continue
		}
		if _, err := w.verifier(t).Verify(t.Context(), granted(t, rec).AccessToken); err != nil {
			t.Error(err)
		}
	}
}

// TestWhatAnAssertionTakesAwayTheTokenTakesAway: a partner that asks for less must not get more.
func TestWhatAnAssertionTakesAwayTheTokenTakesAway(t *testing.T) {
	type object = map[string]any
	forbid := []any{object{"type": "forbid"}}
	for name, tt := range map[string]struct {
		extensions object
		want       *smart.Token // nil where there is none; of it, what takes away
	}{
		"nothing":               {object{"hl7-b2b": object{"version": "1", "purpose_of_use": []string{"TREAT"}}}, &smart.Token{}},
		"a Consent of UDAP":     {object{"hl7-b2b": object{"version": "1", "purpose_of_use": []string{"TREAT"}, "consent_reference": []string{audience + "/Consent/c"}}}, &smart.Token{Consents: []string{"Consent/c"}}},
		"a Consent of IHE":      {object{"ihe_pcf": object{"doc_id": "Consent/c"}}, &smart.Token{Consents: []string{"Consent/c"}}},
		"one client":            {object{"ihe_pcf": object{"patient_id": "Patient/p"}}, &smart.Token{Only: fhir.Reference{Type: "Patient", ID: "p"}}},
		"rules":                 {object{"ihe_pcf": object{"residual": forbid}}, &smart.Token{Residual: []smart.ResidualRule{{}}}},
		"no Consent at all":     {object{"ihe_pcf": object{"doc_id": []string{}}}, nil},
		"a Consent as a number": {object{"hl7-b2b": object{"consent_reference": 7}}, nil},
		"a client elsewhere":    {object{"ihe_pcf": object{"patient_id": "https://elsewhere.example/Patient/p"}}, nil},
		"rules as a text":       {object{"ihe_pcf": object{"residual": "forbid"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.post(w.form(forge(t, w.keys["ec"], nil, w.payload(object{"extensions": tt.extensions}))))
			if tt.want == nil {
				refused(t, rec, 400, "invalid_grant")
				return
			}
			token := granted(t, rec).AccessToken
			got, err := w.verifier(t).Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, &smart.Token{Consents: got.Consents, Residual: got.Residual, Only: got.Only}, cmp.AllowUnexported(smart.Scopes{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzAssertion(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJFUzM4NCIsImtpZCI6IngiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJjbGluaWMifQ.AAAA")
	w := newWorld(f) // a refused assertion changes nothing
	f.Fuzz(func(t *testing.T, raw string) {
		refused(t, w.post(w.form(raw)), http.StatusUnauthorized, "invalid_client")
	})
}
