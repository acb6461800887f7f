package authserver

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

// proving asks the token endpoint with a DPoP proof of a key.
func (a *apps) proving(t *testing.T, key string, form url.Values) tokens {
	t.Helper()
	k := testKeys[key]
	proof := forge(t, k, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": k.Public()},
		map[string]any{"htm": "POST", "htu": issuer + "/token", "iat": a.now.Unix(), "jti": rand.Text()})
	return a.ask(t, "/auth/token", form, proof)
}

// A refresh token of an app that has no key of its own is bound to that of its DPoP proof (RFC 9449, 5): who has it and not the key ends the grant.
func TestARefreshTokenOfAnAppIsBoundToItsKey(t *testing.T) {
	for name, thief := range map[string]func(a *apps, form url.Values) tokens{
		"without a proof":  func(a *apps, form url.Values) tokens { return a.ask(t, "/auth/token", form) },
		"with another key": func(a *apps, form url.Values) tokens { return a.proving(t, "rsa", form) },
	} {
		a := newApps(t)
		got := a.proving(t, "ec", codeForm("diary", a.code(t, "diary", everything)))
		if got.Status != http.StatusOK || got.Type != "DPoP" {
			t.Fatalf("%+v", got)
		}
		next := a.proving(t, "ec", refreshForm("diary", got.Refresh))
		if next.Status != http.StatusOK || next.Type != "DPoP" || next.Refresh == "" {
			t.Fatalf("%+v", next)
		}
		if stolen := thief(a, refreshForm("diary", next.Refresh)); stolen.Error != "invalid_grant" || stolen.Access != "" {
			t.Errorf("%s: %+v", name, stolen)
		}
		if again := a.proving(t, "ec", refreshForm("diary", next.Refresh)); again.Error != "invalid_grant" {
			t.Errorf("%s: the grant goes on: %+v", name, again)
		}
		if who, err := a.opens(t, next.Access); err == nil || who != nil {
			t.Errorf("%s: the tokens of the grant go on", name)
		}
	}
}

func TestABadProofGetsNoToken(t *testing.T) {
	a := newApps(t)
	got := a.ask(t, "/auth/token", codeForm("diary", a.code(t, "diary", everything)), "junk")
	if got.Status != http.StatusBadRequest || got.Error != "invalid_dpop_proof" || got.Access != "" {
		t.Errorf("%+v", got)
	}
}
