package conformance

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// externalIssuer is a running oidc-provider.
type externalIssuer struct {
	Issuer        string
	TokenEndpoint string
	keys          map[string]jose.JSONWebKey
	settings      issuerSettings
	stop          func() // an outage
}

// issuerSettings are what issuer.mjs takes.
type issuerSettings struct {
	Resource     string         `json:"resource"`
	Scope        string         `json:"scope"`
	Clients      []issuerClient `json:"clients"`
	Port         int            `json:"port,omitempty"`
	Introspector *introspector  `json:"introspector,omitempty"`
}

type issuerClient struct {
	ID      string          `json:"id"`
	Alg     string          `json:"alg"`
	Signing string          `json:"signing"`
	JWK     jose.JSONWebKey `json:"jwk"`
}

// introspector may ask about opaque tokens.
type introspector struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// startIssuer runs oidc-provider with two clients: one proves itself with ES384 and gets tokens signed with RS256, the other with RS384 and gets
// ES384.
func startIssuer(t *testing.T, resource string, asks *introspector) *externalIssuer {
	t.Helper()
	needsNode(t)
	d := sharedDemo(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e := &externalIssuer{keys: map[string]jose.JSONWebKey{
		harbor:    readKey(t, d.partner(t, harbor).PrivateJWK),
		blueriver: {Key: private, KeyID: "rsa", Algorithm: "RS384", Use: "sig"},
	}}
	ec, rs := e.keys[harbor], e.keys[blueriver]
	e.settings = issuerSettings{Resource: resource, Scope: "system/*.rs system/Patient.r", Introspector: asks,
		Clients: []issuerClient{{harbor, "ES384", "RS256", ec.Public()}, {blueriver, "RS384", "ES384", rs.Public()}}}
	e.run(t)
	return e
}

// run starts the provider, with new keys of its own: at a free port the first time, and where it was ever after.
func (e *externalIssuer) run(t *testing.T) {
	t.Helper()
	settings, err := json.Marshal(e.settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "issuer.mjs")
	var errOut output
	cmd.Stderr = &errOut
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.stop = sync.OnceFunc(func() {
		_ = in.Close() // it ends with its standard input
		_ = cmd.Wait()
	})
	t.Cleanup(e.stop)
	if _, err := in.Write(append(settings, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, e) != nil {
		t.Fatalf("oidc-provider did not start: %v\n%.1000s", err, errOut.Bytes())
	}
	u, err := url.Parse(e.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	if e.settings.Port, err = strconv.Atoi(u.Port()); err != nil {
		t.Fatal(err)
	}
}

// token gets an access token for a resource.
func (e *externalIssuer) token(t *testing.T, partner, resource string) string {
	t.Helper()
	assertion := sign(t, e.keys[partner], "JWT", map[string]any{"iss": partner, "sub": partner, "aud": e.Issuer, "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix()})
	resp, err := http.PostForm(e.TokenEndpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "resource": {resource}, "client_id": {partner},
		"client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &got) != nil || got.AccessToken == "" {
		t.Fatalf("the external issuer: %d %.300s", resp.StatusCode, body)
	}
	return got.AccessToken
}

// signed has the issuer itself sign claims.
func (e *externalIssuer) signed(t *testing.T, alg, typ string, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"alg": alg, "typ": typ, "claims": claims})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(e.Issuer+"/sign", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	token, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("sign: %d %v", resp.StatusCode, err)
	}
	return string(token)
}

// TestServeWithAnExternalIssuer runs `gateway serve` with tokens of oidc-provider, found by its discovery document.
func TestServeWithAnExternalIssuer(t *testing.T) {
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	e := startIssuer(t, c.base, nil)
	if err := c.writeConfig(issuerConfig{issuer: e.Issuer, keys: "insecure-plain-http: false", algorithms: "RS256, ES384"}); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.process, err = start("serve", "--config", filepath.Join(c.dir, "gateway.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	if err := c.until("ready", func() bool { return isReady(c.root) }); err != nil {
		t.Fatal(err)
	}
	id := c.id(t, c.practice.Story.Referred)
	for _, partner := range []string{harbor, blueriver} {
		caller := &caller{base: c.base, token: e.token(t, partner, c.base)}
		if got := caller.chart(t, id); len(got) < 20 {
			t.Errorf("%s gets %d resources with a token of the external issuer", partner, len(got))
		}
	}
	refusals(t, c, e, id)
}

// refusals presents tokens that must not open anything.
func refusals(t *testing.T, c *clinic, e *externalIssuer, id string) {
	good := with(c.claims(harbor), map[string]any{"iss": e.Issuer})
	if got := (&caller{base: c.base, token: e.signed(t, "RS256", "at+jwt", good)}).get(t, "Patient/"+id); got.status != http.StatusOK {
		t.Fatalf("a good token that the issuer signed: %d; the refusals below would prove nothing", got.status)
	}
	stranger := jose.JSONWebKey{Key: mustRSA(t), KeyID: "key-RS256", Algorithm: "RS256"}
	now := time.Now()
	unsigned := func(claims map[string]any, alg string) string {
		h, _ := json.Marshal(map[string]any{"alg": alg, "typ": "at+jwt"})
		p, _ := json.Marshal(claims)
		return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p) + "."
	}
	for name, x := range map[string]struct{ token, code string }{
		"for another audience":      {e.token(t, harbor, "https://elsewhere.example/fhir"), "unknown"},
		"id_token by its claims":    {e.signed(t, "RS256", "JWT", with(good, map[string]any{"nonce": "n", "at_hash": "x"})), "unknown"},
		"id_token by its audience":  {e.signed(t, "RS256", "JWT", with(good, map[string]any{"aud": []string{c.base, harbor}, "azp": harbor})), "unknown"},
		"id_token without scope":    {e.signed(t, "RS256", "JWT", with(good, map[string]any{"scope": nil})), "unknown"},
		"logout token":              {e.signed(t, "RS256", "logout+jwt", good), "unknown"},
		"expired":                   {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-2 * time.Minute).Unix()})), "expired"},
		"not yet valid":             {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"nbf": now.Add(5 * time.Minute).Unix()})), "unknown"},
		"without expiry":            {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"exp": nil})), "expired"},
		"good for a year":           {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"exp": now.AddDate(1, 0, 0).Unix()})), "unknown"},
		"without audience":          {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"aud": nil})), "unknown"},
		"of another issuer":         {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"iss": "https://elsewhere.example"})), "unknown"},
		"of an unknown partner":     {e.signed(t, "RS256", "at+jwt", with(good, map[string]any{"client_id": "nobody"})), "unknown"},
		"by an algorithm not taken": {e.signed(t, "ES256", "at+jwt", good), "unknown"},
		"alg none":                  {unsigned(good, "none"), "unknown"},
		"alg None":                  {unsigned(good, "None"), "unknown"},
		"alg HS256, no signature":   {unsigned(good, "HS256"), "unknown"},
		"by a foreign key":          {sign(t, stranger, "at+jwt", good), "unknown"},
		"no JWT":                    {"opaque-token", "unknown"},
		"tampered":                  {tamper(e.token(t, harbor, c.base)), "unknown"},
	} {
		a := (&caller{base: c.base, token: x.token}).get(t, "Patient/"+id)
		if a.status != http.StatusUnauthorized || a.header.Get("Www-Authenticate") != `Bearer realm="fhir", error="invalid_token"` || issueCode(t, a) != x.code {
			t.Errorf("a token %s: %d, %s, %s", name, a.status, a.header.Get("Www-Authenticate"), issueCode(t, a))
		}
	}
}

func mustRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// tamper changes a character in the middle of the signature.
func tamper(token string) string {
	i := strings.LastIndexByte(token, '.') + 20
	c := byte('A')
	if token[i] == c {
		c = 'B'
	}
	return token[:i] + string(c) + token[i+1:]
}

// issueCode is the code of an OperationOutcome's only issue.
func issueCode(t testing.TB, a *answer) string {
	t.Helper()
	codes := texts(parseResource(t, a.body).Tree, "issue.code")
	if len(codes) != 1 {
		t.Errorf("an OperationOutcome has the issues %v", codes)
		return ""
	}
	return codes[0]
}
