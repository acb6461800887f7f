package egress

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Binary answers a read of a Binary (FHIR R4 2.41): with the bytes that it holds, or as a resource with these in base64.
type Binary struct {
	Released stage.Released
	Terms    []*consent.Terms // of the Consents that permit its document
	// Native answers with the bytes themselves, and with a part of them if a GET asks for one by Range and If-Range (RFC 9110 sections 14.2 and
	// 13.1.5).
	Native         bool
	Range, IfRange string
}

func (*Binary) response() {}

func (e *Egress) binary(r *Binary, ifNoneMatch string) *Answer {
	raw, at := sealed.Data(r.Released)
	if raw == nil || r.Released.Facts() == nil {
		return fail(outcome.New(outcome.Internal, nil))
	}
	released := []stage.Released{r.Released}
	if !e.guard.pass(released) {
		a := fail(outcome.New(outcome.NotFound, nil))
		a.Guarded = true
		return a
	}
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON, Released: released}
	a.seal()
	a.lastModified, a.modified = time.Time{}, nil // the document's date: the file may have been replaced without a new one
	var ok bool
	if a.notice, ok = e.noticeFor([]Entry{{Released: r.Released, Terms: r.Terms}}, false); !ok {
		return fail(outcome.New(outcome.Internal, errNoTerms))
	}
	if r.Native {
		return e.native(a, r, raw, ifNoneMatch)
	}
	a.tag = e.tags.weak("resource", func(h hash.Hash) { h.Write(a.Digest[:]) })
	if a.unless(ifNoneMatch); a.Status == http.StatusNotModified {
		return a
	}
	json := sealed.Open(r.Released)
	size := len(json) + len(dataMember) + 1 + base64.StdEncoding.EncodedLen(len(raw))
	if !a.take(&e.budget, roomOf(size)) {
		return full()
	}
	a.body = appendBinary(a.buffer(size), json, raw, at)
	return a
}

const dataMember = `,"data":"`

// appendBinary puts the data into the resource.
func appendBinary(b, json, raw []byte, at int) []byte {
	b = append(append(b, json[:at]...), dataMember...)
	b = append(base64.StdEncoding.AppendEncode(b, raw), '"')
	return append(b, json[at:]...)
}

// native answers with the bytes. They are nobody's copy: what is written is the chart's own memory, all of which even a part of it keeps. The tag is a strong one, since nothing else
// lets a requester put parts together (RFC 9110 section 13.1.5); Digest is over what leaves.
func (e *Egress) native(a *Answer, r *Binary, raw []byte, ifNoneMatch string) *Answer {
	a.body, a.contentType = raw, contentTypeOf(r.Released.Facts())
	a.tag = strings.TrimPrefix(e.tags.weak("native", func(h hash.Hash) { h.Write(a.Digest[:]) }), "W/")
	a.headers = append(harmless(), outcome.Header{Name: "Content-Disposition", Value: `attachment; filename="` + e.fileName(r.Released.Facts()) + `"`},
		outcome.Header{Name: "Accept-Ranges", Value: "bytes"}, outcome.Header{Name: "Vary", Value: "Accept"})
	for _, ref := range r.Released.Facts().References {
		if ref.Path == "securityContext" {
			a.headers = append(a.headers, outcome.Header{Name: "X-Security-Context", Value: ref.Value.String()})
		}
	}
	digest := r.Released.DataDigest()
	a.Digest = sha256.Sum256(digest[:])
	if a.unless(ifNoneMatch); a.Status != http.StatusNotModified && r.Range != "" && (r.IfRange == "" || r.IfRange == a.tag) {
		a.part(r.Range, raw)
	}
	if len(a.body) <= short {
		return a
	}
	return e.holding(a, len(raw))
}

// part narrows the answer to the range that is asked for.
func (a *Answer) part(asked string, raw []byte) {
	start, end, found := rangeOf(asked, len(raw))
	size := strconv.Itoa(len(raw))
	switch found {
	case onePart:
		a.Status, a.body = http.StatusPartialContent, raw[start:end]
		a.headers = append(a.headers, outcome.Header{Name: "Content-Range", Value: "bytes " + strconv.Itoa(start) + "-" + strconv.Itoa(end-1) + "/" + size})
		part := sha256.Sum256(a.body)
		a.Digest = sha256.Sum256(part[:])
	case outside:
		told := outcome.New(outcome.RangeNotSatisfiable, nil).Answer()
		a.Status, a.body, a.contentType, a.tag = told.Status, told.Body, FHIRJSON, ""
		a.notice = nil // it goes with a record, and here is none
		a.headers = []outcome.Header{{Name: "Content-Range", Value: "bytes */" + size}, {Name: "Accept-Ranges", Value: "bytes"}}
	}
}

// harmless keeps a browser from running what somebody attached, HTML and SVG above all: it is saved and not shown, it is taken for nothing but what
// it says it is, and where it is shown nevertheless it has no origin, no script and nothing to load. X-Content-Type-Options is with every answer.
func harmless() []outcome.Header {
	return []outcome.Header{
		{Name: "Content-Security-Policy", Value: "sandbox; default-src 'none'; frame-ancestors 'none'"},
		{Name: "Cross-Origin-Resource-Policy", Value: "same-origin"},
		{Name: "X-Frame-Options", Value: "DENY"},
		{Name: "X-Download-Options", Value: "noopen"},
	}
}

const unknownContent = "application/octet-stream"

// contentTypeOf is the content type of a Binary, if it is one that a header can hold.
func contentTypeOf(f *stage.Facts) string {
	if len(f.Formats) == 0 {
		return unknownContent
	}
	said := f.Formats[0]
	if t, _, err := mime.ParseMediaType(said); err != nil || !strings.Contains(t, "/") || strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r > '~' }) {
		return unknownContent
	}
	return said
}

// extensions are those of the content types that documents have. Anything else is ".bin".
var extensions = map[string]string{
	"application/pdf": ".pdf", "application/rtf": ".rtf", "application/xml": ".xml", "text/xml": ".xml", "application/fhir+json": ".json", "application/json": ".json",
	"text/plain": ".txt", "text/html": ".html", "text/rtf": ".rtf", "image/jpeg": ".jpg", "image/png": ".png", "image/tiff": ".tif",
}

// fileName is made of the kind and the day of the record, never copied (design section 1).
func (e *Egress) fileName(f *stage.Facts) string {
	var b strings.Builder
	for _, c := range strings.ToLower(f.Origin.Kind) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' {
			b.WriteRune(c)
		}
	}
	if b.Len() == 0 {
		b.WriteString("document")
	}
	if f.When.Known && !f.When.Start.IsZero() {
		b.WriteString(f.When.Start.In(e.zone).Format("-" + time.DateOnly))
	}
	t, _, _ := mime.ParseMediaType(contentTypeOf(f))
	if ext := extensions[t]; ext != "" {
		return b.String() + ext
	}
	return b.String() + ".bin"
}
