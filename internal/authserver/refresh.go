package authserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/store"
)

// refreshToken is the name of a grant, which stays, and a secret, which is another one after each use (RFC 9700, 4.14.2). It names the app as well: a
// public one need not say who it is when it comes back (RFC 6749, 6), and fhirclient does not. The name alone opens nothing.
type refreshToken struct{ app, family, secret string }

func newRefresh(app string) refreshToken {
	return refreshToken{app, rand.Text(), rand.Text() + rand.Text()}
}

// next is the token of the same grant that follows, for the app that was found to have it.
func (t refreshToken) next(app string) refreshToken {
	return refreshToken{app, t.family, newRefresh(app).secret}
}

func (t refreshToken) String() string {
	return strings.Join([]string{t.family, t.secret, base64.RawURLEncoding.EncodeToString([]byte(t.app))}, refreshSeparator)
}

// digests are what the store knows of it. With another key than the one that it is bound to it is a token that was used before.
func (t refreshToken) digests(key string) store.Refresh {
	if key != "" {
		key = "\x00" + key
	}
	return store.Refresh{Family: sha256.Sum256([]byte(t.family)), Secret: sha256.Sum256([]byte(t.secret + key))}
}

// refreshKey is the DPoP key that a refresh token is bound to: that of an app which proves itself by nothing else (RFC 9449, 5).
func refreshKey(app *requester.Partner, bound smart.Confirmation) string {
	if app.App != nil && !app.App.Public {
		return ""
	}
	return bound.JKT
}

const (
	maxRefreshBytes  = 1 << 10
	refreshSeparator = "~" // that no JWT has
)

// IsRefresh tells whether a text has the form of a refresh token of this server's.
func IsRefresh(text string) bool {
	_, ok := parseRefresh(text)
	return ok
}

func parseRefresh(text string) (refreshToken, bool) {
	parts := strings.Split(text, refreshSeparator)
	if len(text) > maxRefreshBytes || len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return refreshToken{}, false
	}
	app, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	return refreshToken{string(app), parts[0], parts[1]}, err == nil
}

// refreshGrant gives an app new tokens without the client (RFC 6749, 6). Whether the client may still give them is asked again.
func (s *Server) refreshGrant(r *http.Request, form map[string]string) (any, error) {
	ctx := r.Context()
	shown, ok := parseRefresh(form["refresh_token"])
	if _, named := form["client_id"]; !named && ok {
		form["client_id"] = shown.app
	}
	app, err := s.app(ctx, form)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, errProof
	}
	bound, err := s.confirmation(r, app)
	if err != nil {
		return nil, err
	}
	key := refreshKey(app, bound)
	kept, err := s.config.Apps.Given.Grants.FindGrant(ctx, shown.digests(key), s.config.Now())
	switch {
	case errors.Is(err, store.ErrReused):
		return nil, s.takeBack(ctx, kept.ID, store.ByReuse)
	case errors.Is(err, store.ErrNoGrant):
		return nil, errProof
	case err != nil:
		return nil, errUnavailable
	case kept.App != app.ID: // it was stolen from another app
		return nil, s.takeBack(ctx, kept.ID, store.ByReuse)
	}
	g, err := s.renewed(ctx, app, kept, form["scope"])
	if err != nil {
		return nil, err
	}
	answer, err := s.access(ctx, g, bound)
	if err != nil {
		return nil, err
	}
	next := shown.next(app.ID)
	switch err := s.config.Apps.Given.Grants.RotateGrant(ctx, kept.ID, shown.digests(key), next.digests(key), s.config.Now()); {
	case errors.Is(err, store.ErrReused):
		return nil, s.takeBack(ctx, kept.ID, store.ByReuse)
	case err != nil:
		return nil, errUnavailable
	}
	answer.RefreshToken = next.String()
	return answer, nil
}

// standing is a grant as it stands now: as far as the app is still registered for it, and if the person may still open the records.
func (s *Server) standing(ctx context.Context, app *requester.Partner, g launch.Grant) (launch.Grant, error) {
	if g.Scope = s.config.Apps.Launch.Within(app, g.Scope); g.Scope == "" {
		return launch.Grant{}, errProof
	}
	switch may, err := s.config.Apps.Launch.People.May(ctx, g.User, g.Patient); {
	case err != nil:
		return launch.Grant{}, errUnavailable
	case !may:
		return launch.Grant{}, errProof
	}
	return g, nil
}

// renewed is what a grant that is kept is good for now, as far as the app asks.
func (s *Server) renewed(ctx context.Context, app *requester.Partner, kept store.Grant, asked string) (launch.Grant, error) {
	patient, okPatient := fhir.ParseReference(kept.Patient)
	user, okUser := fhir.ParseReference(kept.Person)
	if !okPatient || !okUser {
		return launch.Grant{}, errProof
	}
	g, err := s.standing(ctx, app, launch.Grant{ID: kept.ID, Client: app.ID, Patient: patient, User: user, Scope: kept.Scope})
	switch {
	case err != nil:
		return launch.Grant{}, err
	case !launch.Has(g.Scope).Offline:
		return launch.Grant{}, errProof
	case asked == "":
		return g, nil
	}
	var ok bool
	if g.Scope, ok = narrowed(asked, g.Scope); !ok {
		return launch.Grant{}, errScope
	}
	return g, nil
}

// narrowed is what is asked, if every word of it was given (RFC 6749, 6).
func narrowed(asked, given string) (string, bool) {
	if len(asked) > launch.MaxScope {
		return "", false
	}
	had := smart.ParseScopes(given)
	var kept []string
	for w := range strings.FieldsSeq(asked) {
		one := smart.ParseScopes(w).All()
		switch {
		case slices.Contains(strings.Fields(given), w):
			kept = append(kept, w)
		case len(one) == 1 && slices.ContainsFunc(had.All(), func(h smart.Scope) bool { return h.Covers(one[0]) }):
			kept = append(kept, one[0].String())
		default:
			return "", false
		}
	}
	return strings.Join(kept, " "), len(kept) > 0
}

// disconnect ends what an app was given, as it asks with the refresh token (RFC 7009, 2.1: with it end the access tokens of the same grant). One that was used
// before will do, whatever key it is bound to: it can only end what it was given for.
func (s *Server) disconnect(ctx context.Context, app *requester.Partner, shown refreshToken) error {
	kept, err := s.config.Apps.Given.Grants.FindGrant(ctx, shown.digests(""), s.config.Now())
	by := store.ByApp
	switch {
	case errors.Is(err, store.ErrNoGrant):
		return nil
	case err == nil && kept.App != app.ID:
		return errUnauthorized
	case errors.Is(err, store.ErrReused) && kept.App != app.ID: // it was stolen from another app
		by = store.ByReuse
	case err != nil && !errors.Is(err, store.ErrReused):
		return errUnavailable
	}
	if err := s.takeBack(ctx, kept.ID, by); !errors.Is(err, errProof) {
		return err
	}
	return nil
}
