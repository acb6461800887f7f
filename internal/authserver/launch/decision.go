package launch

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
)

// shown is a flow while the client decides.
type shown struct {
	Flow   flow      `json:"f"`
	Charts []opening `json:"c"`
	Rows   []byte    `json:"r"`           // the digest of what they read
	At     int64     `json:"t,omitempty"` // when they signed in
}

// opening is a Chart in a sealed page. The name goes no further than the page.
type opening struct {
	Patient fhir.Reference `json:"p"`
	User    fhir.Reference `json:"u"`
}

// ask shows the page on which the client decides.
func (l *Launch) ask(w http.ResponseWriter, f flow, app *requester.Partner, charts []Chart, at time.Time) {
	asked := l.asked(app, f.Ask.Scope)
	rows := l.rows(asked)
	s := shown{Flow: f, Rows: digest(rows)}
	if !at.IsZero() {
		s.At = at.Unix()
	}
	for _, c := range charts {
		s.Charts = append(s.Charts, opening{c.Patient, c.User})
	}
	sealed, err := l.Box.Close(useConsent, l.Now().Add(flowTime), s)
	if err != nil {
		l.explain(w, errUnavailable)
		return
	}
	p := consentPage{
		frame: l.frame(), App: nameOf(app), Site: siteOf(f.Ask.Redirect), Form: l.path + consentPath, Page: sealed, Rows: rows,
		Records: !asked.resources.Empty(), Offline: asked.offline, Minutes: int(flowTime.Minutes()),
	}
	for _, c := range charts {
		p.Charts = append(p.Charts, chartLine{c.Name, c.own()})
	}
	l.write(w, http.StatusOK, "consent.html", p)
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
	if err := l.hold(r.Context(), *choice); err != nil {
		l.end(w, r, s.Flow, errTemporarily)
		return
	}
	if choice.given.nothing() {
		l.end(w, r, s.Flow, errDenied)
		return
	}
	code, err := l.Box.Close(useCode, l.Now().Add(codeTime), choice.code)
	if err != nil {
		l.end(w, r, s.Flow, errServer)
		return
	}
	l.bind(w, s.Flow, 0)
	l.sendBack(w, r, s.Flow.Ask, "code", code)
}

// decision is what a client has decided about somebody's records: the code that the app shall have, and what the ticks left and took away.
type decision struct {
	code         code
	given, taken scopes
}

// choice reads what the client has decided: nil where they turn back, which says nothing of anybody's records and changes nothing of before.
func (l *Launch) choice(app *requester.Partner, s shown, chart, kept []string, pressed string) (*decision, error) {
	if pressed != "allow" || len(s.Charts) == 0 {
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
	if !bytes.Equal(digest(rows), s.Rows) { // the register has changed: a number would stand for another row
		return nil, errElsewhere
	}
	of, not := map[int]bool{}, map[int]bool{}
	for n := range rows {
		not[n] = true
	}
	for _, text := range kept {
		n, ok := number([]string{text}, len(rows))
		if !ok {
			return nil, errForm
		}
		of[n], not[n] = true, false
	}
	c, given := s.Charts[at], keep(asked, rows, of)
	return &decision{given: given, taken: keep(asked, rows, not), code: code{
		Flow: s.Flow.ID, Client: s.Flow.Ask.Client, Redirect: s.Flow.Ask.Redirect, Challenge: s.Flow.Ask.Challenge, Nonce: s.Flow.Ask.Nonce,
		Patient: c.Patient, User: c.User, Scope: given.String(), At: s.At,
	}}, nil
}

// number reads the only text as a number below the bound.
func number(texts []string, below int) (int, bool) {
	if len(texts) != 1 {
		return 0, false
	}
	n, err := strconv.Atoi(texts[0])
	return n, err == nil && n >= 0 && n < below
}
