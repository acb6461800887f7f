package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func routeLines() []*line {
	in := func(l *line) *line { l.section = sectionRoutes; return l }
	return []*line{
		in(&line{name: "everything", title: "$everything stays within the decision, whoever shares a session, group or list", source: "Firely 4.10.2, HAPI #5275/#5283",
			tries: "$everything of clients of the reach, with _type, start, _since and _count, and of Group, List, CareTeam, Encounter and Account", run: everything}),
		in(&line{name: "everything-one-client", title: "$everything of one client holds nothing of another, though both may be seen", source: "Firely 4.10.2, HAPI #5275/#5283 (shared Group)",
			tries: "$everything of each client in each partner's reach and of people in person, against that client's own chart; staff and sites only where something names them", run: oneClient}),
		in(&line{name: "docref", title: "$docref finds what a search finds, and counts no more", source: "Firely 5.11.0 ($docref for any token)",
			tries: "$docref with dates, the types and times of withheld documents, on-demand, includes and pages, by GET, form, Parameters and batch; strangers", run: docref}),
		in(&line{name: "compartments", title: "a compartment is the search of its type", source: "MS fhir-server #2934, OpenEMR CVE-2026-24487",
			tries: "each type in the client's compartment against the plain search, to the byte; strangers' compartments and those of withheld sessions", run: compartments}),
		in(&line{name: "batch", title: "an entry of a batch is decided as if it came alone", source: "HAPI #6169, b.well (one permitted id among many)",
			tries: "released, withheld and strange ids beside each other in one batch, each compared with the request alone, with all scopes and one; conditions, HEAD and writes in entries; no token", run: batchLine}),
		in(&line{name: "operations-any-token", title: "no operation answers about what is withheld", source: "Firely 5.11.0, HAPI $meta",
			tries: "$docref, $document, $meta, $meta-add, $erase, $validate, $graph, $diff, $summary, $lastn and others on system, type and withheld ids, GET and POST", run: operations}),
		in(&line{name: "nested-resources", title: "what stands inside another resource is decided too", source: "HAPI #5952/#5953/#6125/#6258",
			tries: "contained resources, Bundles in Bundles and Parameters in every chart and in batches", run: nested}),
		in(&line{name: "graphql-and-mcp", title: "no second entry point decides otherwise", source: "HAPI #1864, Medplum #7641/#4183, b.well",
			tries: "GraphQL, MCP, RPC and documentation paths, with and without a token", run: otherEntryPoints}),
		in(&line{name: "history", title: "no version, deleted resource or history shows what a read withholds", source: "LinuxForHealth #2300, Firely v3, b.well SAE-1, EFS-1419",
			tries: "_history of system, types and ids, vread of many versions, _since and _at", run: history}),
		in(&line{name: "elements-and-summary", title: "_elements and _summary only take away, in a batch as alone", source: "HAPI #6169",
			tries: "each projection of each type, member by member against the plain answer; the same in a batch", run: projections}),
		in(&line{name: "labels-stay", title: "what is cut keeps its security labels", source: "own, HAPI #6169",
			tries: "meta.security of each type under _elements and _summary, by search, read, POST, batch and $everything, against the whole", run: labelsStay}),
		in(&line{name: "post-search", title: "a POST _search is decided as the GET is", source: "LEAP CES, nuts-knooppunt #492",
			tries: "every type by POST, in the body, in the URL and in both, for own, withheld and strange clients", run: postSearch}),
		in(&line{name: "paths", title: "no spelling of a path goes past the decision", source: "LEAP CES",
			tries: "trailing and double slashes, .., %2f, %2e, case, ;x, NUL, absolute URLs and other prefixes to withheld and released ids, as raw bytes", run: paths}),
		in(&line{name: "method-override", title: "no header makes another request of one", source: "LEAP CES",
			tries: "method overrides, X-Original-URL, forwarded users, hosts and prefixes, debug and consent headers on withheld ids", run: overrides}),
		in(&line{name: "header-smuggling", title: "no second request hides in a first one", source: "own",
			tries: "Content-Length with Transfer-Encoding, two lengths, chunk tricks, folded and doubled headers, as raw bytes", run: smuggling}),
		in(&line{name: "without-a-token", title: "nothing about clients is told without a token, by any route or method", source: "LEAP CES, OpenEMR CVE-2026-25164",
			tries: "each type and operation with each method, without a token, with an empty one, in the query, a cookie or a form", run: withoutToken}),
		in(&line{name: "route-inventory", title: "a type or verb that is not offered is not there", source: "OpenEMR CVE-2026-24487",
			tries: "every resource type of R4 by read and search; writes, patches and deletes of each", run: inventory}),
		in(&line{name: "side-doors", title: "metrics, health and debugging tell nothing about clients", source: "own",
			tries: "metrics, pprof, health, version and admin paths beside the FHIR base", run: sideDoors}),
	}
}

func nested(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, r := range f.own {
			for name, inner := range r.tree {
				eachResource(inner, func(x resource) { p.leak("%s gets a %s inside the %s of a %s", f.who.ID, x.typ, name, r.typ) })
			}
		}
		for _, h := range f.some(1) {
			for _, kind := range []string{"batch", "transaction", "document", "message", "searchset"} {
				for _, url := range []string{h.ref(), h.typ + "?_id=" + h.id, "Patient/" + f.of.ID + "/$everything", h.typ + "?patient=" + f.of.ID} {
					r := request{method: "POST", header: jsonBody, body: `{"resourceType":"Bundle","type":"` + kind + `","entry":[{"request":{"method":"GET","url":"` + url + `"}},{"resource":{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"` + url + `"}}]},"request":{"method":"POST","url":""}}]}`}
					p.within(c, r, c.do(r))
				}
			}
		}
	}
}

func otherEntryPoints(p *probe) {
	for _, f := range p.focuses() {
		h := f.hidden[0]
		query := `{` + h.typ + `(id:"` + h.id + `"){id} PatientList{id name{family}} Patient(id:"` + f.of.ID + `"){id ObservationList(_reference:patient){id}}}`
		body := fmt.Sprintf(`{"query":%q}`, query)
		rpc := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"url":%q}}}`, h.ref())
		for _, c := range []*caller{p.as(f.who), p.nobody()} {
			for _, path := range []string{"$graphql", "graphql", h.ref() + "/$graphql", "Patient/" + f.of.ID + "/$graphql", "mcp", "rpc", "sse", "api", "v2", "swagger", "api-docs", "openapi.json", "$process-message", "$cql", "$ai"} {
				for _, r := range []request{get(path), get(path + "?query=%7BPatientList%7Bid%7D%7D"), {method: "POST", path: path, header: http.Header{"Content-Type": {"application/json"}}, body: body}, {method: "POST", path: path, header: http.Header{"Content-Type": {"application/json"}}, body: rpc}} {
					a := c.do(r)
					if a.status == 200 {
						p.leak("%s answers: it is a way in that this suite does not know", r.name())
					}
				}
			}
		}
	}
}

func history(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(2) {
			var requests []request
			for _, q := range []string{"/_history", "/_history?_since=2000-01-01", "/_history?_at=2026", "/_history/1", "/_history/2", "/_history/0", "/_history/" + h.id[:12]} {
				requests = append(requests, get(h.typ+"/{ID}"+q))
			}
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
		for _, path := range []string{"_history", "_history?_count=500", "Patient/_history", "DocumentReference/_history?_since=2000-01-01", "Encounter/_history?patient=" + f.of.ID, "Patient/" + f.of.ID + "/_history", "Patient/" + f.of.ID + "/*/_history"} {
			r := get(path)
			p.within(c, r, c.do(r))
		}
	}
}

func postSearch(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			_, query, _ := strings.Cut(plain(t.name, f.of.ID), "?")
			for _, r := range []request{form(t.name+"/_search", query), form(t.name+"/_search?"+query, ""), form(t.name+"/_search?_count=200", query), form(t.name+"/_search", query+"&_revinclude=Provenance:target"), form(t.name+"/_search?_revinclude=*&_include=*", query)} {
				a := c.do(r)
				p.within(c, r, a)
				if b, ok := a.bundle(); ok && len(b.matches()) != len(f.own.ofType(t.name)) {
					p.leak("%s: %s gives %d, GET %d", f.who.ID, r.name(), len(b.matches()), len(f.own.ofType(t.name)))
				}
			}
			if a := p.nobody().do(form(t.name+"/_search", query)); a.status < 400 {
				p.leak("POST %s/_search answers without a token", t.name)
			}
		}
		if strangers := p.s.strangers(f.who); len(strangers) > 0 {
			var requests []request
			for _, t := range p.s.clientTypes() {
				if t.name != "Patient" {
					requests = append(requests, form(t.name+"/_search", "patient={ID}"), form(t.name+"/_search?patient="+f.of.ID, "patient={ID}"), form(t.name+"/_search?patient={ID}", "patient="+f.of.ID), form(t.name+"/_search?patient={ID}&_count=1", "_sort=-_lastUpdated"))
				}
			}
			p.same(c, "a client who is a stranger", strangers[0].ID, requests...)
		}
		for _, h := range f.some(1) {
			p.same(c, "a withheld "+h.typ, h.id, form(h.typ+"/_search?_id={ID}", "patient="+f.of.ID), form(h.typ+"/_search?patient="+f.of.ID, "_id={ID}"), form(h.typ+"/_search?_summary=count&patient="+f.of.ID, "_id={ID}"))
		}
	}
}

func paths(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		h := f.hidden[len(f.hidden)/2]
		for _, path := range []string{"{BASE}//REF", "/{BASE}/REF", "{BASE}/./REF", "{BASE}/x/../REF", "{BASE}/metadata/../REF", "{BASE}/REF/", "{BASE}/REF//", "{BASE}/TYPE%2fID", "{BASE}%2fREF", "{BASE}/%2e%2e{BASE}/REF", "{BASE}/REF%00", "{BASE}/REF%20",
			"{BASE}/REF;x=y", "{BASE};x/REF", "{BASE}/REF.json", "{BASE}/REF?x#y", "{BASE}/REF%c0%af", "{BASE}\\REF", "/REF", "/api/REF", "/internal{BASE}/REF", "http://{HOST}{BASE}/REF", "http://127.0.0.1{BASE}/REF", "{BASE}/.well-known/../REF", "{BASE}/REF%0d%0aX-A:b",
			"/auth/..{BASE}/REF", "/auth/%2e%2e{BASE}/REF", "{BASE}/$graph/../REF", "{BASE}/Patient/" + f.of.ID + "/../../REF", "/livez/..{BASE}/REF", "{BASE}/REF/_history/..", "{BASE}/TYPE//ID", "{BASE}/%54YPE/ID"} {
			path = strings.NewReplacer("REF", h.ref(), "TYPE", h.typ, "ID", h.id).Replace(path)
			got := c.raw("GET " + path + " HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")
			if shows(got, h) {
				p.leak("%s reads a withheld %s as %s", f.who.ID, h.typ, sealedID.ReplaceAllString(path, "ID"))
			}
		}
	}
}

// shows tells whether an answer holds the resource.
func shows(got []byte, h resource) bool {
	return bytes.Contains(got, []byte(`"id":"`+h.id+`"`)) || bytes.Contains(got, []byte(`"resourceType":"`+h.typ+`"`))
}

func overrides(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		h := f.hidden[len(f.hidden)/3]
		var requests []request
		for _, x := range [][2]string{{"X-HTTP-Method-Override", "DELETE"}, {"X-HTTP-Method", "PUT"}, {"X-Method-Override", "POST"}, {"X-Original-URL", "/fhir/" + h.typ + "/{ID}"}, {"X-Rewrite-URL", "/fhir/" + h.typ + "/{ID}"}, {"X-Forwarded-User", "admin"},
			{"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-Prefix", "/admin"}, {"X-Forwarded-Host", "evil.example"}, {"Forwarded", "for=127.0.0.1;host=evil.example"}, {"X-Real-IP", "127.0.0.1"}, {"X-Consent", "permit"}, {"X-Consent-Override", "true"},
			{"X-Break-Glass", "true"}, {"X-Purpose-Of-Use", "BTG"}, {"X-Role", "admin"}, {"X-Debug", "1"}, {"X-Tenant", "default"}, {"X-Patient-Id", f.of.ID}, {"X-Scope", "system/*.*"}, {"X-Client-Id", p.s.m.Partners[0].ID}, {"X-SSL-Client-Verify", "SUCCESS"},
			{"Category", `http://terminology.hl7.org/CodeSystem/v3-ActReason#BTG; scheme="http://hl7.org/fhir/tag/security"`}, {"Prefer", "handling=lenient, return=representation"}, {"X-Upsert-Extended", "true"}, {"X-Retry-On-Truncate", "1"}, {"Cookie", "session=admin"}} {
			requests = append(requests, get(h.typ+"/{ID}").with(x[0], x[1]), get(h.typ+"?_id={ID}").with(x[0], x[1]))
		}
		requests = append(requests, get(h.typ+"/{ID}?_method=GET&_bypass=1"), form(h.typ+"/_search?_method=GET", "_id={ID}").with("X-HTTP-Method-Override", "GET"))
		p.same(c, "a withheld "+h.typ, h.id, requests...)
	}
}

func smuggling(p *probe) {
	for i, f := range p.focuses() {
		if i > 0 {
			break
		}
		c := p.as(f.who)
		h := f.hidden[0]
		inner := "GET {BASE}/" + h.ref() + " HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
		outer := "POST {BASE}/Encounter/_search HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
		own := "patient=" + f.of.ID + "&_id="
		for name, text := range map[string]string{
			"a length and chunks":        outer + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
			"two lengths":                outer + "Content-Length: 0\r\nContent-Length: 400\r\n\r\n" + inner,
			"an odd transfer encoding":   outer + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
			"a space before the colon":   outer + "Content-Length : 400\r\n\r\n" + inner,
			"a folded header":            "GET {BASE}/Patient/x HTTP/1.1\r\nHost: {HOST}\r\nX-A: b\r\n Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n",
			"two tokens":                 "GET {BASE}/" + h.ref() + " HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n",
			"a request inside a form":    outer + "Content-Length: " + fmt.Sprint(len(own)+64) + "\r\n\r\n" + own + h.id,
			"HTTP/1.0 with chunks":       strings.Replace(outer, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
			"an upgrade":                 "GET {BASE}/" + h.ref() + " HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
			"a line feed in the request": "GET {BASE}/Patient/x\nHost: {HOST}\n\n" + inner,
		} {
			if shows(c.raw(text), h) {
				p.leak("a withheld %s comes by %s", h.typ, name)
			}
		}
	}
}

func withoutToken(p *probe) {
	nobody := p.nobody()
	f := p.focuses()[0]
	token := p.as(f.who).token
	var requests []request
	for _, t := range p.s.types {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			requests = append(requests, request{method: method, path: t.name + "?patient=" + f.of.ID}, request{method: method, path: t.name + "/" + f.of.ID})
		}
		requests = append(requests, form(t.name+"/_search", "patient="+f.of.ID), form(t.name+"/_search", "patient="+f.of.ID+"&access_token="+token), get(t.name+"?access_token="+token+"&patient="+f.of.ID),
			get(t.name+"?patient="+f.of.ID).with("Cookie", "access_token="+token), get(t.name+"?patient="+f.of.ID).with("Authorization", "Basic YTpi"), get(t.name+"?patient="+f.of.ID).with("X-Access-Token", token),
			get(t.name+"?patient="+f.of.ID).with("Authorization", "Bearer null"), get(t.name+"?patient="+f.of.ID).with("Proxy-Authorization", "Bearer "+token))
	}
	for _, path := range []string{"Patient/" + f.of.ID + "/$everything", "DocumentReference/$docref?patient=" + f.of.ID, "Patient/" + f.of.ID + "/Encounter", "Patient?_id=" + f.of.ID + "&_revinclude=*", "AuditEvent?patient=" + f.of.ID} {
		requests = append(requests, get(path), request{method: http.MethodHead, path: path}, form(path, ""), get(path).with("If-None-Match", "*"), parameters(path, "patient", f.of.ID))
	}
	for _, r := range append(requests, batch("Patient/"+f.of.ID), batch("Patient/"+f.of.ID).with("Cookie", "access_token="+token)) {
		a := nobody.do(r)
		if _, isBundle := a.bundle(); isBundle || a.status >= 200 && a.status < 300 && r.method != http.MethodOptions {
			p.leak("%s answers %d without a token", r.name(), a.status)
		}
	}
}

func inventory(p *probe) {
	offered := func(t string) bool {
		return slices.ContainsFunc(p.s.types, func(x resourceType) bool { return x.name == t })
	}
	f := p.focuses()[0]
	c := p.as(f.who)
	for t := range strings.FieldsSeq(everyType) {
		for _, r := range []request{get(t + "/" + f.of.ID), get(t + "?patient=" + f.of.ID), get(t), get("Patient/" + f.of.ID + "/" + t)} {
			a := c.do(r)
			p.within(c, r, a)
			if a.status == 200 && !offered(t) {
				p.leak("%s answers, and the CapabilityStatement does not say so", r.name())
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			if a := c.do(request{method: method, path: t + "/" + f.of.ID, header: jsonBody, body: `{"resourceType":"` + t + `"}`}); a.status < 400 {
				p.leak("%s %s answers %d", method, t, a.status)
			}
		}
	}
}

func sideDoors(p *probe) {
	f := p.focuses()[0]
	root := strings.TrimSuffix(p.s.target, "/fhir")
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/debug/pprof/heap", "/livez", "/readyz", "/healthz", "/health", "/version", "/admin", "/console", "/status", "/env", "/actuator", "/actuator/heapdump", "/.env", "/.git/config", "/ledger.db", "/practice.db", "/demo.json", "/auth/", "/auth/partners", "/auth/jwks.json", "/auth/.well-known/openid-configuration", "/"} {
		for _, c := range []*caller{p.nobody(), p.as(f.who)} {
			req, err := http.NewRequestWithContext(p.ctx(), http.MethodGet, root+path, http.NoBody)
			if err != nil {
				p.broken("%v", err)
			}
			a := c.beside(req)
			if sealedID.Match(a.body) || bytes.Contains(a.body, []byte("resourceType")) && a.status == 200 || bytes.Contains(a.body, []byte("gateway_")) || bytes.Contains(a.body, []byte("goroutine")) {
				p.leak("%s tells something", path)
			}
		}
	}
}
