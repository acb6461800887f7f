package launch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/profiles"
)

// A number on the page would stand for something else.
func TestADecisionHoldsForWhatWasShown(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	sealed, _ := page(t, b.signIn(good()))
	narrowed := strings.ReplaceAll(strings.SplitN(register, "\n", 3)[1], "scopes: patient/*.rs", `issuer: "`+issuer+`", scopes: "patient/Observation.rs patient/DocumentReference.rs"`)
	var err error
	w.register, err = requester.Load(fstest.MapFS{"p.yaml": {Data: []byte("partners:\n" + narrowed)}}, "p.yaml", profiles.FS, issuer)
	must(t, err)
	resp := b.post(consentPath, url.Values{"page": {sealed}, "decision": {"allow"}, "scope": {"1"}}) // a diagnosis then, a note now
	if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
		t.Errorf("status %d, to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if got := answer(t, b.post(consentPath, url.Values{"page": {sealed}, "decision": {"deny"}})); got.Get("error") != "access_denied" {
		t.Errorf("they cannot refuse: %v", got)
	}
}

func TestAnAppMayWantThatThePersonSignsInAgain(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		set  url.Values
		want time.Time
	}{
		"whenever":              {nil, time.Time{}},
		"just now":              {url.Values{"prompt": {"login"}}, w.now},
		"both":                  {url.Values{"prompt": {"consent login"}, "max_age": {"60"}}, w.now},
		"within a minute":       {url.Values{"max_age": {"60"}}, w.now.Add(-time.Minute)},
		"at once":               {url.Values{"max_age": {"0"}}, w.now},
		"a parameter of no age": {url.Values{"max_age": {""}}, time.Time{}},
	} {
		q := good()
		for k, v := range c.set {
			q[k] = v
		}
		b := w.browser(t)
		b.signIn(q)
		if !w.provider.begun.Since.Equal(c.want) || !w.provider.finished.Since.Equal(c.want) {
			t.Errorf("%s: since %v, then %v; want %v", name, w.provider.begun.Since, w.provider.finished.Since, c.want)
		}
	}
}

// When somebody signed in the provider says, or nobody does: that they came back tells nothing.
func TestAGrantKnowsWhenThePersonSignedIn(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1_799_000_000, 0)} {
		w := newWorld(t)
		w.provider.who.At = at
		b := w.browser(t)
		g, err := w.Redeem(t.Context(), "app", b.allow(b.signIn(good())).Get("code"), redirect, verifier)
		if err != nil || !g.SignedInAt.Equal(at) {
			t.Errorf("%v, want %v (%v)", g.SignedInAt, at, err)
		}
	}
}

// RFC 6749, 3.1; OpenID Connect Core 1.0, 3.1.2.1; SMART 2.2.
func TestWhatAnOddAppMayAskIsAnswered(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(url.Values){
		"parameters without a value": func(q url.Values) {
			for _, name := range []string{"request", "request_uri", "resource", "response_mode", "prompt", "login_hint"} {
				q.Set(name, "")
			}
		},
		"unknown parameters":       func(q url.Values) { q.Set("launch", "x"); q.Set("claims", "{}"); q.Set("ui_locales", "de") },
		"a slash behind the base":  func(q url.Values) { q.Set("aud", audience+"/") },
		"its own resource":         func(q url.Values) { q.Set("resource", audience) },
		"the query by its name":    func(q url.Values) { q.Set("response_mode", "query") },
		"a long state":             func(q url.Values) { q.Set("state", strings.Repeat("<", maxState)) },
		"a state of all sorts":     func(q url.Values) { q.Set("state", "{\"a\":\"<b>&=+ %\\\"}\u202e\u2028") },
		"scopes in another order":  func(q url.Values) { q.Set("scope", "patient/Condition.rs fhirUser openid launch/patient") },
		"online access":            func(q url.Values) { q.Set("scope", "openid online_access patient/*.read") },
		"a scope as a URL":         func(q url.Values) { q.Set("scope", "http://smarthealthit.org/fhir/scopes/patient/Condition.rs") },
		"nothing but who they are": func(q url.Values) { q.Set("scope", "openid") },
	} {
		q := good()
		change(q)
		b := w.browser(t)
		got := b.allow(b.signIn(q))
		if got.Get("code") == "" || got.Get("state") != q.Get("state") || len(got) != 3 {
			t.Errorf("%s: %v", name, got)
		}
		if b = w.browser(t); b.post(AuthorizePath, q).StatusCode != http.StatusSeeOther {
			t.Errorf("%s: not in a body", name)
		}
	}
}

func TestThePageOfAnAppThatAsksWhoTheyAreSaysNoMore(t *testing.T) {
	w := newWorld(t)
	q := good()
	q.Set("scope", "openid fhirUser launch/patient")
	_, text := page(t, w.browser(t).signIn(q))
	for _, want := range []string{"who you are?</h1>", "It asks for no records", "You have signed in as <strong><bdi>Ada Example"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"asks to read", "Records of", "can read the records"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
}

func TestThePageNamesTheSiteOfTheApp(t *testing.T) {
	for redirect, want := range map[string]string{
		"https://app.example.org/cb": "app.example.org", "http://127.0.0.1:3000/": "127.0.0.1:3000", "org.example.app:/cb": "an app on this device",
		"org.example.app://bank.example.org/cb": "an app on this device",
	} {
		if got := siteOf(redirect); got != want {
			t.Errorf("%s: %q", redirect, got)
		}
	}
}

// Of two processes that share what was used one clock may be behind: to it the code is still good.
func TestACodeIsUsedUpForTheSlowestClock(t *testing.T) {
	w := newWorld(t)
	ahead := w.now
	w.Once = ephemeral.NewMemory(0, func() time.Time { return ahead })
	b := w.browser(t)
	code := b.allow(b.signIn(good())).Get("code")
	if _, err := w.Redeem(t.Context(), "app", code, redirect, verifier); err != nil {
		t.Fatal(err)
	}
	ahead, w.now = ahead.Add(codeTime+ephemeral.ClockSkew-time.Second), w.now.Add(codeTime-time.Second)
	if _, err := w.Redeem(t.Context(), "app", code, redirect, verifier); !errors.Is(err, ErrReplayed) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsLeftOfAGrantMayBeNothing(t *testing.T) {
	w := newWorld(t)
	app, _ := w.register.Partner("narrow")
	for given, want := range map[string]string{
		"launch/patient offline_access patient/Goal.rs":                      "",
		"launch/patient patient/Goal.rs patient/Condition.rs":                "launch/patient patient/Condition.rs",
		"launch/patient openid fhirUser offline_access patient/Goal.rs":      "launch/patient openid fhirUser",
		"launch/patient patient/Observation.rs patient/DocumentReference.rs": "launch/patient patient/Observation.r",
	} {
		if got := w.Within(app, given); got != want {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
	}
}

// Whatever an app may ask fits into a URL of 8 KB, which all that stand between take, there and back.
func TestWhatIsAskedFitsIntoAURL(t *testing.T) {
	w := newWorld(t)
	q := good()
	q.Set("state", strings.Repeat("<", maxState))
	q.Set("nonce", strings.Repeat("&", maxNonce))
	scope := "openid fhirUser offline_access launch/patient"
	for n := 0; len(scope) < maxScope-60; n++ {
		scope += " patient/Condition.rs?category=" + itoa(n) + "&code=" + strings.Repeat("c", 10)
	}
	q.Set("scope", scope)
	b := w.browser(t)
	to := b.get(AuthorizePath, q).Header.Get("Location")
	consent := b.get(signInPath, url.Values{"state": {w.provider.begun.State}, "code": {"upstream"}})
	sealed, text := page(t, consent)
	decision := url.Values{"page": {sealed}, "decision": {"allow"}}
	for n := 1; n < strings.Count(text, `type="checkbox"`); n++ {
		decision.Add("scope", itoa(n))
	}
	back := b.post(consentPath, decision)
	if given := answer(t, back); given.Get("code") == "" || len(to) > 8000 || len(back.Header.Get("Location")) > 8000 {
		t.Errorf("%d there, %d back", len(to), len(back.Header.Get("Location")))
	}
}

// What the app tells of who will sign in goes to the provider and nowhere else: neither into what is sealed, nor onto a page, nor back to the app.
func TestAHintGoesToTheProviderAlone(t *testing.T) {
	for name, c := range map[string]struct{ hint, want string }{
		"a mail address": {"ada@example.org", "ada@example.org"},
		"the longest":    {strings.Repeat("h", maxHint), strings.Repeat("h", maxHint)},
		"too long":       {strings.Repeat("h", maxHint+1), ""},
		"a line break":   {"ada@example.org\r\nx: y", ""},
		"no text":        {"ada\xff", ""},
		"none":           {"", ""},
	} {
		w := newWorld(t)
		b := w.browser(t)
		q := good()
		q.Set("login_hint", c.hint)
		consent := b.signIn(q)
		if w.provider.begun.Hint != c.want || w.provider.finished.Hint != "" {
			t.Errorf("%s: the provider is told %q, then %q", name, w.provider.begun.Hint, w.provider.finished.Hint)
		}
		var p pending
		must(t, w.Box.Open(useSignIn, w.provider.begun.State, &p))
		sealed, text := page(t, consent)
		var s shown
		must(t, w.Box.Open(useConsent, sealed, &s))
		told := answer(t, b.post(consentPath, url.Values{"page": {sealed}, "decision": {"deny"}}))
		if c.want != "" && strings.Contains(fmt.Sprintf("%+v %+v %s %v", p, s, text, told), c.want) {
			t.Errorf("%s: it is elsewhere, too", name)
		}
	}
	w := newWorld(t)
	q := good()
	q["login_hint"] = []string{"ada", "eve"}
	if got := answer(t, w.browser(t).get(AuthorizePath, q)); got.Get("error") != "invalid_request" || w.provider.begun.State != "" {
		t.Errorf("two hints: %v", got)
	}
}
