package launch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/profiles"
)

func copyAll(w io.Writer, resp *http.Response) (int64, error) { return io.Copy(w, resp.Body) }
func itoa(n int) string                                       { return strconv.Itoa(n) }

func TestAClientGivesAnAppWhatItAsks(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	got := b.allow(b.signIn(good()))
	if got.Get("state") != "state-of-the-app" || got.Get("iss") != issuer || got.Has("error") {
		t.Fatalf("%v", got)
	}
	if w.provider.finished != w.provider.begun || w.provider.begun.Nonce == "" || len(w.provider.begun.Verifier) < 43 {
		t.Error("the sign-in is ended with other secrets than it began with")
	}
	g, err := w.Redeem(t.Context(), "app", got.Get("code"), redirect, verifier)
	must(t, err)
	want := Grant{ID: g.ID, Client: "app", Patient: patient("ada"), User: patient("ada"), Nonce: "nonce-of-the-app", SignedInAt: g.SignedInAt,
		Scope: "launch/patient openid fhirUser offline_access patient/*.rs"}
	if diff := cmp.Diff(want, g); diff != "" || g.ID == "" {
		t.Error(diff)
	}
	if len(b.cookies) != 0 {
		t.Error("the browser keeps the secret of a flow that has ended")
	}
}

func TestACodeIsGoodOnceForItsAppItsURIAndItsVerifier(t *testing.T) {
	for name, c := range map[string]struct {
		app, redirect, verifier string
		later                   time.Duration
	}{
		"another app":            {"narrow", redirect, verifier, 0},
		"no app":                 {"", redirect, verifier, 0},
		"another redirect URI":   {"app", "https://app.example.org/other?x=1", verifier, 0},
		"no redirect URI":        {"app", "", verifier, 0},
		"another verifier":       {"app", redirect, strings.Replace(verifier, "a", "b", 1), 0},
		"no verifier":            {"app", redirect, "", 0},
		"the challenge":          {"app", redirect, challenge(), 0},
		"a short verifier":       {"app", redirect, "short", 0},
		"a verifier with blanks": {"app", redirect, verifier + " ", 0},
		"too late":               {"app", redirect, verifier, codeTime},
	} {
		w := newWorld(t)
		b := w.browser(t)
		code := b.allow(b.signIn(good())).Get("code")
		w.now = w.now.Add(c.later)
		if _, err := w.Redeem(t.Context(), c.app, code, c.redirect, c.verifier); !errors.Is(err, ErrCode) {
			t.Errorf("%s: %v", name, err)
		}
		w.now = w.now.Add(-c.later)
		g, err := w.Redeem(t.Context(), "app", code, redirect, verifier)
		if c.later == 0 && (!errors.Is(err, ErrReplayed) || g.ID == "") {
			t.Errorf("%s: the code is still good: %v", name, err)
		}
	}
}

func TestACodeThatCannotBeRememberedIsNotTaken(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	code := b.allow(b.signIn(good())).Get("code")
	w.Once = unavailable{w.once}
	if g, err := w.Redeem(t.Context(), "app", code, redirect, verifier); !errors.Is(err, ErrUnavailable) || g != (Grant{}) {
		t.Errorf("%v", err)
	}
}

// Whoever cannot be told to be the app, or has no such address, is sent nowhere.
func TestThereIsNoOpenRedirect(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(url.Values){
		"an unknown app":            func(q url.Values) { q.Set("client_id", "nobody") },
		"no app":                    func(q url.Values) { q.Del("client_id") },
		"two apps":                  func(q url.Values) { q.Add("client_id", "app") },
		"a provider":                func(q url.Values) { q.Set("client_id", "clinic") },
		"an app without addresses":  func(q url.Values) { q.Set("client_id", "keyed") },
		"an app of another issuer":  func(q url.Values) { q.Set("client_id", "elsewhere") },
		"no redirect URI":           func(q url.Values) { q.Del("redirect_uri") },
		"two":                       func(q url.Values) { q.Add("redirect_uri", redirect) },
		"one of another app":        func(q url.Values) { q.Set("redirect_uri", "org.example.narrow:/cb") },
		"a longer one":              func(q url.Values) { q.Set("redirect_uri", redirect+"/more") },
		"one with a query":          func(q url.Values) { q.Set("redirect_uri", redirect+"?a=1") },
		"one with a fragment":       func(q url.Values) { q.Set("redirect_uri", redirect+"#a") },
		"another host":              func(q url.Values) { q.Set("redirect_uri", "https://app.example.org.evil.example/cb") },
		"a user":                    func(q url.Values) { q.Set("redirect_uri", "https://app.example.org@evil.example/cb") },
		"another case":              func(q url.Values) { q.Set("redirect_uri", "https://APP.example.org/cb") },
		"plain HTTP":                func(q url.Values) { q.Set("redirect_uri", "http://app.example.org/cb") },
		"a port":                    func(q url.Values) { q.Set("redirect_uri", "https://app.example.org:443/cb") },
		"a dotted path":             func(q url.Values) { q.Set("redirect_uri", "https://app.example.org/x/../cb") },
		"percent-encoding":          func(q url.Values) { q.Set("redirect_uri", "https://app.example.org/%63b") },
		"the wrong app and address": func(q url.Values) { q.Set("client_id", "x"); q.Set("redirect_uri", "https://evil.example/") },
	} {
		q := good()
		change(q)
		for _, resp := range []*http.Response{w.browser(t).get(AuthorizePath, q), w.browser(t).post(AuthorizePath, q)} {
			text := body(t, resp)
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" || strings.Contains(text, "evil") || strings.Contains(text, "href=\"http") {
				t.Errorf("%s: status %d, to %q\n%s", name, resp.StatusCode, resp.Header.Get("Location"), text)
			}
		}
	}
}

func TestWhatAnAppAsksWronglyItIsTold(t *testing.T) {
	w := newWorld(t)
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string
	}{
		"no state":              {func(q url.Values) { q.Del("state") }, "invalid_request"},
		"two states":            {func(q url.Values) { q.Add("state", "x") }, "invalid_request"},
		"a huge state":          {set("state", strings.Repeat("s", maxState+1)), "invalid_request"},
		"implicit":              {set("response_type", "token"), "unsupported_response_type"},
		"hybrid":                {set("response_type", "code id_token"), "unsupported_response_type"},
		"no response type":      {func(q url.Values) { q.Del("response_type") }, "unsupported_response_type"},
		"fragment":              {set("response_mode", "fragment"), "invalid_request"},
		"form_post":             {set("response_mode", "form_post"), "invalid_request"},
		"no aud":                {func(q url.Values) { q.Del("aud") }, "invalid_request"},
		"another server":        {set("aud", "https://evil.example/fhir"), "invalid_request"},
		"two auds":              {func(q url.Values) { q.Add("aud", "https://evil.example/fhir") }, "invalid_request"},
		"another resource":      {set("resource", "https://evil.example/fhir"), "invalid_target"},
		"no PKCE":               {func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "invalid_request"},
		"no method":             {func(q url.Values) { q.Del("code_challenge_method") }, "invalid_request"},
		"plain":                 {set("code_challenge_method", "plain"), "invalid_request"},
		"s256":                  {set("code_challenge_method", "s256"), "invalid_request"},
		"a short challenge":     {set("code_challenge", "AAAA"), "invalid_request"},
		"a padded challenge":    {func(q url.Values) { q.Set("code_challenge", challenge()+"=") }, "invalid_request"},
		"a request object":      {set("request", "e30."), "request_not_supported"},
		"one by reference":      {set("request_uri", "https://evil.example/"), "request_uri_not_supported"},
		"without a page":        {set("prompt", "none"), "interaction_required"},
		"no scope":              {func(q url.Values) { q.Del("scope") }, "invalid_scope"},
		"system scopes":         {set("scope", "system/*.rs user/*.rs"), "invalid_scope"},
		"writing":               {set("scope", "patient/*.cud"), "invalid_scope"},
		"a patient alone":       {set("scope", "launch/patient offline_access"), "invalid_scope"},
		"suffixes out of order": {set("scope", "patient/*.sr"), "invalid_scope"},
		"a chain":               {set("scope", "patient/Observation.rs?subject.name=x"), "invalid_scope"},
		"a modifier":            {set("scope", "patient/Observation.rs?code:in=x"), "invalid_scope"},
		"too many":              {set("scope", strings.Repeat("patient/Condition.rs ", 200)), "invalid_scope"},
		"rows beyond a page":    {set("scope", manyScopes(16)), "invalid_scope"},
		"a scope for no URL":    {set("scope", "patient/*.rs?category="+strings.Repeat("x", 1100)), "invalid_scope"},
		"an age that is none":   {set("max_age", "-1"), "invalid_request"},
		"a state of odd bytes":  {set("state", "s\xff"), "invalid_request"},
		"a state of lines":      {set("state", "s\r\nSet-Cookie: x"), "invalid_request"},
		"a nonce of odd bytes":  {set("nonce", "s\xff"), "invalid_request"},
		"a huge nonce":          {set("nonce", strings.Repeat("n", maxNonce+1)), "invalid_request"},
	} {
		q := good()
		c.change(q)
		resp := w.browser(t).get(AuthorizePath, q)
		got := answer(t, resp)
		if got.Get("error") != c.want || got.Get("iss") != issuer || got.Has("code") || got.Get("state") != state(q) || !strings.HasPrefix(resp.Header.Get("Location"), redirect+"?") {
			t.Errorf("%s: %v", name, resp.Header.Get("Location"))
		}
	}
}

// state is what an app that has sent just one is told again, however wrong all else was.
func state(q url.Values) string {
	if len(q["state"]) == 1 {
		return q.Get("state")
	}
	return ""
}

// manyScopes are so many of four rows each.
func manyScopes(n int) string {
	var all []string
	for i := range n {
		all = append(all, "patient/*.rs?category="+itoa(i))
	}
	return strings.Join(all, " ")
}

func TestAnAnswerKeepsTheQueryOfTheRedirectURI(t *testing.T) {
	w := newWorld(t)
	q := good()
	q.Set("redirect_uri", "https://app.example.org/other?x=1")
	b := w.browser(t)
	resp := b.post(consentPath, url.Values{"page": {func() string { s, _ := page(t, b.signIn(q)); return s }()}, "decision": {"deny"}})
	if to := resp.Header.Get("Location"); !strings.HasPrefix(to, "https://app.example.org/other?x=1&") || answer(t, resp).Get("error") != "access_denied" {
		t.Error(to)
	}
}

// Each scope that the client takes away is gone, and only that.
func TestAClientTakesScopesAway(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		asks    string
		without []int
		want    string
	}{
		"nothing":                     {"patient/*.rs", nil, "launch/patient patient/*.rs"},
		"the notes":                   {"patient/*.rs", []int{2}, "launch/patient patient/Condition.rs patient/Observation.rs patient/Patient.rs"},
		"all but who they are":        {"patient/*.rs", []int{1, 2, 3}, "launch/patient patient/Patient.rs"},
		"what stands there twice":     {"patient/*.rs patient/Condition.rs patient/Condition.r", []int{1}, "launch/patient patient/DocumentReference.rs patient/Observation.rs patient/Patient.rs"},
		"their identity":              {"openid fhirUser patient/Condition.rs", []int{1}, "launch/patient patient/Condition.rs"},
		"coming back":                 {"openid fhirUser offline_access patient/Condition.rs", []int{2}, "launch/patient openid fhirUser patient/Condition.rs"},
		"everything but the identity": {"openid patient/Condition.rs", []int{0}, "openid"},
		"one of two kinds of answer": {"patient/Observation.rs?category=survey patient/Observation.rs?category=vital-signs", []int{0},
			"launch/patient patient/Observation.rs?category=vital-signs"},
		"what v1 asks for": {"patient/*.read", nil, "launch/patient patient/*.rs"},
		"all of it":        {"patient/Condition.rs", []int{0}, ""},
	} {
		q := good()
		q.Set("scope", c.asks)
		b := w.browser(t)
		got := b.allow(b.signIn(q), c.without...)
		if c.want == "" {
			if got.Get("error") != "access_denied" {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		g, err := w.Redeem(t.Context(), "app", got.Get("code"), redirect, verifier)
		if err != nil || g.Scope != c.want {
			t.Errorf("%s: %q, %v", name, g.Scope, err)
		}
	}
}

func TestAnAppGetsNoMoreThanItIsRegisteredFor(t *testing.T) {
	w := newWorld(t)
	app, _ := w.register.Partner("narrow")
	for asks, want := range map[string]string{
		"patient/*.rs":                        "launch/patient patient/Condition.rs patient/Observation.r",
		"patient/*.cruds offline_access":      "launch/patient patient/Condition.rs patient/Observation.r",
		"patient/Observation.rs openid":       "launch/patient openid patient/Observation.r",
		"patient/Goal.rs fhirUser":            "",
		"user/Condition.rs system/*.rs":       "",
		"patient/Condition.rs?code=http://x|": "launch/patient patient/Condition.rs?code=http%3A%2F%2Fx%7C",
	} {
		if got := w.asked(app, asks).String(); got != want {
			t.Errorf("%s: %q, want %q", asks, got, want)
		}
	}
}

func TestThePageSaysWhatIsAskedInPlainWords(t *testing.T) {
	w := newWorld(t)
	q := good()
	q.Set("scope", "patient/*.rs patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey openid offline_access")
	resp := w.browser(t).signIn(q)
	_, text := page(t, resp)
	for _, want := range []string{"<q><bdi>My &lt;Records&gt;</bdi></q>", "app.example.org", "Cedar Bridge", "Ada Example", "(your own)", "Notes that clinicians wrote", "for 30 days", "Share nothing", "for a few minutes", `lang="en"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "<Records>", "http://", "https://", "patient/", "style=\"", "onclick"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if strings.Count(text, "<label for=") != strings.Count(text, `type="checkbox"`)+strings.Count(text, `type="radio"`) {
		t.Error("a control has no label")
	}
	q.Set("scope", "patient/Observation.r?category=http://terminology.hl7.org/CodeSystem/observation-category|survey")
	if _, text := page(t, w.browser(t).signIn(q)); !strings.Contains(text, "only those with category = survey") {
		t.Error("the limit of a granular scope is not said")
	}
}

// A type without words would be asked for by its FHIR name.
func TestEveryTypeHasWords(t *testing.T) {
	words, err := LoadWords(profiles.FS)
	must(t, err)
	for _, typ := range search.Types() {
		if words.Type(typ) == typ {
			t.Errorf("%s has no words", typ)
		}
	}
}

func TestPagesAreProtected(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	consent := b.signIn(good())
	for name, resp := range map[string]*http.Response{
		"consent": consent, "error": b.get(AuthorizePath, nil), "to the provider": b.get(AuthorizePath, good()), "to the app": b.get(AuthorizePath, url.Values{"client_id": {"app"}, "redirect_uri": {redirect}}),
	} {
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %q", name, want, policy)
			}
		}
		for header, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
	}
	if strings.Contains(consent.Header.Get("Content-Security-Policy"), "form-action") {
		t.Error("Chromium would stop an app that sends the client on from its redirect URI")
	}
	for name, c := range b.cookies {
		if !strings.HasPrefix(name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %+v", c)
		}
	}
}

// What another browser, another page or the past brings is refused, and sent nowhere.
func TestAFlowStaysInItsBrowserAndGoesOneWay(t *testing.T) {
	w := newWorld(t)
	elsewhere := func(name string, resp *http.Response) {
		t.Helper()
		if text := body(t, resp); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" || !strings.Contains(text, "no longer be used") {
			t.Errorf("%s: status %d to %q", name, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	b, other := w.browser(t), w.browser(t)
	b.get(AuthorizePath, good())
	back := url.Values{"state": {w.provider.begun.State}, "code": {"upstream"}}
	elsewhere("the callback in another browser", other.get(signInPath, back)) // login CSRF
	consent := b.get(signInPath, back)
	elsewhere("the callback twice", b.get(signInPath, back))
	sealed, _ := page(t, consent)
	allow := url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"0"}}
	elsewhere("the page in another browser", other.post(consentPath, allow))
	elsewhere("a page as a callback", b.get(signInPath, url.Values{"state": {sealed}, "code": {"x"}}))
	elsewhere("a callback as a page", b.post(consentPath, url.Values{"page": {back.Get("state")}, "decision": {"allow"}}))
	elsewhere("no page", b.post(consentPath, url.Values{"decision": {"allow"}}))
	for _, site := range []string{"cross-site", "same-site"} {
		r := httptest.NewRequest(http.MethodPost, "https://records.example.org/auth"+consentPath, strings.NewReader(allow.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		elsewhere("a form of a page elsewhere, "+site, b.do(r))
	}
	r := httptest.NewRequest(http.MethodPost, "https://records.example.org/auth"+consentPath, strings.NewReader(allow.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example")
	elsewhere("a form of another origin", b.do(r))
	cookies := map[string]*http.Cookie{}
	for k, v := range b.cookies {
		cookies[k] = v
	}
	if got := answer(t, b.post(consentPath, allow)); got.Get("code") == "" {
		t.Fatalf("%v", got)
	}
	b.cookies = cookies
	elsewhere("the page twice", b.post(consentPath, allow))
	late := w.browser(t)
	consent = late.signIn(good())
	sealed, _ = page(t, consent)
	w.now = w.now.Add(flowTime)
	elsewhere("too late", late.post(consentPath, url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"0"}}))
}

func TestWhatCannotBeKnownIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		status int
		told   string
	}{
		"the register is away":          {func(w *world) { w.gone = requester.ErrUnavailable }, http.StatusServiceUnavailable, ""},
		"the app was disabled":          {func(w *world) { w.gone = requester.ErrUnknownPartner }, http.StatusBadRequest, ""},
		"nothing can be remembered":     {func(w *world) { w.Once = unavailable{w.once} }, http.StatusServiceUnavailable, ""},
		"the provider is away":          {func(w *world) { w.provider.refuses = signin.ErrUnavailable }, http.StatusSeeOther, "temporarily_unavailable"},
		"the provider refuses":          {func(w *world) { w.provider.refuses = signin.ErrRefused }, http.StatusSeeOther, "access_denied"},
		"the practice's record is away": {func(w *world) { w.people.err = errors.New("away") }, http.StatusSeeOther, "temporarily_unavailable"},
	} {
		w := newWorld(t)
		b := w.browser(t)
		b.get(AuthorizePath, good())
		c.change(w)
		resp := b.get(signInPath, url.Values{"state": {w.provider.begun.State}, "code": {"upstream"}})
		if resp.StatusCode != c.status || c.told != "" && answer(t, resp).Get("error") != c.told {
			t.Errorf("%s: status %d, to %q", name, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	w := newWorld(t)
	w.provider.down = signin.ErrUnavailable
	if got := answer(t, w.browser(t).get(AuthorizePath, good())); got.Get("error") != "temporarily_unavailable" {
		t.Errorf("%v", got)
	}
	w = newWorld(t)
	b := w.browser(t)
	sealed, _ := page(t, b.signIn(good()))
	w.Once = unavailable{w.once}
	if resp := b.post(consentPath, url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"0"}}); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a decision that cannot be remembered: status %d", resp.StatusCode)
	}
}

func TestWhoTurnsBackAtTheProviderTurnsBackToTheApp(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.get(AuthorizePath, good())
	got := answer(t, b.get(signInPath, url.Values{"state": {w.provider.begun.State}, "error": {"access_denied"}}))
	if got.Get("error") != "access_denied" || got.Get("state") != "state-of-the-app" {
		t.Errorf("%v", got)
	}
}

func TestWhoMayActForSeveralChoosesOne(t *testing.T) {
	w := newWorld(t)
	mother := fhir.Reference{Type: "RelatedPerson", ID: "mother"}
	w.people.charts = append(w.people.charts, Chart{Patient: patient("kid"), User: mother, Name: "Kid Example"})
	b := w.browser(t)
	sealed, text := page(t, b.signIn(good()))
	if !strings.Contains(text, "Kid Example") || !strings.Contains(text, "(you act for them)") || strings.Contains(text, " checked required") {
		t.Error("the page does not let them choose")
	}
	q := url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"0"}}
	for _, wrong := range [][]string{nil, {"2"}, {"-1"}, {"x"}, {"0", "1"}} {
		q["chart"] = wrong
		if resp := b.post(consentPath, q); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
			t.Errorf("chart %v: status %d", wrong, resp.StatusCode)
		}
	}
	q["chart"] = []string{"1"}
	for _, wrong := range []string{"99", "-1", "x"} {
		q["scope"] = []string{wrong}
		if resp := b.post(consentPath, q); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("scope %v: status %d", wrong, resp.StatusCode)
		}
	}
	q["scope"] = []string{"0"}
	g, err := w.Redeem(t.Context(), "app", answer(t, b.post(consentPath, q)).Get("code"), redirect, verifier)
	if err != nil || g.Patient != patient("kid") || g.User != mother {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestWhoHasNoRecordIsToldSo(t *testing.T) {
	w := newWorld(t)
	w.people.charts = nil
	b := w.browser(t)
	sealed, text := page(t, b.signIn(good()))
	if !strings.Contains(text, "No records found") || strings.Contains(text, "allow") {
		t.Error(text)
	}
	if got := answer(t, b.post(consentPath, url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"0"}})); got.Get("error") != "access_denied" {
		t.Errorf("%v", got)
	}
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	w := newWorld(t)
	for path, allow := range map[string]string{AuthorizePath: "GET, POST", signInPath: "GET", consentPath: "POST", stylePath: "GET, HEAD"} {
		for _, m := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodGet, http.MethodPost, http.MethodHead} {
			if slices.Contains(strings.Split(allow, ", "), m) {
				continue
			}
			resp := w.browser(t).do(httptest.NewRequest(m, "https://records.example.org/auth"+path, nil))
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != allow {
				t.Errorf("%s %s: status %d, Allow %q", m, path, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodPost, "https://records.example.org/auth"+AuthorizePath+"?"+good().Encode(), strings.NewReader("")),
		httptest.NewRequest(http.MethodPost, "https://records.example.org/auth"+AuthorizePath, strings.NewReader(good().Encode())),
		httptest.NewRequest(http.MethodGet, "https://records.example.org/auth"+AuthorizePath+"?%zz", nil),
	} {
		if resp := w.browser(t).do(r); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s: status %d", r.Method, r.URL, resp.StatusCode)
		}
	}
	if w.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/auth/other", nil), "/other") {
		t.Error("a page that is not there")
	}
}
