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
	// noticeRoom is what the notice of rule 23 needs, and each scope in it, and ignoredRoom what is said of a parameter that was ignored.
	noticeRoom  = 2 << 10
	ignoredRoom = 256
)

func (e *Egress) page(p *Page, ifNoneMatch string) *Answer {
	if kept, ok := e.pages.GetIfPresent(p); ok {
		again := kept
		again.unless(ifNoneMatch)
		return e.holding(&again, len(again.body))
	}
	released, matches, ok := p.released()
	if !ok {
		return fail(outcome.New(outcome.Internal, nil))
	}
	released, passed, err := e.examined(released, matches, p.Subset)
	switch {
	case err != nil:
		return fail(outcome.New(outcome.Internal, err))
	case !passed:
		a := e.page(p.ofNoConsent(), "")
		a.Guarded = true
		return a
	}
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON, Released: released}
	a.seal()
	if a.notice, ok = e.noticeFor(p.Entries, true); !ok {
		return fail(outcome.New(outcome.Internal, errNoTerms))
	}
	a.tag = e.pageTag(p, a)
	if p.answered.Add(1) > 1 {
		if !e.encode(p, a, true) {
			return full()
		}
		return a.unless(ifNoneMatch)
	}
	if a.unless(ifNoneMatch); a.Status != http.StatusNotModified && !e.encode(p, a, false) {
		return full()
	}
	return a
}

// encode encodes the page, if there is room for it. One that is asked for again is encoded into memory of its own and remembered.
func (e *Egress) encode(p *Page, a *Answer, again bool) bool {
	size := e.sizeOf(p, a)
	room := size
	if !again {
		room = roomOf(size)
	}
	if !a.take(&e.budget, room) {
		return false
	}
	whole := false
	defer func() {
		if !whole {
			a.Close()
		}
	}()
	if again {
		a.body = e.appendPage(make([]byte, 0, size), p, a)
		kept := *a
		kept.budget, kept.taken = nil, 0
		e.pages.Set(p, kept)
	} else {
		a.body = e.appendPage(a.buffer(size), p, a)
	}
	whole = true
	return true
}

// sizeOf is about how long the encoded page is, at least.
func (e *Egress) sizeOf(p *Page, a *Answer) int {
	size := pageRoom + len(e.base)*3 + len(p.Self) + len(p.Next) + len(p.First)
	for _, r := range a.Released {
		size += r.Size() + len(e.full) + entryRoom
	}
	if a.notice != nil {
		size += noticeRoom * (1 + len(a.notice.scopes))
	}
	return size + ignoredRoom*len(p.Ignored)
}

// released gives what is in the page, and how many matches stand before what is included. ok is false if the page does not hold together.
func (p *Page) released() (all []stage.Released, matches int, ok bool) {
	all = make([]stage.Released, len(p.Entries))
	for i := range p.Entries {
		x := &p.Entries[i]
		switch {
		case x.Released.Facts() == nil, x.Released.Size() == 0, x.Mode > Include:
			return nil, 0, false
		case x.Mode == Match && matches < i:
			return nil, 0, false // the matches come first
		case x.Mode == Match:
			matches++
		}
		all[i] = x.Released
	}
	return all, matches, true
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

func (e *Egress) appendPage(b []byte, p *Page, a *Answer) []byte {
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
		b = e.appendEntry(b, a.Released[i], p.Entries[i].Mode)
	}
	b = appendOutcomes(b, p.Ignored, a.notice)
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

func (e *Egress) appendEntry(b []byte, r stage.Released, mode Mode) []byte {
	f := r.Facts()
	b = append(b, e.full...)
	b = append(b, f.Type...)
	b = append(b, '/')
	b = append(b, f.ID...)
	b = append(b, entryResource...)
	b = append(b, sealed.Open(r)...)
	if mode == Include {
		b = append(b, entryInclude...)
	} else {
		b = append(b, entryMatch...)
	}
	return append(b, ',')
}
