package authserver

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
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
	errTooLarge    = &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", "the request is too large"}
	errRequest     = &oauthError{http.StatusBadRequest, "invalid_request", "the request is malformed, lacks a parameter or repeats one"}
	errGrantType   = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported"}
	errScope       = &oauthError{http.StatusBadRequest, "invalid_scope", "no requested scope is registered for this client"}
	errGrant       = &oauthError{http.StatusBadRequest, "invalid_grant", "the authorization extension is malformed or states an unregistered purpose"}
	errClient      = &oauthError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
	errUnavailable = &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "try again later"}
)

// response is the answer to a good token request (RFC 6749, 5.1; SMART Backend Services 2.2).
type response struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	answer, err := s.token(w, r)
	status, body := http.StatusOK, any(answer)
	if err != nil {
		refusal := errUnavailable
		errors.As(err, &refusal)
		status, body = refusal.status, map[string]string{"error": refusal.code, "error_description": refusal.description}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="token"`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the client may have gone
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) (*response, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	if err := checkGrant(form); err != nil {
		return nil, err
	}
	a, err := s.authenticate(r.Context(), form["client_assertion"])
	if err != nil {
		return nil, err
	}
	if id, stated := form["client_id"]; stated && id != a.partner.ID {
		return nil, errClient
	}
	// A machine has no launch patient and is no user: system/ scopes only (SMART Backend Services 2.2, "Scopes").
	granted := smart.ParseScopes(form["scope"]).Intersect(a.partner.Scopes).Only(smart.LevelSystem)
	if granted.Empty() {
		return nil, errScope
	}
	grant, err := grantFor(a, granted)
	if err != nil {
		return nil, err
	}
	token, err := s.sign(grant)
	if err != nil {
		return nil, err
	}
	return &response{AccessToken: token, TokenType: "bearer", ExpiresIn: int(s.config.Lifetime.Seconds()), Scope: granted.String()}, nil
}

// grantFor reads the purposes that the assertion states (UDAP Security, hl7-b2b); they must be among the registered ones. The token then
// states them, and the gateway looks again.
func grantFor(a *assertion, granted smart.Scopes) (Claims, error) {
	purposes, npi, err := smart.ReadExtensions(a.extensions)
	if err != nil {
		return Claims{}, errGrant
	}
	for _, p := range purposes {
		if !registered(a.partner, p.Key()) {
			return Claims{}, errGrant
		}
	}
	return Claims{ClientID: a.partner.ID, Subject: a.partner.ID, Scope: granted.String(), Purposes: purposes, NPI: npi}, nil
}

func registered(p *requester.Partner, purpose string) bool {
	for _, c := range p.Purposes {
		if c.Key() == purpose {
			return true
		}
	}
	return false
}

// readForm takes the parameters from the body alone, each at most once (RFC 6749, 3.2).
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
		form[name] = values[0]
	}
	return form, nil
}

func checkGrant(form map[string]string) error {
	switch form["grant_type"] {
	case "":
		return errRequest
	case "client_credentials":
	default:
		return errGrantType
	}
	if _, secret := form["client_secret"]; secret {
		return errClient
	}
	if form["client_assertion_type"] != assertionType || form["client_assertion"] == "" {
		return errClient
	}
	return nil
}
