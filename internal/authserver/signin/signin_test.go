package signin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo/portal"
)

const callback = "https://records.example.org/auth/sign-in"

// op is a provider that answers what the test wants.
type op struct {
	*httptest.Server
	key       jose.JSONWebKey
	signer    jose.JSONWebKey // with which it signs, not always its own
	algorithm jose.SignatureAlgorithm
	claims    map[string]any
	discovery map[string]any
	status    int
	token     string // instead of a signed one
	tokens    int    // requests for one
	form      url.Values
	authStyle string
}

func newOP(t testing.TB) *op {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &op{key: jose.JSONWebKey{Key: private, KeyID: "k", Algorithm: "ES256"}, algorithm: jose.ES256, status: http.StatusOK}
	o.signer = o.key
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	o.discovery = map[string]any{"issuer": o.URL, "authorization_endpoint": o.URL + "/authorize", "token_endpoint": o.URL + "/token", "jwks_uri": o.URL + "/jwks"}
	o.claims = map[string]any{"iss": o.URL, "aud": "consentry", "sub": "s", "nonce": "n", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "client": "1042"}
	return o
}

func (o *op) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(o.discovery)
	case "/jwks":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{o.key.Public()}})
	case "/token":
		o.tokens++
		_ = r.ParseForm()
		o.form, o.authStyle = r.PostForm, strings.Fields(r.Header.Get("Authorization") + " none")[0]
		w.WriteHeader(o.status)
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": o.idToken()})
	default:
		http.NotFound(w, r)
	}
}

func (o *op) idToken() string {
	if o.token != "" {
		return o.token
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: o.algorithm, Key: o.signer}, nil)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(o.claims)
	jws, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	out, _ := jws.CompactSerialize()
	return out
}

func (o *op) provider(t testing.TB, change func(*Config)) *Provider {
	t.Helper()
	c := Config{Issuer: o.URL, ClientID: "consentry", Secret: "s3cret", Callback: callback, ClientClaim: "client", RepresentsClaim: "represents"}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var attempt = Attempt{State: "st", Nonce: "n", Verifier: strings.Repeat("v", 43)}

func TestAPersonSignsInAtTheDemosPortal(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	house, err := portal.New(portal.Options{
		Issuer: server.URL + "/portal", ClientID: "consentry", Secret: "s3cret", Callback: callback,
		People: []portal.Person{{ID: "a", Name: "Ada <b>", Client: "1001", Represents: []string{"1006/7"}}, {ID: "b", Name: "Bob"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/portal/", house)
	p, err := New(Config{Issuer: server.URL + "/portal", ClientID: "consentry", Secret: "s3cret", Callback: callback, ClientClaim: portal.ClientClaim, RepresentsClaim: portal.RepresentsClaim})
	if err != nil {
		t.Fatal(err)
	}
	to, err := p.Begin(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(to)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp.StatusCode, err)
	}
	_ = resp.Body.Close()
	for person, want := range map[string]Person{"a": {Client: "1001", Represents: []Representative{{"1006", "7"}}}, "b": {}} {
		u, _ := url.Parse(to)
		form := u.Query()
		form.Set("person", person)
		answer := choose(t, server.URL+"/portal/authorize", form)
		if answer.Get("state") != "st" {
			t.Errorf("%v", answer)
		}
		got, err := p.Finish(t.Context(), answer.Get("code"), attempt)
		if err == nil && time.Since(got.At) > 10*time.Minute {
			t.Errorf("nobody says when they signed in: %v", got.At)
		}
		got.At = time.Time{}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s, %v", diff, err)
		}
		if _, err := p.Finish(t.Context(), answer.Get("code"), attempt); !errors.Is(err, ErrRefused) {
			t.Errorf("the code is good twice: %v", err)
		}
	}
	u, _ := url.Parse(to)
	if answer := choose(t, server.URL+"/portal/authorize", u.Query()); answer.Get("error") != "access_denied" {
		t.Errorf("%v", answer)
	}
}

// choose sends the form of the portal's page.
func choose(t *testing.T, to string, form url.Values) url.Values {
	t.Helper()
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.PostForm(to, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	at, err := resp.Location()
	if err != nil || !strings.HasPrefix(at.String(), callback) {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return at.Query()
}

func TestTheProvidersAnswerMustProveSomebody(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*op) { return func(o *op) { o.claims[name] = value } }
	for name, c := range map[string]struct {
		change func(*op)
		want   error
	}{
		"a good one":              {func(*op) {}, nil},
		"another issuer":          {claim("iss", "https://evil.example"), ErrRefused},
		"another audience":        {claim("aud", "other"), ErrRefused},
		"two audiences":           {claim("aud", []string{"consentry", "other"}), ErrRefused},
		"for another's use":       {claim("azp", "other"), ErrRefused},
		"for our use":             {claim("azp", "consentry"), nil},
		"two, for us":             {func(o *op) { o.claims["aud"], o.claims["azp"] = []string{"consentry", "other"}, "consentry" }, nil},
		"expired":                 {claim("exp", time.Now().Add(-time.Hour).Unix()), ErrRefused},
		"another nonce":           {claim("nonce", "other"), ErrRefused},
		"no nonce":                {func(o *op) { delete(o.claims, "nonce") }, ErrRefused},
		"another key":             {func(o *op) { o.signer.Key = stranger }, ErrRefused},
		"a key of another kind":   {func(o *op) { o.signer, o.algorithm = jose.JSONWebKey{Key: rsaKey, KeyID: "k"}, jose.RS256 }, ErrRefused},
		"no signature":            {func(o *op) { o.token = "eyJhbGciOiJub25lIn0.e30." }, ErrRefused},
		"no token":                {func(o *op) { o.token = " " }, ErrRefused},
		"a refusal":               {func(o *op) { o.status = http.StatusBadRequest }, ErrRefused},
		"an outage":               {func(o *op) { o.status = http.StatusBadGateway }, ErrUnavailable},
		"a client that is a list": {claim("client", []string{"1042"}), ErrRefused},
		"a client with a point":   {claim("client", 10.5), ErrRefused},
		"a negative client":       {claim("client", -1), ErrRefused},
		"an empty client":         {claim("client", ""), ErrRefused},
		"represents an object":    {claim("represents", map[string]any{"a": "b"}), ErrRefused},
		"represents numbers":      {claim("represents", []int{7}), ErrRefused},
		"represents no key":       {claim("represents", []string{"1006/"}), ErrRefused},
		"represents no client":    {claim("represents", []string{"/7"}), ErrRefused},
		"represents without both": {claim("represents", []string{"1006"}), ErrRefused},
		"represents too many":     {claim("represents", strings.Split(strings.Repeat("1/2,", 30)+"1/2", ",")), ErrRefused},
	} {
		o := newOP(t)
		c.change(o)
		who, err := o.provider(t, nil).Finish(t.Context(), "code", attempt)
		if !errors.Is(err, c.want) || c.want != nil && (who.Client != "" || who.Represents != nil) || c.want == nil && who.Client != "1042" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if err != nil && (strings.Contains(err.Error(), "1042") || strings.Contains(err.Error(), "evil")) {
			t.Errorf("%s: the error repeats a claim: %v", name, err)
		}
	}
}

func TestKeysAreReadAsThePracticeWritesThem(t *testing.T) {
	for _, c := range []struct {
		client, represents any
		want               Person
	}{
		{1042, nil, Person{Client: "1042"}},
		{"0f8fad5b-d9cb-469f-a165-70867728950e", nil, Person{Client: "0f8fad5b-d9cb-469f-a165-70867728950e"}},
		{nil, "1006/7", Person{Represents: []Representative{{"1006", "7"}}}},
		{nil, []string{"a/b/7", "1/2"}, Person{Represents: []Representative{{"a/b", "7"}, {"1", "2"}}}},
		{nil, []string{}, Person{}},
	} {
		o := newOP(t)
		o.claims["client"], o.claims["represents"] = c.client, c.represents
		got, err := o.provider(t, nil).Finish(t.Context(), "code", attempt)
		got.At = time.Time{}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v, %v: %s, %v", c.client, c.represents, diff, err)
		}
	}
}

func TestTheGatewayProvesItselfAsTheProviderWants(t *testing.T) {
	o := newOP(t)
	if _, err := o.provider(t, nil).Finish(t.Context(), "code", attempt); err != nil || o.authStyle != "Basic" || o.form.Has("client_secret") {
		t.Errorf("%s, %v", o.authStyle, err)
	}
	o.discovery["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	if _, err := o.provider(t, nil).Finish(t.Context(), "code", attempt); err != nil || o.form.Get("client_secret") != "s3cret" {
		t.Errorf("%v, %v", o.form, err)
	}
	if o.form.Get("code_verifier") != attempt.Verifier || o.form.Get("redirect_uri") != callback || o.tokens != 2 {
		t.Errorf("%v, %d requests", o.form, o.tokens)
	}
}

func TestAProviderThatIsAwayComesBack(t *testing.T) {
	o := newOP(t)
	now := time.Now()
	away := o.discovery
	o.discovery = map[string]any{}
	p := o.provider(t, func(c *Config) { c.Now = func() time.Time { return now } })
	if _, err := p.Begin(t.Context(), attempt); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	o.discovery = away
	if _, err := p.Begin(t.Context(), attempt); !errors.Is(err, ErrUnavailable) {
		t.Error("it is asked twice in a second")
	}
	now = now.Add(retryAfter)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := p.Begin(ctx, attempt); err != nil {
		t.Error(err)
	}
	cancel()
	if _, err := p.Finish(t.Context(), "code", attempt); err != nil {
		t.Errorf("it cannot be asked once the first request has ended: %v", err)
	}
}

func TestAProviderThatLeadsElsewhereIsNotFollowed(t *testing.T) {
	for name, change := range map[string]func(o *op){
		"another issuer":            func(o *op) { o.discovery["issuer"] = "https://evil.example" },
		"a token endpoint in clear": func(o *op) { o.discovery["token_endpoint"] = "http://evil.example/token" },
		"keys in clear":             func(o *op) { o.discovery["jwks_uri"] = "http://evil.example/jwks" },
		"a sign-in page in clear":   func(o *op) { o.discovery["authorization_endpoint"] = "http://evil.example/authorize" },
	} {
		o := newOP(t)
		change(o)
		if _, err := o.provider(t, nil).Begin(t.Context(), attempt); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	redirecting := httptest.NewServer(http.RedirectHandler(newOP(t).URL+"/.well-known/openid-configuration", http.StatusFound))
	defer redirecting.Close()
	p, err := New(Config{Issuer: redirecting.URL, ClientID: "consentry", Secret: "s", Callback: callback, ClientClaim: "client"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Begin(t.Context(), attempt); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a redirect is followed: %v", err)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	good := Config{Issuer: "https://login.example.org", ClientID: "c", Secret: "s", Callback: callback, ClientClaim: "client"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no issuer": func(c *Config) { c.Issuer = "" }, "plain HTTP": func(c *Config) { c.Issuer = "http://login.example.org" },
		"no id": func(c *Config) { c.ClientID = "" }, "no secret": func(c *Config) { c.Secret = "" }, "no callback": func(c *Config) { c.Callback = "" },
		"no claim": func(c *Config) { c.ClientClaim = "" },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	insecure := good
	insecure.Issuer, insecure.InsecurePlainHTTP = "http://login.example.org", true
	if _, err := New(insecure); err != nil {
		t.Error(err)
	}
	if err := fmt.Sprint(New(Config{})); strings.Count(err, "signin:") < 5 {
		t.Errorf("not all at once: %s", err)
	}
}
