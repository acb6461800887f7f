package serving

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/outcome"
)

// bounded lets requests in within the bounds.
type bounded struct {
	next    http.Handler
	limits  Limits
	proxies Proxies
	secure  bool   // over TLS
	alive   string // the path that is answered whatever the load
	refuse  func(http.ResponseWriter, *http.Request, error)
	metrics *metrics
}

// hsts keeps clients from plain HTTP for two years (RFC 6797). It says nothing of other hosts of the practice's domain.
const hsts = "max-age=63072000"

// retryAfter is how long to wait when too much is asked at once: an answer takes a fraction of it.
const retryAfter = time.Second

var (
	errNoConnection = errors.New("serving: the request has no connection of ours")
	errAddress      = errors.New("serving: too many requests of one address at once")
	errFull         = errors.New("serving: too many requests at once")
)

// ServeHTTP implements http.Handler.
func (b *bounded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.secure {
		w.Header().Set("Strict-Transport-Security", hsts)
	}
	closeIfAmbiguous(w, r)
	if err := b.unreadable(r); err != nil {
		b.refuse(w, r, err)
		return
	}
	r = b.proxies.addressed(r)
	if r.URL.Path != b.alive {
		leave, err := connOf(r.Context()).enter(AddressOf(r.Context()), b.metrics)
		if err != nil {
			b.refuse(w, r, err)
			return
		}
		defer leave()
	}
	if r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, b.limits.BodyBytes)
	}
	b.next.ServeHTTP(w, r)
}

// unreadable refuses, by its header alone, a body that nobody would read: one that is too long, and one that is packed, of which nobody can say how long
// it is.
func (b *bounded) unreadable(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil // their bodies are not read
	}
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return outcome.New(outcome.UnsupportedMediaType, nil)
		}
	}
	if r.ContentLength > b.limits.BodyBytes {
		return outcome.New(outcome.TooLarge, nil)
	}
	return nil
}

// Refuse answers in FHIR's words, and closes the connection: what follows on it has not been read.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	a := outcome.Of(err).Answer()
	for _, h := range a.Headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.Body) // nobody is left to tell
	}
}

// enter counts a request of an address that begins, until it leaves. There is no request without a connection of ours.
func (c *conn) enter(from netip.Prefix, m *metrics) (leave func(), err error) {
	if c == nil {
		return nil, outcome.New(outcome.Internal, errNoConnection)
	}
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(from)
	switch {
	case a.requests >= l.limits.RequestsPerAddress:
		l.drop(from, a)
		m.requestsRefused.WithLabelValues(refusedAddress).Inc()
		return nil, outcome.Retry(outcome.TooManyRequests, retryAfter, errAddress)
	case l.requests >= l.limits.Requests:
		l.drop(from, a)
		m.requestsRefused.WithLabelValues(refusedFull).Inc()
		return nil, outcome.Retry(outcome.Unavailable, retryAfter, errFull)
	}
	l.requests++
	a.requests++
	c.requests++
	return func() { c.leave(from, a) }, nil
}

// leave counts a request that has ended.
func (c *conn) leave(from netip.Prefix, a *address) {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests--
	a.requests--
	c.requests--
	l.drop(from, a)
}
