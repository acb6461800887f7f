package authserver

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/serving"
)

const maxFormBytes = 64 << 10

// assertionType is the only way in which a client proves itself (RFC 7523, 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// oauthError is an error response (RFC 6749, 5.2). Its text is fixed: nothing of the request is repeated.
type oauthError struct {
	status      int
	code        string
	description string
}

func (e *oauthError) Error() string { return "authserver: " + e.code + ": " + e.description }

var (
	errTooLarge     = &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "the request is too large"}
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
	errUnavailable  = &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "try again later"}
)

// serveForm answers an endpoint of OAuth: POST of a form, answered in JSON, or with nothing where there is nothing to say.
func serveForm(w http.ResponseWriter, r *http.Request, answer func(*http.Request, map[string]string) (any, error)) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	form, err := readForm(w, r)
	var body any
	if err == nil {
		body, err = answer(r, form)
	}
	if limited := new(outcome.Error); errors.As(err, &limited) { // OAuth has no error for it
		serving.Refuse(w, r, limited)
		return
	}
	status := http.StatusOK
	if err != nil {
		refusal := errUnavailable
		errors.As(err, &refusal)
		status, body = refusal.status, map[string]string{"error": refusal.code, "error_description": refusal.description}
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="token"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the client may have gone
}

// readForm takes the parameters from the body alone, each at most once; one without a value is as good as none (RFC 6749, 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, errRequest
	}
	if r.Header.Get("Authorization") != "" { // another way of authentication, which no client is registered for
		return nil, errClient
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, errTooLarge
		}
		return nil, errRequest
	}
	form := map[string]string{}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return nil, errRequest
		}
		if values[0] != "" {
			form[name] = values[0]
		}
	}
	return form, nil
}
