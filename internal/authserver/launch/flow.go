package launch

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/fhir"
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

// shown is a flow while the client decides.
type shown struct {
	Flow   flow      `json:"f"`
	Charts []opening `json:"c"`
	At     int64     `json:"t"` // when they signed in
}

// opening is a Chart in a sealed page. The name goes no further than the page.
type opening struct {
	Patient fhir.Reference `json:"p"`
	User    fhir.Reference `json:"u"`
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
	to, err := l.SignIn.Begin(r.Context(), signin.Attempt{State: state, Nonce: p.Nonce, Verifier: p.Verifier})
	if err != nil {
		l.tell(w, r, ask, errTemporarily)
		return
	}
	l.bind(w, p.Flow, 2*flowTime)
	protect(w.Header(), "")
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
	who, err := l.SignIn.Finish(r.Context(), code, signin.Attempt{State: state, Nonce: p.Nonce, Verifier: p.Verifier})
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

// ask shows the page on which the client decides.
func (l *Launch) ask(w http.ResponseWriter, f flow, app *requester.Partner, charts []Chart, at time.Time) {
	s := shown{Flow: f, At: at.Unix()}
	for _, c := range charts {
		s.Charts = append(s.Charts, opening{c.Patient, c.User})
	}
	sealed, err := l.Box.Close(useConsent, l.Now().Add(flowTime), s)
	if err != nil {
		l.explain(w, errUnavailable)
		return
	}
	l.showConsent(w, f, app, charts, sealed)
}

// decided takes the client's decision and sends the browser back to the app.
func (l *Launch) decided(w http.ResponseWriter, r *http.Request) {
	q, err := read(w, r)
	if err != nil {
		l.explain(w, err)
		return
	}
	var s shown
	sealed, ok := one(q, "page")
	if !ok || l.origin.Check(r) != nil || l.Box.Open(useConsent, sealed, &s) != nil || !l.bound(r, s.Flow) {
		l.explain(w, errElsewhere)
		return
	}
	app, err := l.still(r, s.Flow)
	if err != nil {
		l.explain(w, err)
		return
	}
	choice, err := l.choice(app, s, q["chart"], q["scope"], q.Get("decision"))
	if err != nil {
		l.explain(w, err)
		return
	}
	if err := l.once(r, useConsent+"\x00"+s.Flow.ID); err != nil {
		l.explain(w, err)
		return
	}
	if choice == nil {
		l.end(w, r, s.Flow, errDenied)
		return
	}
	code, err := l.Box.Close(useCode, l.Now().Add(codeTime), choice)
	if err != nil {
		l.end(w, r, s.Flow, errServer)
		return
	}
	l.bind(w, s.Flow, 0)
	l.sendBack(w, r, s.Flow.Ask, "code", code)
}

// choice reads what the client has decided: nil where they give nothing.
func (l *Launch) choice(app *requester.Partner, s shown, chart, kept []string, decision string) (*code, error) {
	if decision != "allow" || len(s.Charts) == 0 {
		return nil, nil
	}
	at := 0
	if len(s.Charts) > 1 {
		var ok bool
		if at, ok = number(chart, len(s.Charts)); !ok {
			return nil, errForm
		}
	}
	asked := l.asked(app, s.Flow.Ask.Scope)
	rows := l.rows(asked)
	of := map[int]bool{}
	for _, text := range kept {
		n, ok := number([]string{text}, len(rows))
		if !ok {
			return nil, errForm
		}
		of[n] = true
	}
	given := keep(asked, rows, of)
	if given.nothing() {
		return nil, nil
	}
	c := s.Charts[at]
	return &code{
		Flow: s.Flow.ID, Client: s.Flow.Ask.Client, Redirect: s.Flow.Ask.Redirect, Challenge: s.Flow.Ask.Challenge, Nonce: s.Flow.Ask.Nonce,
		Patient: c.Patient, User: c.User, Scope: given.String(), At: s.At,
	}, nil
}

// number reads the only text as a number below the bound.
func number(texts []string, below int) (int, bool) {
	if len(texts) != 1 {
		return 0, false
	}
	n, err := strconv.Atoi(texts[0])
	return n, err == nil && n >= 0 && n < below
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
	seen, err := l.Once.Seen(r.Context(), "launch\x00"+what, 2*flowTime)
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
