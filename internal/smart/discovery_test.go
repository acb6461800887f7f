package smart

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDiscoveryDocumentOfBackendServices(t *testing.T) {
	text, err := BackendServices("https://records.example.org/auth/token").JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"token_endpoint":                                   "https://records.example.org/auth/token",
		"token_endpoint_auth_methods_supported":            []any{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []any{"RS384", "ES384"},
		"grant_types_supported":                            []any{"client_credentials"},
		"scopes_supported":                                 []any{"system/*.rs"},
		"code_challenge_methods_supported":                 []any{"S256"},
		"capabilities":                                     []any{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("document (-want +got):\n%s", d)
	}
}

func TestTheIssuerIsNamedOnlyWithSignIn(t *testing.T) {
	d := BackendServices("https://records.example.org/auth/token")
	d.Issuer, d.JWKSURI, d.AuthorizationEndpoint = "https://issuer.example.org", "https://issuer.example.org/keys", "https://issuer.example.org/authorize"
	named := func() (string, bool) {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Issuer        string
			ResponseTypes []string `json:"response_types_supported"`
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Issuer, len(doc.ResponseTypes) == 1
	}
	if issuer, code := named(); issuer != "" || !code {
		t.Errorf("issuer %q, code %v", issuer, code)
	}
	d.Capabilities = append(d.Capabilities, "sso-openid-connect", "launch-standalone")
	if issuer, _ := named(); issuer != d.Issuer {
		t.Errorf("issuer %q", issuer)
	}
}

func TestADiscoveryDocumentThatLacksSomethingIsAnError(t *testing.T) {
	for name, change := range map[string]func(*Discovery){
		"token endpoint":          func(d *Discovery) { d.TokenEndpoint = "" },
		"a relative endpoint":     func(d *Discovery) { d.TokenEndpoint = "/token" },
		"a relative other":        func(d *Discovery) { d.RevocationEndpoint = "/revoke" },
		"grants":                  func(d *Discovery) { d.GrantTypes = nil },
		"capabilities":            func(d *Discovery) { d.Capabilities = nil },
		"sign-in without issuer":  func(d *Discovery) { d.Capabilities = []string{"sso-openid-connect"} },
		"launch without endpoint": func(d *Discovery) { d.Capabilities = []string{"launch-ehr"} },
	} {
		d := BackendServices("https://records.example.org/auth/token")
		change(&d)
		if text, err := d.JSON(); text != nil || err == nil {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}
