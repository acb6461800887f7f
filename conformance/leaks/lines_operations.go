package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func everything(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, q := range []string{"", "?_count=2", "?_type=Encounter,Observation,DocumentReference,Provenance", "?start=2000-01-01&end=2100-01-01", "?_since=2000-01-01T00:00:00Z", "?_elements=id", "?_include=*"} {
			for r := get("Patient/" + f.of.ID + "/$everything" + q); r.path != ""; {
				a := c.do(r)
				p.within(c, r, a)
				b, _ := a.bundle()
				r = get(b.next)
			}
		}
		for _, r := range []request{form("Patient/"+f.of.ID+"/$everything", "_count=5&_since=2000-01-01T00:00:00Z"), form("Patient/"+f.of.ID+"/$everything?_type=Encounter", "_type=DocumentReference"), parameters("Patient/" + f.of.ID + "/$everything"), batch("Patient/"+f.of.ID+"/$everything", "Patient/"+f.of.ID+"/$everything?_type=Provenance")} {
			p.within(c, r, c.do(r))
		}
		for _, h := range f.some(1) {
			r := get(h.ref() + "/$everything")
			p.within(c, r, c.do(r))
		}
		if strangers := p.s.strangers(f.who); len(strangers) > 0 {
			p.same(c, "a client who is a stranger", strangers[0].ID, get("Patient/{ID}/$everything"), get("Patient/$everything?patient={ID}"), form("Patient/{ID}/$everything", ""),
				parameters("Patient/{ID}/$everything"), get("Patient/{ID}/$everything?_count=0"), get("Patient/{ID}/$everything?_type=Practitioner"), request{method: http.MethodHead, path: "Patient/{ID}/$everything"}, get("Patient/{ID}/$everything?_count=x"),
				form("Patient/"+f.of.ID+"/$everything", "patient={ID}"), form("Patient/"+f.of.ID+"/$everything?patient={ID}", "_id={ID}"), batch("Patient/{ID}/$everything"))
		}
		for _, path := range []string{"Patient/$everything", "$everything", "Group/1/$everything", "List/1/$everything", "CareTeam/1/$everything", "Account/1/$everything", "Appointment/1/$everything", "EpisodeOfCare/1/$everything"} {
			p.within(c, get(path), c.get(path))
		}
	}
}

func operations(p *probe) {
	names := []string{"docref", "document", "meta", "meta-add", "erase", "expunge", "validate", "graph", "diff", "summary", "lastn", "stats", "export", "import", "reindex", "process-message", "transform", "evaluate-measure", "health-cards-issue", "patient-export", "merge", "transaction"}
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for i, h := range f.some(1) {
			if i == 4 {
				break
			}
			var requests []request
			for _, op := range names {
				body := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueId":"` + f.of.ID + `"},{"name":"id","valueId":"{ID}"}]}`
				requests = append(requests, get(h.typ+"/{ID}/$"+op), get(h.typ+"/$"+op+"?id={ID}&patient="+f.of.ID), request{method: "POST", path: h.typ + "/{ID}/$" + op, header: jsonBody, body: body})
			}
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
		for _, op := range names {
			for _, r := range []request{get("$" + op), get("Patient/" + f.of.ID + "/$" + op), get("DocumentReference/$" + op + "?patient=" + f.of.ID), form("DocumentReference/$"+op, "patient="+f.of.ID)} {
				p.within(c, r, c.do(r))
			}
		}
	}
}

// oneClient asks for the whole of each client in everybody's reach: what comes must be that client's, and whom it names.
func oneClient(p *probe) {
	found := 0
	for _, who := range p.s.everybody() {
		c := p.as(who)
		for _, of := range p.reach(who) {
			own := p.chart(who, of)
			r := get("Patient/" + of.ID + "/$everything")
			b, ok := c.do(r).bundle()
			if !ok {
				continue
			}
			found += len(b.entries)
			if b.total != nil && *b.total != len(b.matches()) && b.next == "" {
				p.leak("%s: $everything counts %d and gives %d", who.ID, *b.total, len(b.matches()))
			}
			named := map[string]bool{}
			for _, e := range b.entries {
				for _, ref := range e.references() {
					named[ref] = true
				}
			}
			for _, e := range b.entries {
				_, mine := own[e.ref()]
				if directory := slices.Contains(public, e.typ); !mine && !directory && e.typ != "" || directory && !named[e.ref()] && e.typ != "OperationOutcome" {
					p.leak("%s gets a %s with $everything of a client that is not this client's, nor named there", who.ID, e.typ)
				}
			}
		}
	}
	p.need(found > 0, "no client of whom $everything gives something")
}

// parameters is a Parameters resource of ids for an operation: name, id, and so on.
func parameters(path string, values ...string) request {
	text := ""
	for i := 0; i+1 < len(values); i += 2 {
		text += `,{"name":"` + values[i] + `","valueId":"` + values[i+1] + `"}`
	}
	return request{method: http.MethodPost, path: path, header: jsonBody, body: `{"resourceType":"Parameters","parameter":[` + strings.TrimPrefix(text, ",") + `]}`}
}

func docref(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		const op = "DocumentReference/$docref"
		of := op + "?patient=" + f.of.ID
		requests := []request{get(of), get(of + "&start=1900-01-01&end=2100-01-01"), get(of + "&on-demand=true"), get(of + "&on-demand=false&_count=2"), get(of + "&_include=*&_revinclude=*"), get(of + "&_elements=id"), get(of + "&_summary=count"), get(of + "&status=entered-in-error"),
			form(op, "patient="+f.of.ID), form(of, "start=1900-01-01"), parameters(op, "patient", f.of.ID), batch(of)}
		for _, h := range f.some(20) {
			if h.typ == "DocumentReference" {
				for _, x := range valuesAt([]resource{h}, "type.coding") {
					requests = append(requests, get(of+"&type="+url.QueryEscape(x)+"&start="+url.QueryEscape(h.text("date"))))
				}
			}
		}
		for _, code := range never {
			requests = append(requests, get(of+"&type="+code))
		}
		for _, r := range requests {
			for r.method != "" || r.path != "" {
				a := c.do(r)
				p.within(c, r, a)
				b, _ := a.bundle()
				for _, e := range b.entries {
					found++
					if _, mine := f.own[e.ref()]; e.mode == "match" && !mine {
						p.leak("%s gets a %s that is not the client's, by %s", f.who.ID, e.typ, r.name())
					}
				}
				if b.total != nil && *b.total > len(f.own.ofType("DocumentReference")) {
					p.leak("%s: %s counts more documents than are released", f.who.ID, r.name())
				}
				r = get(b.next)
				if b.next == "" {
					break
				}
			}
		}
		for _, s := range p.s.strangers(f.who)[:min(2, len(p.s.strangers(f.who)))] {
			p.same(c, "a client who is a stranger", s.ID, get(op+"?patient={ID}"), get(op+"?patient=Patient/{ID}&start=2000"), form(op, "patient={ID}"), form(of, "patient={ID}"), form(op+"?patient={ID}", "patient="+f.of.ID), parameters(op, "patient", "{ID}"), parameters(of, "patient", "{ID}"), batch(op+"?patient={ID}"))
		}
	}
	p.need(found > 0, "no document that $docref gives")
}

// compartments compares every compartment's search with the ordinary one.
func compartments(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			if t.name == "Patient" {
				continue
			}
			for _, q := range []string{"", "&_summary=count", "&_count=2&_include=*&_revinclude=Provenance:target&_sort=-_lastUpdated"} {
				r := get("Patient/" + f.of.ID + "/" + t.name + "?" + strings.TrimPrefix(q, "&"))
				a := c.do(r)
				p.within(c, r, a)
				if d := difference(c.get(t.name+"?patient="+f.of.ID+q).masked(""), a.masked("")); d != "" {
					p.leak("%s: %s is not the search of the type: %s differs", f.who.ID, r.name(), d)
				}
			}
		}
		for _, path := range []string{"Patient/" + f.of.ID + "/*", "Patient/" + f.of.ID + "/Patient", "Patient/*/Encounter", "Patient//Encounter", "Patient/" + f.of.ID + "," + invented() + "/Encounter", "Patient/_search/Encounter"} {
			p.within(c, get(path), c.get(path))
		}
		for _, h := range f.some(1) { // a withheld session's records, a withheld practitioner's sessions
			p.same(c, "a withheld "+h.typ, h.id, get(h.typ+"/{ID}/Observation"), get(h.typ+"/{ID}/DocumentReference"), get(h.typ+"/{ID}/*"), get("Patient/"+f.of.ID+"/"+h.typ+"?_id={ID}"), get("Patient/"+f.of.ID+"/Provenance?target="+h.typ+"/{ID}"))
		}
		for _, s := range p.s.strangers(f.who)[:min(2, len(p.s.strangers(f.who)))] {
			var requests []request
			for _, t := range p.s.clientTypes() {
				requests = append(requests, get("Patient/{ID}/"+t.name), get("Patient/"+f.of.ID+"/"+t.name+"?patient={ID}"))
			}
			p.same(c, "a client who is a stranger", s.ID, requests...)
		}
	}
}

// scopesOfOperations asks everything that gives several types with a token for one.
func scopesOfOperations(p *probe) {
	tried := 0
	for _, f := range p.focuses() {
		var files []string
		for _, d := range p.licensed(f.who).ofType("DocumentReference") {
			files = append(files, d.texts("content.attachment.url")...)
		}
		for _, only := range []string{"Patient", "Encounter", "DocumentReference", "Provenance", "Practitioner", "Binary", "AuditEvent"} {
			c, ok := p.scoped(f.who, "system/"+only+".rs")
			if !ok {
				continue
			}
			tried++
			of := f.of.ID
			requests := []request{get("Patient/" + of + "/$everything"), get("Patient/" + of + "/$everything?_type=Encounter,DocumentReference,Provenance"), form("Patient/"+of+"/$everything", ""), get("DocumentReference/$docref?patient=" + of), form("DocumentReference/$docref", "patient="+of),
				get("Patient/" + of + "/Encounter?_include=*&_revinclude=*"), get("Patient/" + of + "/DocumentReference"), get("Patient/" + of + "/Observation"), get("Patient/" + of + "/Provenance"), get("Patient/" + of + "/AuditEvent"),
				batch("Patient/"+of, "Encounter?patient="+of, "Patient/"+of+"/$everything", "DocumentReference/$docref?patient="+of, "Patient/"+of+"/Goal", "Practitioner?_count=1", "Provenance?patient="+of)}
			for _, file := range files {
				requests = append(requests, get(file).with("Accept", "application/fhir+json"))
				if a := c.do(get(file).with("Accept", "application/pdf")); only != "DocumentReference" && a.status < 400 {
					p.leak("%s with a scope for %s alone reads a file", f.who.ID, only)
				}
			}
			for _, r := range requests {
				a := c.do(r)
				p.within(c, r, a)
				var tree any
				_ = json.Unmarshal(a.body, &tree)
				eachResource(tree, func(x resource) {
					file := x.typ == "Binary" && only == "DocumentReference"
					if x.typ != only && !file && x.typ != "Bundle" && x.typ != "OperationOutcome" {
						p.leak("%s with a scope for %s alone gets a %s, by %s", f.who.ID, only, x.typ, r.name())
					}
				})
			}
		}
	}
	p.need(tried > 0, "no scope")
}
