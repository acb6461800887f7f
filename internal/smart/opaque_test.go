package smart

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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// introspector is an issuer that is asked about opaque tokens.
type introspector struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
	last   atomic.Pointer[http.Request] // with its form read
}

func newIntrospector(t testing.TB) *introspector {
	t.Helper()
	s := &introspector{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		_ = r.ParseForm()
		s.last.Store(r)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *introspector) serve(f http.HandlerFunc) { s.answer.Store(&f) }

// says answers with the claims of a good token, changed.
func (s *introspector) says(changes object) {
	text, _ := json.Marshal(opaquePayload(s.URL, changes))
	s.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_, _ = w.Write(text)
	})
}

func opaquePayload(issuer string, changes object) object {
	p := payload(object{"active": true, "iss": issuer, "token_type": "Bearer", "exp": testNow.Add(10 * time.Minute).Unix()})
	maps.Copy(p, changes)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

func (s *introspector) config(t testing.TB, c *stepClock) Config {
	return Config{
		Issuer: s.URL, Audience: testAudience, Claims: preset(t, "smart"), Algorithms: []string{"ES256"}, JWKS: jwks(t, "es256"), Transport: s.Client().Transport, Now: c.now,
		Opaque: &Introspection{Endpoint: s.URL + "/introspect", ClientID: "gate:way", Secret: "a b+c"},
	}
}

func TestAnOpaqueTokenIsAskedAboutAndRememberedForAMinute(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	s.says(nil)
	v := newTestVerifier(t, s.config(t, c))
	ask := func(asked int32, want error) {
		t.Helper()
		tok, err := v.Verify(t.Context(), "opaque-1._~+/==")
		if !errors.Is(err, want) || (tok == nil) != (want != nil) || s.asked.Load() != asked {
			t.Errorf("Verify = %+v, %v; asked %d times, want %d", tok, err, s.asked.Load(), asked)
		}
		if tok != nil && (tok.ClientID != "clinic" || tok.Issuer != s.URL || tok.Scopes.String() != "system/*.rs") {
			t.Errorf("token is %+v", tok)
		}
	}
	ask(1, nil)
	c.step(59 * time.Second)
	ask(1, nil)
	c.step(time.Second)
	ask(2, nil)
	c.step(-2 * time.Minute) // a clock that went back makes the answer too old
	ask(3, nil)
	s.says(object{"active": false})
	c.step(time.Minute)
	ask(4, ErrInvalid)
	ask(5, ErrInvalid) // what was refused is not remembered
	s.says(object{"exp": c.now().Add(20 * time.Second).Unix()})
	ask(6, nil)
	c.step(19 * time.Second)
	ask(6, nil)
	s.says(object{"exp": c.now().Add(-time.Minute).Unix()})
	c.step(time.Second)
	ask(7, ErrExpired)
	r := s.last.Load()
	id, secret, _ := r.BasicAuth()
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.PostForm.Get("token") != "opaque-1._~+/==" || r.PostForm.Get("token_type_hint") != "access_token" ||
		id != url.QueryEscape("gate:way") || secret != url.QueryEscape("a b+c") {
		t.Errorf("asked by %s %v as %q", r.Method, r.PostForm, id)
	}
}

// Whoever is refused by Admit costs the issuer nothing; a token that is remembered needs nobody to be asked.
func TestHowOftenTheIssuerIsAskedCanBeBounded(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	s.says(nil)
	config := s.config(t, c)
	left, tooMany := 1, errors.New("too many")
	config.Opaque.Admit = func(context.Context) error {
		if left == 0 {
			return tooMany
		}
		left--
		return nil
	}
	v := newTestVerifier(t, config)
	for i, step := range []struct {
		raw  string
		want error
	}{{"opaque-1", nil}, {"opaque-1", nil}, {"opaque-2", tooMany}, {"opaque-1", nil}, {sign(t, testKeys["es256"], nil, payload(object{"iss": s.URL})), nil}} {
		if tok, err := v.Verify(t.Context(), step.raw); !errors.Is(err, step.want) || (tok == nil) != (step.want != nil) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestTheGatewayProvesItselfByAKey(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	s.says(nil)
	config := s.config(t, c)
	key := testKeys["es384"]
	config.Opaque = &Introspection{Endpoint: s.URL, ClientID: "gateway", Key: &key}
	if _, err := newTestVerifier(t, config).Verify(t.Context(), "opaque"); err != nil {
		t.Fatal(err)
	}
	r := s.last.Load()
	jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), supported)
	if err != nil || r.Header.Get("Authorization") != "" {
		t.Fatal(err)
	}
	public := key.Public()
	text, err := jws.Verify(public.Key)
	var claims object
	if err != nil || json.Unmarshal(text, &claims) != nil || claims["iss"] != "gateway" || claims["sub"] != "gateway" || claims["aud"] != s.URL || claims["jti"] == "" ||
		claims["exp"].(float64) > float64(c.now().Add(5*time.Minute).Unix()) {
		t.Errorf("the assertion says %v, %v", claims, err)
	}
}

func TestAnAnswerThatIsNotWholeOpensNothing(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	v := newTestVerifier(t, s.config(t, c))
	for name, x := range map[string]struct {
		changes object
		want    error
	}{
		"not active":                 {object{"active": false}, ErrInvalid},
		"no word on it":              {object{"active": nil}, ErrInvalid},
		"active as a text":           {object{"active": "true"}, ErrInvalid},
		"active as a number":         {object{"active": 1}, ErrInvalid},
		"another issuer":             {object{"iss": "https://other.example.org"}, ErrInvalid},
		"issuer is a list":           {object{"iss": []string{s.URL}}, ErrInvalid},
		"no audience":                {object{"aud": nil}, ErrInvalid},
		"another audience":           {object{"aud": "https://other.example.org/fhir"}, ErrInvalid},
		"no client":                  {object{"client_id": nil}, ErrInvalid},
		"no scope":                   {object{"scope": nil}, ErrInvalid},
		"no end":                     {object{"exp": nil}, ErrInvalid},
		"ended":                      {object{"exp": testNow.Add(-time.Hour).Unix()}, ErrExpired},
		"not begun":                  {object{"nbf": testNow.Add(time.Minute).Unix()}, ErrInvalid},
		"a refresh token, untyped":   {object{"token_type": nil}, ErrInvalid},
		"a refresh token":            {object{"token_type": "refresh_token"}, ErrInvalid},
		"a refresh token of KC":      {object{"typ": "Refresh"}, ErrInvalid},
		"an ID token":                {object{"nonce": "n"}, ErrInvalid},
		"a confirmation not known":   {object{"cnf": object{"x5u": "u"}}, ErrInvalid},
		"Consents that are none":     {object{"extensions": object{"ihe_pcf": object{"doc_id": []string{}}}}, ErrInvalid},
		"whole, but for the issuer":  {object{"iss": nil}, nil},
		"whole, of a DPoP key":       {object{"token_type": "DPoP", "cnf": object{"jkt": "a"}}, nil},
		"whole, audience among more": {object{"aud": []string{"a", testAudience}}, nil},
	} {
		s.says(x.changes)
		tok, err := v.Verify(t.Context(), "token-"+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""))
		if !errors.Is(err, x.want) || (tok == nil) != (x.want != nil) {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
	lax := s.config(t, c)
	lax.Opaque.InsecureAnyAudience, lax.Opaque.InsecureAnyTokenType = true, true
	v = newTestVerifier(t, lax)
	for raw, x := range map[string]struct {
		changes object
		want    error
	}{
		"a": {object{"aud": nil, "token_type": nil}, nil}, "b": {object{"aud": "https://other.example.org/fhir"}, ErrInvalid}, "c": {object{"token_type": "refresh_token"}, ErrInvalid},
	} {
		s.says(x.changes)
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, x.want) {
			t.Errorf("lax %s: %v", raw, err)
		}
	}
}

func TestAnIssuerThatDoesNotAnswerOpensNothing(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	v := newTestVerifier(t, s.config(t, c))
	good, _ := json.Marshal(opaquePayload(s.URL, nil))
	elsewhere := newIntrospector(t)
	elsewhere.says(nil)
	as := func(kind string, status int, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}
	}
	for name, x := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"an error":              {as("application/json", 500, good), ErrKeys},
		"who are you":           {as("application/json", 401, good), ErrKeys},
		"created":               {as("application/json", 201, good), ErrKeys},
		"a page":                {as("text/html", 200, good), ErrKeys},
		"a signed answer":       {as("application/token-introspection+jwt", 200, good), ErrKeys},
		"too much":              {as("application/json", 200, append(good, make([]byte, maxIntrospectBytes)...)), ErrKeys},
		"a redirect":            {http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP, ErrKeys},
		"hanging up":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ErrKeys},
		"half of it":            {as("application/json", 200, good[:len(good)/2]), ErrInvalid},
		"a list":                {as("application/json", 200, []byte("["+string(good)+"]")), ErrInvalid},
		"nothing":               {as("application/json", 200, nil), ErrInvalid},
		"letters in other case": {as("application/json", 200, []byte(strings.Replace(string(good), `"active"`, `"Active"`, 1))), ErrInvalid},
	} {
		s.serve(x.answer)
		tok, err := v.Verify(t.Context(), "opaque-SECRET7")
		if tok != nil || !errors.Is(err, x.want) || strings.Contains(fmt.Sprint(err), "SECRET7") {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
	if n := elsewhere.asked.Load(); n != 0 {
		t.Errorf("another server was shown the token %d times", n)
	}
}

func TestATokenOfAnotherIssuerIsShownToNobody(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	s.says(nil)
	first := testConfig(t)
	v, err := NewVerifier(first, s.config(t, c))
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, testKeys["es256"], nil, payload(nil))
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
	parts := strings.Split(good, ".")
	for name, raw := range map[string]string{
		"of nobody's": sign(t, testKeys["stranger"], nil, payload(object{"iss": "https://nobody.example.org"})), "cut short": parts[0] + "." + parts[1], "cut in two": parts[0] + ".",
		"encrypted": parts[0] + ".a.b.c.d", "with blanks": "a b", "in braces": "{}", "too long for one": strings.Repeat("a", maxOpaqueBytes+1), "too long for any": strings.Repeat("a", MaxTokenBytes+1),
		"of letters that no token has": "tökén", "with a line": "a\nb", "an equals sign within": "a=b",
	} {
		if tok, err := v.Verify(t.Context(), raw); tok != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("it was shown %d of them", n)
	}
	known := s.config(t, c)
	known.Opaque.Others = func(raw string) bool { return strings.HasPrefix(raw, "ours~") }
	if tok, err := newTestVerifier(t, known).Verify(t.Context(), "ours~1"); tok != nil || !errors.Is(err, ErrInvalid) || s.asked.Load() != 0 {
		t.Errorf("another issuer's refresh token: %+v, %v, asked %d times", tok, err, s.asked.Load())
	}
	second := s.config(t, c)
	second.Issuer = "https://second.example.org"
	if _, err := NewVerifier(s.config(t, c), second); err == nil {
		t.Error("two issuers with opaque tokens are taken")
	}
}

// What is kept for a time goes by the time of day: the clock that a process measures with stops while its machine sleeps.
func TestASleepingMachineKeepsNothingForLonger(t *testing.T) {
	s := newIntrospector(t)
	c := s.config(t, newStepClock())
	c.Now = time.Now
	text, _ := json.Marshal(opaquePayload(s.URL, object{"iat": nil, "exp": time.Now().Add(time.Hour).Unix()}))
	s.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})
	known, err := newTestVerifier(t, c).opaque.introspect(t.Context(), "sum", "token")
	if err != nil || known.asked != known.asked.Round(0) || known.until != known.until.Round(0) {
		t.Errorf("asked %v, until %v, %v", known.asked, known.until, err)
	}
	ring := &keyRing{now: time.Now, fetch: func(context.Context) ([]jose.JSONWebKey, error) { return ParseJWKS(jwks(t, "es256")) }}
	if keys, err := ring.current(t.Context()); err != nil || keys.fetched != keys.fetched.Round(0) {
		t.Errorf("keys of %v, %v", keys, err)
	}
}

func TestThoseWhoAskAtOnceShareAnAnswer(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	text, _ := json.Marshal(opaquePayload(s.URL, nil))
	s.serve(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(100 * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})
	v := newTestVerifier(t, s.config(t, c))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), "opaque"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.asked.Load(); n > 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestIntrospectionHasNoDefault(t *testing.T) {
	s, c := newIntrospector(t), newStepClock()
	own := testKeys["es256"]
	public, symmetric := own.Public(), jose.JSONWebKey{Key: []byte("0123456789abcdef"), Algorithm: "HS256"}
	for name, change := range map[string]func(*Introspection){
		"no endpoint": func(o *Introspection) { o.Endpoint = "" }, "in the clear": func(o *Introspection) { o.Endpoint = "http://issuer.example.org/introspect" },
		"no client": func(o *Introspection) { o.ClientID = "" }, "no proof": func(o *Introspection) { o.Secret = "" },
		"two proofs":       func(o *Introspection) { k := testKeys["es256"]; o.Key = &k },
		"a public key":     func(o *Introspection) { o.Secret, o.Key = "", &public },
		"a symmetric key":  func(o *Introspection) { o.Secret, o.Key = "", &symmetric },
		"nothing whatever": func(o *Introspection) { *o = Introspection{} },
	} {
		config := s.config(t, c)
		change(config.Opaque)
		if _, err := NewVerifier(config); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
