package smart

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
)

// What may be wrong with who sends a token.
var (
	// ErrBearer says that the token must not be a bearer token: a DPoP proof of its key must come with it.
	ErrBearer = errors.New("smart: the access token needs a DPoP proof")
	// ErrProof says that the DPoP proof is missing where one is needed, or is no good.
	ErrProof = errors.New("smart: DPoP proof refused")
	// ErrReplay says that it cannot be known whether a proof was used before.
	ErrReplay = errors.New("smart: used DPoP proofs are not known")
)

// Constraint is what a partner must prove besides having its token. The zero value is nothing.
type Constraint string

// The constraints.
const (
	DPoP      Constraint = "dpop" // RFC 9449
	MutualTLS Constraint = "mtls" // RFC 8705, 3
)

// Senders checks that who sends a token has the key that it is bound to. Nil refuses each token that is bound, and each partner whose tokens must be.
type Senders struct {
	origin       *url.URL
	replay       ephemeral.Store
	certificates ClientCertificates
	now          func() time.Time
}

// NewSenders makes a Senders for a server with that URL, of which scheme and host count: what a request says of them anybody can write. replay remembers
// the proofs that were used.
func NewSenders(base string, replay ephemeral.Store, certificates ClientCertificates, now func() time.Time) (*Senders, error) {
	u, err := url.Parse(base)
	if err != nil || !isAbsoluteURL(base) || replay == nil {
		return nil, errors.New("smart: senders need the URL of their server and a store of used proofs")
	}
	if now == nil {
		now = time.Now
	}
	return &Senders{origin: &url.URL{Scheme: u.Scheme, Host: u.Host}, replay: replay, certificates: certificates, now: now}, nil
}

// Check holds a request against what its token is bound to, and against what its partner is registered with. A token that is bound is held to it
// whatever the register says. Errors wrap ErrBearer, ErrProof, ErrReplay or ErrInvalid.
func (s *Senders) Check(ctx context.Context, r *http.Request, c Credentials, t *Token, required Constraint) error {
	bound := t.Confirmation
	switch {
	case required != "" && required != DPoP && required != MutualTLS:
		return refused("unknown constraint of the sender")
	case bound.JKT != "" && !c.DPoP, required == DPoP && bound.JKT == "":
		return ErrBearer
	case bound.JKT == "" && c.DPoP: // RFC 9449, 7.1: the scheme is for bound tokens
		return refused("DPoP with a token that is not bound")
	case required == MutualTLS && bound.X5TS256 == "":
		return refused("the token is not bound to a client certificate")
	case bound == (Confirmation{}):
		return nil
	case s == nil:
		return refused("cnf")
	}
	if bound.X5TS256 != "" {
		thumbprint, err := s.Certificate(r)
		if err != nil || !same(thumbprint, bound.X5TS256) {
			return refused("client certificate")
		}
	}
	if bound.JKT == "" {
		return nil
	}
	return s.prove(ctx, r, c.Token, bound.JKT)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Certificate is the thumbprint of the certificate that the client showed (RFC 8705, 3.1).
func (s *Senders) Certificate(r *http.Request) (string, error) {
	if s == nil {
		return "", errCertificate
	}
	return s.certificates.thumbprint(r, s.now())
}
