package authserver

import (
	"errors"
	"net/http"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// confirmation is the claim cnf (RFC 9449, 6.1; RFC 8705, 3.1).
type confirmation struct {
	JKT     string `json:"jkt,omitempty"`
	X5TS256 string `json:"x5t#S256,omitempty"`
}

func confirmationOf(c smart.Confirmation) *confirmation {
	if c == (smart.Confirmation{}) {
		return nil
	}
	return &confirmation{JKT: c.JKT, X5TS256: c.X5TS256}
}

// tokenType is how a token is sent, in the letters of SMART App Launch.
func tokenType(c smart.Confirmation) string {
	if c.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}

// confirmation is what a token for a partner is bound to: to the key of a DPoP proof that comes with the request, and to the client certificate of a partner
// that is registered so. A partner that must prove something and does not gets no token.
func (s *Server) confirmation(r *http.Request, p *requester.Partner) (c smart.Confirmation, err error) {
	if len(r.Header.Values("DPoP")) > 0 || p.Sender == smart.DPoP {
		switch c.JKT, err = s.senders.Proof(r.Context(), r); {
		case errors.Is(err, smart.ErrReplay):
			return c, errUnavailable
		case err != nil:
			return c, errSender
		}
	}
	if p.Sender == smart.MutualTLS {
		if c.X5TS256, err = s.senders.Certificate(r); err != nil {
			return c, errCertificate
		}
	}
	return c, nil
}
