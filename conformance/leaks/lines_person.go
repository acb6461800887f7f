package main

import (
	"net/http"
	"slices"
)

// inPerson asks as clients in person, whose app may know of one client alone.
func inPerson(p *probe) {
	tried := 0
	for _, who := range p.s.people {
		c := p.as(who)
		if reach := p.reach(who); !slices.Equal(reach, []client{who.self}) {
			p.leak("%s finds %d clients", who.ID, len(reach))
		}
		tried += p.onlyOwn(c)
	}
	p.need(tried > 0, "nobody in person")
}

// onlyOwn asks, as a client in person, for everybody else and for whatever leads there. It tells of how many it asked.
func (p *probe) onlyOwn(c *caller) (tried int) {
	who := c.partner
	var others []client
	for _, other := range p.s.people {
		if other != who {
			others = append(others, other.self)
		}
	}
	for _, other := range append(others, p.s.strangers(who)[:min(1, len(p.s.strangers(who)))]...) {
		tried++
		requests := []request{get("Patient/{ID}"), get("Patient?_id={ID}"), get("Patient/{ID}/$everything"), get("Patient/{ID}/$everything?_type=Practitioner"), form("Patient/{ID}/$everything", ""), get("DocumentReference/$docref?patient={ID}"),
			form("DocumentReference/$docref?patient="+who.self.ID, "patient={ID}"), request{method: http.MethodHead, path: "Patient/{ID}"}, batch("Patient/{ID}", "Patient/{ID}/$everything", "Encounter?patient={ID}"), get("Patient/{ID}").with("If-None-Match", "*"), get("Patient/{ID}").with("X-Patient-Id", who.self.ID)}
		for _, t := range p.s.clientTypes() {
			if t.name != "Patient" {
				requests = append(requests, get(t.name+"?patient={ID}"), get("Patient/{ID}/"+t.name), form(t.name+"/_search?patient="+who.self.ID, "patient={ID}"))
			}
		}
		p.same(c, "another client", other.ID, requests...)
	}
	seen := map[string]bool{}
	for _, m := range p.s.everybody() {
		for _, of := range others {
			for ref, r := range p.chart(m, of) {
				if !seen[r.typ] && r.typ != "Patient" {
					seen[r.typ] = true
					p.same(c, "another client's "+r.typ, r.id, get(r.typ+"/{ID}"), get(r.typ+"?_id={ID}"), get("Provenance?target="+r.typ+"/{ID}"), batch(ref[:len(r.typ)]+"/{ID}"))
				}
			}
		}
	}
	for _, r := range []request{get("Patient"), get("Patient?_revinclude=*&_include=*"), get("Patient/" + who.self.ID + "/$everything"), get("Consent?_include=*&_include:iterate=*&patient=" + who.self.ID), get("Practitioner?_count=200"), get("Organization?_count=200")} {
		p.within(c, r, c.do(r))
	}
	return tried
}
