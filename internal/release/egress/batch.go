package egress

import (
	"net/http"
	"strconv"
	"time"
)

// maxBatch bounds the answer of a batch.
const maxBatch = 32 << 20

// batchRoom is what most batches need.
const batchRoom = 64 << 10

// Batch collects the answers to the entries of a batch, in order, as a Bundle of type batch-response (FHIR R4 3.1.0.11.3). It is for one goroutine.
type Batch struct {
	answer  *Answer
	body    []byte
	entries int
	noted   bool // an answer in it carries the notice of rule 23
}

// NewBatch begins the answer of a batch.
func NewBatch() *Batch {
	a := &Answer{Status: http.StatusOK, contentType: FHIRJSON}
	return &Batch{answer: a, body: append(a.buffer(batchRoom), `{"resourceType":"Bundle","type":"batch-response"`...)}
}

// Fits tells whether the answer can still be added.
func (b *Batch) Fits(a *Answer) bool { return len(b.body)+a.Size()+pageRoom <= maxBatch }

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
