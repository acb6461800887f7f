package fhirapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
)

// maxBatch is how many entries a batch may have.
const maxBatch = 50

var errRoom = errors.New("fhirapi: no room for the answer of a batch")

// batched answers POST [base] with a Bundle of type batch (https://hl7.org/fhir/R4/http.html#transaction): reads, searches and operations, each decided,
// recorded and answered as if it had come alone with the same token. They run one after the other within the time of one request, and all of their
// records are safe before the first byte of the answer leaves.
func (x *exchange) batched(ctx context.Context) *egress.Answer {
	requests, err := x.requests(ctx)
	if err != nil {
		return x.fail(outcome.Of(err))
	}
	whole, records, entries := x.api.Egress.NewBatch(), []ledger.Record(nil), make([]*exchange, 0, len(requests))
	refused := outcome.New(outcome.Internal, errPanic) // until nothing can keep the answer back
	defer func() {
		if refused != nil {
			whole.Close()
		}
		for _, e := range entries {
			if refused != nil {
				e.answer = e.fail(refused)
			}
			e.account()
		}
	}()
	for i := range requests {
		e, no := x.entry(&requests[i])
		entries = append(entries, e)
		records = append(records, e.into(ctx, whole, no)...)
	}
	x.reached = x.api.Now() // the entries have timings of their own
	if len(records) > 0 {
		if err := x.record(ctx, records); err != nil {
			refused = outcome.New(outcome.Unavailable, err)
			return x.fail(refused)
		}
	}
	refused = nil
	return whole.Answer()
}

// requests reads the batch. Whoever has no good token sends it in vain.
func (x *exchange) requests(ctx context.Context) ([]fhirjson.BatchRequest, error) {
	if err := x.authenticate(ctx); err != nil {
		return nil, err
	}
	if len(x.r.URL.RawQuery) > maxQuery {
		return nil, outcome.New(outcome.QueryTooLong, nil)
	}
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, outcome.New(outcome.InvalidRequest, errQuery)
	}
	if x.form, err = acceptable(query["_format"], x.r.Header); err != nil {
		return nil, err
	}
	if !isFHIRJSON(x.r.Header) {
		return nil, outcome.New(outcome.UnsupportedMediaType, nil)
	}
	text, err := body(x.w, x.r)
	if err != nil {
		return nil, err
	}
	if err := x.arrived(ctx); err != nil {
		return nil, err
	}
	requests, err := fhirjson.ParseBatch(text, maxBatch)
	switch {
	case errors.Is(err, fhirjson.ErrMany):
		return nil, outcome.New(outcome.TooLarge, err)
	case err != nil:
		return nil, outcome.New(outcome.InvalidRequest, errBody)
	}
	return requests, nil
}

// entry makes the request that an entry stands for. What is no request that a batch may hold is refused.
func (x *exchange) entry(q *fhirjson.BatchRequest) (*exchange, *outcome.Error) {
	t := &x.api.table
	none := func(e *exchanger, refused *outcome.Error) (*exchange, *outcome.Error) {
		return x.begin(e, &http.Request{}), refused
	}
	switch {
	case q.Unread:
		return none(t.unknown, outcome.New(outcome.InvalidRequest, nil))
	case q.Method != http.MethodGet && q.Method != http.MethodHead:
		return none(t.notAllowed, outcome.Method("GET, HEAD"))
	}
	target, err := x.api.target(q.URL)
	if err != nil {
		return none(t.unknown, outcome.Of(err))
	}
	header, err := x.headers(q)
	if err != nil {
		return none(t.unknown, outcome.Of(err))
	}
	found, id := t.find(q.Method, target.EscapedPath())
	e := x.begin(found, &http.Request{Method: q.Method, URL: target, Header: header, Body: http.NoBody})
	e.aim(id)
	return e, nil
}

// begin begins an entry, which sees the records as the batch does.
func (x *exchange) begin(of *exchanger, r *http.Request) *exchange {
	e := of.begin(x.w, r)
	e.of, e.request.views = x, x.request.views
	return e
}

// target gives the URL of an entry, which is relative to the base or begins with it. Other servers' are nothing that we serve, and a URL that no
// request line could have is malformed.
func (a *API) target(text string) (*url.URL, error) {
	rest, ours := strings.CutPrefix(text, strings.TrimRight(a.Base, "/")+"/")
	if !ours {
		rest = strings.TrimPrefix(rest, "/")
		if before, _, _ := strings.Cut(rest, "?"); strings.Contains(before, ":") { // no path of ours has one
			return nil, outcome.New(outcome.UnknownRoute, nil)
		}
	}
	u, err := url.ParseRequestURI(a.prefix + "/" + rest)
	if err != nil || strings.Contains(text, "#") {
		return nil, outcome.New(outcome.InvalidRequest, nil) // err repeats the URL
	}
	return u, nil
}

// headers are those of the batch that hold for each entry, and the entry's own conditions.
func (x *exchange) headers(q *fhirjson.BatchRequest) (http.Header, error) {
	h := http.Header{"Prefer": x.r.Header["Prefer"], "Accept": {"application/fhir+json"}}
	if q.IfNoneMatch != "" {
		h.Set("If-None-Match", q.IfNoneMatch)
	}
	if q.IfModifiedSince != "" {
		t, err := time.Parse(time.RFC3339, q.IfModifiedSince)
		if err != nil {
			return nil, outcome.New(outcome.InvalidRequest, nil)
		}
		h.Set("If-Modified-Since", t.UTC().Format(http.TimeFormat))
	}
	return h, nil
}

// into answers an entry into the batch and gives what is to be in the ledger.
func (x *exchange) into(ctx context.Context, whole *egress.Batch, refused *outcome.Error) []ledger.Record {
	answer, records := x.alone(ctx, refused)
	if instead := x.instead(whole, answer); instead != nil {
		answer, records = x.fail(instead), nil
		if x.tells() {
			records = x.records(answer)
		}
	}
	whole.Add(answer, x.r.Method == http.MethodHead)
	x.recorded()
	return records
}

// instead says why an answer cannot stand in the batch.
func (x *exchange) instead(whole *egress.Batch, answer *egress.Answer) *outcome.Error {
	switch {
	case !answer.IsFHIR():
		return outcome.New(outcome.NotAcceptable, nil)
	case x.failed == nil && !whole.Fits(answer):
		return outcome.New(outcome.AnswerTooLong, nil)
	case x.failed == nil && !whole.Room(answer):
		return outcome.New(outcome.Unavailable, errRoom)
	}
	return nil
}

// alone answers an entry. A panic is that entry's alone.
func (x *exchange) alone(ctx context.Context, refused *outcome.Error) (answer *egress.Answer, records []ledger.Record) {
	defer func() {
		if p := recover(); p != nil {
			x.report(p)
			answer, records = x.fail(outcome.New(outcome.Internal, errPanic)), nil
		}
	}()
	if refused != nil {
		return x.fail(refused), nil
	}
	return x.prepare(ctx)
}
