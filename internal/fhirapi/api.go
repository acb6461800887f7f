package fhirapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// Verifier verifies an access token (smart.Verifier).
type Verifier interface {
	Verify(ctx context.Context, raw string) (*smart.Token, error)
}

// Moment is what a request is decided by: who may ask, and the records, as they were at one moment after it came in.
type Moment interface {
	// Requester finds who a token speaks for (partners.Standing). Any error refuses the token.
	Requester(t *smart.Token) (*requester.Requester, error)
	// Views are all of one state of the records, or of newer ones.
	Views() Views
}

// Gate may refuse who asks too often (limits.Limits). It can only refuse.
type Gate interface {
	// Enter is asked of each request for records, before anything of it is looked at.
	Enter(ctx context.Context) error
	// Admit is asked of each request with a good token, of a batch for each entry.
	Admit(ctx context.Context, t *smart.Token) error
	// Failed is told of each request with a token that is not valid here.
	Failed(ctx context.Context)
}

// Ledger keeps what was released (ledger.Ledger). Append returns when the records of an answer are safe, all of them.
type Ledger interface {
	Append(ctx context.Context, answer ...ledger.Record) error
}

// Options are what an API is made of. All but Senders, Gate, Checks, Accountable and Timeout are required.
type Options struct {
	// Base is the absolute URL of the FHIR service; its path is where the routes begin.
	Base     string
	Verifier Verifier
	// Moment gives what holds now. Where that cannot be known nobody is answered.
	Moment func(context.Context) (Moment, error)
	// Senders checks who sends a token that is bound to a key; nil refuses all that are.
	Senders *smart.Senders
	// Gate is nil where requests are limited elsewhere.
	Gate   Gate
	Parser *search.Parser
	Pages  *ident.Pages
	Egress *egress.Egress
	Ledger Ledger
	// Types are the resource types that the practice's records can hold. There is no other.
	Types []string
	// CapabilityStatement and SMARTConfiguration are the two public documents, encoded.
	CapabilityStatement []byte
	SMARTConfiguration  []byte
	// Checks are what must hold for /readyz.
	Checks []Check
	// Accountable tells whether the accounting of disclosures (45 CFR 164.528) lists an answer. Nil lists all but self-access and what
	// authorizations released, whatever the purpose: a list may hold too much, never too little.
	Accountable func(*requester.Requester, release.Evidence) bool
	Metrics     *Metrics
	Log         *slog.Logger
	Now         func() time.Time
	// Timeout bounds a request, 0 for 15 seconds.
	Timeout time.Duration
}

// API serves the FHIR API. It is safe for concurrent use.
type API struct {
	Options
	prefix   string // the path of Base, without a slash at its end
	parser   *search.Parser
	pages    *ident.Pages
	metadata *egress.Document
	smart    *egress.Document
	asked    *otter.Cache[askedKey, asked]
	handler  http.Handler
	table    table // of what the handler serves
	draining atomic.Bool
}

const defaultTimeout = 15 * time.Second

// open is the gate where there is none.
type open struct{}

func (open) Enter(context.Context) error               { return nil }
func (open) Admit(context.Context, *smart.Token) error { return nil }
func (open) Failed(context.Context)                    {}

// New makes an API.
func New(o Options) (*API, error) {
	u, err := url.Parse(o.Base)
	if err != nil || u.Host == "" {
		return nil, errors.New("fhirapi: the base must be an absolute URL")
	}
	for name, missing := range map[string]bool{
		"Verifier": o.Verifier == nil, "Moment": o.Moment == nil, "Parser": o.Parser == nil,
		"Pages": o.Pages == nil, "Egress": o.Egress == nil, "Ledger": o.Ledger == nil, "Metrics": o.Metrics == nil, "Log": o.Log == nil,
		"Now": o.Now == nil, "CapabilityStatement": len(o.CapabilityStatement) == 0, "SMARTConfiguration": len(o.SMARTConfiguration) == 0,
		"Types": len(o.Types) == 0,
	} {
		if missing {
			return nil, errors.New("fhirapi: no " + name)
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Accountable == nil {
		o.Accountable = func(_ *requester.Requester, e release.Evidence) bool { return !e.SelfAccess && !e.Authorization }
	}
	a := &API{Options: o, prefix: strings.TrimRight(u.EscapedPath(), "/"), parser: o.Parser, pages: o.Pages, asked: newAsked()}
	a.metadata = capabilities(o.CapabilityStatement)
	a.smart = smartConfiguration(o.SMARTConfiguration)
	if a.Gate == nil {
		a.Gate = open{}
	}
	a.handler = a.engine()
	return a, nil
}

// Handler serves the API. It must be the server's handler itself: a http.ServeMux before it would redirect paths that are to be refused.
func (a *API) Handler() http.Handler { return a.handler }

// Drain makes /readyz fail from now on, so that no new requests are sent here while those under way end.
func (a *API) Drain() { a.draining.Store(true) }
