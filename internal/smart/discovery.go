package smart

import (
	"encoding/json"
	"errors"
	"slices"
)

// Discovery is what /.well-known/smart-configuration tells a client (SMART App Launch 2.2, "Conformance"). The gateway serves what the
// authorization server can do; URLs are absolute.
type Discovery struct {
	Issuer                 string   // only with the capability sso-openid-connect, which also needs JWKSURI
	JWKSURI                string   //
	AuthorizationEndpoint  string   // only for launch-ehr and launch-standalone
	TokenEndpoint          string   // required
	IntrospectionEndpoint  string   //
	RevocationEndpoint     string   //
	ManagementEndpoint     string   //
	GrantTypes             []string // required
	TokenEndpointAlgorithm []string // that a client assertion may be signed with
	Scopes                 []string // recommended
	Capabilities           []string // required
}

type discoveryDocument struct {
	Issuer                string   `json:"issuer,omitempty"`
	JWKSURI               string   `json:"jwks_uri,omitempty"`
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string   `json:"token_endpoint"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	AuthAlgorithms        []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	GrantTypes            []string `json:"grant_types_supported"`
	Scopes                []string `json:"scopes_supported,omitempty"`
	ResponseTypes         []string `json:"response_types_supported,omitempty"`
	ManagementEndpoint    string   `json:"management_endpoint,omitempty"`
	IntrospectionEndpoint string   `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Capabilities          []string `json:"capabilities"`
}

// BackendServices is the document of a server that does SMART Backend Services only: client_credentials with a signed assertion.
func BackendServices(tokenEndpoint string) Discovery {
	return Discovery{
		TokenEndpoint:          tokenEndpoint,
		GrantTypes:             []string{"client_credentials"},
		TokenEndpointAlgorithm: []string{"RS384", "ES384"},
		Scopes:                 []string{"system/*.rs"},
		Capabilities:           []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	}
}

// JSON encodes the document, or says what it lacks.
func (d Discovery) JSON() ([]byte, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	doc := discoveryDocument{
		AuthorizationEndpoint: d.AuthorizationEndpoint, TokenEndpoint: d.TokenEndpoint, GrantTypes: d.GrantTypes, Scopes: d.Scopes,
		ManagementEndpoint: d.ManagementEndpoint, IntrospectionEndpoint: d.IntrospectionEndpoint, RevocationEndpoint: d.RevocationEndpoint,
		JWKSURI: d.JWKSURI, Capabilities: d.Capabilities,
		ChallengeMethods: []string{"S256"}, // required, and plain forbidden, whatever the grants
	}
	if slices.Contains(d.Capabilities, "sso-openid-connect") {
		doc.Issuer = d.Issuer
	}
	if len(d.TokenEndpointAlgorithm) > 0 {
		doc.AuthMethods, doc.AuthAlgorithms = []string{"private_key_jwt"}, d.TokenEndpointAlgorithm
	}
	if slices.Contains(d.Capabilities, "client-public") {
		doc.AuthMethods = append(doc.AuthMethods, "none")
	}
	if d.AuthorizationEndpoint != "" {
		doc.ResponseTypes = []string{"code"}
	}
	return json.Marshal(doc)
}

func (d Discovery) validate() error {
	var problems []error
	need := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New("smart: discovery document: "+what))
		}
	}
	need(isAbsoluteURL(d.TokenEndpoint), "the token endpoint is no absolute URL")
	need(len(d.GrantTypes) > 0, "no grant types")
	need(len(d.Capabilities) > 0, "no capabilities")
	for _, u := range []string{d.AuthorizationEndpoint, d.IntrospectionEndpoint, d.RevocationEndpoint, d.ManagementEndpoint, d.JWKSURI} {
		need(u == "" || isAbsoluteURL(u), "an endpoint is no absolute URL")
	}
	launch := slices.Contains(d.Capabilities, "launch-ehr") || slices.Contains(d.Capabilities, "launch-standalone")
	need(!launch || d.AuthorizationEndpoint != "", "launch without an authorization endpoint")
	sso := slices.Contains(d.Capabilities, "sso-openid-connect")
	need(!sso || isAbsoluteURL(d.Issuer) && d.JWKSURI != "", "sso-openid-connect without issuer or jwks_uri")
	return errors.Join(problems...)
}
