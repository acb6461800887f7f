package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func countLines() []*line {
	in := func(l *line) *line { l.section = sectionCounts; return l }
	return []*line{
		in(&line{name: "totals", title: "no total counts what is withheld", source: "HAPI #1507/#2012/#3418, AWS #63",
			tries: "total, _total=accurate and estimate, _summary=count and _count=0 of every type, against the entries of all pages", run: totals}),
		in(&line{name: "withheld-looks-empty", title: "a search that matches withheld rows only is answered as one that matches none", source: "LinuxForHealth #2669",
			tries: "searches for a withheld id and for an invented one, alike to the byte, with every control parameter", run: withheldLooksEmpty}),
		in(&line{name: "withheld-is-not-found", title: "a withheld id is answered as one that never was", source: "LinuxForHealth #2669, HAPI AuthorizationFlagsEnum",
			tries: "GET, HEAD and conditional reads of withheld and invented ids, alike to the byte, headers included", run: withheldIsNotFound}),
		in(&line{name: "stranger-is-nobody", title: "a client without an applicable Consent is nobody", source: "design: reach",
			tries: "reads and searches for clients whose forms do not name the partner, and for invented ones", run: strangerIsNobody}),
		in(&line{name: "reach-follows-the-forms", title: "nobody is in a partner's reach whom no form in force gives to it", source: "MS fhir-proxy, HAPI #3394",
			tries: "all pages of Patient, compared with the forms in the practice's own database", run: reachFollowsForms}),
		in(&line{name: "matching-operations", title: "no operation tells whether somebody is a client", source: "MS #5675, Firely 5.11 $member-match, $find-matches",
			tries: "$match, $member-match and $find-matches with a stranger's own details and with invented ones", run: matching}),
		in(&line{name: "person-search", title: "a stranger's own name, number and birth date find what made-up ones find", source: "MS #5675",
			tries: "Patient by identifier, name, family, given, birthdate, phone and email of strangers", run: personSearch}),
		in(&line{name: "error-internals", title: "no error tells of databases, code or files", source: "b.well 002751e8a, 87993277b",
			tries: "broken searches, ids, bodies, headers and methods; every answer below 500 and without internals", run: errorInternals}),
		in(&line{name: "stubs", title: "nothing says that something was withheld", source: "microsoft/fhir-proxy, ehealth.sundhed.dk",
			tries: "every chart: no stub, no suppressed or masked marker, no outcome about what is missing", run: stubs}),
		in(&line{name: "error-differences", title: "a broken request about a stranger fails as one about nobody", source: "LinuxForHealth #2669",
			tries: "malformed parameters, formats, methods and bodies with a stranger's id and an invented one", run: errorDifferences}),
		in(&line{name: "head-lengths", title: "HEAD says no other length than GET", source: "LEAP CES",
			tries: "HEAD and GET of charts, pages, withheld ids and strangers", run: headLengths}),
		in(&line{name: "sort-side-channel", title: "_sort orders what is released, and by nothing else", source: "HAPI #6065",
			tries: "every parameter as a sort key, both ways, with pages: the same resources as without", run: sortChannel}),
		in(&line{name: "missing-partition", title: ":missing and its opposite divide what is released, and nothing more", source: "Medplum #2840",
			tries: ":missing=true and false of every parameter of every type, their totals added up", run: missingPartition}),
	}
}

func totals(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			want := len(f.own.ofType(t.name))
			for _, q := range []string{"_count=200", "_count=1", "_count=0", "_total=accurate", "_total=estimate", "_summary=count", "_count=0&_total=accurate", "_count=2&_sort=-_lastUpdated"} {
				r := get(strings.Replace(plain(t.name, f.of.ID), "_count=200", q, 1))
				if b, ok := c.do(r).bundle(); ok && b.total != nil {
					if found++; *b.total != want {
						p.leak("%s: %s says %d, and %d are released", f.who.ID, r.name(), *b.total, want)
					}
				}
			}
		}
		if b, ok := c.get("Patient?_count=0").bundle(); ok && b.total != nil && *b.total != len(p.reach(f.who)) {
			p.leak("%s: Patient says %d, and %d are released", f.who.ID, *b.total, len(p.reach(f.who)))
		}
	}
	p.need(found > 0, "no total")
}

func withheldLooksEmpty(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(1) {
			var requests []request
			for _, q := range []string{"", "&_total=accurate", "&_total=none", "&_count=0", "&_count=1", "&_summary=count", "&_summary=true", "&_elements=id", "&_sort=-_lastUpdated", "&_revinclude=Provenance:target", "&_include=*", "&_lastUpdated=gt2000", "&patient=" + f.of.ID} {
				requests = append(requests, get(h.typ+"?_id={ID}"+q), form(h.typ+"/_search", "_id={ID}"+q))
			}
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
	}
}

func withheldIsNotFound(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(4) {
			one := get(h.typ + "/{ID}")
			head := request{method: http.MethodHead, path: one.path}
			p.same(c, "a withheld "+h.typ, h.id, one, head, one.with("If-None-Match", "*"), one.with("If-None-Match", `W/"x"`), one.with("If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"),
				one.with("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), one.with("Range", "bytes=0-10"), one.with("Prefer", "return=OperationOutcome"), one.with("Cache-Control", "only-if-cached"))
		}
	}
}

func strangerIsNobody(p *probe) {
	tried := 0
	for _, who := range p.s.machines() {
		c := p.as(who)
		for _, stranger := range p.s.strangers(who) {
			tried++
			p.same(c, "a client who is a stranger", stranger.ID, get("Patient/{ID}"), request{method: http.MethodHead, path: "Patient/{ID}"}, get("Patient?_id={ID}"), get("Encounter?patient={ID}"),
				form("DocumentReference/_search", "patient={ID}"))
		}
	}
	p.need(tried > 0, "no stranger")
}

func reachFollowsForms(p *probe) {
	for _, who := range p.s.machines() {
		for _, c := range p.reach(who) {
			if !slices.Contains(p.s.known[who.ID], c.Key) {
				p.leak("%s finds a client whom no form in force gives to it", who.ID)
			}
		}
		for _, stranger := range p.s.strangers(who) {
			if p.as(who).get("Patient/"+stranger.ID).status == 200 {
				p.leak("%s reads a client whom no form in force gives to it", who.ID)
			}
		}
	}
}

var jsonBody = http.Header{"Content-Type": {"application/fhir+json"}}

func matching(p *probe) {
	for _, who := range p.s.machines() {
		c := p.as(who)
		strangers := p.s.strangers(who)
		if len(strangers) == 0 {
			continue
		}
		x := must(p.s.books.person(p.ctx(), strangers[0].Key))(p)
		details := func(x person) string {
			text, _ := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": []any{map[string]any{"name": "resource", "resource": map[string]any{"resourceType": "Patient",
				"identifier": []any{map[string]any{"value": x.mrn}}, "name": []any{map[string]any{"family": x.family, "given": []string{x.given}}}, "birthDate": x.born}}}})
			return string(text)
		}
		for _, op := range []string{"Patient/$match", "Patient/$member-match", "Patient/$find-matches", "$match", "$member-match", "$find-matches", "Group/$bulk-member-match"} {
			ask := func(x person) *answer {
				return c.do(request{method: http.MethodPost, path: op, header: jsonBody, body: details(x)}).masked("")
			}
			if d := difference(ask(nobodyKnown), ask(x)); d != "" {
				p.leak("%s can tell a stranger's details from invented ones, by %s: %s differs", who.ID, op, d)
			}
		}
	}
}

// nobodyKnown is a person who is no client.
var nobodyKnown = person{mrn: "CB-999999", family: "Zzyzx", given: "Qwortle", born: "1901-02-03", phone: "+1-555-9999", email: "nobody@mail.example"}

func personSearch(p *probe) {
	tried := 0
	for _, who := range p.s.machines() {
		c := p.as(who)
		for i, stranger := range p.s.strangers(who) {
			if i >= 5 {
				break
			}
			tried++
			x := must(p.s.books.person(p.ctx(), stranger.Key))(p)
			for param, value := range map[string]string{"identifier": x.mrn, "phone": x.phone, "email": x.email, "telecom": x.phone, "identifier:of-type": "x|MR|" + x.mrn, "_content": x.family, "_text": x.mrn, "address": x.phone} {
				p.within(c, get("Patient?"+param), c.get("Patient?"+param+"="+url.QueryEscape(value)))
			}
			r := get("Patient?_total=accurate&identifier=" + url.QueryEscape(x.mrn))
			if b, ok := c.do(r).bundle(); ok && (len(b.entries) > 0 || b.total != nil && *b.total > 0) {
				p.leak("%s finds a stranger by number", who.ID)
			}
			for _, q := range []string{"name=" + url.QueryEscape(x.family) + "&birthdate=" + x.born, "family:exact=" + url.QueryEscape(x.family), "birthdate=" + x.born, "given=" + url.QueryEscape(x.given)} {
				r := get("Patient?_count=200&" + q)
				p.within(c, r, c.do(r))
			}
		}
	}
	p.need(tried > 0, "no stranger")
}

var internals = regexp.MustCompile(`(?i)sqlite|no such (table|column)|syntax error|select .* from|goroutine \d|panic|runtime error|\.go:\d|/(work|home|tmp|root|usr|var)/|github\.com|chart_notes|psychotherapy_|release_recipients|nil pointer|stack trace|[a-z]+\.(Error|Reader)\b|unexpected end of json|invalid character|strconv\.|database is locked`)

// broken are requests that are wrong in one way each.
func brokenRequests(patient string) []request {
	deep := strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)
	out := []request{
		{method: "POST", path: "Patient/_search", header: jsonBody, body: "{"}, {method: "POST", path: "", header: jsonBody, body: deep}, {method: "PUT", path: "Patient/{ID}", header: jsonBody, body: "{}"},
		{method: "PATCH", path: "Patient/{ID}", header: jsonBody, body: "[]"}, {method: "DELETE", path: "Patient/{ID}"}, {method: "POST", path: "Consent", header: jsonBody, body: `{"resourceType":"Consent"}`},
		{method: "TRACE", path: "Patient/{ID}"}, {method: "PROPFIND", path: "Patient/{ID}"}, form("Encounter/_search", "patient={ID}&date=x%00"), form("Encounter/_search", "patient={ID}&%zz"), form("Encounter/_search", "patient={ID};date=x"),
	}
	for _, q := range []string{"date=gt", "date=2026-13-45", "date=gtgt2026", "status=%27", "status=%22", "code=|", "code=a|b|c", "_count=abc", "_count=-1", "_count=99999999999999999999", "_sort=;", "_sort=-", "_id=%00", "_page=x", "_page=" + strings.Repeat("A", 300),
		"encounter=../../x", "encounter=http://x.example/Encounter/1", "_lastUpdated=now", "type=%F0%28", "_format=xml", "_format=%00", "_total=all", "_revinclude=x", "_include=Encounter", "_summary=x", "_elements=", "date=%27%20UNION%20SELECT%201--"} {
		out = append(out, get("Encounter?patient={ID}&"+q), get("DocumentReference?patient={ID}&"+q))
	}
	for _, h := range [][2]string{{"Accept", "text/html"}, {"Accept", "x/y/z"}, {"Accept", "application/fhir+xml"}, {"Prefer", "handling=strict"}, {"If-None-Match", "\"" + strings.Repeat("x", 5000)}, {"If-Modified-Since", "yesterday"}, {"Range", "bytes=x"}, {"X-Request-Id", "' OR 1"}} {
		out = append(out, get("Encounter?patient={ID}&_unknown=x").with(h[0], h[1]), get("Patient/{ID}").with(h[0], h[1]))
	}
	for i := range out {
		out[i] = out[i].about(patient)
	}
	return out
}

func errorInternals(p *probe) {
	for _, f := range p.focuses() {
		for _, c := range []*caller{p.as(f.who), p.nobody()} {
			for _, r := range append(brokenRequests(f.of.ID), get("Patient/'"), get("Patient/%00"), get("Nothing/1"), get("Patient/"+strings.Repeat("a", 4000)), get("%"+"7e/x"), get("$nothing")) {
				a := c.do(r)
				if a.status >= 500 && a.status != http.StatusNotImplemented {
					p.leak("%s fails with %d", r.name(), a.status)
				}
				if a.status >= 400 && internals.Match(a.body) {
					p.leak("the error of %s tells of the inside", r.name())
				}
				for name := range a.header {
					if slices.Contains([]string{"Server", "X-Powered-By", "X-Debug", "X-Error"}, name) {
						p.leak("the answer to %s has the header %s", r.name(), name)
					}
				}
			}
		}
	}
}

var markers = regexp.MustCompile(`(?i)"(REDACTED|MASKED|SUPPRESSED|suppressed|withheld|masked|unauthorized|data-absent-reason)"|withheld access|access denied|not permitted|hidden`)

func stubs(p *probe) {
	for _, f := range p.focuses() {
		for _, r := range f.own {
			text, _ := json.Marshal(r.tree)
			if markers.Match(text) {
				p.leak("%s gets a %s that says that something is missing", f.who.ID, r.typ)
			}
			if len(r.tree) < 4 {
				p.leak("%s gets a %s of %d members: a stub", f.who.ID, r.typ, len(r.tree))
			}
		}
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			b, _ := c.get(plain(t.name, f.of.ID)).bundle()
			if t.name == "Patient" {
				b, _ = c.get("Patient/" + f.of.ID + "/$everything").bundle()
			}
			for _, e := range b.entries {
				text, _ := json.Marshal(e.tree)
				switch notice := e.typ == "OperationOutcome"; {
				case e.typ == "", notice && e.mode != "outcome", !notice && e.mode == "outcome":
					p.leak("%s: the answer for %s has an entry that is no %s", f.who.ID, t.name, t.name)
				case notice && (markers.Match(text) || f.unknown(string(text))): // a notice about what is there is none about what is missing
					p.leak("%s: the answer for %s says that something is missing", f.who.ID, t.name)
				}
			}
		}
	}
}

func errorDifferences(p *probe) {
	for _, who := range p.s.machines() {
		if strangers := p.s.strangers(who); len(strangers) > 0 {
			p.same(p.as(who), "a client who is a stranger", strangers[len(strangers)/2].ID, brokenRequests("{ID}")...)
		}
	}
}

func headLengths(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		paths := []string{"metadata", "Patient?_count=2", "Patient/" + invented()}
		for _, t := range p.s.clientTypes() {
			paths = append(paths, plain(t.name, f.of.ID), strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count=1&_revinclude=Provenance:target", 1))
		}
		for _, h := range f.some(1) {
			paths = append(paths, h.ref(), h.typ+"?_id="+h.id)
		}
		for _, path := range paths {
			whole, head := c.get(path), c.do(request{method: http.MethodHead, path: path})
			a, b := whole.masked(""), head.masked("")
			a.body, b.body = nil, nil
			if d := difference(a, b); d != "" {
				p.leak("%s: HEAD differs from %s in %s", f.who.ID, get(path).name(), d)
			}
			if n := head.header.Get("Content-Length"); n != "" && n != strconv.Itoa(len(whole.body)) {
				p.leak("%s: HEAD says another length than %s gives", f.who.ID, get(path).name())
			}
		}
	}
}

func sortChannel(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			var want []string
			for _, r := range f.own.ofType(t.name) {
				want = append(want, r.ref())
			}
			for _, param := range append([]string{"_security", "subject.name", "_score"}, t.params...) {
				for _, sign := range []string{"", "-"} {
					path := plain(t.name, f.of.ID) + "&_sort=" + sign + param
					if sign == "-" && len(want) < 60 { // in pages of three
						path = strings.Replace(path, "_count=200", "_count=3", 1)
					}
					pages := must(c.pages(path))(p)
					var got []string
					for _, b := range pages {
						got = append(got, b.matches()...)
					}
					if len(pages) > 0 && !slices.Equal(sorted(want), sorted(got)) {
						p.leak("%s: %s sorted by %s%s are %d, and %d are released", f.who.ID, t.name, sign, param, len(got), len(want))
					}
				}
			}
		}
	}
}

func missingPartition(p *probe) {
	asked := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			for _, param := range t.params {
				with, ok1 := c.get(plain(t.name, f.of.ID) + "&" + param + ":missing=false").bundle()
				without, ok2 := c.get(plain(t.name, f.of.ID) + "&" + param + ":missing=true").bundle()
				if !ok1 || !ok2 {
					continue
				}
				asked++
				if got, want := len(with.matches())+len(without.matches()), len(f.own.ofType(t.name)); got != want {
					p.leak("%s: %s with and without %s are %d, and %d are released", f.who.ID, t.name, param, got, want)
				}
			}
		}
	}
	if asked == 0 {
		p.notApplicable("no parameter takes :missing here")
	}
}
