package main

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func launchLines() []*line {
	in := func(l *line) *line { l.section = sectionLaunch; return l }
	return []*line{
		in(&line{name: "launch-code", title: "the code of a launch is told to the app alone: no page, header or error has it", source: "RFC 9700 4.2 (Referer) and 4.3 (history)",
			tries: "each answer of a whole launch: the code before its time, Referrer-Policy, addresses of others in pages; what errors repeat of codes, verifiers and tokens", run: launchCode}),
		in(&line{name: "launch-pages", title: "what belongs to one person in a launch is kept and framed by nobody, and decided by nobody else", source: "RFC 9700 4.7 and 4.16, own",
			tries: "Cache-Control, framing, scripts and cookies of each answer of a launch; the consent page sent from another browser, and twice", run: launchPages}),
		in(&line{name: "launch-one-client", title: "a launched app's token opens the records of the client who launched it, and of nobody else", source: "Firely 4.10.2 ($everything ignored the launch patient), own",
			tries: "every way to another client's records and to staff, and searches without a client, with the token of a launch", run: launchOneClient}),
		in(&line{name: "launch-scopes", title: "what was taken away on the consent page stays away", source: "OpenEMR CVE-2026-24487, AWS authz-smart GHSA-vv7x-7w4m-q72f", alone: true, // a newer launch ends older ones
			tries: "each kind of record taken away in turn: reads, searches, _include, _revinclude, $everything, $docref, compartments, batches, files, refreshed tokens that ask for it again, tokens of an older launch", run: launchScopes}),
		in(&line{name: "launch-revocation", title: "what an app was given ends when it is taken back", source: "RFC 6749 4.1.2, RFC 7009 2.1, RFC 9700 4.14.2",
			tries: "a code and a refresh token used twice, a refresh token that was revoked; after each the access token, and the refresh tokens of the same grant", run: launchRevocation}),
	}
}

// linked finds what a page lets a browser fetch or send.
var linked = regexp.MustCompile(`(?i)(?:src|href|action|content|url)\s*=?\s*[("']\s*((?:https?:)?//[^"')\s]+)`)

func launchCode(p *probe) {
	for _, about := range aboutPeople {
		l := p.newLaunch(about)
		form, to := l.consentPage("launch/patient offline_access patient/*.rs")
		last := l.decide(form, to)
		if first, _, _ := strings.Cut(last.String(), "?"); first != l.app.redirect || last.Fragment != "" {
			p.leak("the code is sent to another address than the registered one")
		}
		for i, s := range l.trail {
			if strings.Contains(string(s.body), l.code) {
				p.leak("%s has the code", s.name)
			}
			for name, values := range s.header {
				if sent := name == "Location" && i == len(l.trail)-1; !sent && strings.Contains(strings.Join(values, "\n"), l.code) {
					p.leak("%s has the code in the header %s", s.name, name)
				}
			}
			policy := s.header.Get("Referrer-Policy")
			if !slices.Contains([]string{"no-referrer", "same-origin", "strict-origin", "origin"}, policy) && s.name != "the sign-in of the demo" {
				p.leak("%s passes its address on: the Referrer-Policy is not strict", s.name)
			}
			for _, m := range linked.FindAllStringSubmatch(string(s.body), -1) {
				if at, err := url.Parse(m[1]); err != nil || !strings.Contains(p.s.m.FHIRBase+" "+p.s.target, "//"+at.Host+"/") {
					p.leak("%s leads to another host", s.name)
				}
			}
		}
		l.errorsRepeatNothing()
	}
}

// errorsRepeatNothing asks the token endpoint for what it refuses, and looks for secrets in what it says.
func (l *launch) errorsRepeatNothing() {
	e, _ := l.p.launches()
	if l.given = l.redeem(); l.given.Access == "" {
		l.p.broken("a launched app gets no token: %d", l.given.status)
	}
	used := l.given.Refresh
	l.given = l.refresh(used, "")
	secrets := map[string]string{"code": l.code, "verifier": l.verifier, "refresh token": used, "access token": l.given.Access}
	for name, answered := range map[string]tokens{
		"a code that was used":             l.redeem(),
		"a refresh token that was used":    l.refresh(used, ""),
		"a code as a refresh token":        l.refresh(l.code, ""),
		"a token in the address":           l.ask(e.Token+"?refresh_token="+url.QueryEscape(used)+"&code="+url.QueryEscape(l.code), url.Values{"grant_type": {"refresh_token"}}),
		"an access token as a code":        l.ask(e.Token, url.Values{"grant_type": {"authorization_code"}, "code": {l.given.Access}, "redirect_uri": {l.app.redirect}, "code_verifier": {l.verifier}}),
		"a code in a request without code": l.ask(e.Token, url.Values{"grant_type": {l.code}}),
	} {
		if answered.status < http.StatusBadRequest {
			l.p.leak("%s is answered %d", name, answered.status)
		}
		for what, secret := range secrets {
			if secret != "" && strings.Contains(answered.text+strings.Join(answered.header["Www-Authenticate"], " "), secret) {
				l.p.leak("the error about %s repeats the %s", name, what)
			}
		}
	}
}

func launchPages(p *probe) {
	for _, about := range aboutPeople {
		l := p.newLaunch(about)
		form, to := l.consentPage("launch/patient patient/*.rs")
		other := p.newLaunch(about) // another browser
		if a := other.do("the decision from another browser", http.MethodPost, to, form); a.status < http.StatusBadRequest {
			p.leak("whoever has the consent page decides: %d", a.status)
		}
		cookies := map[string]string{}
		for name, value := range l.cookies {
			cookies[name] = value
		}
		l.decide(form, to)
		l.cookies = cookies
		if a := l.do("the decision again", http.MethodPost, to, form); a.status < http.StatusBadRequest {
			p.leak("a consent page is good twice: %d", a.status)
		}
		l.redeem()
		for _, s := range append(l.trail, other.trail...) {
			if !strings.Contains(s.header.Get("Cache-Control"), "no-store") {
				p.leak("%s may be kept", s.name)
			}
			if strings.Contains(s.header.Get("Content-Type"), "html") {
				s.isOnePersons(p)
			}
			for _, c := range (&http.Response{Header: s.header}).Cookies() {
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode || c.Domain != "" {
					p.leak("%s sets a cookie that scripts, other sites or other hosts get", s.name)
				}
			}
		}
	}
}

// isOnePersons looks at how a page is protected.
func (s step) isOnePersons(p *probe) {
	policy := s.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors 'none'") {
		p.leak("%s can be framed", s.name)
	}
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || strings.Contains(strings.ToLower(string(s.body)), "<script") {
		p.leak("%s can run scripts", s.name)
	}
}

func launchOneClient(p *probe) {
	for _, about := range aboutPeople {
		l := p.newLaunch(about)
		l.complete("launch/patient patient/*.rs")
		p.onlyOwn(l.caller())
		narrow := p.newLaunch(about)
		narrow.complete("launch/patient patient/Patient.rs patient/Condition.rs")
		for _, path := range []string{"Practitioner?_count=200", "PractitionerRole?_count=200", "Organization?_count=200", "Location?_count=200", "Encounter?patient=" + narrow.given.Patient} {
			if a := narrow.caller().get(path); a.status < http.StatusBadRequest {
				p.leak("a launched app that may see conditions gets %s: %d", get(path).name(), a.status)
			}
		}
	}
}

func launchRevocation(p *probe) {
	e, _ := p.launches()
	for name, end := range map[string]func(*launch){
		"a code that was used twice": func(l *launch) {
			if again := l.redeem(); again.Access != "" {
				p.leak("a code gives tokens twice")
			}
		},
		"a refresh token that was used twice": func(l *launch) {
			used := l.given.Refresh
			if l.given = l.refresh(used, ""); l.given.Access == "" {
				p.broken("a refresh token gives no token: %d", l.given.status)
			}
			l.caller().get("Patient/" + l.given.Patient)
			if again := l.refresh(used, ""); again.Access != "" {
				p.leak("a refresh token gives tokens twice")
			}
		},
		"a refresh token that was revoked": func(l *launch) {
			if a := l.ask(e.Revoke, url.Values{"token": {l.given.Refresh}}); a.status != http.StatusOK {
				p.broken("the app cannot revoke its token: %d", a.status)
			}
		},
	} {
		l := p.newLaunch(aboutPeople[0])
		l.complete("launch/patient offline_access patient/*.rs")
		p.need(l.given.Refresh != "", "no refresh token")
		who, first := l.person(), l.given.Access
		paths := []string{"Patient/" + who.self.ID, "Condition?patient=" + who.self.ID, "Patient/" + who.self.ID + "/$everything"}
		for _, path := range paths {
			if a := l.caller().get(path); a.status != http.StatusOK {
				p.broken("a launched app gets %s: %d", get(path).name(), a.status)
			}
		}
		end(l)
		for _, token := range []string{first, l.given.Access} {
			for _, path := range paths {
				if a := (&caller{p: p, partner: who, token: token}).get(path); a.status != http.StatusUnauthorized {
					p.leak("after %s its grant still opens %s: %d", name, get(path).name(), a.status)
				}
			}
		}
		if again := l.refresh(l.given.Refresh, ""); again.Access != "" {
			p.leak("after %s its grant still gives tokens", name)
		}
	}
}
