package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// launchScopes takes one kind of record after the other away, and looks for it in everything that the app gets.
func launchScopes(p *probe) {
	var asked, words []string
	for _, t := range p.s.clientTypes() {
		asked = append(asked, t.name)
		words = append(words, "patient/"+t.name+".rs")
	}
	scope := "launch/patient offline_access " + strings.Join(words, " ")
	whole := p.newLaunch(aboutPeople[0])
	form, _ := whole.consentPage(scope)
	tried := 0
	for row := range form["scope"] {
		l := p.newLaunch(aboutPeople[0])
		l.complete(scope, row)
		gone := slices.DeleteFunc(slices.Clone(asked), func(t string) bool { return grants(l.given.Scope, t) })
		switch {
		case len(gone) == 0 && l.given.Refresh != "":
			p.leak("the token has what was taken away on the page")
			continue
		case len(gone) == 0: // the row was that the app may come back
			continue
		case len(gone) > 1:
			p.broken("one row of the page is %d kinds of record", len(gone))
		}
		if tried++; tried == 1 {
			p.losesWhatItHad(scope, row, gone[0])
		}
		p.staysAway(l, gone[0])
		p.comesBack(l, gone[0])
		wide := p.newLaunch(aboutPeople[0])
		if wide.complete("launch/patient patient/*.rs", row); grants(wide.given.Scope, "*") {
			p.leak("one kind is taken away of all, and the token has all")
		}
	}
	p.need(tried > 1, "no page from which something can be taken away")
}

// losesWhatItHad takes a kind of record away at a newer launch of the app, for which it does not come, and looks for it with what the app had before.
func (p *probe) losesWhatItHad(scope string, row int, typ string) {
	had := p.newLaunch(aboutPeople[0])
	had.complete(scope)
	p.newLaunch(aboutPeople[0]).allow(scope, row)
	if a := had.caller().get(plain(typ, had.given.Patient)); a.status < http.StatusBadRequest {
		p.leak("%s was taken away, and a token of before opens it: %d", typ, a.status)
	}
	if again := had.refresh(had.given.Refresh, ""); grants(again.Scope, typ) {
		p.leak("%s was taken away, and comes with a refresh token of before", typ)
	}
}

// grants tells whether a scope opens a type, in any way.
func grants(scope, typ string) bool {
	return slices.ContainsFunc(strings.Fields(scope), func(w string) bool { return strings.HasPrefix(w, "patient/"+typ+".") })
}

// staysAway looks for a type of which the app must get nothing.
func (p *probe) staysAway(l *launch, typ string) {
	c, of := l.caller(), l.person().self
	own := p.chart(l.person(), of)
	found := own.ofType(typ)
	direct := []request{get(plain(typ, of.ID)), form(typ+"/_search", "patient="+of.ID), get(typ + "?_summary=count&patient=" + of.ID)}
	if typ != "Patient" {
		direct = append(direct, get("Patient/"+of.ID+"/"+typ))
	}
	if typ == "DocumentReference" {
		direct = append(direct, get("DocumentReference/$docref?patient="+of.ID))
		for file := range own.files() {
			direct = append(direct, get(file))
		}
	}
	mixed := []request{get("Patient/" + of.ID + "/$everything"), form("Patient/"+of.ID+"/$everything", ""), get("Patient/" + of.ID + "/$everything?_type=" + typ)}
	for _, x := range found[:min(2, len(found))] {
		direct = append(direct, get(x.ref()), request{method: http.MethodHead, path: x.ref()}, get(typ+"?_id="+x.id))
		mixed = append(mixed, batch(x.ref(), plain(typ, of.ID), "Patient/"+of.ID+"/$everything"))
	}
	for _, kept := range p.s.clientTypes() {
		if kept.name != typ {
			mixed = append(mixed, get(plain(kept.name, of.ID)+"&_include=*&_include:iterate=*&_revinclude=*"))
		}
	}
	for _, r := range direct {
		if a := c.do(r); a.status < http.StatusBadRequest {
			p.leak("%s was taken away, and %s is answered %d", typ, r.name(), a.status)
		}
	}
	var ids []string
	if typ != "Patient" { // every record is about its client
		for _, x := range found {
			ids = append(ids, x.id)
		}
	}
	for _, r := range mixed {
		p.without(typ, ids, r, c.do(r))
	}
}

// without reports what an answer has of a type, however deep, and what points at it. A client's Consent is shown whole, with the records that it names.
func (p *probe) without(typ string, ids []string, r request, a *answer) {
	var tree any
	if json.Unmarshal(a.body, &tree) != nil {
		return
	}
	eachResource(tree, func(x resource) {
		if x.typ == typ {
			p.leak("%s was taken away, and comes by %s", typ, r.name())
		}
		if x.typ == "Bundle" || x.typ == "Consent" {
			return
		}
		eachString(x.tree, "", func(_, text string) {
			for _, id := range ids {
				if strings.Contains(text, id) && r.method == "" { // what a batch asks for it may repeat
					p.leak("%s was taken away, and a %s points at it, by %s", typ, x.typ, r.name())
				}
			}
		})
	})
}

// comesBack asks with the refresh token for what was taken away.
func (p *probe) comesBack(l *launch, typ string) {
	if l.given.Refresh == "" {
		p.broken("the app cannot come back")
	}
	for _, scope := range []string{"patient/" + typ + ".rs", "patient/*.rs", "launch/patient offline_access patient/" + typ + ".read", ""} {
		got := l.refresh(l.given.Refresh, scope)
		if got.Access == "" {
			continue
		}
		l.given.Access, l.given.Refresh = got.Access, got.Refresh
		if grants(got.Scope, typ) || grants(got.Scope, "*") {
			p.leak("a refreshed token has %s, which was taken away", typ)
		}
		if a := l.caller().get(plain(typ, l.given.Patient)); a.status < http.StatusBadRequest {
			p.leak("%s was taken away, and a refreshed token opens it: %d", typ, a.status)
		}
	}
}
