package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// asked is one request of a batch.
type asked struct {
	Method          string `json:"method"`
	URL             string `json:"url"`
	IfNoneMatch     string `json:"ifNoneMatch,omitempty"`
	IfModifiedSince string `json:"ifModifiedSince,omitempty"`
}

// unless is the request with conditions.
func (x asked) unless(tag, modified string) asked {
	x.IfNoneMatch, x.IfModifiedSince = tag, modified
	return x
}

// batchOf asks all of them in one request.
func batchOf(all ...asked) request {
	type entry struct {
		Request asked `json:"request"`
	}
	bundle := struct {
		ResourceType string  `json:"resourceType"`
		Type         string  `json:"type"`
		Entry        []entry `json:"entry"`
	}{"Bundle", "batch", nil}
	for _, x := range all {
		bundle.Entry = append(bundle.Entry, entry{x})
	}
	text, _ := json.Marshal(bundle) // texts only
	return request{method: http.MethodPost, header: jsonBody, body: string(text)}
}

// batch asks for these in one request.
func batch(urls ...string) request {
	var all []asked
	for _, u := range urls {
		all = append(all, asked{Method: http.MethodGet, URL: u})
	}
	return batchOf(all...)
}

// batchLine compares every entry with the same request alone, where released and withheld stand beside each other, and withheld entries with
// entries about what never was.
func batchLine(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		urls := []string{"Patient/" + f.of.ID, "Patient/" + f.of.ID + "/$everything?_type=Patient,Encounter", "DocumentReference/$docref?patient=" + f.of.ID, "Patient?_count=3", "Practitioner?_count=2"}
		for _, t := range p.s.clientTypes() {
			if own := f.own.ofType(t.name); len(own) > 0 {
				urls = append(urls, own[0].ref())
			}
		}
		for _, h := range f.some(1) {
			urls = append(urls, h.ref(), h.typ+"?_id="+h.id, h.typ+"?_count=5&patient="+f.of.ID, "Patient/"+f.of.ID+"/"+h.typ+"?_id="+h.id)
			urls = append(urls, h.texts("content.attachment.url")...)
		}
		for _, s := range p.s.strangers(f.who)[:min(2, len(p.s.strangers(f.who)))] {
			urls = append(urls, "Patient/"+s.ID, "Encounter?patient="+s.ID, "Patient/"+s.ID+"/$everything", "DocumentReference/$docref?patient="+s.ID)
		}
		p.batchEqualsAlone(c, urls)
		if narrow, ok := p.scoped(f.who, "system/Encounter.rs"); ok {
			p.batchEqualsAlone(narrow, urls)
		}
		for _, h := range f.some(1) {
			released := asked{Method: "GET", URL: "Patient/" + f.of.ID}
			for _, method := range []string{"GET", "HEAD"} {
				one := asked{Method: method, URL: h.typ + "/{ID}"}
				p.same(c, "a withheld "+h.typ, h.id, batchOf(released, one, one.unless("*", ""), one.unless(`W/"1"`, ""), one.unless("", "2100-01-01T00:00:00Z"), one.unless("*", "2100-01-01T00:00:00Z"), asked{Method: method, URL: "Binary/{ID}"}, released))
			}
		}
		if a := p.nobody().do(batch(urls[:2]...)); a.status != http.StatusUnauthorized {
			p.leak("a batch without a token is answered %d", a.status)
		}
		a := c.do(batchOf(asked{Method: "POST", URL: "Encounter/_search?patient=" + f.of.ID}, asked{Method: "PUT", URL: "Consent/1"}, asked{Method: "DELETE", URL: "Patient/" + f.of.ID}))
		for i, e := range entriesOfBatch(a) {
			if !strings.HasPrefix(e.Response.Status, "4") {
				p.leak("entry %d of a batch, no read, is answered %s", i, e.Response.Status)
			}
		}
	}
}

// answered is one entry of a batch's answer.
type answered struct {
	Resource any
	Response struct {
		Status, Etag string
		Outcome      any
	}
}

func entriesOfBatch(a *answer) []answered {
	var b struct {
		Type  string
		Entry []answered
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &b) != nil || b.Type != "batch-response" {
		return nil
	}
	return b.Entry
}

// batchEqualsAlone reports entries that say another thing than the request alone.
func (p *probe) batchEqualsAlone(c *caller, urls []string) {
	for len(urls) > 0 {
		some := urls[:min(40, len(urls))]
		urls = urls[len(some):]
		r := batch(some...)
		a := c.do(r)
		p.within(c, r, a)
		entries := entriesOfBatch(a)
		p.need(len(entries) == len(some), "no batch that is answered")
		for i, e := range entries {
			alone := c.do(get(some[i]).with("Accept", "application/fhir+json"))
			var body any
			_ = json.Unmarshal(alone.body, &body)
			got := e.Resource
			if alone.status >= 300 {
				got = e.Response.Outcome
			}
			status, _, _ := strings.Cut(e.Response.Status, " ")
			if status != strconv.Itoa(alone.status) || !reflect.DeepEqual(body, got) || e.Response.Etag != alone.header.Get("Etag") {
				p.leak("%s: in a batch %s is answered otherwise than alone", c.partner.ID, get(some[i]).name())
			}
		}
	}
}
