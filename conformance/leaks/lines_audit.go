package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// auditEvents lets partners read of a client who asks in person, and looks who sees AuditEvents of it, and what they tell.
func auditEvents(p *probe) {
	told := 0
	for _, who := range p.s.people {
		c := p.as(who)
		p.chart(who, who.self) // whatever is asked to prepare is told too: before it counts
		readers := slices.DeleteFunc(p.s.machines(), func(m *partner) bool { return !slices.Contains(p.reach(m), who.self) })
		inVain := map[*partner][]request{}
		for _, m := range p.s.machines() {
			inVain[m] = p.inVain(m, who.self, readers)
		}
		began := url.QueryEscape(time.Now().Add(-time.Second).UTC().Format(time.RFC3339))
		search := "AuditEvent?_count=200&patient=" + who.self.ID + "&date=ge" + began
		for _, m := range readers {
			p.as(m).get("Patient/" + who.self.ID)
			for ref := range p.chart(m, who.self).files() {
				p.as(m).get(ref)
				break
			}
			p.as(m).do(batch("Encounter?patient="+who.self.ID, "Patient/"+who.self.ID+"/$everything?_type=Goal"))
		}
		first, _ := c.get(search).bundle()
		p.forNobodyElse(who, first.entries)
		before := must(c.pages(search))(p)
		for _, b := range before {
			for _, e := range b.entries {
				told++
				p.tellsNoMore(who, e.resource)
			}
		}
		for m, requests := range inVain {
			for _, r := range requests {
				p.as(m).do(r)
			}
		}
		after := must(c.pages(search))(p)
		if n, m := eventsOf(before), eventsOf(after); n != m {
			p.leak("%s learns of requests that gave nothing: %d AuditEvents, then %d", who.ID, n, m)
		}
	}
	p.need(told > 0, "nobody in person who is told of a request")
}

func eventsOf(pages []bundle) (n int) {
	for _, b := range pages {
		n += len(b.matches())
	}
	return n
}

// tellsNoMore reports an AuditEvent that is about another client, names whom no form names, or a record that the client does not get either.
func (p *probe) tellsNoMore(who *partner, e resource) {
	if e.typ != "AuditEvent" {
		return
	}
	mine := p.chart(who, who.self)
	files := mine.files()
	for _, ref := range e.references() {
		typ, _, _ := strings.Cut(ref, "/")
		_, seen := mine[ref]
		if _, read := files[ref]; !seen && !read && ref != "Patient/"+who.self.ID && !slices.Contains(public, typ) {
			p.leak("%s gets an AuditEvent that names a %s which is not in its chart", who.ID, typ)
		}
	}
	for _, id := range e.texts("agent.altId") {
		for _, m := range p.s.machines() {
			if m.ID == id && !slices.Contains(p.s.known[id], who.self.Key) {
				p.leak("%s gets an AuditEvent of %s, which no form in force names", who.ID, id)
			}
		}
	}
	if len(e.texts("entity.query"))+len(e.texts("entity.name"))+len(e.texts("entity.detail.valueString")) > 0 {
		p.leak("%s gets an AuditEvent with what was asked", who.ID)
	}
}

// inVain are requests for what the partner does not get of the client: nobody is to hear of them.
func (p *probe) inVain(m *partner, of client, readers []*partner) []request {
	never := invented()
	requests := []request{get("Encounter/" + never), get("Encounter?_id=" + never), get("AuditEvent?patient=" + of.ID), batch("Encounter/"+never, "Goal?patient="+never)}
	if !slices.Contains(readers, m) {
		requests = append(requests, get("Patient/"+of.ID), get("Encounter?patient="+of.ID), get("Patient/"+of.ID+"/$everything"), batch("Patient/"+of.ID, "Encounter?patient="+of.ID))
	}
	for _, h := range p.focus(m, of, readers).some(1) {
		requests = append(requests, get(h.ref()), get(h.typ+"?_id="+h.id), request{method: http.MethodHead, path: h.ref()}, batch(h.ref()))
	}
	return requests
}

// forNobodyElse asks for a client's AuditEvents as everybody but the client: the answers are those about what never was.
func (p *probe) forNobodyElse(who *partner, events []entry) {
	for _, other := range p.s.everybody() {
		if other == who || other.Scopes != "" && !strings.Contains(other.Scopes, "*") {
			continue
		}
		c := p.as(other)
		p.same(c, "a client with AuditEvents", who.self.ID, get("AuditEvent?patient={ID}"), get("AuditEvent?patient=Patient/{ID}&_summary=count"), get("AuditEvent?patient={ID}&_total=accurate&_include=*"), form("AuditEvent/_search", "patient={ID}"), batch("AuditEvent?patient={ID}"),
			get("AuditEvent?patient={ID}&agent-name=a&date=ge2000"), get("Patient/{ID}/AuditEvent"))
		for _, e := range events[:min(1, len(events))] {
			one := get("AuditEvent/{ID}")
			p.same(c, "an AuditEvent", e.id, one, request{method: http.MethodHead, path: one.path}, one.with("If-None-Match", "*"), get("AuditEvent?_id={ID}"), get("AuditEvent?_id={ID}&patient="+who.self.ID), form("AuditEvent/_search", "_id={ID}"), batch("AuditEvent/{ID}"))
		}
		for _, r := range []request{get("Patient?_count=200&_revinclude=AuditEvent:patient"), get("Patient?_id=" + who.self.ID + "&_revinclude=*"), get("Patient/" + who.self.ID + "/$everything?_type=AuditEvent"), get("Provenance?_count=200&_revinclude=*&patient=" + who.self.ID)} {
			b, _ := c.do(r).bundle()
			if slices.ContainsFunc(b.entries, func(e entry) bool { return e.typ == "AuditEvent" && other.self.ID == "" }) {
				p.leak("%s gets an AuditEvent, by %s", other.ID, r.name())
			}
		}
	}
}
