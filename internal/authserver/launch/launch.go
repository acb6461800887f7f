// Package launch is SMART App Launch 2.2, standalone, for a client's own app: from the app's authorization request, by way of the sign-in at the
// practice's OpenID provider and a page on which the client sees what the app asks and takes away what it shall not have, to a code for the app.
//
// It keeps nothing: what goes from one page to the next is sealed, tied to the browser by a cookie, and good once. It reads no record: whose records
// somebody may open is asked of the gateway, which decides that as it does for each request of the app later on.
package launch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/authserver/seal"
	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
)

// Paths of the pages below the issuer.
const (
	AuthorizePath = "/authorize"
	signInPath    = "/sign-in"
	consentPath   = "/consent"
	stylePath     = "/page.css"
)

// Partners finds a registered partner that may ask now (partners.Register). Any error refuses.
type Partners interface {
	Partner(ctx context.Context, id string) (*requester.Partner, error)
}

// SignIn finds out who sits before the browser (signin.Provider).
type SignIn interface {
	Begin(ctx context.Context, a signin.Attempt) (url string, err error)
	Finish(ctx context.Context, code string, a signin.Attempt) (signin.Person, error)
}

// People says for whom a person may ask, by the practice's own data and the rules for representatives.
type People interface {
	// Charts are the clients whose records the person may open now.
	Charts(ctx context.Context, who signin.Person) ([]Chart, error)
	// May tells whether the user may open the client's records now.
	May(ctx context.Context, user, patient fhir.Reference) (bool, error)
}

// Chart is a client's record that a person may open: as that client, or as a RelatedPerson who acts for them.
type Chart struct {
	Patient fhir.Reference
	User    fhir.Reference
	Name    string // of the client, for the page alone
}

// own tells whether the person is the client.
func (c Chart) own() bool { return c.User == c.Patient }

// Config is what a Launch is made of. All but Offline and Now are required.
type Config struct {
	Issuer   string // the URL below which the pages lie
	Audience string // the FHIR base
	Practice string // the practice's name, as its clients know it
	Words    *Words
	Partners Partners
	SignIn   SignIn
	People   People
	Box      *seal.Box
	Once     ephemeral.Store // remembers what was used
	Given    Given
	// Types are the resource types that the practice's records can hold.
	Types []string
	// Offline is how long an app may come back without the client; zero for never.
	Offline time.Duration
	Now     func() time.Time // nil for time.Now
}

// Launch serves the pages.
type Launch struct {
	Config
	path   string // of the issuer
	secure bool   // whether the pages are served over TLS
	origin *http.CrossOriginProtection
}

// New makes a Launch, or says all that is missing.
func New(c Config) (*Launch, error) {
	var problems []error
	for name, missing := range map[string]bool{
		"words": c.Words == nil, "partners": c.Partners == nil, "sign-in": c.SignIn == nil, "people": c.People == nil, "box": c.Box == nil, "store of what was given": c.Given == nil,
		"store of what was used": c.Once == nil, "audience": c.Audience == "", "practice's name": c.Practice == "", "types": len(c.Types) == 0,
	} {
		if missing {
			problems = append(problems, errors.New("launch: no "+name))
		}
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" {
		problems = append(problems, errors.New("launch: the issuer is no absolute URL"))
	}
	if c.Offline < 0 {
		problems = append(problems, errors.New("launch: the time of offline access is below zero"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Launch{Config: c, path: strings.TrimSuffix(u.Path, "/"), secure: u.Scheme == "https", origin: http.NewCrossOriginProtection()}, nil
}

// Callback is where the provider at which clients sign in sends the browser back to.
func Callback(issuer string) string { return strings.TrimSuffix(issuer, "/") + signInPath }

// Serve answers a request for one of the pages, path being what follows the issuer's. It is false for any other.
func (l *Launch) Serve(w http.ResponseWriter, r *http.Request, path string) bool {
	switch path {
	case AuthorizePath:
		l.only(w, r, l.authorize, http.MethodGet, http.MethodPost)
	case signInPath:
		l.only(w, r, l.signedIn, http.MethodGet)
	case consentPath:
		l.only(w, r, l.decided, http.MethodPost)
	case stylePath:
		l.only(w, r, serveStyle, http.MethodGet, http.MethodHead)
	default:
		return false
	}
	return true
}

func (l *Launch) only(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc, methods ...string) {
	for _, m := range methods {
		if r.Method == m {
			serve(w, r)
			return
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
}

// partner is an app that people can launch here. Those of other issuers are not.
func (l *Launch) partner(ctx context.Context, id string) (*requester.Partner, error) {
	p, err := l.Partners.Partner(ctx, id)
	switch {
	case errors.Is(err, requester.ErrUnavailable):
		return nil, errUnavailable
	case err != nil || p.Issuer != l.Issuer || p.Kind != requester.KindPatient || p.App == nil:
		return nil, errUnknownApp
	}
	return p, nil
}
