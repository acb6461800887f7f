package authserver

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// response is the answer to a good token request (RFC 6749, 5.1; SMART Backend Services 2.2).
type response struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// grants are the grant types of the token endpoint.
func (s *Server) grants() map[string]func(*http.Request, map[string]string) (any, error) {
	all := map[string]func(*http.Request, map[string]string) (any, error){"client_credentials": s.clientCredentials}
	if s.config.Apps != nil {
		all["authorization_code"], all["refresh_token"] = s.codeGrant, s.refreshGrant
	}
	return all
}

func (s *Server) grantTypes() []string { return slices.Sorted(maps.Keys(s.grants())) }

// token answers the token endpoint.
func (s *Server) token(r *http.Request, form map[string]string) (any, error) {
	grant, ok := s.grants()[form["grant_type"]]
	switch {
	case form["grant_type"] == "":
		return nil, errRequest
	case !ok:
		return nil, errGrantType
	case form["resource"] != "" && strings.TrimSuffix(form["resource"], "/") != strings.TrimSuffix(s.config.Audience, "/"):
		return nil, errTarget
	}
	return grant(r, form)
}

// clientCredentials is the grant of SMART Backend Services.
func (s *Server) clientCredentials(r *http.Request, form map[string]string) (any, error) {
	a, err := s.authenticate(r.Context(), form, s.partner, s.TokenEndpoint())
	if err != nil {
		return nil, err
	}
	if a.partner.Kind == requester.KindPatient { // its tokens are for the person who signs in
		return nil, errUnauthorized
	}
	if err := s.config.Gate.Issue(r.Context(), a.partner.ID); err != nil {
		return nil, err
	}
	// A machine has no launch patient and is no user: system/ scopes only (SMART Backend Services 2.2, "Scopes").
	granted := smart.ParseScopes(form["scope"]).Intersect(a.partner.Scopes).Only(smart.LevelSystem)
	if granted.Empty() {
		return nil, errScope
	}
	claims, err := s.grantFor(a, granted)
	if err != nil {
		return nil, err
	}
	if claims.Confirmation, err = s.confirmation(r, a.partner); err != nil {
		return nil, err
	}
	token, err := s.sign(claims)
	if err != nil {
		return nil, err
	}
	kind := tokenType(claims.Confirmation)
	if kind == "Bearer" {
		kind = "bearer" // the letters of SMART Backend Services
	}
	return &response{AccessToken: token, TokenType: kind, ExpiresIn: int(s.config.Lifetime.Seconds()), Scope: granted.String()}, nil
}

// grantFor reads the purposes that the assertion states (UDAP Security, hl7-b2b); they must be among the registered ones. The token then
// states them, and the gateway looks again. It states as well what the client asks to be withheld from it.
func (s *Server) grantFor(a *assertion, granted smart.Scopes) (Claims, error) {
	stated, err := smart.ReadExtensions(a.extensions, s.config.Audience)
	if err != nil {
		return Claims{}, errGrant
	}
	for _, p := range stated.Purposes {
		if !registered(a.partner, p.Key()) {
			return Claims{}, errGrant
		}
	}
	return Claims{ClientID: a.partner.ID, Subject: a.partner.ID, Scope: granted.String(), Extensions: stated}, nil
}

func registered(p *requester.Partner, purpose string) bool {
	for _, c := range p.Purposes {
		if c.Key() == purpose {
			return true
		}
	}
	return false
}
