package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/authserver/seal"
	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/profiles"
)

const appVerifier = "a-verifier-of-at-least-forty-three-characters"

var ada = fhir.Reference{Type: "Patient", ID: "ada"}

// apps is a server at which everybody signs in as Ada, over a store of its own.
type apps struct {
	*Server
	state    *store.State
	register *partners.Register
	now      time.Time
	may      bool
	away     error // of the practice's records
}

func (a *apps) Begin(_ context.Context, at signin.Attempt) (string, error) {
	return "https://login.example.org/?state=" + url.QueryEscape(at.State), nil
}

func (a *apps) Finish(context.Context, string, signin.Attempt) (signin.Person, error) {
	return signin.Person{Client: "1", At: a.now}, nil
}

func (a *apps) Charts(context.Context, signin.Person) ([]launch.Chart, error) {
	return []launch.Chart{{Patient: ada, User: ada, Name: "Ada"}}, nil
}

func (a *apps) May(context.Context, fhir.Reference, fhir.Reference) (bool, error) {
	return a.may, a.away
}

// appEntries are the apps: two in browsers, one with a key, and one that may not come back.
func appEntries(t testing.TB) *requester.Register {
	t.Helper()
	set, err := PublicKeys(testKeys["ec"])
	if err != nil {
		t.Fatal(err)
	}
	const uri = `redirect-uris: ["https://app.example.org/cb"]`
	files := fstest.MapFS{"keyed.json": {Data: set}, "p.yaml": {Data: []byte(`partners:
  - {id: diary, kind: patient, scopes: patient/*.rs, public: true, offline-access: true, ` + uri + `}
  - {id: other, kind: patient, scopes: patient/*.rs, public: true, offline-access: true, ` + uri + `}
  - {id: keyed, kind: patient, scopes: patient/*.rs, jwks-file: keyed.json, offline-access: true, ` + uri + `}
  - {id: once, kind: patient, scopes: patient/*.rs, public: true, ` + uri + `}
  - {id: unlaunched, kind: patient, scopes: patient/*.rs, jwks-file: keyed.json}
`)}}
	r, err := requester.Load(files, "p.yaml", profiles.FS, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newApps(t testing.TB) *apps {
	t.Helper()
	a := &apps{now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), may: true}
	clock := func() time.Time { return a.now }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	a.state, err = store.OpenState(t.Context(), store.Place{SQLite: filepath.Join(t.TempDir(), "state.db")})
	check(err)
	t.Cleanup(func() { _ = a.state.Close() })
	a.register = partners.New(partners.Options{Store: a.state, Declared: appEntries(t), Now: clock})
	words, err := launch.LoadWords(profiles.FS)
	check(err)
	box, err := seal.New(make([]byte, seal.KeySize), clock)
	check(err)
	once := ephemeral.NewMemory(0, clock)
	given := &Given{Grants: a.state, Now: clock, Revoke: func(ctx context.Context, grant string, until time.Time) error {
		return a.state.Revoke(ctx, partners.GrantMark(issuer, grant), until, a.now)
	}}
	pages, err := launch.New(launch.Config{
		Issuer: issuer, Audience: audience, Practice: "Cedar Bridge", Words: words, Partners: a.register, SignIn: a, People: a, Box: box, Once: once, Given: given,
		Types: []string{"Patient", "Condition"}, Offline: 24 * time.Hour, Now: clock,
	})
	check(err)
	a.Server, err = New(Config{Issuer: issuer, Audience: audience, Keys: signing(t, "server", "server-rsa"), Claims: claims(t), Partners: a.register, Replay: once, Now: clock,
		Revoke: func(context.Context, string, time.Time) error { return nil },
		Apps:   &Apps{Launch: pages, Given: given}})
	check(err)
	return a
}

var pageField = regexp.MustCompile(`name="page" value="([^"]*)"`)

// code lets Ada give an app everything that it asks, but for the rows of the page with these numbers.
func (a *apps) code(t testing.TB, app, scope string, without ...int) string {
	t.Helper()
	sum := sha256.Sum256([]byte(appVerifier))
	q := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {"https://app.example.org/cb"}, "scope": {scope}, "state": {"st"}, "aud": {audience},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "nonce": {"no"}}
	var cookie *http.Cookie
	do := func(r *http.Request) *httptest.ResponseRecorder {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if c := w.Result().Cookies(); len(c) > 0 {
			cookie = c[0]
		}
		return w
	}
	w := do(httptest.NewRequest(http.MethodGet, "/auth/authorize?"+q.Encode(), nil))
	to, _ := url.Parse(w.Header().Get("Location"))
	if to.Host != "login.example.org" {
		t.Fatalf("sent to %s", to)
	}
	w = do(httptest.NewRequest(http.MethodGet, "/auth/sign-in?"+url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}.Encode(), nil))
	text := w.Body.String()
	page := pageField.FindStringSubmatch(text)
	if page == nil {
		t.Fatalf("status %d: %s", w.Code, text)
	}
	form := url.Values{"page": {page[1]}, "decision": {"allow"}}
	for n := range strings.Count(text, `type="checkbox"`) {
		if !slices.Contains(without, n) {
			form.Add("scope", fmt.Sprint(n))
		}
	}
	w = do(httptest.NewRequest(http.MethodPost, "/auth/consent", strings.NewReader(form.Encode())))
	to, _ = url.Parse(w.Header().Get("Location"))
	if to.Query().Get("code") == "" {
		t.Fatalf("status %d, sent to %s", w.Code, to)
	}
	return to.Query().Get("code")
}

// tokens is an answer of the token endpoint.
type tokens struct {
	Status  int
	Error   string `json:"error"`
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Patient string `json:"patient"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// ask posts a form, with a DPoP proof if there is one.
func (a *apps) ask(t testing.TB, path string, form url.Values, proof ...string) (got tokens) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	if len(proof) > 0 {
		r.Header["Dpop"] = proof
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	got.Status = w.Code
	return got
}

func codeForm(app, code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {app}, "code": {code}, "redirect_uri": {"https://app.example.org/cb"}, "code_verifier": {appVerifier}}
}

func refreshForm(app, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {app}, "refresh_token": {token}}
}

// everything is what an app may ask.
const everything = "launch/patient openid fhirUser offline_access patient/*.rs"

func (a *apps) given(t testing.TB, app, scope string) tokens {
	t.Helper()
	got := a.ask(t, "/auth/token", codeForm(app, a.code(t, app, scope)))
	if got.Status != http.StatusOK || got.Access == "" {
		t.Fatalf("%+v", got)
	}
	return got
}

// opens tells whether an access token opens anything now.
func (a *apps) opens(t testing.TB, token string) (*requester.Requester, error) {
	t.Helper()
	v, err := smart.NewVerifier(a.Tokens())
	if err != nil {
		t.Fatal(err)
	}
	verified, err := v.Verify(t.Context(), token)
	if err != nil {
		return nil, err
	}
	return a.register.Requester(t.Context(), verified)
}

func TestAnAppGetsWhatTheClientGave(t *testing.T) {
	a := newApps(t)
	got := a.given(t, "diary", everything)
	want := tokens{Status: 200, Type: "Bearer", Expires: 300, Scope: everything, Patient: "ada", Access: got.Access, ID: got.ID, Refresh: got.Refresh}
	if diff := cmp.Diff(want, got); diff != "" || got.Refresh == "" {
		t.Error(diff)
	}
	who, err := a.opens(t, got.Access)
	if err != nil || who.PartnerID != "diary" || who.Patient != ada || who.Person != ada || who.Scopes.String() != "patient/*.rs" {
		t.Errorf("%+v, %v", who, err)
	}
	jws, err := jose.ParseSignedCompact(got.ID, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	rsa := testKeys["server-rsa"]
	payload, err := jws.Verify(rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	var id map[string]any
	if err := json.Unmarshal(payload, &id); err != nil {
		t.Fatal(err)
	}
	now := float64(a.now.Unix())
	if diff := cmp.Diff(map[string]any{"iss": issuer, "sub": "ada", "aud": "diary", "iat": now, "exp": now + 300, "auth_time": now, "nonce": "no", "fhirUser": audience + "/Patient/ada"}, id); diff != "" {
		t.Error(diff)
	}
	for name, token := range map[string]string{"an ID token": got.ID, "a refresh token": got.Refresh} {
		if who, err := a.opens(t, token); err == nil || who != nil {
			t.Errorf("%s opens records", name)
		}
	}
}

func TestAnAppGetsNoMoreThanItAsked(t *testing.T) {
	a := newApps(t)
	got := a.given(t, "diary", "patient/Condition.rs")
	if got.ID != "" || got.Refresh != "" || got.Scope != "launch/patient patient/Condition.rs" {
		t.Errorf("%+v", got)
	}
	if got = a.given(t, "diary", "openid"); got.Patient != "" || got.ID == "" || strings.Contains(got.ID, "fhirUser") {
		t.Errorf("%+v", got)
	}
	if got = a.given(t, "once", everything); got.Refresh != "" || strings.Contains(got.Scope, "offline") {
		t.Errorf("an app that may not come back: %+v", got)
	}
}

// The practice sees every grant, for as long as it can open anything.
func TestEveryGrantIsKept(t *testing.T) {
	a := newApps(t)
	a.given(t, "diary", everything)
	a.now = a.now.Add(time.Second)
	a.given(t, "once", "patient/Condition.rs")
	got, err := a.state.Grants(t.Context(), "", "", a.now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].ID = ""
	}
	at := func(d time.Duration) time.Time { return time.Unix(a.now.Add(d).Unix(), 0) }
	want := []store.Grant{
		{App: "diary", Patient: "Patient/ada", Person: "Patient/ada", Scope: everything, Begun: at(-time.Second), Until: at(24*time.Hour - time.Second)},
		{App: "once", Patient: "Patient/ada", Person: "Patient/ada", Scope: "launch/patient patient/Condition.rs", Begun: at(0), Until: at(MaxLifetime + afterExpiry)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// It is kept who has ended a grant.
func TestTheEndOfAGrantIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(a *apps, code string, got tokens)
		want store.EndedBy
	}{
		"the app disconnects": {func(a *apps, _ string, got tokens) {
			a.ask(t, "/auth/revoke", url.Values{"client_id": {"diary"}, "token": {got.Refresh}})
		}, store.ByApp},
		"with a token that was used": {func(a *apps, _ string, got tokens) {
			a.ask(t, "/auth/token", refreshForm("diary", got.Refresh))
			a.ask(t, "/auth/revoke", url.Values{"client_id": {"diary"}, "token": {got.Refresh}})
		}, store.ByApp},
		"another app has a token that was used": {func(a *apps, _ string, got tokens) {
			a.ask(t, "/auth/token", refreshForm("diary", got.Refresh))
			a.ask(t, "/auth/revoke", url.Values{"client_id": {"other"}, "token": {got.Refresh}})
		}, store.ByReuse},
		"another app uses its token": {func(a *apps, _ string, got tokens) {
			a.ask(t, "/auth/token", refreshForm("other", got.Refresh))
		}, store.ByReuse},
		"a refresh token twice": {func(a *apps, _ string, got tokens) {
			a.ask(t, "/auth/token", refreshForm("diary", got.Refresh))
			a.ask(t, "/auth/token", refreshForm("diary", got.Refresh))
		}, store.ByReuse},
		"a code twice": {func(a *apps, code string, _ tokens) { a.ask(t, "/auth/token", codeForm("diary", code)) }, store.ByReuse},
		"its time":     {func(a *apps, _ string, _ tokens) { a.now = a.now.Add(24 * time.Hour) }, store.ByExpiry},
		"nobody":       {func(*apps, string, tokens) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApps(t)
			code := a.code(t, "diary", everything)
			got := a.ask(t, "/auth/token", codeForm("diary", code))
			c.end(a, code, got)
			all, err := a.state.EndedGrants(t.Context(), "", "", a.now)
			switch {
			case err != nil:
				t.Fatal(err)
			case c.want == "" && len(all) == 0:
			case len(all) != 1 || all[0].End != store.End{By: c.want, At: time.Unix(a.now.Unix(), 0)}:
				t.Errorf("%+v", all)
			}
		})
	}
}

// Whoever has the code of an app gets nothing for it, and neither does the app any more.
func TestACodeIsForItsAppAlone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string
	}{
		"another app":          {func(f url.Values) { f.Set("client_id", "other") }, "invalid_grant"},
		"no app":               {func(f url.Values) { f.Del("client_id") }, "invalid_client"},
		"an unknown app":       {func(f url.Values) { f.Set("client_id", "nobody") }, "invalid_client"},
		"an app with a key":    {func(f url.Values) { f.Set("client_id", "keyed") }, "invalid_client"},
		"one without pages":    {func(f url.Values) { f.Set("client_id", "unlaunched") }, "invalid_client"},
		"a secret":             {func(f url.Values) { f.Set("client_secret", "x") }, "invalid_client"},
		"another verifier":     {func(f url.Values) { f.Set("code_verifier", strings.Repeat("x", 50)) }, "invalid_grant"},
		"no verifier":          {func(f url.Values) { f.Del("code_verifier") }, "invalid_grant"},
		"another redirect URI": {func(f url.Values) { f.Set("redirect_uri", "https://evil.example/") }, "invalid_grant"},
		"no redirect URI":      {func(f url.Values) { f.Del("redirect_uri") }, "invalid_grant"},
		"no code":              {func(f url.Values) { f.Del("code") }, "invalid_grant"},
		"a code of nobody's":   {func(f url.Values) { f.Set("code", f.Get("code")[1:]) }, "invalid_grant"},
		"two codes":            {func(f url.Values) { f.Add("code", "x") }, "invalid_request"},
		"password":             {func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
		"client_credentials":   {func(f url.Values) { f.Set("grant_type", "client_credentials"); f.Set("scope", "patient/*.rs") }, "invalid_client"},
		"a token as a code":    {func(f url.Values) { f.Set("grant_type", "refresh_token"); f.Set("refresh_token", f.Get("code")) }, "invalid_grant"},
	} {
		a := newApps(t)
		form := codeForm("diary", a.code(t, "diary", everything))
		good := maps.Clone(form)
		for k, v := range form {
			good[k] = slices.Clone(v)
		}
		c.change(form)
		if got := a.ask(t, "/auth/token", form); got.Error != c.want || got.Access != "" || got.Refresh != "" {
			t.Errorf("%s: %+v", name, got)
		}
		got := a.ask(t, "/auth/token", good)
		if used := c.want == "invalid_grant" && form.Get("code") == good.Get("code") && form.Get("grant_type") == "authorization_code"; used != (got.Error == "invalid_grant") {
			t.Errorf("%s, and then the app itself: %+v", name, got)
		}
	}
}

func TestAReplayedCodeTakesEverythingBack(t *testing.T) {
	a := newApps(t)
	code := a.code(t, "diary", everything)
	first := a.ask(t, "/auth/token", codeForm("diary", code))
	bystander := a.given(t, "diary", everything)
	if got := a.ask(t, "/auth/token", codeForm("diary", code)); got.Error != "invalid_grant" || got.Access != "" {
		t.Errorf("%+v", got)
	}
	if _, err := a.opens(t, first.Access); !errors.Is(err, requester.ErrRevoked) {
		t.Errorf("the access token is good: %v", err)
	}
	if got := a.ask(t, "/auth/token", refreshForm("diary", first.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("the refresh token is good: %+v", got)
	}
	if _, err := a.opens(t, bystander.Access); err != nil {
		t.Errorf("another grant was taken back, too: %v", err)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	a := newApps(t)
	first := a.given(t, "diary", everything)
	a.now = a.now.Add(time.Hour)
	second := a.ask(t, "/auth/token", refreshForm("diary", first.Refresh))
	if second.Status != http.StatusOK || second.Refresh == first.Refresh || second.Refresh == "" || second.Scope != everything || second.Patient != "ada" || second.ID != "" {
		t.Fatalf("%+v", second)
	}
	if who, err := a.opens(t, second.Access); err != nil || who.Person != ada {
		t.Errorf("%v", err)
	}
	// Somebody shows the first one again: nobody knows who is the thief.
	if got := a.ask(t, "/auth/token", refreshForm("diary", first.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("%+v", got)
	}
	if got := a.ask(t, "/auth/token", refreshForm("diary", second.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("the family goes on: %+v", got)
	}
	if _, err := a.opens(t, second.Access); !errors.Is(err, requester.ErrRevoked) {
		t.Errorf("the access token is good: %v", err)
	}
}

// fhirclient does not say which app comes back, and a public one need not.
func TestAPublicAppNeedNotSayWhoItIsWhenItComesBack(t *testing.T) {
	a := newApps(t)
	unnamed := func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	}
	first := a.given(t, "diary", everything)
	second := a.ask(t, "/auth/token", unnamed(first.Refresh))
	if second.Status != http.StatusOK || second.Refresh == "" {
		t.Fatalf("%+v", second)
	}
	// Another name in the token opens nothing, and whoever writes one there has a token that is not theirs.
	parts := strings.Split(second.Refresh, "~")
	parts[2] = base64.RawURLEncoding.EncodeToString([]byte("other"))
	if got := a.ask(t, "/auth/token", unnamed(strings.Join(parts, "~"))); got.Error != "invalid_grant" || got.Access != "" {
		t.Errorf("%+v", got)
	}
	if got := a.ask(t, "/auth/token", unnamed(second.Refresh)); got.Error != "invalid_grant" {
		t.Errorf("the grant goes on: %+v", got)
	}
	for _, nobody := range []string{"", "bm9ib2R5", "!"} {
		parts[2] = nobody
		if got := a.ask(t, "/auth/token", unnamed(strings.Join(parts, "~"))); got.Status == http.StatusOK {
			t.Errorf("%q: %+v", nobody, got)
		}
	}
}

func TestARefreshTokenIsForItsAppAlone(t *testing.T) {
	a := newApps(t)
	got := a.given(t, "diary", everything)
	if stolen := a.ask(t, "/auth/token", refreshForm("other", got.Refresh)); stolen.Error != "invalid_grant" || stolen.Access != "" {
		t.Errorf("%+v", stolen)
	}
	if again := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh)); again.Error != "invalid_grant" {
		t.Errorf("a stolen token goes on: %+v", again)
	}
	for _, odd := range []string{"", "~", "a~", "~b~", "a~b", "~~", "a~b~", strings.Repeat("a", 3000) + "~b~YQ", got.Refresh + "x"} {
		if got := a.ask(t, "/auth/token", refreshForm("diary", odd)); got.Error != "invalid_grant" {
			t.Errorf("%q: %+v", odd, got)
		}
	}
}

func TestScopesOnlyNarrowOnRefresh(t *testing.T) {
	for asked, want := range map[string]string{
		"":                    "launch/patient offline_access patient/Condition.rs",
		"patient/Condition.r": "patient/Condition.r",
		"patient/Condition.rs?code=x launch/patient": "patient/Condition.rs?code=x launch/patient",
		"patient/Condition.rs patient/Goal.r":        "error",
		"patient/*.rs":                               "error",
		"patient/Condition.cruds":                    "error",
		"system/Condition.rs":                        "error",
		"openid":                                     "error",
		"nonsense":                                   "error",
		" ":                                          "error",
	} {
		a := newApps(t)
		first := a.given(t, "diary", "offline_access patient/Condition.rs")
		form := refreshForm("diary", first.Refresh)
		form.Set("scope", asked)
		got := a.ask(t, "/auth/token", form)
		if want == "error" {
			if got.Error != "invalid_scope" || got.Access != "" {
				t.Errorf("%q: %+v", asked, got)
			}
			if again := a.ask(t, "/auth/token", refreshForm("diary", first.Refresh)); again.Status != http.StatusOK {
				t.Errorf("%q: the app may not ask again: %+v", asked, again)
			}
			continue
		}
		if got.Scope != want {
			t.Errorf("%q: %+v", asked, got)
		}
		if next := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh)); next.Scope != first.Scope {
			t.Errorf("%q: the grant itself was narrowed: %+v", asked, next)
		}
	}
}

func TestWhatEndsEndsOnTheNextRefresh(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*apps)
		status int
		want   string
	}{
		"nothing":                         {func(*apps) {}, 200, ""},
		"the person may no longer":        {func(a *apps) { a.may = false }, 400, "invalid_grant"},
		"the practice's records are away": {func(a *apps) { a.away = errors.New("away") }, 503, "temporarily_unavailable"},
		"its time is over":                {func(a *apps) { a.now = a.now.Add(24 * time.Hour) }, 400, "invalid_grant"},
		"the store is away":               {func(a *apps) { _ = a.state.Close() }, 503, "temporarily_unavailable"},
	} {
		a := newApps(t)
		got := a.given(t, "diary", everything)
		c.change(a)
		if again := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh)); again.Status != c.status || again.Error != c.want || again.Access != "" && c.want != "" {
			t.Errorf("%s: %+v", name, again)
		}
	}
}

// prove adds an app's assertion to a form.
func (a *apps) prove(t testing.TB, form url.Values, id, key string) url.Values {
	t.Helper()
	assertion, err := Assertion{ClientID: id, Endpoint: a.TokenEndpoint(), Key: testKeys[key]}.Sign(a.now)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return form
}

func TestAnAppWithAKeyProvesThatItHasIt(t *testing.T) {
	a := newApps(t)
	code := a.code(t, "keyed", everything)
	if got := a.ask(t, "/auth/token", a.prove(t, codeForm("keyed", code), "keyed", "stranger")); got.Error != "invalid_client" {
		t.Errorf("with the key of a stranger: %+v", got)
	}
	if got := a.ask(t, "/auth/token", a.prove(t, codeForm("keyed", code), "unlaunched", "ec")); got.Error == "" {
		t.Errorf("as another: %+v", got)
	}
	got := a.ask(t, "/auth/token", a.prove(t, codeForm("keyed", code), "keyed", "ec"))
	if got.Status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	if got := a.ask(t, "/auth/token", refreshForm("keyed", got.Refresh)); got.Error != "invalid_client" {
		t.Errorf("without the key: %+v", got)
	}
	if got := a.ask(t, "/auth/token", a.prove(t, refreshForm("keyed", got.Refresh), "keyed", "ec")); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}

func TestAnAppDisconnects(t *testing.T) {
	a := newApps(t)
	got := a.given(t, "diary", everything)
	if x := a.ask(t, "/auth/revoke", url.Values{"client_id": {"other"}, "token": {got.Refresh}}); x.Error != "unauthorized_client" {
		t.Errorf("another app disconnects it: %+v", x)
	}
	if x := a.ask(t, "/auth/revoke", url.Values{"client_id": {"diary"}, "token": {got.Refresh}}); x.Status != http.StatusOK || x.Error != "" {
		t.Errorf("%+v", x)
	}
	if _, err := a.opens(t, got.Access); !errors.Is(err, requester.ErrRevoked) {
		t.Errorf("the access token is good: %v", err)
	}
	if x := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh)); x.Error != "invalid_grant" {
		t.Errorf("the refresh token is good: %+v", x)
	}
	if x := a.ask(t, "/auth/revoke", url.Values{"client_id": {"diary"}, "token": {"a.b"}}); x.Status != http.StatusOK {
		t.Errorf("a token of nobody's: %+v", x)
	}
}

func TestDiscoverySaysWhatThereIsForApps(t *testing.T) {
	a := newApps(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/auth/.well-known/openid-configuration", nil))
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "response_types_supported": []any{"code"}, "code_challenge_methods_supported": []any{"S256"},
		"grant_types_supported": []any{"authorization_code", "client_credentials", "refresh_token"}, "authorization_response_iss_parameter_supported": true,
		"id_token_signing_alg_values_supported": []any{"RS256"}, "token_endpoint_auth_methods_supported": []any{"none", "private_key_jwt"},
	} {
		if diff := cmp.Diff(want, m[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	document, err := a.Discovery().JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &m); err != nil {
		t.Fatal(err)
	}
	capabilities := fmt.Sprint(m["capabilities"])
	for _, want := range []string{"launch-standalone", "client-public", "client-confidential-asymmetric", "sso-openid-connect", "context-standalone-patient", "permission-offline", "permission-patient", "permission-v2", "authorize-post"} {
		if !strings.Contains(capabilities, want) {
			t.Errorf("no capability %s", want)
		}
	}
	if m["issuer"] != issuer || m["authorization_endpoint"] != issuer+"/authorize" {
		t.Errorf("%v", m)
	}
	// Without apps there is none of it.
	plain := newWorld(t)
	if _, err := plain.server.Discovery().JSON(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/auth/authorize", "/auth/sign-in", "/auth/consent", "/auth/page.css"} {
		w := httptest.NewRecorder()
		plain.server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// An app that has had too many tokens gets no more for now, and does not lose its refresh token; what proves nobody takes nothing from it.
func TestAnAppThatHasHadTooManyTokensKeepsItsGrant(t *testing.T) {
	a := newApps(t)
	first := a.given(t, "diary", everything)
	code := a.code(t, "diary", everything)
	a.config.Gate = gate{"diary", outcome.Retry(outcome.TooManyRequests, time.Minute, nil)}
	for name, c := range map[string]struct {
		form url.Values
		want int
	}{
		"its refresh token": {refreshForm("diary", first.Refresh), http.StatusTooManyRequests},
		"a code":            {codeForm("diary", code), http.StatusTooManyRequests},
		"no code of ours":   {codeForm("diary", "made-up"), http.StatusBadRequest},
		"no refresh token":  {refreshForm("diary", "made.up"), http.StatusBadRequest},
	} {
		if got := a.ask(t, "/auth/token", c.form); got.Status != c.want || got.Access+got.Refresh+got.ID != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a.config.Gate = open{}
	if got := a.ask(t, "/auth/token", refreshForm("diary", first.Refresh)); got.Status != http.StatusOK || got.Access == "" {
		t.Errorf("later: %+v", got)
	}
}
