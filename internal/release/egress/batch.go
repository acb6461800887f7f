package egress

import (
	"net/http"
	"strconv"
	"time"
)

// maxBatch bounds the answer of a batch.
const maxBatch = 32 << 20

// batchRoom is what most batches need, and what refusals of all entries need at most.
const batchRoom = 64 << 10

// Batch collects the answers to the entries of a batch, in order, as a Bundle of type batch-response (FHIR R4 3.1.0.11.3). It is for one goroutine.
type Batch struct {
	budget  *budget
	answer  *Answer
	body    []byte
	entries int
	noted   bool // an answer in it carries the notice of rule 23
}

// NewBatch begins the answer of a batch.
func (e *Egress) NewBatch() *Batch {
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON}
	return &Batch{budget: &e.budget, answer: a, body: append(a.buffer(2*batchRoom), `{"resourceType":"Bundle","type":"batch-response"`...)}
}

// Fits tells whether the answer can still be added.
func (b *Batch) Fits(a *Answer) bool { return len(b.body)+a.Size()+pageRoom <= maxBatch }

// Room makes room for the answer, and for refusals after it. It is false where answers hold too much memory already.
func (b *Batch) Room(a *Answer) bool {
	need := len(b.body) + a.Size() + batchRoom
	if need <= cap(b.body) {
		return true
	}
	n := roomOf(max(need, min(2*cap(b.body), maxBatch)))
	before := b.answer.taken
	if !b.answer.take(b.budget, n) { // for a moment both are held
		return false
	}
	old := b.answer.pooled
	grown := append(b.answer.buffer(n), b.body...)
	freeBuffer(old, b.body)
	b.body = grown
	b.answer.giveBack(b.answer.taken - before)
	return true
}

// Close gives up the answer.
func (b *Batch) Close() {
	b.answer.body = b.body
	b.answer.Close()
}

// IsFHIR tells whether the body is FHIR JSON, or none: nothing else can stand in a Bundle.
func (a *Answer) IsFHIR() bool {
	return a.contentType == FHIRJSON || a.Status == http.StatusNotModified
}

// Add adds the answer to one entry, by GET or by HEAD, as the same request alone would have had it, and closes it: the body of an answer stands in
// `resource`, that of a refusal in `response.outcome`, where the notice and scope beside a read are said too.
func (b *Batch) Add(a *Answer, head bool) {
	b.noted = b.noted || a.notice != nil
	if b.entries++; b.entries == 1 {
		b.body = append(b.body, `,"entry":[{`...)
	} else {
		b.body = append(b.body, `,{`...)
	}
	ok := a.Status == http.StatusOK
	if ok && !head {
		b.body = append(b.body, `"resource":`...)
		b.body = append(append(b.body, a.body...), ',')
	}
	b.body = append(b.body, `"response":{"status":`...)
	b.body = appendString(b.body, strconv.Itoa(a.Status)+" "+http.StatusText(a.Status))
	if a.tag != "" {
		b.body = appendString(append(b.body, `,"etag":`...), a.tag)
	}
	if !a.lastModified.IsZero() {
		b.body = appendString(append(b.body, `,"lastModified":`...), a.lastModified.UTC().Format(time.RFC3339Nano))
	}
	switch {
	case head:
	case ok && a.notice != nil && !a.notice.inside:
		b.body = a.notice.append(append(b.body, `,"outcome":{"resourceType":"OperationOutcome","issue":[`...))
		b.body = append(b.body[:len(b.body)-1], `]}`...) // over the last comma
	case a.Status >= http.StatusBadRequest:
		b.body = append(append(b.body, `,"outcome":`...), a.body...)
	}
	b.body = append(b.body, `}}`...)
	a.Close()
}

// Answer is the whole answer. Who got what is in the answers that were added: it has no resources of its own.
func (b *Batch) Answer() *Answer {
	if b.entries > 0 {
		b.body = append(b.body, ']')
	}
	b.body = append(b.body, '}')
	b.answer.body = b.body
	if b.noted {
		b.answer.notice = &notice{inside: true}
	}
	return b.answer
}
