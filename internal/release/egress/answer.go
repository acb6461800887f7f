package egress

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/stage"
)

// Answer is a whole answer, encoded and not yet written: between the two lies the ledger. It is for one goroutine.
type Answer struct {
	Status int
	// Released are the resources in the answer, in order; for a 304 those that it vouches for.
	Released []stage.Released
	// Names are "Type/id" of each of Released, for the ledger.
	Names []string
	// Digest is the SHA-256 over the digests of the released bodies, in order; all zeros where there are none.
	Digest [32]byte
	// Part2 tells whether a record of a substance use disorder program is among Released (42 CFR Part 2).
	Part2 bool
	// Guarded says that the guard withheld what the handler had answered.
	Guarded bool

	contentType  string
	tag          string
	lastModified time.Time
	modified     []string // lastModified as a header
	notice       *notice
	headers      []outcome.Header
	body         []byte
	pooled       *[]byte // where body lies, nil for bytes that are nobody's to change
}

// maxPooled is the largest buffer that goes back into the pool.
const maxPooled = 8 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// buffer takes a buffer with room for n bytes.
func (a *Answer) buffer(n int) []byte {
	p := buffers.Get().(*[]byte)
	if cap(*p) < n {
		*p = make([]byte, 0, n+n/8)
	}
	a.pooled = p
	return (*p)[:0]
}

// Close gives the buffer back, unless a write of it has failed. The Answer is not to be used afterwards.
func (a *Answer) Close() {
	if a.pooled != nil && cap(a.body) <= maxPooled {
		*a.pooled = a.body[:0]
		buffers.Put(a.pooled)
	}
	a.pooled, a.body = nil, nil
}

// Size is the length of the body.
func (a *Answer) Size() int { return len(a.body) }

var errNoStatus = errors.New("egress: an answer without status")

// What every answer has among its headers. Nobody appends to it.
var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}

// Write writes the answer, body in one piece; without the body for a HEAD.
func (a *Answer) Write(w http.ResponseWriter, head bool) error {
	if a.Status == 0 {
		return errNoStatus
	}
	h := w.Header()
	for _, x := range a.headers {
		h.Set(x.Name, x.Value)
	}
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	if a.tag != "" {
		h["Etag"] = []string{a.tag}
	}
	if len(a.modified) > 0 {
		h["Last-Modified"] = a.modified
	}
	if a.Status == http.StatusNotModified {
		w.WriteHeader(a.Status)
		return nil
	}
	a.notice.header(h)
	h["Content-Type"] = []string{a.contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	w.WriteHeader(a.Status)
	if head {
		return nil
	}
	// A write that fails may have left the body with the connection, which still sends it (an HTTP/2 stream that is reset): nobody else's answer
	// is ever put over it.
	pooled := a.pooled
	a.pooled = nil
	_, err := w.Write(a.body)
	if err == nil {
		a.pooled = pooled
	}
	return err
}
