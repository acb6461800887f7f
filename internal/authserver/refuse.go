package authserver

import (
	"errors"
	"net/http"
	"strings"

	"github.com/consentry/gateway/internal/outcome"
)

// oauthError is an error response (RFC 6749, 5.2). Its text is fixed: nothing of the request is repeated.
type oauthError struct {
	status      int
	code        string
	description string
}

func (e *oauthError) Error() string { return "authserver: " + e.code + ": " + e.description }

var (
	errTooLarge     = &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "the request is too large"}
	errPacked       = &oauthError{http.StatusUnsupportedMediaType, "invalid_request", "the request must not be packed"}
	errMethod       = &oauthError{http.StatusMethodNotAllowed, "invalid_request", "there is another method for this endpoint"}
	errEndpoint     = &oauthError{http.StatusNotFound, "invalid_request", "there is no such endpoint"}
	errRequest      = &oauthError{http.StatusBadRequest, "invalid_request", "the request is malformed, lacks a parameter or repeats one"}
	errGrantType    = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "this grant type is not supported"}
	errTarget       = &oauthError{http.StatusBadRequest, "invalid_target", "tokens of this server are for its FHIR base alone"} // RFC 8707, 2
	errTooMuch      = &oauthError{http.StatusBadRequest, "invalid_scope", "more scopes than an access token can hold"}
	errScope        = &oauthError{http.StatusBadRequest, "invalid_scope", "no requested scope is registered for this client"}
	errGrant        = &oauthError{http.StatusBadRequest, "invalid_grant", "the authorization extension is malformed or states an unregistered purpose"}
	errUnauthorized = &oauthError{http.StatusBadRequest, "unauthorized_client", "this client may not do this"}
	errClient       = &oauthError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
	errSender       = &oauthError{http.StatusBadRequest, "invalid_dpop_proof", "the DPoP proof is missing, or not valid for this request"}
	errCertificate  = &oauthError{http.StatusBadRequest, "invalid_request", "this client needs a TLS client certificate"}
	errFault        = &oauthError{http.StatusInternalServerError, "server_error", "the server failed"}

	// RFC 6749 has no code for these two at the token endpoint, whose errors are all to be the client's. Clients know "temporarily_unavailable" of the
	// authorization endpoint, and servers in use answer it with 429 and 503 alike; "slow_down" (RFC 8628) means that a person has still to decide.
	errUnavailable = &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "try again later"}
	errTooMany     = &oauthError{http.StatusTooManyRequests, "temporarily_unavailable", "too many requests; try again later"}
)

// refusals are how OAuth says what the gateway says of a request, by its status.
var refusals = map[int]*oauthError{
	errTooLarge.status: errTooLarge, errPacked.status: errPacked, errTooMany.status: errTooMany, errUnavailable.status: errUnavailable,
}

// writeError answers with an error as OAuth says it. One that is nobody's is taken for a part of the server that does not answer.
func writeError(w http.ResponseWriter, err error) {
	said := errUnavailable
	if limited := new(outcome.Error); errors.As(err, &limited) {
		a := limited.Answer()
		for _, h := range a.Headers {
			w.Header().Set(h.Name, h.Value)
		}
		if said = refusals[a.Status]; said == nil {
			said = errFault
		}
	} else {
		errors.As(err, &said)
	}
	switch h := w.Header(); {
	case said.status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="token"`)
	case said.status == http.StatusServiceUnavailable && h.Get("Retry-After") == "":
		h.Set("Retry-After", "5")
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, said.status, map[string]string{"error": said.code, "error_description": said.description})
}

// Has tells whether a path is the issuer's or lies below it.
func (s *Server) Has(path string) bool {
	below, ours := strings.CutPrefix(path, s.path)
	return ours && (below == "" || below[0] == '/')
}

// Refuse answers a request for one of our paths that nobody looks at: too much was asked, a part of the gateway is away, or its body is none to be read. It
// closes the connection as serving.Refuse does: what follows on it has not been read.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !s.shown(r) {
		writeError(w, err)
		return
	}
	a := outcome.Of(err).Answer()
	for _, h := range a.Headers {
		w.Header().Set(h.Name, h.Value)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Please try again in a minute, by going back to the page before. A part of the service does not answer now, or it was asked too often from where you are.", a.Status)
}

// missing answers what is not there.
func (s *Server) missing(w http.ResponseWriter, r *http.Request) {
	if s.shown(r) {
		http.NotFound(w, r)
		return
	}
	writeError(w, errEndpoint)
}

// shown tells whether a person gets to see what is answered. What programs ask is never for people: some of them say that they take pages as well.
func (s *Server) shown(r *http.Request) bool {
	switch strings.TrimPrefix(r.URL.Path, s.path) {
	case tokenPath, introspectionPath, revocationPath, keysPath, discoveryPath:
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
