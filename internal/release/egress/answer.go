package egress

import (
	"errors"
	"net/http"
	"strconv"
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
	// Failed is what the requester is told instead of an answer, nil for an answer.
	Failed *outcome.Error

	contentType  string
	tag          string
	lastModified time.Time
	modified     []string // lastModified as a header
	notice       *notice
	headers      []outcome.Header
	body         []byte
	pooled       *[]byte // where body lies, nil for bytes that are nobody's to change
	budget       *budget // what taken is taken of
	taken        int64
}

// buffer takes a buffer with room for n bytes.
func (a *Answer) buffer(n int) []byte {
	a.pooled = newBuffer(n)
	return *a.pooled
}

// Recorded lets go of what only the ledger needs: who reads an answer slowly holds its bytes and no chart.
func (a *Answer) Recorded() { a.Released, a.Names = nil, nil }

// Close gives back the buffer, unless a write of it has failed, and what was taken of the budget. The Answer is not to be used afterwards.
func (a *Answer) Close() {
	if a.pooled != nil {
		freeBuffer(a.pooled, a.body)
	}
	a.pooled, a.body = nil, nil
	a.giveBack(0)
	a.Recorded()
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
