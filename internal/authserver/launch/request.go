package launch

import (
	"encoding/base64"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/consentry/gateway/internal/requester"
)

// Bounds of what an app may say. All of it goes to the practice's provider and back, sealed, in one URL.
const (
	maxScope = 2048
	maxState = 1024
	maxNonce = 256
	maxHint  = 256 // a mail address has 254 (RFC 5321, 4.5.3.1.3)
	maxForm  = 64 << 10
)

// Request is what an app asks for.
type request struct {
	Client    string `json:"c"`
	Redirect  string `json:"r"`
	State     string `json:"s"`
	Challenge string `json:"p"` // of PKCE, S256
	Nonce     string `json:"n,omitempty"`
	Scope     string `json:"o"`           // as far as the app may have it
	Since     int64  `json:"a,omitempty"` // when the person must have signed in at the earliest
}

// appError is told to the app, by sending the browser back to it (RFC 6749, 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6).
type appError string

func (e appError) Error() string { return "launch: " + string(e) }

const (
	errRequest      = appError("invalid_request")
	errResponseType = appError("unsupported_response_type")
	errScope        = appError("invalid_scope")
	errDenied       = appError("access_denied")
	errInteraction  = appError("interaction_required")
	errObject       = appError("request_not_supported")
	errObjectURI    = appError("request_uri_not_supported")
	errTarget       = appError("invalid_target") // RFC 8707, 2
	errServer       = appError("server_error")
	errTemporarily  = appError("temporarily_unavailable")
)

// Errors of which no app is told: it is not known whose they are, or nobody may be sent there.
var (
	errUnknownApp  = errors.New("launch: no such app, or not this redirect URI")
	errForm        = errors.New("launch: the request is malformed")
	errUnavailable = errors.New("launch: a part of the gateway does not answer")
)

// read gives the parameters. One without a value is as good as none (RFC 6749, 3.1).
func read(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	q, err := parameters(w, r)
	maps.DeleteFunc(q, func(_ string, values []string) bool { return len(values) == 1 && values[0] == "" })
	return q, err
}

// parameters are of a GET those of the query, of a POST those of the body, and never both (OpenID Connect Core 1.0, 3.1.2.1).
func parameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodGet {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil || r.ContentLength > 0 {
			return nil, errForm
		}
		return q, nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, errForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		return nil, errForm
	}
	return r.PostForm, nil
}

// returning says who asks and where an answer may go. Until both are certain nobody is sent anywhere (RFC 9700, 4.11).
func (l *Launch) returning(r *http.Request, q url.Values) (*requester.Partner, request, error) {
	id, ok := one(q, "client_id")
	if !ok {
		return nil, request{}, errUnknownApp
	}
	app, err := l.partner(r.Context(), id)
	if err != nil {
		return nil, request{}, err
	}
	redirect, ok := one(q, "redirect_uri")
	if !ok || !slices.Contains(app.App.RedirectURIs, redirect) {
		return nil, request{}, errUnknownApp
	}
	state, _ := one(q, "state")
	return app, request{Client: id, Redirect: redirect, State: state}, nil
}

// one is the only value of a parameter.
func one(q url.Values, name string) (string, bool) {
	if len(q[name]) != 1 || q[name][0] == "" {
		return "", false
	}
	return q[name][0], true
}

// complete reads the rest of the request. Its errors are told to the app.
func (l *Launch) complete(app *requester.Partner, q url.Values, ask *request) error {
	for _, values := range q {
		if len(values) != 1 { // RFC 6749, 3.1
			return errRequest
		}
	}
	switch {
	case ask.State == "", len(ask.State) > maxState, len(q.Get("nonce")) > maxNonce:
		return errRequest
	case !plain(ask.State), !plain(q.Get("nonce")):
		return errRequest
	case q.Has("request"):
		return errObject
	case q.Has("request_uri"):
		return errObjectURI
	case q.Get("response_type") != "code":
		return errResponseType
	case q.Get("response_mode") != "" && q.Get("response_mode") != "query":
		return errRequest
	case !l.isAudience(q.Get("aud")):
		return errRequest
	case q.Has("resource") && !l.isAudience(q.Get("resource")):
		return errTarget
	case q.Get("code_challenge_method") != "S256" || !isChallenge(q.Get("code_challenge")):
		return errRequest
	case slices.Contains(strings.Fields(q.Get("prompt")), "none"):
		return errInteraction
	case len(q.Get("scope")) > maxScope:
		return errScope
	}
	ask.Challenge, ask.Nonce = q.Get("code_challenge"), q.Get("nonce")
	var ok bool
	if ask.Since, ok = l.since(q); !ok {
		return errRequest
	}
	asked := l.asked(app, q.Get("scope"))
	if asked.nothing() {
		return errScope
	}
	ask.Scope = asked.String()
	return nil
}

// plain tells whether a text comes back as it was sent. RFC 6749 (A.5) allows less in a state than this.
func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// hint is what the app tells the provider of who will sign in (OpenID Connect Core 1.0, 3.1.2.1). It is passed on and not kept: it may be a mail address. One that
// no provider would read is left out, since the person can say who they are.
func hint(q url.Values) string {
	text, _ := one(q, "login_hint")
	if len(text) > maxHint || !plain(text) {
		return ""
	}
	return text
}

// since is when the person must have signed in at the earliest, zero for whenever it was: an app may want that they do so again (OpenID Connect Core 1.0,
// 3.1.2.1).
func (l *Launch) since(q url.Values) (at int64, ok bool) {
	now := l.Now().Unix()
	if slices.Contains(strings.Fields(q.Get("prompt")), "login") {
		return now, true
	}
	if !q.Has("max_age") {
		return 0, true
	}
	seconds, err := strconv.ParseUint(q.Get("max_age"), 10, 31)
	return now - int64(seconds), err == nil
}

// isAudience tells whether the app means this FHIR server (SMART 2.2, "Obtain authorization code"): else its token could be taken elsewhere.
func (l *Launch) isAudience(aud string) bool {
	return strings.TrimSuffix(aud, "/") == strings.TrimSuffix(l.Audience, "/") && aud != ""
}

// isChallenge tells whether the text can be the S256 of a verifier (RFC 7636, 4.2).
func isChallenge(s string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(sum) == 32
}

// sendBack sends the browser to the app. The redirect URI is one of those that the app has registered.
func (l *Launch) sendBack(w http.ResponseWriter, r *http.Request, ask request, name, value string) {
	answer := url.Values{name: {value}, "iss": {l.Issuer}} // RFC 9207
	if ask.State != "" {
		answer.Set("state", ask.State)
	}
	to, between := ask.Redirect, "?"
	if strings.Contains(to, "?") {
		between = "&"
	}
	protect(w.Header())
	http.Redirect(w, r, to+between+answer.Encode(), http.StatusSeeOther) // 303: no form is sent again (RFC 9700, 4.12)
}
