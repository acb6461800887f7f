// Package limits refuses who asks too often: a partner, an address, and whoever comes from an address from which too much came that proves nobody.
//
// What is counted is shared by all replicas where they have a Redis. Where that does not answer, no token is issued, and requests with a token go on, counted
// by this process alone: a token proves itself without it, and what is revoked is not kept there.
package limits

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/serving"
	"github.com/consentry/gateway/internal/smart"
)

// PerMinute is how much there may be within a minute, which begins with the first; 0 of anything is any number.
type PerMinute struct {
	// Requests is how many requests with a good token one partner may make, Tokens how many it may get of the built-in issuer.
	Requests, Tokens int
	// OfAddress is how many requests may come from one address, good or not.
	OfAddress int
	// Failures is how many of one address's may fail to prove who asks. After that nothing of it is looked at.
	Failures int
	// Introspections is how often the issuer of opaque tokens may be asked for one address.
	Introspections int
}

// Options are what Limits are made of.
type Options struct {
	PerMinute PerMinute
	// Shared is what all replicas count in, or where there is one process alone its memory.
	Shared ephemeral.Store
	// Own is what this process counts in while Shared does not answer. Nil where Shared is its memory: if that is full, nobody is let in.
	Own ephemeral.Store
	// Metrics takes the counts; nil for none.
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// Limits are safe for concurrent use.
type Limits struct {
	most    PerMinute
	count   counting
	metrics *metrics
	log     *slog.Logger
}

// New makes Limits.
func New(o Options) (*Limits, error) {
	m := o.PerMinute
	switch {
	case o.Shared == nil || o.Log == nil || o.Now == nil:
		return nil, errors.New("limits: store, log and clock are required")
	case min(m.Requests, m.Tokens, m.OfAddress, m.Failures, m.Introspections) < 0:
		return nil, errors.New("limits: one is negative")
	}
	l := &Limits{most: m, log: o.Log, metrics: newMetrics(o.Metrics)}
	l.count = counting{shared: o.Shared, own: o.Own, now: o.Now, turned: l.turned}
	return l, nil
}

// What is limited, in the metrics and, apart from each other, in the stores.
const (
	ofPartner      = "partner"
	ofTokens       = "tokens"
	ofAddress      = "address"
	ofFailures     = "failures"
	ofIntrospected = "introspections"
)

type limit struct {
	name string
	ephemeral.Limit
}

func per(name, key string, events int, look bool) limit {
	return limit{name, ephemeral.Limit{Key: name + "\x00" + key, Events: events, Window: time.Minute, Look: look}}
}

// Enter lets a request in before anything of it is looked at, or refuses it. (fhirapi.Gate)
func (l *Limits) Enter(ctx context.Context) error {
	return l.admit(ctx, l.count.either, l.entering(ctx)...)
}

func (l *Limits) entering(ctx context.Context) []limit {
	address := addressOf(ctx)
	return []limit{per(ofFailures, address, l.most.Failures, true), per(ofAddress, address, l.most.OfAddress, false)}
}

// Admit lets a partner ask, or refuses it. (fhirapi.Gate)
func (l *Limits) Admit(ctx context.Context, t *smart.Token) error {
	return l.admit(ctx, l.count.either, per(ofPartner, t.ClientID, l.most.Requests, false))
}

// Issue lets a partner have a token, or refuses it. (authserver.Gate)
func (l *Limits) Issue(ctx context.Context, partner string) error {
	return l.admit(ctx, l.count.together, per(ofTokens, partner, l.most.Tokens, false))
}

// Introspect lets the issuer be asked about an opaque token, or refuses it. (smart.Introspection)
func (l *Limits) Introspect(ctx context.Context) error {
	return l.admit(ctx, l.count.either, per(ofIntrospected, addressOf(ctx), l.most.Introspections, false))
}

// Failed counts a request whose token or assertion proves nobody, also one that its sender has given up. (fhirapi.Gate)
func (l *Limits) Failed(ctx context.Context) { l.failed(ctx, "api") }

func (l *Limits) failed(ctx context.Context, at string) {
	l.metrics.failed.WithLabelValues(at).Inc()
	l.log.Warn("failed authentication", "at", at)
	_ = l.admit(context.WithoutCancel(ctx), l.count.either, per(ofFailures, addressOf(ctx), l.most.Failures, false)) // it has been refused already
}

// Issuer limits the built-in issuer as Enter does the API, but for all replicas together or not at all; refuse answers instead of it (authserver.Server). What
// the issuer itself refuses counts as failed.
func (l *Limits) Issuer(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // its documents and pages: nothing is issued
			if err := l.Enter(r.Context()); err != nil {
				refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		if err := l.admit(r.Context(), l.count.together, l.entering(r.Context())...); err != nil {
			refuse(w, r, err)
			return
		}
		answer := &answer{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status == http.StatusBadRequest || answer.status == http.StatusUnauthorized { // RFC 6749, 5.2
			l.failed(r.Context(), "issuer")
		}
	})
}

// answer remembers the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// admit asks one of the ways to count.
func (l *Limits) admit(ctx context.Context, ask func(context.Context, ...ephemeral.Limit) (ephemeral.Verdict, error), limits ...limit) error {
	held := make([]ephemeral.Limit, 0, 2)
	names := make([]string, 0, 2)
	for _, one := range limits {
		if one.Events > 0 {
			held, names = append(held, one.Limit), append(names, one.name)
		}
	}
	if len(held) == 0 {
		return nil
	}
	v, err := ask(ctx, held...)
	switch {
	case err != nil:
		return outcome.New(outcome.Unavailable, err)
	case !v.Admitted:
		l.metrics.refused.WithLabelValues(names[v.Limit]).Inc()
		return outcome.Retry(outcome.TooManyRequests, v.After, nil)
	}
	return nil
}

// turned tells that the store which the replicas share no longer answers, or does again.
func (l *Limits) turned(away bool) {
	if away {
		l.metrics.shared.Set(0)
		l.log.Warn("the shared store of limits does not answer: this process counts alone, and no token is issued")
		return
	}
	l.metrics.shared.Set(1)
	l.log.Info("the shared store of limits answers again")
}

func addressOf(ctx context.Context) string {
	p := serving.AddressOf(ctx)
	if p == (netip.Prefix{}) {
		return ""
	}
	return p.String()
}
