package smart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/profiles"
)

const (
	testIssuer   = "https://issuer.example.org/realm"
	testAudience = "https://records.example.org/fhir"
)

var testNow = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// testKeys are made once: a key for every algorithm, a second one, and two that are too weak or of no use.
var testKeys = func() map[string]jose.JSONWebKey {
	keys := map[string]jose.JSONWebKey{}
	add := func(name, alg string, key any, err error) {
		if err != nil {
			panic(err)
		}
		keys[name] = jose.JSONWebKey{Key: key, KeyID: name, Algorithm: alg, Use: "sig"}
	}
	curve := func(c elliptic.Curve) (any, error) { return ecdsa.GenerateKey(c, rand.Reader) }
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	add("rs256", "RS256", r, err)
	add("rs384", "RS384", r, err)
	k, err := curve(elliptic.P256())
	add("es256", "ES256", k, err)
	k, err = curve(elliptic.P256())
	add("next", "ES256", k, err)
	k, err = curve(elliptic.P256())
	add("stranger", "ES256", k, err)
	k, err = curve(elliptic.P384())
	add("es384", "ES384", k, err)
	k, err = curve(elliptic.P521())
	add("es512", "ES512", k, err)
	return keys
}()

func jwks(t testing.TB, names ...string) []byte {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, n := range names {
		k := testKeys[n]
		set.Keys = append(set.Keys, k.Public())
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func testConfig(t testing.TB) Config {
	return Config{
		Issuer: testIssuer, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"RS256", "RS384", "ES256", "ES384"},
		JWKS: jwks(t, "rs256", "rs384", "es256", "es384"), Now: func() time.Time { return testNow },
	}
}

func preset(t testing.TB, name string) Mapping {
	t.Helper()
	m, err := LoadMapping(profiles.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newTestVerifier(t testing.TB, c Config) *Verifier {
	t.Helper()
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type object = map[string]any

// payload is a good access token's, with changes; a claim of nil is left out.
func payload(changes object) object {
	p := object{"iss": testIssuer, "sub": "clinic", "client_id": "clinic", "aud": testAudience, "exp": testNow.Add(time.Minute).Unix(), "scope": "system/*.rs", "jti": "id-1"}
	maps.Copy(p, changes)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

// twice is a good payload with one more member before the others.
func twice(member string) json.RawMessage {
	text, _ := json.Marshal(payload(nil))
	return json.RawMessage("{" + member + "," + string(text[1:]))
}

func sign(t testing.TB, key jose.JSONWebKey, header object, payload any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("at+jwt")
	for k, v := range header {
		if v == nil {
			delete(o.ExtraHeaders, jose.HeaderKey(k))
			continue
		}
		o.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestVerifyReadsAGoodToken(t *testing.T) {
	for _, alg := range []string{"rs256", "rs384", "es256", "es384"} {
		t.Run(alg, func(t *testing.T) {
			raw := sign(t, testKeys[alg], nil, payload(nil))
			got, err := newTestVerifier(t, testConfig(t)).Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			want := &Token{Issuer: testIssuer, ID: "id-1", Subject: "clinic", ClientID: "clinic", Scopes: ParseScopes("system/*.rs"), Machine: true, Expiry: testNow.Add(time.Minute)}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(Scopes{})); d != "" {
				t.Errorf("token (-want +got):\n%s", d)
			}
		})
	}
}

func TestVerifyReadsTheClaims(t *testing.T) {
	treat, coc := fhir.Coding{System: fhir.SystemActReason, Code: "TREAT"}, fhir.Coding{System: fhir.SystemActReason, Code: "COC"}
	purposes := func(codes ...fhir.Coding) func(*Token) any {
		return func(tok *Token) any { return cmp.Diff(codes, tok.Purposes) == "" }
	}
	patient := fhir.Reference{Type: "Patient", ID: "p1"}
	tests := map[string]struct {
		changes object
		got     func(*Token) any
		want    any
	}{
		"aud among several":          {object{"aud": []string{"x", testAudience}}, func(tok *Token) any { return tok.ClientID }, "clinic"},
		"azp for client_id":          {object{"client_id": nil, "azp": "clinic"}, func(tok *Token) any { return tok.ClientID }, "clinic"},
		"scope as an array":          {object{"scope": []string{"system/Goal.r", "system/Goal.s"}}, func(tok *Token) any { return tok.Scopes.String() }, "system/Goal.r system/Goal.s"},
		"scp as an array":            {object{"scope": nil, "scp": []string{"system/Goal.r"}}, func(tok *Token) any { return tok.Scopes.String() }, "system/Goal.r"},
		"scope goes before scp":      {object{"scope": "openid", "scp": "system/*.rs"}, func(tok *Token) any { return tok.Scopes.String() }, ""},
		"a launch patient":           {object{"patient": "p1"}, func(tok *Token) any { return tok.Patient }, patient},
		"a launch patient reference": {object{"patient": "Patient/p1"}, func(tok *Token) any { return tok.Patient }, patient},
		"fhirUser relative":          {object{"sub": "u", "fhirUser": "Patient/p1"}, func(tok *Token) any { return tok.FHIRUser }, patient},
		"fhirUser absolute":          {object{"sub": "u", "fhirUser": testAudience + "/Patient/p1"}, func(tok *Token) any { return tok.FHIRUser }, patient},
		"fhirUser of another server": {object{"sub": "u", "fhirUser": "https://evil.example.org/fhir/Patient/p1"}, func(tok *Token) any { return tok.FHIRUser }, fhir.Reference{}},
		"fhirUser of a longer base":  {object{"sub": "u", "fhirUser": testAudience + "2/Patient/p1"}, func(tok *Token) any { return tok.FHIRUser }, fhir.Reference{}},
		"a person signed in":         {object{"sub": "u"}, func(tok *Token) any { return tok.Machine }, false},
		"no subject is a machine":    {object{"sub": nil}, func(tok *Token) any { return tok.Machine }, true},
		"a machine by its grant":     {object{"sub": "u@clients", "gty": "client-credentials"}, func(tok *Token) any { return tok.Machine }, true},
		"purpose as a code":          {object{"purpose_of_use": "TREAT"}, purposes(treat), true},
		"purpose as a search token":  {object{"purpose_of_use": []string{fhir.SystemActReason + "|TREAT"}}, purposes(treat), true},
		"purpose of hl7-b2b":         {object{"extensions": object{"hl7-b2b": object{"purpose_of_use": []string{"urn:oid:2.16.840.1.113883.5.8#TREAT"}}}}, purposes(treat), true},
		"purpose of ihe_iua":         {object{"extensions": object{"ihe_iua": object{"purpose_of_use": []object{{"system": fhir.SystemActReason, "code": "COC"}}}}}, purposes(coc), true},
		"all purposes stated":        {object{"purpose_of_use": "TREAT", "extensions": object{"hl7-b2b": object{"purpose_of_use": []string{"TREAT", "COC"}}}}, purposes(treat, coc), true},
		"a foreign purpose stays":    {object{"purpose_of_use": "urn:oid:1.2.3#T-TREAT"}, purposes(fhir.Coding{System: "urn:oid:1.2.3", Code: "T-TREAT"}), true},
		"NPI of hl7-b2b":             {object{"extensions": object{"hl7-b2b": object{"subject_id": fhir.SystemNPI + "#1245319599"}}}, func(tok *Token) any { return tok.NPI }, "1245319599"},
		"NPI of ihe_iua":             {object{"extensions": object{"ihe_iua": object{"national_provider_identifier": "1245319599"}}}, func(tok *Token) any { return tok.NPI }, "1245319599"},
		"another subject_id":         {object{"extensions": object{"hl7-b2b": object{"subject_id": "urn:oid:1.2#x"}}}, func(tok *Token) any { return tok.NPI }, ""},
		"claims in capitals are not": {object{"PATIENT": "p1", "Extensions": object{"hl7-b2b": object{"purpose_of_use": []string{"TREAT"}}}}, func(tok *Token) any { return tok.Patient == (fhir.Reference{}) && tok.Purposes == nil }, true},
		"expired within the skew":    {object{"exp": testNow.Add(-10 * time.Second).Unix()}, func(tok *Token) any { return tok.ID }, "id-1"},
	}
	v := newTestVerifier(t, testConfig(t))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tok, err := v.Verify(t.Context(), sign(t, testKeys["es256"], nil, payload(tt.changes)))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.got(tok); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVerifyRefusesClaims(t *testing.T) {
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	tests := map[string]struct {
		changes object
		want    error
	}{
		"another issuer":           {object{"iss": "https://other.example.org"}, ErrInvalid},
		"the issuer and a slash":   {object{"iss": testIssuer + "/"}, ErrInvalid},
		"no issuer":                {object{"iss": nil}, ErrInvalid},
		"issuer in capitals":       {object{"iss": nil, "ISS": testIssuer}, ErrInvalid},
		"no audience":              {object{"aud": nil}, ErrInvalid},
		"audience in capitals":     {object{"aud": nil, "AUD": testAudience}, ErrInvalid},
		"an empty audience":        {object{"aud": []string{}}, ErrInvalid},
		"another tenant":           {object{"aud": testAudience + "/tenant-2"}, ErrInvalid},
		"audiences of others":      {object{"aud": []string{"a", "b"}}, ErrInvalid},
		"audience is an object":    {object{"aud": object{testAudience: true}}, ErrInvalid},
		"no expiry":                {object{"exp": nil}, ErrExpired},
		"expiry is text":           {object{"exp": "2099-01-01"}, ErrInvalid},
		"expiry below zero":        {object{"exp": -1}, ErrExpired},
		"expired":                  {object{"exp": at(-time.Minute)}, ErrExpired},
		"expiry far ahead":         {object{"exp": at(48 * time.Hour)}, ErrInvalid},
		"expiry beyond all time":   {object{"exp": 1e18}, ErrInvalid},
		"not yet":                  {object{"nbf": at(time.Minute - time.Second)}, ErrInvalid},
		"nbf is text":              {object{"nbf": "now"}, ErrInvalid},
		"issued in the future":     {object{"iat": at(50 * time.Second)}, ErrInvalid},
		"issued after it expires":  {object{"exp": at(10 * time.Second), "iat": at(20 * time.Second)}, ErrInvalid},
		"no client":                {object{"client_id": nil}, ErrInvalid},
		"two clients":              {object{"azp": "other"}, ErrInvalid},
		"client is a number":       {object{"client_id": 7}, ErrInvalid},
		"no scope, as an ID token": {object{"scope": nil}, ErrInvalid},
		"scope is an object":       {object{"scope": object{"system/*.rs": true}}, ErrInvalid},
		"an ID token: nonce":       {object{"nonce": "n"}, ErrInvalid},
		"an ID token: at_hash":     {object{"at_hash": "h"}, ErrInvalid},
		"an ID token: c_hash":      {object{"c_hash": "h"}, ErrInvalid},
		"an ID token: aud client":  {object{"aud": []string{testAudience, "clinic"}}, ErrInvalid},
		"an ID token by typ claim": {object{"typ": "ID"}, ErrInvalid},
		"a refresh token":          {object{"typ": "Refresh"}, ErrInvalid},
		"an ID token by token_use": {object{"token_use": "id"}, ErrInvalid},
		"a logout token":           {object{"events": object{}}, ErrInvalid},
		"patient is no id":         {object{"patient": "Patient/../x"}, ErrInvalid},
		"patient is an object":     {object{"patient": object{}}, ErrInvalid},
		"fhirUser is nonsense":     {object{"sub": "u", "fhirUser": "me"}, ErrInvalid},
		"fhirUser is a device":     {object{"sub": "u", "fhirUser": "Device/x"}, ErrInvalid},
		"purpose is a number":      {object{"purpose_of_use": 1}, ErrInvalid},
		"purpose without a code":   {object{"purpose_of_use": object{"system": fhir.SystemActReason}}, ErrInvalid},
		"an empty purpose":         {object{"purpose_of_use": []string{"TREAT", ""}}, ErrInvalid},
		"a null purpose":           {object{"purpose_of_use": []any{"TREAT", nil}}, ErrInvalid},
		"extensions are a list":    {object{"extensions": []string{}}, ErrInvalid},
		"NPI is malformed":         {object{"npi": "12345"}, ErrInvalid},
		"two NPIs":                 {object{"npi": "1245319599", "extensions": object{"ihe_iua": object{"national_provider_identifier": "1003000126"}}}, ErrInvalid},
		"subject is a number":      {object{"sub": 5}, ErrInvalid},
		"distributed claims":       {object{"_claim_names": object{"scope": "src"}}, ErrInvalid},
	}
	v := newTestVerifier(t, testConfig(t))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			raw := sign(t, testKeys["es256"], nil, payload(tt.changes))
			for range 2 { // a refused token is not remembered as a good one
				tok, err := v.Verify(t.Context(), raw)
				if tok != nil || !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v, %v; want %v", tok, err, tt.want)
				}
			}
		})
	}
}

func TestVerifyRefusesHeadersAndSignatures(t *testing.T) {
	es, stranger := testKeys["es256"], testKeys["stranger"]
	impostor := stranger
	impostor.KeyID = es.KeyID
	nameless := es
	nameless.KeyID = ""
	crossed := testKeys["rs256"]
	crossed.KeyID = "rs384" // an RS256 signature under the kid of a key for RS384
	public := testKeys["rs256"]
	pem, err := public.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	confused := jose.JSONWebKey{Key: pem, KeyID: "rs256", Algorithm: "HS256"}
	good := sign(t, es, nil, payload(nil))
	parts := strings.Split(good, ".")
	other := strings.Split(sign(t, es, nil, payload(object{"scope": "system/*.cruds"})), ".")
	embedded := stranger.Public()
	tests := map[string]string{
		"alg none":                     "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".",
		"alg none with a signature":    "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + "." + parts[2],
		"HMAC with the public key":     sign(t, confused, nil, payload(nil)),
		"an algorithm not configured":  sign(t, testKeys["es512"], nil, payload(nil)),
		"another's key":                sign(t, stranger, nil, payload(nil)),
		"another's key under our kid":  sign(t, impostor, nil, payload(nil)),
		"a key in the header (jwk)":    sign(t, stranger, object{"jwk": embedded}, payload(nil)),
		"a key by URL (jku)":           sign(t, stranger, object{"jku": "https://evil.example.org/keys"}, payload(nil)),
		"a key by URL (x5u)":           sign(t, stranger, object{"x5u": "https://evil.example.org/cert"}, payload(nil)),
		"an alg that is not the key's": sign(t, crossed, nil, payload(nil)),
		"no kid, several keys fit":     "",
		"typ of an ID token":           sign(t, es, object{"typ": "id_token+jwt"}, payload(nil)),
		"typ of a logout token":        sign(t, es, object{"typ": "logout+jwt"}, payload(nil)),
		"typ of a DPoP proof":          sign(t, es, object{"typ": "dpop+jwt"}, payload(nil)),
		"typ is a number":              sign(t, es, object{"typ": 7}, payload(nil)),
		"crit":                         sign(t, es, object{"crit": []string{"x"}, "x": true}, payload(nil)),
		"crit that the library knows":  sign(t, es, object{"crit": []string{"b64"}, "b64": true}, payload(nil)),
		"another payload":              parts[0] + "." + other[1] + "." + parts[2],
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"a signature too short":        parts[0] + "." + parts[1] + "." + parts[2][:20],
		"four parts":                   good + ".x",
		"two parts":                    parts[0] + "." + parts[1],
		"JSON serialization":           fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]),
		"blanks in it":                 parts[0] + "." + parts[1] + ". " + parts[2],
		"padding":                      good + "==",
		"oversized":                    sign(t, es, nil, payload(object{"x": strings.Repeat("x", MaxTokenBytes)})),
		"a claim twice":                sign(t, es, nil, twice(`"scope":"system/Patient.r"`)),
		"a claim twice in an object":   sign(t, es, nil, twice(`"extensions":{"ihe_pcf":{"doc_id":"Consent/a","doc_id":"Consent/b"}}`)),
		"a claim of cnf twice":         sign(t, es, nil, twice(`"cnf":{"jkt":"a","jkt":"b"}`)),
		"payload is a list":            sign(t, es, nil, []string{"x"}),
		"payload is null":              sign(t, es, nil, nil),
		"payload is text":              sign(t, es, nil, "x"),
		"junk":                         "junk", "dots": "..", "a bearer prefix": "Bearer " + good,
	}
	config := testConfig(t)
	config.JWKS = jwks(t, "rs256", "rs384", "es256", "es384", "next")
	tests["no kid, several keys fit"] = sign(t, nameless, nil, payload(nil))
	v := newTestVerifier(t, config)
	for name, raw := range tests {
		t.Run(name, func(t *testing.T) {
			if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrInvalid) {
				t.Errorf("Verify = %v, %v", tok, err)
			}
		})
	}
	if _, err := v.Verify(t.Context(), ""); !errors.Is(err, ErrMissing) {
		t.Errorf("no token: %v", err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestVerifyTakesTheKindsOfAccessToken(t *testing.T) {
	nameless := testKeys["es256"]
	nameless.KeyID = ""
	v := newTestVerifier(t, testConfig(t))
	for name, raw := range map[string]string{
		"at+jwt":                 sign(t, testKeys["es256"], nil, payload(nil)),
		"the whole media type":   sign(t, testKeys["es256"], object{"typ": "application/AT+JWT"}, payload(nil)),
		"JWT":                    sign(t, testKeys["es256"], object{"typ": "JWT"}, payload(nil)),
		"no typ":                 sign(t, testKeys["es256"], object{"typ": nil}, payload(nil)),
		"typ claim of Keycloak":  sign(t, testKeys["es256"], nil, payload(object{"typ": "Bearer"})),
		"no kid, one key fits":   sign(t, nameless, nil, payload(nil)),
		"a jku that is not read": sign(t, testKeys["es256"], object{"jku": "https://evil.example.org/keys"}, payload(nil)),
	} {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyConfiguredAlgorithmsAreTaken(t *testing.T) {
	all := []string{"RS256", "RS384", "ES256", "ES384"}
	for _, configured := range all {
		c := testConfig(t)
		c.Algorithms = []string{configured}
		v := newTestVerifier(t, c)
		for _, used := range all {
			_, err := v.Verify(t.Context(), sign(t, testKeys[strings.ToLower(used)], nil, payload(nil)))
			if (err == nil) != (used == configured) {
				t.Errorf("configured %s, used %s: %v", configured, used, err)
			}
		}
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	v := newTestVerifier(t, testConfig(t))
	const canary = "CANARY7"
	for name, changes := range map[string]object{
		"iss": {"iss": canary}, "aud": {"aud": canary}, "exp": {"exp": canary}, "patient": {"patient": canary + "/"}, "npi": {"npi": canary},
		"fhirUser": {"fhirUser": canary}, "azp": {"azp": canary}, "typ": {"typ": canary}, "purpose": {"purpose_of_use": object{canary: canary}},
	} {
		_, err := v.Verify(t.Context(), sign(t, testKeys["es256"], nil, payload(changes)))
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.Verify(t.Context(), canary+"."+canary+"."); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("junk: %v", err)
	}
}
