package fhirapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// exchanger serves one route.
type exchanger struct {
	api      *API
	route    *route
	template string // method and path of the route, for the log, the ledger and the metrics
	metrics  routeMetrics
}

func (a *API) exchanger(r *route, template string) *exchanger {
	return &exchanger{api: a, route: r, template: template, metrics: a.Metrics.route(template)}
}

// exchange is one request and its answer.
type exchange struct {
	*exchanger
	w       http.ResponseWriter
	r       *http.Request
	id      string
	began   time.Time
	reached time.Time // when the last step ended
	request Request
	failed  *outcome.Error // what the requester was told, nil for an answer
	written bool
	answer  *egress.Answer // what was encoded last: it is open until the request ends
	timings [steps]time.Duration
	// released and withheld are how many resources the answer has, and how many of the views it has not, by reason.
	released int
	withheld map[string]uint32
	// unrecorded says that the ledger could not be written, so that nothing was released.
	unrecorded bool
	// form is how the requester wants FHIR JSON to be named.
	form  egress.Form
	token *smart.Token
	// of is the batch that the request is an entry of. begun says of a batch that an entry has used its admission.
	of    *exchange
	begun bool
}

// serve runs one request to its end.
func (e *exchanger) serve(w http.ResponseWriter, r *http.Request, resourceID string) {
	x := e.begin(w, r)
	defer x.end()
	x.aim(resourceID)
	ctx, cancel := context.WithTimeout(r.Context(), e.api.Timeout)
	defer cancel()
	if e.route.batch {
		x.answer = x.batched(ctx)
	} else {
		x.answer = x.respond(ctx)
	}
	x.write()
}

// aim says which resource, or resources, the route is about.
func (x *exchange) aim(resourceID string) {
	x.request.Type, x.request.ID, x.request.permission = x.route.resourceType, resourceID, x.route.permission
}

// refuse answers a method that the route does not have.
func (e *exchanger) refuse(w http.ResponseWriter, r *http.Request, allow string) {
	x := e.begin(w, r)
	defer x.end()
	x.fail(outcome.Method(allow))
	x.write()
}

func (e *exchanger) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{exchanger: e, w: w, r: r, id: newID(), began: e.api.Now()}
	x.reached = x.began
	x.request.now = e.api.Now
	if theirs := r.Header.Get("X-Request-Id"); isUUID(theirs) {
		w.Header().Set("X-Request-Id", theirs) // ours is in the ledger and the log: it would make equal answers differ
	}
	return x
}

// respond makes the answer and writes it into the ledger. Only what comes out of here, or of a batch, is written.
func (x *exchange) respond(ctx context.Context) *egress.Answer {
	answer, records := x.prepare(ctx)
	if len(records) == 0 {
		return answer
	}
	if err := x.record(ctx, records); err != nil {
		return x.fail(outcome.New(outcome.Unavailable, err))
	}
	return answer
}

// prepare makes the answer, and what is to be in the ledger before a byte of it leaves.
func (x *exchange) prepare(ctx context.Context) (*egress.Answer, []ledger.Record) {
	response, err := x.handle(ctx)
	if err != nil {
		response = &egress.Failure{Err: outcome.Of(err)}
	}
	answer := x.encode(response, x.r.Header.Get("If-None-Match"))
	if _, ok := response.(*egress.Resource); ok {
		answer.UnlessModified(modifiedSince(x.r.Header))
	}
	answer.NotAfter(x.began)
	x.took(stepEncode)
	if !x.tells() {
		return answer, nil
	}
	return answer, x.records(answer)
}

// tells says whether an answer may tell the requester something about a client: a 404, a 304 and an empty page do, and that there is
// more than is given at once.
func (x *exchange) tells() bool {
	if x.route.public || x.request.Requester == nil {
		return false
	}
	if x.failed == nil {
		return true
	}
	switch x.failed.Kind() {
	case outcome.NotFound, outcome.TooCostly, outcome.AnswerTooLong:
		return true
	}
	return false
}

func (x *exchange) fail(err *outcome.Error) *egress.Answer {
	return x.encode(&egress.Failure{Err: err}, "")
}

// encode makes the answer, in the place of one that was made before.
func (x *exchange) encode(response egress.Response, ifNoneMatch string) *egress.Answer {
	if x.answer != nil {
		x.answer.Close()
	}
	x.answer = x.api.Egress.Encode(response, ifNoneMatch)
	x.failed, x.released = x.answer.Failed, len(x.answer.Released)
	return x.answer
}

// handle goes from the token to the handler's answer.
func (x *exchange) handle(ctx context.Context) (egress.Response, error) {
	if !x.route.public {
		err := x.authenticate(ctx)
		x.took(stepToken)
		if err != nil {
			return nil, err
		}
	}
	if !x.route.public || !x.route.anyFormat {
		if err := x.read(ctx); err != nil {
			return nil, err
		}
	}
	response, err := x.route.handle(ctx, &x.request)
	x.took(stepSearch)
	x.timings[stepView] = x.request.viewing
	x.timings[stepSearch] -= x.request.viewing
	if err == nil && ctx.Err() != nil {
		err = ctx.Err() // too late: the requester may be gone
	}
	return response, err
}

// read reads what is asked for.
func (x *exchange) read(ctx context.Context) (err error) {
	x.request.Strict = isStrict(x.r.Header)
	if known, ok := x.recall(); ok {
		x.request.Params, x.request.query = known.params, known.query
	} else if x.request.Params, err = parameters(x.w, x.r, x.route.parameters); err != nil {
		return err
	} else if err = x.arrived(ctx); err != nil {
		return err
	}
	if x.route.native {
		x.form, _ = acceptable(x.request.Params["_format"], x.r.Header) // what is wanted as FHIR JSON is named like any
		x.request.native, err = wanted(x.request.Params["_format"], x.r)
		return err
	}
	x.form, err = acceptable(x.request.Params["_format"], x.r.Header)
	return err
}

// authenticate finds who asks, and refuses what no scope could allow.
func (x *exchange) authenticate(ctx context.Context) error {
	if err := x.identify(ctx); err != nil {
		return err
	}
	if err := x.admit(ctx); err != nil {
		return err
	}
	if x.route.batch { // each entry has its own
		return nil
	}
	if !x.request.Requester.Scopes.MayAny(x.route.resourceType, x.route.permission) {
		return outcome.New(outcome.InsufficientScope, nil)
	}
	return nil
}

// identify finds out who a token speaks for. The token of an entry is the batch's, which came in at the same time.
func (x *exchange) identify(ctx context.Context) error {
	if x.of != nil {
		x.token, x.request.Requester = x.of.token, x.of.request.Requester
		return nil
	}
	if err := x.api.Gate.Enter(ctx); err != nil {
		return err
	}
	err := x.verify(ctx)
	if err != nil && isFailure(outcome.Of(err).Kind()) {
		x.api.Gate.Failed(ctx)
	}
	return err
}

// isFailure tells whether somebody may be trying what is not theirs.
func isFailure(k outcome.Kind) bool {
	return k == outcome.InvalidToken || k == outcome.BearerRefused || k == outcome.InvalidProof
}

// verify finds out who the request's own token speaks for.
func (x *exchange) verify(ctx context.Context) error {
	credentials, err := smart.ReadCredentials(x.r.Header)
	if err != nil {
		return tokenError(err)
	}
	token, err := x.api.Verifier.Verify(ctx, credentials.Token)
	if err != nil {
		return tokenError(err)
	}
	if token == nil {
		return outcome.New(outcome.InvalidToken, nil)
	}
	moment, who, err := x.now(ctx, token)
	if err != nil {
		return err
	}
	if err := x.api.Senders.Check(ctx, x.r, credentials, token, who.Sender); err != nil {
		return tokenError(err)
	}
	x.token, x.request.Requester, x.request.views = token, who, moment.Views()
	return nil
}

// now is the moment, and who the token speaks for then.
func (x *exchange) now(ctx context.Context, token *smart.Token) (Moment, *requester.Requester, error) {
	moment, err := x.api.Moment(ctx)
	if err != nil {
		return nil, nil, outcome.New(outcome.Unavailable, err)
	}
	who, err := moment.Requester(token)
	if err != nil || who == nil {
		return nil, nil, outcome.New(outcome.InvalidToken, err)
	}
	return moment, who, nil
}

// arrived takes the moment anew when the body has come, too: nobody gets by keeping it back what was taken away meanwhile.
func (x *exchange) arrived(ctx context.Context) error {
	if x.token == nil || x.r.ContentLength == 0 {
		return nil
	}
	moment, who, err := x.now(ctx, x.token)
	if err != nil {
		return err
	}
	if who.Sender != x.request.Requester.Sender { // the proof was held against the other one
		return outcome.New(outcome.InvalidToken, nil)
	}
	x.request.Requester, x.request.views = who, moment.Views()
	return nil
}

// admit asks the gate, but for the entry of a batch that the batch itself was admitted for.
func (x *exchange) admit(ctx context.Context) error {
	if x.of != nil && !x.of.begun {
		x.of.begun = true
		return nil
	}
	return x.api.Gate.Admit(ctx, x.token)
}

// tokenError gives an error of package smart its kind. An error that is none of its own refuses the token.
func tokenError(err error) error {
	switch limited := new(outcome.Error); {
	case errors.As(err, &limited): // nobody has looked at the token
		return limited
	case errors.Is(err, smart.ErrMissing):
		return outcome.New(outcome.NoToken, err)
	case errors.Is(err, smart.ErrExpired):
		return outcome.New(outcome.ExpiredToken, err)
	case errors.Is(err, smart.ErrBearer):
		return outcome.New(outcome.BearerRefused, err)
	case errors.Is(err, smart.ErrReplay):
		return outcome.New(outcome.Unavailable, err)
	case errors.Is(err, smart.ErrProof):
		return outcome.New(outcome.InvalidProof, err)
	case errors.Is(err, smart.ErrKeys), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return outcome.New(outcome.Unavailable, err)
	}
	return outcome.New(outcome.InvalidToken, err)
}

// write sends the answer.
func (x *exchange) write() {
	x.written = true
	x.recorded()
	x.answer.Named(x.form)
	_ = x.answer.Write(x.w, x.r.Method == http.MethodHead) // a requester who has gone away is no fault of ours
	x.took(stepWrite)
}

// took gives a step the time since the one before it ended.
func (x *exchange) took(s step) {
	now := x.api.Now()
	x.timings[s] += now.Sub(x.reached)
	x.reached = now
}

// unknownRoute answers what the route table does not have.
func unknownRoute(context.Context, *Request) (egress.Response, error) {
	return nil, outcome.New(outcome.UnknownRoute, nil)
}

// newID makes the id of a request, for the ledger and the log.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// isUUID tells whether s has the form of a UUID: the only form in which we repeat a requester's own id.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}
