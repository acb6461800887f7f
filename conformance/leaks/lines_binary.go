package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// file is a Binary, with the document that leads to it and a partner that gets both.
type file struct {
	document resource
	owner    *partner
}

// files are those of all documents that anybody gets.
func (p *probe) files() map[string]file {
	all := map[string]file{}
	for _, who := range p.s.everybody() {
		for ref, d := range p.licensed(who).files() {
			if id := strings.TrimPrefix(ref, "Binary/"); all[id].owner == nil {
				all[id] = file{d, who}
			}
		}
	}
	p.need(len(all) > 0, "no file that goes by an address")
	return all
}

// formsOf are the ways to ask for a file, to be tried with another's tag and date too.
func formsOf(tag, modified string) []request {
	one := get("Binary/{ID}")
	head := request{method: http.MethodHead, path: one.path}
	return append(slices.Concat(conditionsOn(one, tag, modified), conditionsOn(one.with("Accept", "application/fhir+json"), tag, modified)[:4]), one, head, head.with("If-None-Match", "*"), head.with("Accept", "application/fhir+json"),
		one.with("Accept", "application/fhir+json"), one.with("Accept", "application/pdf"), one.with("Accept", "image/*;q=0.1"), one.with("Range", "bytes=0-3"), one.with("Range", "bytes=-5"), one.with("Range", "bytes=0-0,5-9"),
		get("Binary/{ID}?_format=json"), get("Binary/{ID}?_elements=id"), get("Binary/{ID}/_history/1"), get("Binary?_id={ID}"), get("DocumentReference/{ID}/$binary"), get("files/{ID}"), batch("Binary/{ID}"), batchOf(asked{Method: "HEAD", URL: "Binary/{ID}", IfNoneMatch: "*"}))
}

func binaries(p *probe) {
	tried := 0
	all := p.files()
	for _, who := range p.s.everybody() {
		c := p.as(who)
		mine := p.licensed(who)
		own := mine.files()
		for id, x := range all {
			if _, ok := own["Binary/"+id]; ok {
				p.wholeAndParts(c, id, x)
				continue
			}
			a := p.as(x.owner).get("Binary/" + id)
			tried++
			p.same(c, "a withheld file", id, formsOf(a.header.Get("Etag"), a.header.Get("Last-Modified"))...)
		}
		for _, d := range mine.ofType("DocumentReference")[:min(3, len(mine.ofType("DocumentReference")))] { // a document's id is none of a file
			p.same(c, "a document", d.id, get("Binary/{ID}"), get("Binary/{ID}").with("Accept", "application/pdf"), get("Binary/{ID}").with("Range", "bytes=0-3"))
		}
	}
	for id := range all {
		for _, r := range formsOf("", "") {
			if a := p.nobody().do(r.about(id)); a.status < 400 {
				p.leak("a file opens without a token, by %s", r.name())
			}
		}
	}
	for _, f := range p.focuses() {
		p.same(p.as(f.who), "a withheld document", f.hidden[0].id, formsOf("", "")...)
	}
	p.need(tried > 0, "no file that is withheld from somebody")
}

// wholeAndParts reports a form of a released file that says more than the file: another length, a part that is not of it, or fewer labels than
// its document has.
func (p *probe) wholeAndParts(c *caller, id string, x file) {
	one := get("Binary/"+id).with("Accept", "application/pdf")
	whole := c.do(one)
	for _, part := range []string{"bytes=0-9", "bytes=-20", "bytes=100-", "bytes=0-1,3-4", "bytes=99999999-"} {
		a := c.do(one.with("Range", part))
		if a.status == http.StatusPartialContent && !bytes.Contains(whole.body, a.body) || a.status == http.StatusOK && !bytes.Equal(whole.body, a.body) {
			p.leak("%s: a part of a file is none of the whole", c.partner.ID)
		}
	}
	one.method = http.MethodHead
	if n := c.do(one).header.Get("Content-Length"); n != "" && n != strconv.Itoa(len(whole.body)) {
		p.leak("%s: HEAD says another length than the file has", c.partner.ID)
	}
	b, _ := c.do(get("Binary/"+id).with("Accept", "application/fhir+json")).resource()
	if d, ok := p.licensed(c.partner)[x.document.ref()]; !ok || !slices.Equal(sorted(b.texts("meta.security.code")), sorted(d.texts("meta.security.code"))) {
		p.leak("%s gets a file with other labels than its document has", c.partner.ID)
	}
}

// fileFollows changes a document in the practice's record: the file goes with it, under whatever condition it is asked for.
func fileFollows(p *probe) {
	if p.s.readOnly {
		p.notApplicable("--read-only")
	}
	all := p.files()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		found := all[id]
		c := p.as(found.owner)
		before := c.do(get("Binary/"+id).with("Accept", "application/pdf"))
		rows := must(column[int64](p.ctx(), p.s.books.db, "SELECT id FROM documents WHERE client_id=? AND content=? AND status='final' AND deleted=0", p.s.m.client(strings.TrimPrefix(found.document.text("subject.reference"), "Patient/")).Key, before.body))(p)
		if len(rows) != 1 {
			continue
		}
		x := &change{p: p, who: found.owner, c: c}
		var client int64
		var status string
		if err := p.s.books.db.QueryRowContext(p.ctx(), "SELECT client_id, status FROM documents WHERE id=?", rows[0]).Scan(&client, &status); err != nil {
			p.broken("the document cannot be read: %v", err)
		}
		restore := func() {
			x.exec(context.WithoutCancel(p.ctx()), "UPDATE documents SET client_id=?, status=?, deleted=0, content=? WHERE id=?", client, status, before.body, rows[0])
		}
		defer restore()
		for what, assignment := range map[string]string{"unsorted again": "status='pending'", "deleted": "deleted=1", "empty": "content=NULL", "another client's": "client_id=(SELECT min(id) FROM clients WHERE id<>client_id)"} {
			x.exec(p.ctx(), "UPDATE documents SET "+assignment+" WHERE id=?", rows[0])
			p.same(c, "a file that is now "+what, id, formsOf(before.header.Get("Etag"), before.header.Get("Last-Modified"))...)
			restore()
		}
		if c.get("Binary/"+id).status != http.StatusOK {
			p.broken("the file does not come back")
		}
		return
	}
	p.need(false, "no file whose row is known")
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
