package main

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

func bulkLines() []*line {
	in := func(l *line) *line { l.section = sectionBulk; return l }
	return []*line{
		in(&line{name: "bulk-export", title: "an export holds what a search gives, whoever and whatever is named in it", source: "HAPI #3394/#3376/#3400/#5556/#6855, b.well b4ac26ec9",
			tries: "$export of system, Patient and Group, with patient, _type, _typeFilter, mixed ids and strangers, GET and POST", run: bulkExport}),
		in(&line{name: "foreign-jobs", title: "a job's state and files are its creator's", source: "MS ADR async #5674, AWS #64, b.well SEC-1580",
			tries: "guessed job, status, result and file paths by every partner and by nobody", run: foreignJobs}),
		in(&line{name: "binaries", title: "a file goes out through its DocumentReference's decision alone", source: "Medplum #9129/#9149, Firely 4.10",
			tries: "Binary and file paths by withheld and released ids; every attachment URL with another partner's token and with none, whole, in parts, as FHIR and with conditions", run: binaries}),
		in(&line{name: "uncleared-files", title: "no scan, fax or memo leaves before a person has cleared it", source: "LEAP/ASU labelers",
			tries: "every scan of every chart against the client's files that are filed; those that are unsorted or deleted must not be there", run: unclearedFiles}),
		in(&line{name: "subscriptions", title: "nothing is pushed without a decision", source: "Medplum #8807",
			tries: "Subscription by create, update and search; websocket upgrades; batches that create one", run: subscriptions}),
		in(&line{name: "own-origin-links", title: "every address in an answer lies below the gateway's own base", source: "orca #836, go-fhir-client, MS/b.well SSRF, CVE-2026-34360",
			tries: "links, fullUrls and attachment URLs of every chart, also asked with forged Host and Forwarded headers", run: ownOrigin}),
	}
}

// notOffered ends the line if no answer was a success: what is not there cannot leak.
func (p *probe) notOffered(successes int, what string) {
	if successes == 0 && len(p.leaks) == 0 {
		p.notApplicable(what + " is not offered: every request for it is refused")
	}
}

func bulkExport(p *probe) {
	offered := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		stranger := invented()
		if s := p.s.strangers(f.who); len(s) > 0 {
			stranger = s[0].ID
		}
		body := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/` + f.of.ID + `"}},{"name":"patient","valueReference":{"reference":"Patient/` + stranger + `"}}]}`
		for _, path := range []string{"$export", "Patient/$export", "Group/1/$export", "Group/all/$export", "Patient/" + f.of.ID + "/$export", "Patient/$export?patient=" + stranger, "Patient/$export?patient=" + f.of.ID + "," + stranger, "$export?_type=Patient,Consent,DocumentReference",
			"Patient/$export?_typeFilter=DocumentReference%3Fpatient%3D" + stranger, "$export-poll-status", "$import"} {
			for _, r := range []request{get(path), get(path).with("Prefer", "respond-async").with("Accept", "application/fhir+json"), {method: "POST", path: path, header: jsonBody, body: body}} {
				a := c.do(r)
				p.within(c, r, a)
				if a.status < 300 {
					offered++
				}
				for line := range strings.SplitSeq(string(a.body), "\n") { // NDJSON
					p.within(c, r, &answer{body: []byte(line)})
				}
				if at := a.header.Get("Content-Location"); at != "" {
					p.followExport(c, r, at)
				}
			}
		}
	}
	p.notOffered(offered, "bulk export")
}

// followExport asks for the job's state and files as the others.
func (p *probe) followExport(c *caller, r request, at string) {
	for _, other := range append([]*caller{p.nobody()}, p.others(c)...) {
		if a := other.get(at); a.status < 300 {
			p.leak("the job of %s answers somebody else", c.partner.ID)
		}
	}
	a := c.get(at)
	p.within(c, r, a)
}

// others ask as everybody else.
func (p *probe) others(c *caller) []*caller {
	var out []*caller
	for _, who := range p.s.machines() {
		if who != c.partner {
			out = append(out, p.as(who))
		}
	}
	return out
}

func foreignJobs(p *probe) {
	offered := 0
	for _, who := range p.s.machines() {
		for _, c := range []*caller{p.as(who), p.nobody()} {
			for _, path := range []string{"$export-poll-status?_jobId=1", "bulk/1", "bulkstatus/1", "_async/1", "jobs/1", "job/1/status", "AsyncJob/1", "Job?_count=200", "exports/1/Patient.ndjson", "files/1", "download/1", "_operations/export/1", "Task?_count=200"} {
				for _, method := range []string{"GET", "DELETE"} {
					r := request{method: method, path: path}
					a := c.do(r)
					if a.status < 300 {
						offered++
						if c.partner != nil {
							p.within(c, r, a)
						}
						p.leak("%s answers %d to somebody who began nothing", r.name(), a.status)
					}
				}
			}
		}
	}
	p.notOffered(offered, "an asynchronous job")
}

func binaries(p *probe) {
	tried := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, h := range f.hidden {
			if h.typ != "DocumentReference" {
				continue
			}
			tried++
			p.same(c, "a withheld file", h.id, get("Binary/{ID}"), get("Binary/{ID}").with("Accept", "application/pdf"), get("Binary/{ID}").with("Range", "bytes=0-3"), get("Binary?_id={ID}"), get("DocumentReference/{ID}/$binary"), get("files/{ID}"),
				get("Binary/{ID}").with("X-Security-Context", "Patient/"+f.of.ID), get("DocumentReference/{ID}/content/0"))
			for _, url := range h.texts("content.attachment.url") { // another partner was given it
				if a := c.get(url); a.status < 300 {
					p.leak("%s opens a withheld file by its address", f.who.ID)
				}
				if id, ours := strings.CutPrefix(url, p.s.m.FHIRBase+"/Binary/"); ours { // nor that there is one, by any form of the question
					file := get("Binary/{ID}")
					p.same(c, "a withheld file", id, file, file.with("Accept", "application/fhir+json"), file.with("Range", "bytes=0-3"), file.with("Range", "bytes=999999999-"),
						file.with("If-None-Match", "*"), file.with("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), get("Binary/{ID}?_format=json"))
				}
			}
			if tried > 12 {
				break
			}
		}
		for _, d := range f.own.ofType("DocumentReference") {
			for _, url := range d.texts("content.attachment.url") {
				if a := p.nobody().get(url); a.status < 300 {
					p.leak("a file of %s opens without a token", f.who.ID)
				}
			}
		}
	}
	p.need(tried > 0, "no withheld document")
}

func unclearedFiles(p *probe) {
	scans, uncleared := 0, 0
	for _, who := range p.s.machines() {
		for _, of := range p.reach(who) {
			filed := must(p.s.books.files(p.ctx(), of.Key, true))(p)
			uncleared += len(must(p.s.books.files(p.ctx(), of.Key, false))(p))
			for _, d := range p.chart(who, of).ofType("DocumentReference") {
				if d.text("content.attachment.contentType") != "application/pdf" {
					continue
				}
				scans++
				content := p.attachment(p.as(who), d)
				i := slices.IndexFunc(filed, func(f []byte) bool { return bytes.Equal(f, content) })
				if i < 0 {
					p.leak("%s gets a file that nobody has filed", who.ID)
					continue
				}
				filed = slices.Delete(filed, i, i+1) // each once: two of them may hold the same
			}
		}
	}
	p.need(scans > 0, "no scan")
	p.need(uncleared > 0, "no file that waits to be filed")
}

// attachment is what a document holds, inline or at its address.
func (p *probe) attachment(c *caller, d resource) []byte {
	if data := d.text("content.attachment.data"); data != "" {
		content, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			p.leak("%s gets an attachment that is no base64", c.partner.ID)
		}
		return content
	}
	return c.do(get(d.text("content.attachment.url")).with("Accept", "application/pdf")).body
}

func subscriptions(p *probe) {
	offered := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		body := `{"resourceType":"Subscription","status":"requested","criteria":"DocumentReference?patient=` + f.of.ID + `","channel":{"type":"rest-hook","endpoint":"http://127.0.0.1:9/x"}}`
		for _, r := range []request{
			{method: "POST", path: "Subscription", header: jsonBody, body: body}, {method: "PUT", path: "Subscription/1", header: jsonBody, body: body}, get("Subscription"), get("Subscription/1/$status"), get("Subscription/$events"),
			get("Subscription/1/$get-ws-binding-token"), {method: "POST", path: "Subscription/$get-ws-binding-token", header: jsonBody, body: "{}"}, {method: "POST", header: jsonBody, body: `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + body + `,"request":{"method":"POST","url":"Subscription"}}]}`},
			get("Patient/"+f.of.ID).with("Prefer", "respond-async"),
		} {
			a := c.do(r)
			p.within(c, r, a)
			if strings.Contains(r.path, "Subscription") && a.status < 300 || a.status == http.StatusSwitchingProtocols || a.status == http.StatusAccepted {
				offered++
				p.leak("%s answers %d", r.name(), a.status)
			}
		}
	}
	p.notOffered(offered, "a subscription")
}

func ownOrigin(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.types {
			for _, r := range []request{get(strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count=2", 1)), get(strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count=2", 1)).with("X-Forwarded-Host", "evil.example").with("Forwarded", "host=evil.example;proto=https").with("X-Forwarded-Proto", "https").with("Origin", "https://evil.example")} {
				if !t.ofClients() {
					r.path = t.name + "?_count=2"
				}
				a := c.do(r)
				b, ok := a.bundle()
				if !ok {
					continue
				}
				addresses := b.links
				for _, e := range b.entries {
					if e.mode != "outcome" || e.fullURL != "" {
						addresses = append(addresses, e.fullURL)
					}
					addresses = append(addresses, e.texts("content.attachment.url")...)
				}
				for _, address := range addresses {
					if !strings.HasPrefix(address, p.s.m.FHIRBase+"/") && !strings.HasPrefix(address, p.s.target+"/") {
						p.leak("an answer for %s names an address elsewhere", t.name)
					}
				}
				if strings.Contains(string(a.body), "evil.example") {
					p.leak("an answer for %s repeats a forged host", t.name)
				}
			}
		}
		got := c.raw("GET {BASE}/" + strings.Replace(plain("Encounter", f.of.ID), "_count=200", "_count=1", 1) + " HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")
		if strings.Contains(string(got), "evil.example") {
			p.leak("an answer repeats a forged Host")
		}
	}
}
