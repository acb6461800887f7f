package main

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"
)

func etags(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, other := range p.others(c) {
			for _, t := range p.s.clientTypes() {
				path := plain(t.name, f.of.ID)
				mine, theirs := c.get(path), other.get(path)
				tag := theirs.header.Get("Etag")
				if tag == "" || mine.status != 200 || theirs.status != 200 {
					continue
				}
				found++
				if !bytes.Equal(mine.body, theirs.body) && tag == mine.header.Get("Etag") {
					p.leak("%s and another partner get different %s under one tag", f.who.ID, t.name)
				}
				if a := c.do(get(path).with("If-None-Match", tag)); a.status == http.StatusNotModified && !bytes.Equal(mine.body, theirs.body) {
					p.leak("%s: the tag of another partner's %s matches", f.who.ID, t.name)
				}
			}
			for _, h := range f.some(1) {
				if tag := other.get(h.ref()).header.Get("Etag"); tag != "" {
					found++
					p.same(c, "a withheld "+h.typ, h.id, get(h.typ+"/{ID}").with("If-None-Match", tag), get(h.typ+"?_id={ID}").with("If-None-Match", tag), get(h.typ+"/{ID}").with("If-Match", tag))
				}
			}
		}
	}
	p.need(found > 0, "no entity tag")
}

func lastModified(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			for _, path := range []string{plain(t.name, f.of.ID), strings.Replace(plain(t.name, f.of.ID), "_count=200", "_count=1", 1), plain(t.name, f.of.ID) + "&_lastUpdated=lt1990"} {
				a := c.get(path)
				b, ok := a.bundle()
				stated := a.header.Get("Last-Modified")
				if !ok || stated == "" {
					continue
				}
				found++
				latest := time.Time{}
				for _, e := range b.entries {
					if at, err := time.Parse(time.RFC3339, e.text("meta.lastUpdated")); err == nil && at.After(latest) {
						latest = at
					}
				}
				if when, err := http.ParseTime(stated); err != nil || when.After(latest) {
					p.leak("%s: the answer for %s is newer than anything in it", f.who.ID, t.name)
				}
			}
		}
		for _, h := range f.some(2) {
			one := get(h.typ + "/{ID}")
			p.same(c, "a withheld "+h.typ, h.id, one.with("If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)), one.with("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"), get(h.typ+"?patient="+f.of.ID+"&_id={ID}&_lastUpdated=ge"+h.text("meta.lastUpdated")))
		}
	}
	if found == 0 {
		p.notApplicable("no answer has a Last-Modified")
	}
}

// conditionsOn are conditions by which somebody who knows an entity tag or a date could ask whether something is there.
func conditionsOn(r request, tag, modified string) []request {
	all := []request{r.with("If-None-Match", "*"), r.with("If-Match", "*"), r.with("If-Match", `"x"`), r.with("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), r.with("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"),
		r.with("If-Range", "*").with("Range", "bytes=0-0"), r.with("Range", "bytes=99999999-")}
	if tag != "" {
		all = append(all, r.with("If-None-Match", tag), r.with("If-Match", tag), r.with("If-None-Match", `"x", `+tag), r.with("If-Range", tag).with("Range", "bytes=0-9"))
	}
	if modified != "" {
		all = append(all, r.with("If-Modified-Since", modified), r.with("If-Unmodified-Since", modified), r.with("If-None-Match", `"x"`).with("If-Modified-Since", modified), r.with("If-Range", modified).with("Range", "bytes=0-9"))
	}
	return all
}

// conditions asks under each condition for what is withheld, with the tag and the date that somebody has to whom it is released, and holds the
// dates of what is released against the resources themselves.
func conditions(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		others := p.others(c)
		for _, h := range f.some(1) {
			var tag, modified string
			for _, other := range others {
				if a := other.get(h.ref()); a.status == http.StatusOK {
					tag, modified = a.header.Get("Etag"), a.header.Get("Last-Modified")
				}
			}
			one := get(h.typ + "/{ID}")
			head, search := request{method: http.MethodHead, path: one.path}, get(h.typ+"?_id={ID}")
			requests := append(conditionsOn(one, tag, modified), head.with("If-None-Match", "*"), head.with("If-None-Match", tag), head.with("If-Modified-Since", modified), search.with("If-Match", "*"), search.with("If-Modified-Since", modified),
				get(h.typ+"/{ID}?_elements=id").with("If-None-Match", "*"), get("Patient/"+f.of.ID+"/"+h.typ+"?_id={ID}").with("If-None-Match", tag))
			p.same(c, "a withheld "+h.typ, h.id, requests...)
		}
		for _, s := range p.s.strangers(f.who)[:min(1, len(p.s.strangers(f.who)))] {
			p.same(c, "a client who is a stranger", s.ID, slices.Concat(conditionsOn(get("Patient/{ID}"), "", ""), conditionsOn(get("Patient/{ID}/$everything"), "", ""))...)
		}
		seen := map[string]int{}
		for ref, own := range f.own {
			if seen[own.typ]++; seen[own.typ] <= 2 {
				p.dated(c, ref, own)
			}
		}
	}
}

// dated reports a resource whose date tells of more than the resource, and a tag that holds for another answer.
func (p *probe) dated(c *caller, ref string, own resource) {
	whole := c.get(ref)
	stated := whole.header.Get("Last-Modified")
	if at, err := time.Parse(time.RFC3339, own.text("meta.lastUpdated")); err == nil && stated != "" {
		if when, err := http.ParseTime(stated); err != nil || when.After(at) {
			p.leak("%s: Last-Modified of a %s is later than the resource", c.partner.ID, own.typ)
		}
		if a := c.do(get(ref).with("If-Modified-Since", at.Truncate(time.Second).Add(-time.Second).UTC().Format(http.TimeFormat))); a.status != http.StatusOK {
			p.leak("%s: a %s is unchanged since before it was written", c.partner.ID, own.typ)
		}
	} else if a := c.do(get(ref).with("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")); stated == "" && a.status != http.StatusOK {
		p.leak("%s: a %s without a date answers a condition on it", c.partner.ID, own.typ)
	}
	cut := get(ref + "?_elements=id")
	if a := c.do(cut.with("If-None-Match", whole.header.Get("Etag"))); a.status == http.StatusNotModified && !bytes.Equal(c.do(cut).body, whole.body) {
		p.leak("%s: the tag of a whole %s holds for a part of it", c.partner.ID, own.typ)
	}
}
