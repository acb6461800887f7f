package egress

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"
	"strings"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Encode encodes what a handler answered, whole, before a byte is written. ifNoneMatch is the request's If-None-Match header: it is looked at
// here, after the decision, so that a 304 never vouches for what is no longer released. A response that is none of the variants, and
// any that does not hold together, is answered with 500.
func (e *Egress) Encode(r Response, ifNoneMatch string) *Answer {
	switch r := r.(type) {
	case *Resource:
		if r != nil {
			return e.resource(r, ifNoneMatch)
		}
	case *Binary:
		if r != nil {
			return e.binary(r, ifNoneMatch)
		}
	case *Page:
		if r != nil {
			return e.page(r, ifNoneMatch)
		}
	case *Document:
		if r != nil {
			return e.document(r, ifNoneMatch)
		}
	case *Failure:
		if r != nil && r.Err != nil {
			return fail(r.Err)
		}
	}
	return fail(outcome.New(outcome.Internal, fmt.Errorf("egress: no answer of type %T is known", r)))
}

func fail(err *outcome.Error) *Answer {
	a := err.Answer()
	return &Answer{Status: a.Status, Failed: err, contentType: FHIRJSON, headers: a.Headers, body: a.Body}
}

func (e *Egress) document(d *Document, ifNoneMatch string) *Answer {
	a := &Answer{Status: http.StatusOK, contentType: d.contentType, body: d.body}
	a.tag = e.tags.weak("document", func(h hash.Hash) { h.Write(d.digest[:]) })
	return a.unless(ifNoneMatch)
}

func (e *Egress) resource(r *Resource, ifNoneMatch string) *Answer {
	if sealed.Open(r.Released) == nil || r.Released.Facts() == nil {
		return fail(outcome.New(outcome.Internal, nil))
	}
	released, passed, err := e.examined([]stage.Released{r.Released}, 1, r.Subset)
	switch {
	case err != nil:
		return fail(outcome.New(outcome.Internal, err))
	case !passed:
		a := fail(outcome.New(outcome.NotFound, nil))
		a.Guarded = true
		return a
	}
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON, body: sealed.Open(released[0]), Released: released}
	a.seal()
	var ok bool
	if a.notice, ok = e.noticeFor([]Entry{{Released: r.Released, Terms: r.Terms}}, false); !ok {
		return fail(outcome.New(outcome.Internal, errNoTerms))
	}
	a.tag = e.tags.weak("resource", func(h hash.Hash) { h.Write(a.Digest[:]) })
	a.unless(ifNoneMatch)
	return e.holding(a, len(a.body))
}

// examined puts the subset that is asked for in the place of each match, and tells whether the guard lets all of it pass: the bodies that leave, and
// the whole ones that they are cut from, since what forbids a body to leave forbids its parts.
func (e *Egress) examined(released []stage.Released, matches int, s fhirjson.Subset) (left []stage.Released, passed bool, err error) {
	if !e.guard.pass(released) {
		return nil, false, nil
	}
	if s.IsWhole() {
		return released, true, nil
	}
	for i := range released[:matches] {
		var ok bool
		if released[i], ok = e.subset(released[i], s); !ok {
			return nil, false, errSubset
		}
	}
	return released, e.guard.pass(released), nil
}

// seal fills what follows from the released resources: the digest over their digests, whether Part 2 is among them, and the latest lastUpdated.
func (a *Answer) seal() {
	if len(a.Released) == 0 {
		return
	}
	a.Digest, a.Names, a.Part2 = DigestOf(a.Released), NamesOf(a.Released), HoldPart2(a.Released)
	for _, r := range a.Released {
		if t := r.Facts().LastUpdated.Start; t.After(a.lastModified) {
			a.lastModified = t
		}
	}
	if !a.lastModified.IsZero() {
		a.modified = []string{a.lastModified.UTC().Format(http.TimeFormat)}
	}
}

// DigestOf is the SHA-256 over the digests of released bodies, in order: what the ledger keeps of them. It is all zeros for none.
func DigestOf(released []stage.Released) (sum [sha256.Size]byte) {
	if len(released) == 0 {
		return sum
	}
	h := sha256.New()
	for _, r := range released {
		d := r.Digest()
		h.Write(d[:])
	}
	h.Sum(sum[:0])
	return sum
}

// unless turns the answer into a 304 if the requester has it already.
func (a *Answer) unless(ifNoneMatch string) *Answer {
	if ifNoneMatch != "" && matches(ifNoneMatch, a.tag) {
		a.Status, a.body = http.StatusNotModified, nil
	}
	return a
}

// NamesOf gives "Type/id" of each, all cut out of one text.
func NamesOf(released []stage.Released) []string {
	if len(released) == 0 {
		return nil
	}
	var b strings.Builder
	b.Grow(len(released) * 96)
	ends := make([]int, len(released))
	for i, r := range released {
		f := r.Facts()
		b.WriteString(f.Type)
		b.WriteByte('/')
		b.WriteString(f.ID)
		ends[i] = b.Len()
	}
	text, out, start := b.String(), make([]string, len(released)), 0
	for i, end := range ends {
		out[i], start = text[start:end], end
	}
	return out
}
