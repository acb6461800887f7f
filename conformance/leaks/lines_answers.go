package main

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
)

func answerLines() []*line {
	in := func(l *line) *line { l.section = sectionAnswers; return l }
	return []*line{
		in(&line{name: "cache-key-requester", title: "no requester gets what was made for another", source: "b.well INC-331/#2377/#2417, MS fhir-proxy",
			tries: "the same URLs by all partners in turn, and at the same time: everybody gets their own", run: cacheKey}),
		in(&line{name: "cache-headers", title: "no cache on the way may keep an answer", source: "b.well (response cache across callers)",
			tries: "Cache-Control, Vary, Expires and Surrogate headers of every type, of errors and of withheld ids", run: cacheHeaders}),
		in(&line{name: "etag-across-requesters", title: "an entity tag of one requester tells another nothing", source: "own (ETag as oracle)",
			tries: "If-None-Match with the tags that another partner got, on shared URLs and withheld ids", run: etags}),
		in(&line{name: "last-modified", title: "Last-Modified and lastUpdated speak of what is released only", source: "own",
			tries: "Last-Modified of every search against the lastUpdated of its entries; If-Modified-Since on withheld ids", run: lastModified}),
		in(&line{name: "conditions", title: "no condition is looked at before the decision", source: "own (304, 412 and 416 as oracles)",
			tries: "If-None-Match, If-Match, If-Modified-Since, If-Unmodified-Since, If-Range and Range on withheld ids, strangers and operations, with the tags and dates of those who get them; dates and tags of what is released", run: conditions}),
		in(&line{name: "accept-and-format", title: "no format shows more, or tells what is withheld", source: "own",
			tries: "Accept, _format, fhirVersion, charset, encodings and Prefer on withheld ids, strangers and charts", run: formats}),
		in(&line{name: "range-requests", title: "no part of an answer tells more than the whole", source: "Medplum #9149",
			tries: "Range and If-Range on charts and withheld ids", run: ranges}),
		in(&line{name: "cross-origin", title: "no page of another origin reads a client's data", source: "own",
			tries: "Origin and preflights on every type, with and without a token", run: crossOrigin}),
		in(&line{name: "repeatable", title: "asking twice, or in another order, tells nothing new", source: "own (state as oracle)",
			tries: "each answer twice, with withheld ids, strangers and other partners asked in between", run: repeatable}),
		in(&line{name: "in-person", title: "a client's own app sees that client and nobody else", source: "Firely 4.10.2 ($everything ignored the launch patient), OpenEMR CVE-2026-24487",
			tries: "other clients, those in the same sessions too, by read, search, compartment, POST, batch, $everything and $docref, with the tokens of clients in person; their records by id", run: inPerson}),
		in(&line{name: "audit-events", title: "AuditEvents are the client's alone, and tell of nothing that was withheld", source: "own, CMS BFD #796 (linked records)", alone: true,
			tries: "partners read, and ask in vain, while the client looks; the client's AuditEvents and their ids by every other partner and client, and by each include", run: auditEvents}),
		in(&line{name: "token-change-is-seen", title: "the same partner with a narrower token gets the narrower answer at once", source: "b.well (_type missing from key), MS fhir-proxy",
			tries: "the same URLs by a wide and a narrow token in turn", run: widthOfToken}),
	}
}

func cacheKey(p *probe) {
	for _, f := range p.focuses() {
		var paths []string
		for _, t := range p.s.clientTypes() {
			paths = append(paths, plain(t.name, f.of.ID), strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count=2", 1))
			if rs := f.own.ofType(t.name); len(rs) > 0 {
				paths = append(paths, rs[0].ref())
			}
		}
		for _, h := range f.some(1) {
			paths = append(paths, h.ref())
		}
		paths = append(paths, "Patient/"+f.of.ID+"/$everything", "DocumentReference/$docref?patient="+f.of.ID, "Patient/"+f.of.ID+"/Encounter", "Encounter?_include=*&_revinclude=*&patient="+f.of.ID)
		own := map[*partner][]*answer{}
		for _, who := range p.s.machines() { // one partner after the other for each, so that what was kept for one would go to the next
			for _, path := range paths {
				own[who] = append(own[who], p.as(who).get(path))
			}
		}
		for round := range 2 {
			var wg sync.WaitGroup
			for _, who := range p.s.machines() {
				c := p.as(who)
				wg.Go(func() {
					for i := range paths {
						if round == 1 {
							i = len(paths) - 1 - i
						}
						a, err := c.try(get(paths[i]))
						if err != nil {
							continue
						}
						if d := difference(own[who][i].masked(""), a.masked("")); d != "" {
							p.leak("%s gets another answer for %s when others ask for the same: %s differs", who.ID, get(paths[i]).name(), d)
						}
					}
				})
			}
			wg.Wait()
		}
		c := p.as(f.who)
		for i, path := range paths {
			p.within(c, get(path), own[f.who][i])
		}
	}
}

func cacheHeaders(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		var requests []request
		for _, t := range p.s.types {
			requests = append(requests, get(plain(t.name, f.of.ID)), get(t.name+"/"+invented()), form(t.name+"/_search", "patient="+f.of.ID))
		}
		for _, h := range f.some(1) {
			requests = append(requests, get(h.ref()))
		}
		for ref := range p.licensed(f.who).files() {
			requests = append(requests, get(ref), get(ref).with("Range", "bytes=0-3"))
		}
		everything := get("Patient/" + f.of.ID + "/$everything")
		requests = append(requests, everything, get("DocumentReference/$docref?patient="+f.of.ID), get("Patient/"+f.of.ID+"/Encounter"), batch("Patient/"+f.of.ID), everything.with("If-None-Match", c.do(everything).header.Get("Etag")))
		for _, r := range requests {
			a := c.do(r)
			control := strings.ToLower(strings.Join(a.header.Values("Cache-Control"), ","))
			if !strings.Contains(control, "no-store") && !strings.Contains(control, "private") || strings.Contains(control, "public") {
				p.leak("the answer to %s may be kept: Cache-Control %q", r.name(), control)
			}
			for _, h := range []string{"Age", "X-Cache", "Surrogate-Control", "CDN-Cache-Control", "Surrogate-Key"} {
				if a.header.Get(h) != "" {
					p.leak("the answer to %s has the header %s", r.name(), h)
				}
			}
		}
	}
}

// accepts are ways to ask for a format.
var accepts = []string{"application/fhir+json", "application/json", "application/fhir+json; fhirVersion=4.0", "application/fhir+json; fhirVersion=3.0", "application/fhir+xml", "text/html", "application/fhir+ndjson", "application/fhir+turtle", "*/*", "application/pdf", "application/octet-stream", "text/plain;q=0.1, */*;q=0.0", "", "x"}

func formats(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		var requests []request
		h := f.hidden[0]
		for _, accept := range accepts {
			requests = append(requests, get(h.typ+"/{ID}").with("Accept", accept), get(h.typ+"?_id={ID}").with("Accept", accept))
		}
		for _, format := range []string{"json", "xml", "html", "application/fhir+json", "ndjson", "text/xml", "ttl", "csv", "application/pdf", "html/json", "raw"} {
			requests = append(requests, get(h.typ+"/{ID}?_format="+format), get(h.typ+"?_id={ID}&_format="+format+"&_pretty=true"))
		}
		for _, encoding := range []string{"gzip", "br", "deflate", "identity;q=0", "zstd"} {
			requests = append(requests, get(h.typ+"/{ID}").with("Accept-Encoding", encoding), get(h.typ+"/{ID}").with("Accept-Charset", encoding))
		}
		p.same(c, "a withheld "+h.typ, h.id, requests...)
		for _, t := range p.s.clientTypes() {
			for _, accept := range accepts {
				r := get(plain(t.name, f.of.ID)).with("Accept", accept)
				a := c.do(r)
				p.within(c, r, a)
				if _, isJSON := a.resource(); a.status == 200 && !isJSON {
					p.leak("%s comes in a format that this suite cannot read", t.name)
				}
			}
		}
	}
}

func ranges(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.some(1) {
			one := get(h.typ + "/{ID}")
			p.same(c, "a withheld "+h.typ, h.id, one.with("Range", "bytes=0-0"), one.with("Range", "bytes=100000-"), one.with("Range", "bytes=-5").with("If-Range", "x"), one.with("Range", "resources=0-1"))
		}
		for _, t := range []string{"Encounter", "DocumentReference", "Patient"} {
			whole := c.get(plain(t, f.of.ID))
			for _, r := range []string{"bytes=0-9", "bytes=999999999-", "bytes=-20", "bytes=0-1,3-4"} {
				a := c.do(get(plain(t, f.of.ID)).with("Range", r))
				if a.status == 200 && !bytes.Equal(a.body, whole.body) || a.status == http.StatusPartialContent && !bytes.Contains(whole.body, a.body) {
					p.leak("%s: a part of %s is none of the whole", f.who.ID, t)
				}
			}
		}
	}
}

func crossOrigin(p *probe) {
	f := p.focuses()[0]
	for _, c := range []*caller{p.as(f.who), p.nobody()} {
		for _, t := range p.s.types {
			for _, method := range []string{"GET", "OPTIONS"} {
				for _, path := range []string{plain(t.name, f.of.ID), t.name + "/" + f.of.ID} {
					a := c.do(request{method: method, path: path}.with("Origin", "https://evil.example").with("Access-Control-Request-Method", "GET").with("Access-Control-Request-Headers", "authorization"))
					if a.header.Get("Access-Control-Allow-Origin") != "" && a.header.Get("Access-Control-Allow-Credentials") != "" {
						p.leak("%s %s may be read by a page of any origin, with credentials", method, t.name)
					}
					if a.header.Get("Access-Control-Allow-Origin") == "https://evil.example" {
						p.leak("%s %s allows the origin that asks", method, t.name)
					}
				}
			}
		}
	}
}

func repeatable(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			path := plain(t.name, f.of.ID) + "&_revinclude=Provenance:target"
			first := c.get(path).masked("")
			for _, h := range f.some(1) {
				c.get(h.ref())
				c.get("Encounter?patient=" + invented())
			}
			for _, other := range p.others(c) {
				other.get(path)
			}
			if d := difference(first, c.get(path).masked("")); d != "" {
				p.leak("%s: asking again for %s gives another answer: %s differs", f.who.ID, t.name, d)
			}
		}
	}
}

func widthOfToken(p *probe) {
	for _, f := range p.focuses() {
		wide := p.as(f.who)
		for _, t := range []string{"Encounter", "DocumentReference", "Observation"} {
			path := plain(t, f.of.ID) + "&_revinclude=Provenance:target"
			narrow, ok := p.scoped(f.who, "system/"+t+".rs")
			if !ok {
				continue
			}
			before := narrow.get(path).masked("")
			wide.get(path)
			after := narrow.get(path).masked("")
			if d := difference(before, after); d != "" {
				p.leak("%s: a narrow token gets another answer for %s after a wide one: %s differs", f.who.ID, t, d)
			}
			if b, ok := after.bundle(); ok {
				for _, e := range b.entries {
					if e.typ != t && e.typ != "OperationOutcome" {
						p.leak("%s with a scope for %s alone gets a %s", f.who.ID, t, e.typ)
					}
				}
			}
		}
	}
}
