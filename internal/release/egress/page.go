package egress

import (
	"hash"
	"net/http"
	"strconv"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// What stands around the bodies of a searchset Bundle.
const (
	entryResource = `","resource":`
	entryMatch    = `,"search":{"mode":"match"}}`
	entryInclude  = `,"search":{"mode":"include"}}`
	entryOutcome  = `,"search":{"mode":"outcome"}}`
	// entryRoom is what one entry needs besides its body and the base: a type, an id and the literals above.
	entryRoom = 160
	pageRoom  = 512
)

func (e *Egress) page(p *Page, ifNoneMatch string) *Answer {
	if kept, ok := e.pages.GetIfPresent(p); ok {
		again := kept
		return again.unless(ifNoneMatch)
	}
	released := make([]stage.Released, len(p.Entries))
	size := pageRoom + len(e.base)*3 + len(p.Self) + len(p.Next) + len(p.First)
	for i := range p.Entries {
		r := p.Entries[i].Released
		if r.Facts() == nil || r.Size() == 0 || p.Entries[i].Mode > Include {
			return fail(outcome.New(outcome.Internal, nil))
		}
		released[i] = r
		size += r.Size() + len(e.full) + entryRoom
	}
	if !e.guard.pass(released) {
		a := e.page(p.ofNoConsent(), "")
		a.Guarded = true
		return a
	}
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON, Released: released}
	a.seal()
	var ok bool
	if a.notice, ok = e.noticeFor(p.Entries, true); !ok {
		return fail(outcome.New(outcome.Internal, errNoTerms))
	}
	a.tag = e.pageTag(p, a)
	if p.answered.Add(1) > 1 {
		return e.keep(p, a, size).unless(ifNoneMatch)
	}
	if a.unless(ifNoneMatch); a.Status == http.StatusNotModified {
		return a
	}
	a.body = e.appendPage(a.buffer(size), p, a.notice)
	return a
}

// keep encodes a page that is asked for again into memory of its own, and remembers it.
func (e *Egress) keep(p *Page, a *Answer, size int) *Answer {
	a.body = e.appendPage(make([]byte, 0, size), p, a.notice)
	e.pages.Set(p, *a)
	return a
}

// ofNoConsent is the page as it would be had no Consent released anything.
func (p *Page) ofNoConsent() *Page {
	return &Page{Self: p.Self, HasTotal: p.HasTotal, Ignored: p.Ignored}
}

// pageTag covers everything that the encoded page depends on.
func (e *Egress) pageTag(p *Page, a *Answer) string {
	return e.tags.weak("page", func(h hash.Hash) {
		h.Write(a.Digest[:])
		b := make([]byte, 0, 512)
		// The token in Next follows from the rest, but may be sealed differently each time: only that there is one counts.
		b = append(append(b, p.Self...), 0)
		b = append(append(b, p.First...), 0)
		if p.Next != "" {
			b = append(b, 1)
		}
		for _, s := range p.Ignored {
			b = append(append(b, s...), 0)
		}
		for i := range p.Entries {
			b = append(b, byte(p.Entries[i].Mode))
		}
		if p.HasTotal {
			b = strconv.AppendInt(b, int64(p.Total), 10)
		}
		h.Write(a.notice.append(b)) // when the consent expires changes no record
	})
}

func (e *Egress) appendPage(b []byte, p *Page, n *notice) []byte {
	b = append(b, `{"resourceType":"Bundle","type":"searchset"`...)
	if p.HasTotal {
		b = append(b, `,"total":`...)
		b = strconv.AppendInt(b, int64(p.Total), 10)
	}
	b = append(b, `,"link":[`...)
	b = e.appendLink(b, "self", p.Self)
	if p.First != "" {
		b = e.appendLink(append(b, ','), "first", p.First)
	}
	if p.Next != "" {
		b = e.appendLink(append(b, ','), "next", p.Next)
	}
	b = append(b, ']')
	if len(p.Entries) == 0 && len(p.Ignored) == 0 {
		return append(b, '}') // FHIR knows no empty array
	}
	b = append(b, `,"entry":[`...)
	for i := range p.Entries {
		b = e.appendEntry(b, &p.Entries[i])
	}
	b = appendOutcomes(b, p.Ignored, n)
	b[len(b)-1] = ']' // over the last comma
	return append(b, '}')
}

func (e *Egress) appendLink(b []byte, relation, search string) []byte {
	b = append(b, `{"relation":"`...)
	b = append(b, relation...)
	b = append(b, `","url":`...)
	b = appendString(b, e.base+"/"+search)
	return append(b, '}')
}

func (e *Egress) appendEntry(b []byte, x *Entry) []byte {
	f := x.Released.Facts()
	b = append(b, e.full...)
	b = append(b, f.Type...)
	b = append(b, '/')
	b = append(b, f.ID...)
	b = append(b, entryResource...)
	b = append(b, sealed.Open(x.Released)...)
	if x.Mode == Include {
		b = append(b, entryInclude...)
	} else {
		b = append(b, entryMatch...)
	}
	return append(b, ',')
}
