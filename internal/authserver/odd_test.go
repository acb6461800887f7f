package authserver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A resource server beside the gateway decides nothing of who may speak for whom: it is told here.
func TestATokenOfAnAppEndsWithTheAccessOfThePerson(t *testing.T) {
	a := newApps(t)
	got := a.ask(t, "/auth/token", a.prove(t, codeForm("keyed", a.code(t, "keyed", everything)), "keyed", "ec"))
	asked := func() map[string]any {
		f := a.prove(t, url.Values{"token": {got.Access}}, "keyed", "ec")
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/auth/introspect", strings.NewReader(f.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable {
			return nil
		}
		return answered(t, w)
	}
	if said := asked(); said["active"] != true || said["patient"] != ada.ID {
		t.Fatalf("%v", said)
	}
	a.may = false
	if said := asked(); said["active"] != false || len(said) != 1 {
		t.Errorf("when they may no longer: %v", said)
	}
	a.may, a.away = true, context.DeadlineExceeded
	if said := asked(); said != nil {
		t.Errorf("when nobody knows: %v", said)
	}
}

// Between the decision and the code a minute may pass.
func TestACodeEndsWithTheAccessOfThePerson(t *testing.T) {
	a := newApps(t)
	for name, c := range map[string]struct {
		change func()
		want   string
	}{
		"they may no longer": {func() { a.may = false }, "invalid_grant"},
		"nobody knows":       {func() { a.away = context.DeadlineExceeded }, "temporarily_unavailable"},
	} {
		code := a.code(t, "diary", everything)
		c.change()
		if got := a.ask(t, "/auth/token", codeForm("diary", code)); got.Error != c.want || got.Access != "" || got.ID != "" || got.Patient != "" {
			t.Errorf("%s: %+v", name, got)
		}
		a.may, a.away = true, nil
	}
}

// RFC 8707, 2: who asks for a token for another server must not take this one there.
func TestTokensAreForTheFHIRBaseAlone(t *testing.T) {
	a := newApps(t)
	code := a.code(t, "diary", everything)
	with := func(form url.Values, resource string) url.Values {
		form.Set("resource", resource)
		return form
	}
	if got := a.ask(t, "/auth/token", with(codeForm("diary", code), "https://evil.example/fhir")); got.Error != "invalid_target" || got.Access != "" {
		t.Errorf("%+v", got)
	}
	got := a.ask(t, "/auth/token", with(codeForm("diary", code), audience+"/"))
	if got.Status != http.StatusOK {
		t.Fatalf("the code was used up: %+v", got)
	}
	if got := a.ask(t, "/auth/token", with(refreshForm("diary", got.Refresh), "https://evil.example/fhir")); got.Error != "invalid_target" {
		t.Errorf("%+v", got)
	}
	if got := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh)); got.Status != http.StatusOK {
		t.Errorf("the refresh token was used up: %+v", got)
	}
}

// RFC 6749, 3.2: a parameter without a value is as good as none.
func TestParametersWithoutAValueAreNone(t *testing.T) {
	a := newApps(t)
	form := codeForm("diary", a.code(t, "diary", everything))
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type", "scope", "resource"} {
		form.Set(name, "")
	}
	got := a.ask(t, "/auth/token", form)
	if got.Status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	form = refreshForm("", got.Refresh)
	if got := a.ask(t, "/auth/token", form); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	form.Add("client_id", "diary")
	if got := a.ask(t, "/auth/token", form); got.Error != "invalid_request" {
		t.Errorf("twice, once without a value: %+v", got)
	}
}

// A token that no server takes in a header helps nobody.
func TestAScopeIsNoLongerThanAHeader(t *testing.T) {
	a := newApps(t)
	got := a.given(t, "diary", everything)
	for _, scope := range []string{strings.Repeat("openid ", 1000), strings.Repeat("patient/Condition.rs?code=x ", 200)} {
		form := refreshForm("diary", got.Refresh)
		form.Set("scope", scope)
		if got := a.ask(t, "/auth/token", form); got.Error != "invalid_scope" {
			t.Errorf("%+v", got)
		}
	}
}

// An app whose proof was not good may send another one: nobody has used its code.
func TestABadProofLeavesTheCode(t *testing.T) {
	a := newApps(t)
	form := codeForm("diary", a.code(t, "diary", everything))
	if got := a.ask(t, "/auth/token", form, "junk"); got.Error != "invalid_dpop_proof" {
		t.Errorf("%+v", got)
	}
	if got := a.proving(t, "ec", form); got.Status != http.StatusOK || got.Type != "DPoP" {
		t.Errorf("%+v", got)
	}
}

func TestAPublicAppIsToldThatItMayDisconnect(t *testing.T) {
	a := newApps(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/auth/.well-known/openid-configuration", nil))
	if !strings.Contains(w.Body.String(), `"revocation_endpoint_auth_methods_supported":["none","private_key_jwt"]`) {
		t.Error(w.Body)
	}
}

// Those who wait for keys that do not come all hear of it at once, not one after the other.
func TestWhoWaitsForKeysWaitsOnce(t *testing.T) {
	w := newHosted(t)
	var clock sync.Mutex
	now := w.now
	tick := func(d time.Duration) time.Time {
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(d)
		return now
	}
	keys := newPartnerKeys(slow{func() { tick(5 * time.Second) }}, func() time.Time { return tick(0) })
	p, err := w.server.partner(t.Context(), "clinic")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := keys.of(t.Context(), p, "k"); got != nil {
			t.Error("keys of nobody")
		}
	}
	if waited := tick(0).Sub(w.now); waited > 5*time.Second {
		t.Errorf("ten waited for %v", waited)
	}
}

// slow answers nothing, after some time.
type slow struct{ wait func() }

func (s slow) RoundTrip(*http.Request) (*http.Response, error) {
	s.wait()
	return nil, context.DeadlineExceeded
}
