package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v3"
)

// attack is a row of testdata/attacks/tokens.yaml.
type attack struct {
	Name   string         `yaml:"name"`
	By     string         `yaml:"by"`
	Header map[string]any `yaml:"header"`
	Raw    string         `yaml:"raw"`
	Claims map[string]any `yaml:"claims"`
	Before string         `yaml:"before"`
	Repeat int            `yaml:"repeat"`
	Pad    int            `yaml:"pad"`
	Keys   string         `yaml:"keys"`
	Again  bool           `yaml:"again"`
	Token  string         `yaml:"token"`
	Ask    string         `yaml:"ask"`
	As     string         `yaml:"as"`
	Want   int            `yaml:"want"`
	Error  string         `yaml:"error"`
}

func attacks(t *testing.T) (tokens, assertions []attack) {
	t.Helper()
	text, err := os.ReadFile("testdata/attacks/tokens.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Tokens, Assertions []attack }
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Tokens) < 50 || len(file.Assertions) < 20 {
		t.Fatalf("%d tokens, %d assertions", len(file.Tokens), len(file.Assertions))
	}
	return file.Tokens, file.Assertions
}

// forger makes what a row says.
type forger struct {
	t             *testing.T
	ours          jose.JSONWebKey
	other         jose.JSONWebKey // of the other issuer
	stranger      jose.JSONWebKey
	twin          jose.JSONWebKey // under our kid
	header        map[string]any
	substitutions map[string]any // of a text that is one of them, or has one in it
}

func newForger(t *testing.T, ours jose.JSONWebKey, typ string, words map[string]any) *forger {
	t.Helper()
	f := &forger{t: t, ours: ours, stranger: ecKey(t, ours.Algorithm, "stranger"), substitutions: words,
		header: map[string]any{"alg": ours.Algorithm, "typ": typ, "kid": ours.KeyID}}
	words["{stranger}"] = f.stranger.Public()
	return f
}

func ecKey(t *testing.T, algorithm, kid string) jose.JSONWebKey {
	t.Helper()
	curve := elliptic.P256()
	if algorithm == "ES384" {
		curve = elliptic.P384()
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: algorithm, Use: "sig"}
}

// value puts in what a text stands for.
func (f *forger) value(v any) any {
	switch v := v.(type) {
	case string:
		if known, ok := f.substitutions[v]; ok {
			return known
		}
		if d, err := time.ParseDuration(strings.TrimPrefix(v, "@")); err == nil && strings.HasPrefix(v, "@") {
			return time.Now().Add(d).Unix()
		}
		for word, is := range f.substitutions {
			if text, ok := is.(string); ok {
				v = strings.ReplaceAll(v, word, text)
			}
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = f.value(one)
		}
		return out
	}
	return v
}

func (f *forger) changed(good, changes map[string]any) []byte {
	f.t.Helper()
	out := maps.Clone(good)
	for k, v := range changes {
		if out[k] = f.value(v); v == nil {
			delete(out, k)
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

// make writes the JWT by hand: no library would write most of these.
func (f *forger) make(a attack, claims map[string]any) string {
	f.t.Helper()
	if a.Token != "" {
		text, _ := f.value(a.Token).(string)
		return text
	}
	header, key := maps.Clone(f.header), f.ours
	switch a.By {
	case "stranger":
		header["kid"], key = f.stranger.KeyID, f.stranger
	case "impostor":
		key = f.stranger
	case "twin":
		key = f.twin
	case "other":
		header["kid"], key = f.other.KeyID, f.other
	case "hmac":
		header["alg"] = "HS256"
	case "none":
		header["alg"] = "none"
	}
	changes := maps.Clone(a.Claims)
	if changes == nil {
		changes = map[string]any{}
	}
	if a.Repeat > 0 {
		scope, _ := a.Claims["scope"].(string)
		changes["scope"] = strings.TrimSpace(strings.Repeat(scope+" ", a.Repeat))
	}
	if a.Pad > 0 {
		changes["pad"] = strings.Repeat("x", a.Pad)
	}
	head := f.changed(header, a.Header)
	if a.Raw != "" {
		head = []byte(a.Raw)
	}
	payload := f.changed(claims, changes)
	if a.Before != "" {
		payload = []byte("{" + a.Before + "," + string(payload[1:]))
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + f.signature(a.By, key, signed)
}

func (f *forger) signature(by string, key jose.JSONWebKey, signed string) string {
	f.t.Helper()
	switch by {
	case "none", "unsigned":
		return ""
	case "hmac":
		secret, err := json.Marshal(f.ours.Public())
		if err != nil {
			f.t.Fatal(err)
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	private, ok := key.Key.(*ecdsa.PrivateKey)
	if !ok {
		f.t.Fatal("the keys of this test are of an elliptic curve")
	}
	hash := map[string]func(string) []byte{"ES256": sum256, "ES384": sum384}[key.Algorithm]
	r, s, err := ecdsa.Sign(rand.Reader, private, hash(signed))
	if err != nil {
		f.t.Fatal(err)
	}
	size := (private.Curve.Params().BitSize + 7) / 8
	return base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
}

func sum256(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func sum384(text string) []byte {
	sum := sha512.Sum384([]byte(text))
	return sum[:]
}

var partnerID = regexp.MustCompile(`(?m)^( +)- id: .*$`)

func keySet(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// twoIssuers is a clinic that takes the tokens of a second issuer as well, of which no partner is; the first has two keys under one kid.
func twoIssuers(t *testing.T) (c *clinic, other, twin jose.JSONWebKey) {
	t.Helper()
	const elsewhere = "https://elsewhere.example.org"
	c = changedClinic(t, "keys: {id:", "  - {issuer: "+elsewhere+", audience: {base}, algorithms: [ES256], jwks-file: elsewhere.jwks.json}\nkeys: {id:")
	other, twin = ecKey(t, "ES256", "elsewhere"), ecKey(t, "ES256", c.key.KeyID)
	set := keySet(t, other)
	config, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	register, err := os.ReadFile(filepath.Join(c.dir, "partners.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"gateway.yaml": strings.Replace(string(config), "{base}", c.base, 1), "elsewhere.jwks.json": string(set), "issuer.jwks.json": string(keySet(t, c.key, twin)),
		"partners.yaml": partnerID.ReplaceAllString(string(register), "$0\n$1  issuer: "+issuer),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	return c, other, twin
}

func TestEveryAttackWithATokenIsRefused(t *testing.T) {
	t.Parallel()
	rows, _ := attacks(t)
	c, other, twin := twoIssuers(t)
	f := newForger(t, c.key, "at+jwt", map[string]any{"{base}": c.base, "{issuer}": issuer, "{root}": c.root,
		"{client}": c.id(t, c.practice.Story.Referred), "{other}": c.id(t, c.practice.Story.Represented)})
	f.other, f.twin = other, twin
	for _, a := range rows {
		t.Run(a.Name, func(t *testing.T) {
			as, ask := a.As, "Patient?_count=1"
			if as == "" {
				as = harbor
			}
			if a.Ask != "" {
				ask, _ = f.value(a.Ask).(string)
			}
			got := (&caller{base: c.base, token: f.make(a, c.claims(as))}).get(t, ask)
			challenge := got.header.Get("Www-Authenticate")
			if got.status != a.Want || a.Error != "" && !strings.HasSuffix(challenge, `error="`+a.Error+`"`) || a.Error == "" && challenge != "" {
				t.Errorf("%d %s, want %d %s", got.status, challenge, a.Want, a.Error)
			}
			if a.Want != http.StatusOK && strings.Contains(string(got.body), `"fullUrl"`) {
				t.Error("records came out")
			}
		})
	}
}

// ownIssuer is the token endpoint of a clinic's built-in server to which the partner's keys are a URL, where both have one kid, and the first one of its own
// besides.
func ownIssuer(t *testing.T, partner string, key, twin jose.JSONWebKey) (endpoint string) {
	t.Helper()
	alone := key
	alone.KeyID = "alone"
	set := keySet(t, key, twin, alone)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(keys.Close)
	c := changedClinic(t)
	c.hostIssuer(t)
	file := filepath.Join(c.dir, "partners.yaml")
	register, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lies := "jwks-file: partners/" + partner + ".jwks.json"
	if !strings.Contains(string(register), lies) {
		t.Fatal("the partner's keys lie elsewhere")
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(register), lies, "jwks-uri: "+keys.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	return c.root + "/auth/token"
}

func TestEveryAttackWithAnAssertionIsRefused(t *testing.T) {
	t.Parallel()
	_, rows := attacks(t)
	d := sharedDemo(t)
	partner := d.client(t, harbor)
	f := newForger(t, partner.key, "JWT", map[string]any{"{base}": d.FHIRBase, "{endpoint}": d.TokenEndpoint, "{token}": partner.accessToken(t, d.TokenEndpoint, "system/*.rs")})
	f.twin = ecKey(t, partner.key.Algorithm, partner.key.KeyID)
	twice := ownIssuer(t, harbor, partner.key, f.twin)
	for _, a := range rows {
		t.Run(a.Name, func(t *testing.T) {
			endpoint := d.TokenEndpoint
			if a.Keys == "twice" {
				endpoint = twice
			}
			good := map[string]any{"iss": harbor, "sub": harbor, "aud": endpoint, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text()}
			form := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {f.make(a, good)},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
			got := postForm(t, endpoint, form, http.Header{})
			if a.Again {
				if got.status != http.StatusOK {
					t.Fatalf("the first time: %d", got.status)
				}
				got = postForm(t, endpoint, form, http.Header{})
			}
			body := got.object(t)
			code, _ := body["error"].(string)
			if got.status != a.Want || code != a.Error || (body["access_token"] == nil) != (a.Want != http.StatusOK) || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s, want %d %s", got.status, code, a.Want, a.Error)
			}
		})
	}
}
