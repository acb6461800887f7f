package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
)

// Apps is what the server needs for clients who launch an app of their own (SMART App Launch 2.2). All of it is required.
type Apps struct {
	Launch *launch.Launch
	// Given keeps what was given to apps, also for the Launch.
	Given *Given
}

func (a *Apps) complete() bool {
	return a == nil || a.Launch != nil && a.Given != nil && a.Given.Grants != nil && a.Given.Revoke != nil && a.Given.Now != nil
}

// errProof says nothing about what is wrong with a code or a refresh token.
var errProof = &oauthError{http.StatusBadRequest, "invalid_grant", "the code or the refresh token is not good, or was used before"}

// app is the app that asks: by its key if it has one, else by its name alone.
func (s *Server) app(ctx context.Context, form map[string]string) (*requester.Partner, error) {
	if form["client_assertion"] != "" || form["client_assertion_type"] != "" {
		a, err := s.authenticate(ctx, form, s.partner, s.TokenEndpoint())
		switch {
		case err != nil:
			return nil, err
		case a.partner.App == nil || a.partner.App.Public:
			return nil, errUnauthorized
		}
		return a.partner, nil
	}
	if _, secret := form["client_secret"]; secret || form["client_id"] == "" {
		return nil, errClient
	}
	p, err := s.partner(ctx, form["client_id"])
	switch {
	case err != nil:
		return nil, err
	case p.App == nil || !p.App.Public: // one with a key proves that it has it
		return nil, errClient
	}
	return p, nil
}

// codeGrant gives an app its tokens for a code (RFC 6749, 4.1.3; RFC 7636, 4.5).
func (s *Server) codeGrant(r *http.Request, form map[string]string) (any, error) {
	app, err := s.app(r.Context(), form)
	if err != nil {
		return nil, err
	}
	bound, err := s.confirmation(r, app) // before the code is used up: an app may correct its proof
	if err != nil {
		return nil, err
	}
	g, err := s.config.Apps.Launch.Redeem(r.Context(), app.ID, form["code"], form["redirect_uri"], form["code_verifier"])
	switch {
	case errors.Is(err, launch.ErrUnavailable):
		return nil, errUnavailable
	case errors.Is(err, launch.ErrReplayed):
		return nil, s.takeBack(r.Context(), g.ID, store.ByReuse)
	case err != nil:
		return nil, errProof
	}
	if g, err = s.standing(r.Context(), app, g); err != nil {
		return nil, err
	}
	return s.give(r.Context(), app, g, bound)
}

// takeBack ends a grant that somebody else may have as well, or as its app asks. It gives the error to answer with.
func (s *Server) takeBack(ctx context.Context, grant string, by store.EndedBy) error {
	if s.config.Apps.Given.end(ctx, grant, by) != nil {
		return errUnavailable
	}
	return errProof
}

// appResponse is the answer to an app's token request (RFC 6749, 5.1; SMART 2.2, "Obtain access token").
type appResponse struct {
	response
	Patient      string `json:"patient,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// give makes the first tokens of a grant.
func (s *Server) give(ctx context.Context, app *requester.Partner, g launch.Grant, bound smart.Confirmation) (any, error) {
	answer, err := s.access(ctx, g, bound)
	if err != nil {
		return nil, err
	}
	has := launch.Has(g.Scope)
	if has.OpenID {
		if answer.IDToken, err = s.idToken(g, has.FHIRUser); err != nil {
			return nil, err
		}
	}
	answer.RefreshToken, err = s.keep(ctx, app, g, bound)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// keep begins a grant, which the practice sees and can end, and makes the refresh token of an app that may come back.
func (s *Server) keep(ctx context.Context, app *requester.Partner, g launch.Grant, bound smart.Confirmation) (refresh string, err error) {
	now := s.config.Now()
	kept := store.Grant{ID: g.ID, App: app.ID, Patient: g.Patient.String(), Person: g.User.String(), Scope: g.Scope, Until: now.Add(s.config.Lifetime + afterExpiry)}
	var digests store.Refresh
	if launch.Has(g.Scope).Offline {
		token := newRefresh(app.ID)
		kept.Until = now.Add(s.config.Apps.Launch.Offline)
		refresh, digests = token.String(), token.digests(refreshKey(app, bound))
	}
	switch err := s.config.Apps.Given.Grants.BeginGrant(ctx, kept, digests, now); {
	case errors.Is(err, store.ErrNoGrant): // the code was replayed meanwhile, or the client has decided otherwise
		return "", errProof
	case err != nil:
		return "", errUnavailable
	}
	return refresh, nil
}

// access makes an access token of a grant, if the app has not had too many. Only now is it known that somebody has given it one: what comes without a good
// code or refresh token takes none from those who use the app.
func (s *Server) access(ctx context.Context, g launch.Grant, bound smart.Confirmation) (*appResponse, error) {
	if err := s.config.Gate.Issue(ctx, g.Client); err != nil {
		return nil, err
	}
	claims := Claims{ClientID: g.Client, Subject: g.User.ID, Scope: g.Scope, FHIRUser: g.User, Grant: g.ID, Confirmation: bound}
	if launch.Has(g.Scope).Patient {
		claims.Patient = g.Patient
	}
	token, err := s.sign(claims)
	if err != nil {
		return nil, err
	}
	return &appResponse{
		response: response{AccessToken: token, TokenType: tokenType(bound), ExpiresIn: int(s.config.Lifetime.Seconds()), Scope: g.Scope}, Patient: claims.Patient.ID,
	}, nil
}
