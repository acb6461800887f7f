package launch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/authserver/seal"
	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/profiles"
)

const (
	issuer   = "https://records.example.org/auth"
	audience = "https://records.example.org/fhir"
	redirect = "https://app.example.org/cb"
	verifier = "a-verifier-of-at-least-forty-three-characters"
)

const register = `partners:
  - {id: app, name: "My <Records>", kind: patient, scopes: patient/*.rs, public: true, offline-access: true, redirect-uris: ["https://app.example.org/cb", "https://app.example.org/other?x=1"]}
  - {id: narrow, kind: patient, scopes: "patient/Condition.rs patient/Observation.r", public: true, redirect-uris: ["org.example.narrow:/cb"]}
  - {id: keyed, kind: patient, scopes: patient/*.rs, jwks-uri: "https://keyed.example.org/jwks"}
  - {id: elsewhere, kind: patient, issuer: "https://login.example.org", scopes: patient/*.rs, public: true, redirect-uris: ["https://app.example.org/cb"]}
  - {id: clinic, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], scopes: system/*.rs}
`

// world is a Launch with everybody around it.
type world struct {
	*Launch
	register *requester.Register
	gone     error // what the register answers with
	provider provider
	people   people
	once     ephemeral.Store
	given    given
	now      time.Time
}

func (w *world) Partner(_ context.Context, id string) (*requester.Partner, error) {
	if w.gone != nil {
		return nil, w.gone
	}
	p, ok := w.register.Partner(id)
	if !ok {
		return nil, requester.ErrUnknownPartner
	}
	return p, nil
}

// provider signs everybody in.
type provider struct {
	begun    signin.Attempt
	finished signin.Attempt
	down     error
	refuses  error
	who      signin.Person
}

func (p *provider) Begin(_ context.Context, a signin.Attempt) (string, error) {
	p.begun = a
	return "https://login.example.org/authorize?state=" + url.QueryEscape(a.State), p.down
}

func (p *provider) Finish(_ context.Context, _ string, a signin.Attempt) (signin.Person, error) {
	p.finished = a
	return p.who, p.refuses
}

type people struct {
	charts []Chart
	err    error
}

func (p *people) Charts(context.Context, signin.Person) ([]Chart, error) { return p.charts, p.err }

func (p *people) May(context.Context, fhir.Reference, fhir.Reference) (bool, error) {
	return true, p.err
}

// given remembers what was given to apps, and what was ended.
type given struct {
	all   map[string]Grant
	until time.Time // of the last one
	ended []string
	down  error
}

func (g *given) Give(_ context.Context, one Grant, until time.Time) error {
	if g.down == nil {
		if g.all == nil {
			g.all = map[string]Grant{}
		}
		g.all[one.ID], g.until = one, until
	}
	return g.down
}

func (g *given) Before(_ context.Context, one Grant) (map[string]string, error) {
	scopes := map[string]string{}
	for id, other := range g.all {
		if id != one.ID && other.Client == one.Client && other.User == one.User && other.Patient == one.Patient && !slices.Contains(g.ended, id) {
			scopes[id] = other.Scope
		}
	}
	return scopes, g.down
}

func (g *given) End(_ context.Context, id string) error {
	g.ended = append(g.ended, id)
	return g.down
}

func patient(id string) fhir.Reference { return fhir.Reference{Type: "Patient", ID: id} }

// unavailable is a store that never answers.
type unavailable struct{ ephemeral.Store }

func (unavailable) Seen(context.Context, string, time.Duration) (bool, error) {
	return true, ephemeral.ErrUnavailable
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: time.Unix(1_800_000_000, 0)}
	text := strings.ReplaceAll(register, "kind: patient, scopes", `kind: patient, issuer: "`+issuer+`", scopes`)
	text = strings.ReplaceAll(text, "kind: provider", `kind: provider, issuer: "`+issuer+`"`)
	var err error
	if w.register, err = requester.Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}}, "p.yaml", profiles.FS, issuer, "https://login.example.org"); err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return w.now }
	w.once = ephemeral.NewMemory(0, clock)
	w.people.charts = []Chart{{Patient: patient("ada"), User: patient("ada"), Name: "Ada Example"}}
	words, err := LoadWords(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(make([]byte, seal.KeySize), clock)
	if err != nil {
		t.Fatal(err)
	}
	w.Launch, err = New(Config{
		Issuer: issuer, Audience: audience, Practice: "Cedar Bridge", Words: words, Partners: w, SignIn: &w.provider, People: &w.people, Box: box, Once: w.once, Given: &w.given,
		Types: []string{"Patient", "Condition", "Observation", "DocumentReference"}, Offline: 30 * 24 * time.Hour, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// good is a request of the app's.
func good() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {redirect}, "scope": {"launch/patient openid fhirUser offline_access patient/*.rs"},
		"state": {"state-of-the-app"}, "aud": {audience}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}, "nonce": {"nonce-of-the-app"},
	}
}

// browser keeps cookies, as one does.
type browser struct {
	t       testing.TB
	w       *world
	cookies map[string]*http.Cookie
}

func (w *world) browser(t testing.TB) *browser {
	return &browser{t, w, map[string]*http.Cookie{}}
}

func (b *browser) do(r *http.Request) *http.Response {
	b.t.Helper()
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	if !b.w.Serve(rec, r, strings.TrimPrefix(r.URL.Path, "/auth")) {
		b.t.Fatal("no such page")
	}
	resp := rec.Result()
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return resp
}

func (b *browser) get(path string, q url.Values) *http.Response {
	b.t.Helper()
	return b.do(httptest.NewRequest(http.MethodGet, "https://records.example.org/auth"+path+"?"+q.Encode(), nil))
}

func (b *browser) post(path string, q url.Values) *http.Response {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://records.example.org/auth"+path, strings.NewReader(q.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// signIn goes from the app's request to the page.
func (b *browser) signIn(q url.Values) *http.Response {
	b.t.Helper()
	resp := b.get(AuthorizePath, q)
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "https://login.example.org/") {
		b.t.Fatalf("status %d, to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	return b.get(signInPath, url.Values{"state": {b.w.provider.begun.State}, "code": {"upstream"}})
}

var hidden = regexp.MustCompile(`name="page" value="([^"]*)"`)

// page is the sealed page of a consent page.
func page(t testing.TB, resp *http.Response) (sealed, text string) {
	t.Helper()
	text = body(t, resp)
	found := hidden.FindStringSubmatch(text)
	if resp.StatusCode != http.StatusOK || found == nil {
		t.Fatalf("status %d, no page:\n%s", resp.StatusCode, text)
	}
	return found[1], text
}

func body(t testing.TB, resp *http.Response) string {
	t.Helper()
	var b strings.Builder
	if _, err := copyAll(&b, resp); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// answer is what the app is told: the parameters of the redirect.
func answer(t testing.TB, resp *http.Response) url.Values {
	t.Helper()
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return to.Query()
}

// allow keeps all rows but some, and gives the code.
func (b *browser) allow(resp *http.Response, without ...int) url.Values {
	b.t.Helper()
	sealed, text := page(b.t, resp)
	q := url.Values{"page": {sealed}, "decision": {"allow"}}
	for n := range strings.Count(text, `type="checkbox"`) {
		kept := true
		for _, w := range without {
			kept = kept && w != n
		}
		if kept {
			q.Add("scope", itoa(n))
		}
	}
	return answer(b.t, b.post(consentPath, q))
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
