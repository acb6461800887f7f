package main

import (
	"net/http"
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
			tries: "every file that anybody gets, by every other partner, by people in person and by nobody: whole, HEAD, parts, as FHIR, in a batch, with the tags and dates of those who get it; released ones by parts, length and labels", run: binaries}),
		in(&line{name: "binary-follows-its-document", title: "a file is gone as soon as its document is", source: "Medplum #9129 (ids that can be used again)", alone: true,
			tries: "a released document made unsorted, deleted, empty and another client's; then its file in every form, with the tag and date of before", run: fileFollows}),
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
