package authserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// introspection says what a token is now (RFC 7662, 2.2; SMART 2.2, "Token Introspection"). Of one that opens nothing it says only that.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	ID        string `json:"jti,omitempty"`
	Expiry    int64  `json:"exp,omitempty"`
	Patient   string `json:"patient,omitempty"`
	FHIRUser  string `json:"fhirUser,omitempty"`

	Confirmation *confirmation `json:"cnf,omitempty"`
}

// introspect answers a resource server about any token of ours, and a partner about its own. Any other token opens nothing, as far as they are told.
func (s *Server) introspect(r *http.Request, form map[string]string) (any, error) {
	a, err := s.authenticate(r.Context(), form, s.asker, s.TokenEndpoint(), s.url(introspectionPath))
	if err != nil {
		return nil, err
	}
	if form["token"] == "" {
		return nil, errRequest
	}
	t, ours := s.ours(r.Context(), form["token"])
	if !ours || t.ClientID != a.partner.ID && !s.isResourceServer(a.partner.ID) {
		return introspection{}, nil
	}
	switch who, err := s.config.Partners.Requester(r.Context(), t); {
	case errors.Is(err, requester.ErrUnavailable):
		return nil, errUnavailable
	case err == nil && who != nil:
		return s.describe(r.Context(), t, who)
	}
	return introspection{}, nil
}

// ours reads a token of this server's that has not expired.
func (s *Server) ours(ctx context.Context, raw string) (*smart.Token, bool) {
	t, err := s.verifier.Verify(ctx, raw)
	return t, err == nil
}

// describe says of the scopes what they open: what the register no longer has is gone. A token by which an app reads somebody's records ends with their
// access to them, as it does at the gateway: a server beside it decides nothing of that kind.
func (s *Server) describe(ctx context.Context, t *smart.Token, who *requester.Requester) (any, error) {
	if s.config.Apps != nil && t.Grant != "" && who.Patient != (fhir.Reference{}) {
		switch may, err := s.config.Apps.Launch.People.May(ctx, who.Person, who.Patient); {
		case err != nil:
			return nil, errUnavailable
		case !may:
			return introspection{}, nil
		}
	}
	return introspection{
		Active: true, Scope: who.Scopes.String(), ClientID: t.ClientID, TokenType: tokenType(t.Confirmation), Issuer: t.Issuer, Subject: t.Subject, Audience: s.config.Audience,
		ID: t.ID, Expiry: t.Expiry.Unix(), Patient: who.Patient.ID, FHIRUser: t.FHIRUser.String(),
		Confirmation: confirmationOf(t.Confirmation),
	}, nil
}

// asker finds who may ask about tokens: a resource server, or a partner.
func (s *Server) asker(ctx context.Context, id string) (*requester.Partner, error) {
	for _, r := range s.config.ResourceServers {
		if r.ID == id {
			return &requester.Partner{ID: r.ID, Keys: r.Keys}, nil
		}
	}
	return s.partner(ctx, id)
}

func (s *Server) isResourceServer(id string) bool {
	return slices.ContainsFunc(s.config.ResourceServers, func(r ResourceServer) bool { return r.ID == id })
}

// afterExpiry is for how long beyond its expiry a token is remembered as revoked: some clocks still take it.
const afterExpiry = 2 * time.Minute

// revoke lets a partner take back a token of its own (RFC 7009, 2), and an app what it was given. One that is no good already needs nothing.
func (s *Server) revoke(r *http.Request, form map[string]string) (any, error) {
	who, err := s.revoker(r.Context(), form)
	if err != nil {
		return nil, err
	}
	if form["token"] == "" {
		return nil, errRequest
	}
	if shown, ok := parseRefresh(form["token"]); ok && s.config.Apps != nil {
		return nil, s.disconnect(r.Context(), who, shown)
	}
	t, ours := s.ours(r.Context(), form["token"])
	if !ours {
		return nil, nil
	}
	if t.ClientID != who.ID {
		return nil, errUnauthorized
	}
	if err := s.config.Revoke(r.Context(), t.ID, t.Expiry.Add(afterExpiry)); err != nil {
		return nil, errUnavailable
	}
	return nil, nil
}

// revoker is who asks to revoke: a partner by its key, or an app that has none by its name.
func (s *Server) revoker(ctx context.Context, form map[string]string) (*requester.Partner, error) {
	if s.config.Apps != nil && form["client_assertion"] == "" {
		return s.app(ctx, form)
	}
	a, err := s.authenticate(ctx, form, s.partner, s.TokenEndpoint(), s.url(revocationPath))
	if err != nil {
		return nil, err
	}
	return a.partner, nil
}
