package authserver

import (
	"slices"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/smart"
)

// appMetadata says in the discovery document what there is for apps (OpenID Connect Discovery 1.0, 3; RFC 8414, 2; RFC 9207, 3).
func (s *Server) appMetadata(m map[string]any) {
	if s.config.Apps == nil {
		return
	}
	m["authorization_endpoint"] = s.url(launch.AuthorizePath)
	m["response_types_supported"] = []string{"code"}
	m["response_modes_supported"] = []string{"query"}
	m["scopes_supported"] = s.config.Apps.Launch.Scopes()
	m["code_challenge_methods_supported"] = []string{"S256"}
	m["authorization_response_iss_parameter_supported"] = true
	m["id_token_signing_alg_values_supported"] = []string{idTokenAlgorithm}
	m["claims_supported"] = []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser"}
	m["request_parameter_supported"], m["request_uri_parameter_supported"] = false, false
	m["token_endpoint_auth_methods_supported"] = []string{"none", "private_key_jwt"}
}

// appDiscovery says the same in /.well-known/smart-configuration (SMART 2.2, "Conformance").
func (s *Server) appDiscovery(d *smart.Discovery) {
	if s.config.Apps == nil {
		return
	}
	d.Issuer, d.AuthorizationEndpoint = s.config.Issuer, s.url(launch.AuthorizePath)
	d.GrantTypes = s.grantTypes()
	d.Scopes = append(s.config.Apps.Launch.Scopes(), d.Scopes...)
	d.Capabilities = append(d.Capabilities, "launch-standalone", "authorize-post", "client-public", "sso-openid-connect", "context-standalone-patient", "permission-patient")
	if s.config.Apps.Launch.Offline > 0 {
		d.Capabilities = append(d.Capabilities, "permission-offline")
	}
	slices.Sort(d.Capabilities)
}
