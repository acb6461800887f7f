package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// launch is one launch of an app by a client (SMART App Launch 2.2, standalone): what their browser does, and what the app does afterwards.
type launch struct {
	p        *probe
	app      *partner
	about    string // who is to sign in, as the demo's portal says
	cookies  map[string]string
	verifier string
	state    string
	trail    []step // what the browser was answered
	code     string
	given    tokens
}

// step is an answer, with what was asked for.
type step struct {
	name string
	*answer
}

// tokens is what the token endpoint answers an app.
type tokens struct {
	status  int
	text    string
	header  http.Header
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
	Patient string `json:"patient"`
}

// endpoints are those of the discovery document that a launch needs.
type endpoints struct {
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	Revoke    string `json:"revocation_endpoint"`
}

// launches tells where apps are launched, and which app the suite can be. A target without either ends the line.
func (p *probe) launches() (endpoints, *partner) {
	var e endpoints
	if a := p.nobody().get(".well-known/smart-configuration"); json.Unmarshal(a.body, &e) != nil || e.Authorize == "" {
		p.notApplicable("no app can be launched here")
	}
	i := slices.IndexFunc(p.s.m.Partners, func(x *partner) bool { return x.redirect != "" })
	if i < 0 {
		p.notApplicable("no public app is registered that could be launched")
	}
	return e, p.s.m.Partners[i]
}

// newLaunch begins a launch. about is a part of what the demo's portal says of the person.
func (p *probe) newLaunch(about string) *launch {
	_, app := p.launches()
	return &launch{p: p, app: app, about: about, cookies: map[string]string{}, verifier: rand.Text() + rand.Text(), state: rand.Text()}
}

// The people of the demo's portal whom the suite knows as clients, too.
var aboutPeople = []string{"a client, in treatment", "a client, in couple therapy"}

// here is where a URL of the gateway's is at the target.
func (s *suite) here(text string) string {
	root := func(base string) string {
		u, err := url.Parse(base)
		if err != nil {
			return ""
		}
		return u.Scheme + "://" + u.Host
	}
	if rest, ours := strings.CutPrefix(text, root(s.m.FHIRBase)); ours {
		return root(s.target) + rest
	}
	return text
}

// do asks as the browser does, with its cookies, and follows nothing.
func (l *launch) do(name, method, to string, form url.Values) *answer {
	l.p.stop()
	r := request{method: method, path: l.p.s.here(to), body: form.Encode()}
	if form != nil {
		r = r.with("Content-Type", "application/x-www-form-urlencoded")
	}
	var sent []string
	for cookie, value := range l.cookies {
		sent = append(sent, cookie+"="+value)
	}
	if len(sent) > 0 {
		r = r.with("Cookie", strings.Join(sent, "; "))
	}
	req, err := http.NewRequestWithContext(l.p.ctx(), method, r.path, strings.NewReader(r.body))
	if err != nil {
		l.p.broken("%s: no address", name)
	}
	req.Header = r.header
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "leaks "+l.p.line)
	a := l.p.nobody().beside(req)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if l.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(l.cookies, c.Name)
		}
	}
	l.trail = append(l.trail, step{name, a})
	return a
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	portalEntry = regexp.MustCompile(`name="person" value="([^"]+)"><span class="name">[^<]*</span> <span class="about">([^<]*)</span>`)
	scopeBox    = regexp.MustCompile(`<input type="checkbox" name="scope" id="[^"]*" value="([^"]*)"`)
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
)

func hiddenFields(page []byte) url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllSubmatch(page, -1) {
		form.Add(html.UnescapeString(string(m[1])), html.UnescapeString(string(m[2])))
	}
	return form
}

// leads is where an answer sends the browser.
func (l *launch) leads(name string, a *answer) *url.URL {
	u, err := url.Parse(a.header.Get("Location"))
	if a.status/100 != 3 || err != nil || u.String() == "" {
		l.p.broken("%s: %d, and it leads nowhere", name, a.status)
	}
	return u
}

// consentPage goes as far as the page on which the client decides, and gives the form with everything ticked, and where it is sent.
func (l *launch) consentPage(scope string) (form url.Values, to string) {
	e, app := l.p.launches()
	sum := sha256.Sum256([]byte(l.verifier))
	ask := url.Values{"response_type": {"code"}, "client_id": {app.ID}, "redirect_uri": {app.redirect}, "scope": {scope}, "state": {l.state}, "aud": {l.p.s.m.FHIRBase},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	portal := l.leads("the authorization endpoint", l.do("the authorization endpoint", http.MethodGet, e.Authorize+"?"+ask.Encode(), nil))
	page := l.do("the sign-in of the demo", http.MethodGet, portal.String(), nil)
	who := hiddenFields(page.body)
	for _, m := range portalEntry.FindAllSubmatch(page.body, -1) {
		if strings.HasPrefix(html.UnescapeString(string(m[2])), l.about) && !who.Has("person") {
			who.Set("person", string(m[1]))
		}
	}
	l.p.need(who.Has("person"), "nobody at the portal who can sign in")
	portal.RawQuery = ""
	back := l.leads("the sign-in of the demo", l.do("the sign-in of the demo", http.MethodPost, portal.String(), who))
	shown := l.do("the consent page", http.MethodGet, back.String(), nil)
	form = hiddenFields(shown.body)
	action := formAction.FindSubmatch(shown.body)
	if shown.status != http.StatusOK || action == nil {
		l.p.broken("there is no consent page: %d", shown.status)
	}
	form.Set("decision", "allow")
	for _, m := range scopeBox.FindAllSubmatch(shown.body, -1) {
		form.Add("scope", html.UnescapeString(string(m[1])))
	}
	at, err := back.Parse(html.UnescapeString(string(action[1])))
	if err != nil {
		l.p.broken("the consent page leads nowhere")
	}
	return form, at.String()
}

// decide sends the form, and keeps the code.
func (l *launch) decide(form url.Values, to string) *url.URL {
	u := l.leads("the decision", l.do("the decision", http.MethodPost, to, form))
	if l.code = u.Query().Get("code"); l.code == "" || u.Query().Get("state") != l.state {
		l.p.broken("the app gets no code")
	}
	return u
}

// ask asks the token endpoint, or the one for revocation, for the app.
func (l *launch) ask(endpoint string, form url.Values) (t tokens) {
	form.Set("client_id", l.app.ID)
	a := l.do(form.Get("grant_type"), http.MethodPost, endpoint, form)
	t.status, t.text, t.header = a.status, string(a.body), a.header
	if json.Unmarshal(a.body, &t) != nil && a.status == http.StatusOK && len(a.body) > 0 {
		l.p.broken("the token endpoint's answer cannot be read")
	}
	return t
}

func (l *launch) redeem() tokens {
	e, _ := l.p.launches()
	return l.ask(e.Token, url.Values{"grant_type": {"authorization_code"}, "code": {l.code}, "redirect_uri": {l.app.redirect}, "code_verifier": {l.verifier}})
}

func (l *launch) refresh(token, scope string) tokens {
	e, _ := l.p.launches()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return l.ask(e.Token, form)
}

// allow decides on the page with these rows taken away; the app does not come for the code.
func (l *launch) allow(scope string, without ...int) {
	form, to := l.consentPage(scope)
	rows := form["scope"]
	form["scope"] = nil
	for i, r := range rows {
		if !slices.Contains(without, i) {
			form.Add("scope", r)
		}
	}
	l.decide(form, to)
}

// complete launches the app with these rows of the page taken away, and gives who the client is.
func (l *launch) complete(scope string, without ...int) {
	l.allow(scope, without...)
	if l.given = l.redeem(); l.given.Access == "" || l.given.Patient == "" {
		l.p.broken("a launched app gets no token: %d", l.given.status)
	}
}

// person is the client who has launched the app, as the suite knows them.
func (l *launch) person() *partner {
	i := slices.IndexFunc(l.p.s.people, func(x *partner) bool { return x.self.ID == l.given.Patient })
	l.p.need(i >= 0, "nobody whom the manifest names as a client in person")
	return l.p.s.people[i]
}

// caller asks with the launched app's token.
func (l *launch) caller() *caller {
	return &caller{p: l.p, partner: l.person(), token: l.given.Access}
}
