package launch

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
)

// What a sealed text is for.
const (
	useSignIn  = "sign-in"
	useConsent = "consent"
	useCode    = "code"
)

// pending is a flow while the client signs in.
type pending struct {
	Flow     flow   `json:"f"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// attempt is the sign-in of a flow.
func (p pending) attempt(state string) signin.Attempt {
	a := signin.Attempt{State: state, Nonce: p.Nonce, Verifier: p.Verifier}
	if p.Flow.Ask.Since != 0 {
		a.Since = time.Unix(p.Flow.Ask.Since, 0)
	}
	return a
}

// authorize takes an app's request and sends the browser on to the practice's provider (SMART 2.2, "Obtain authorization code").
func (l *Launch) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := read(w, r)
	if err != nil {
		l.explain(w, err)
		return
	}
	app, ask, err := l.returning(r, q)
	if err != nil {
		l.explain(w, err)
		return
	}
	if err := l.complete(app, q, &ask); err != nil {
		l.tell(w, r, ask, err)
		return
	}
	p := pending{Flow: newFlow(ask), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
	state, err := l.Box.Close(useSignIn, l.Now().Add(flowTime), p)
	if err != nil {
		l.tell(w, r, ask, errServer)
		return
	}
	attempt := p.attempt(state)
	attempt.Hint = hint(q)
	to, err := l.SignIn.Begin(r.Context(), attempt)
	if err != nil {
		l.tell(w, r, ask, errTemporarily)
		return
	}
	l.bind(w, p.Flow, 2*flowTime)
	protect(w.Header())
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signedIn takes the browser back from the provider and shows what the app asks.
func (l *Launch) signedIn(w http.ResponseWriter, r *http.Request) {
	q, err := read(w, r)
	if err != nil {
		l.explain(w, err)
		return
	}
	var p pending
	state, ok := one(q, "state")
	if !ok || l.Box.Open(useSignIn, state, &p) != nil || !l.bound(r, p.Flow) {
		l.explain(w, errElsewhere)
		return
	}
	app, err := l.still(r, p.Flow)
	if err != nil {
		l.explain(w, err)
		return
	}
	if err := l.once(r, useSignIn+"\x00"+p.Flow.ID); err != nil {
		l.explain(w, err)
		return
	}
	code, ok := one(q, "code")
	if !ok {
		l.end(w, r, p.Flow, errDenied) // the provider refused, or the client turned back there
		return
	}
	who, err := l.SignIn.Finish(r.Context(), code, p.attempt(state))
	if err != nil {
		l.end(w, r, p.Flow, failure(err))
		return
	}
	charts, err := l.People.Charts(r.Context(), who)
	if err != nil {
		l.end(w, r, p.Flow, errTemporarily)
		return
	}
	l.ask(w, p.Flow, app, charts, who.At)
}

func failure(err error) error {
	if errors.Is(err, signin.ErrUnavailable) {
		return errTemporarily
	}
	return errDenied
}

// still finds the app of a flow again: it may have been disabled, or registered otherwise, while somebody signed in.
func (l *Launch) still(r *http.Request, f flow) (*requester.Partner, error) {
	app, err := l.partner(r.Context(), f.Ask.Client)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(app.App.RedirectURIs, f.Ask.Redirect) {
		return nil, errUnknownApp
	}
	return app, nil
}

// once refuses what was used before, and whatever nobody can know of.
func (l *Launch) once(r *http.Request, what string) error {
	seen, err := l.Once.Seen(r.Context(), "launch\x00"+what, flowTime+ephemeral.ClockSkew)
	switch {
	case err != nil:
		return errUnavailable
	case seen:
		return errElsewhere
	}
	return nil
}

// end ends a flow without a code.
func (l *Launch) end(w http.ResponseWriter, r *http.Request, f flow, err error) {
	l.bind(w, f, 0)
	l.tell(w, r, f.Ask, err)
}

// tell tells the app of an error that is for it.
func (l *Launch) tell(w http.ResponseWriter, r *http.Request, ask request, err error) {
	refusal := errServer
	errors.As(err, &refusal)
	l.sendBack(w, r, ask, "error", string(refusal))
}
