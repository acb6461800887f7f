package outcome

import "net/http"

// Kind is what went wrong, as far as the requester may know. The zero value is Internal.
type Kind uint8

// The kinds of error. The issue codes are those of http://hl7.org/fhir/issue-type.
const (
	// Internal is our own fault: 500, exception.
	Internal Kind = iota
	// NoToken says that the request carries no access token: 401, login, a challenge without error (RFC 6750 section 3).
	NoToken
	// InvalidToken says that the access token is malformed, forged, revoked or for somebody else: 401, unknown.
	InvalidToken
	// ExpiredToken says that the access token is no longer valid: 401, expired.
	ExpiredToken
	// InsufficientScope says that no scope of the token allows this for any resource of the type: 403, forbidden.
	InsufficientScope
	// InvalidParameter says that a parameter cannot be used: 400, invalid.
	InvalidParameter
	// InvalidRequest says that the request cannot be read: 400, structure.
	InvalidRequest
	// TooCostly says that the answer would hold too much: 400, too-costly.
	TooCostly
	// NoClientNamed says that a search does not name its client: 400, required.
	NoClientNamed
	// NotFound is the one answer for unknown, tampered, foreign and withheld: 404, not-found.
	NotFound
	// UnknownRoute says that the server has no such resource type, operation or path: 404, not-supported.
	UnknownRoute
	// MethodNotAllowed says that the gateway is read only: 405, not-supported.
	MethodNotAllowed
	// NotAcceptable says that we answer in FHIR JSON only: 406, not-supported.
	NotAcceptable
	// UnsupportedMediaType says that the body of a search must be a form, and that of an operation or a batch may be FHIR JSON: 415, not-supported.
	UnsupportedMediaType
	// RangeNotSatisfiable says that the part asked for lies outside of the content: 416, invalid.
	RangeNotSatisfiable
	// TooLarge says that the body of the request is too long: 413, too-long.
	TooLarge
	// QueryTooLong says that the URL of the request is too long: 414, too-long.
	QueryTooLong
	// TooManyRequests says that the partner asks too often: 429, throttled.
	TooManyRequests
	// Unavailable says that something that the answer needs does not answer: 503, transient.
	Unavailable
	// AnswerTooLong says that the answer would be longer than what is given at once: 413, too-costly.
	AnswerTooLong
	// BearerRefused says that the access token is no good as a bearer token: 401, unknown, a challenge to prove its key (RFC 9449, 7.1 and 7.2).
	BearerRefused
	// InvalidProof says that the proof of the token's key is no good: 401, unknown.
	InvalidProof
	kinds
)

const (
	realm = `Bearer realm="fhir"`
	// dpopRealm names the algorithms of smart.ProofAlgorithms.
	dpopRealm = `DPoP realm="fhir", algs="RS256 RS384 ES256 ES384"`
)

// description is what is sent for a kind.
type description struct {
	status    int
	severity  string
	code      string
	text      string
	challenge string
	body      []byte
}

var descriptions = [kinds]description{
	Internal:             {status: http.StatusInternalServerError, severity: "fatal", code: "exception", text: "The gateway failed. Nothing was released."},
	NoToken:              {status: http.StatusUnauthorized, code: "login", text: "An access token is required.", challenge: realm},
	InvalidToken:         {status: http.StatusUnauthorized, code: "unknown", text: "The access token is not valid here.", challenge: realm + `, error="invalid_token"`},
	ExpiredToken:         {status: http.StatusUnauthorized, code: "expired", text: "The access token has expired.", challenge: realm + `, error="invalid_token"`},
	InsufficientScope:    {status: http.StatusForbidden, code: "forbidden", text: "The scopes of the access token do not allow this.", challenge: realm + `, error="insufficient_scope"`},
	InvalidParameter:     {status: http.StatusBadRequest, code: "invalid", text: "A parameter is malformed or not supported."},
	InvalidRequest:       {status: http.StatusBadRequest, code: "structure", text: "The request cannot be read."},
	TooCostly:            {status: http.StatusBadRequest, code: "too-costly", text: "The answer would hold too many resources. Ask for fewer at once."},
	NoClientNamed:        {status: http.StatusBadRequest, code: "required", text: "A search must name its client, by patient, subject or _id."},
	NotFound:             {status: http.StatusNotFound, code: "not-found", text: "There is no such resource, or it is not available to you."},
	UnknownRoute:         {status: http.StatusNotFound, code: "not-supported", text: "This server has no such resource type or operation."},
	MethodNotAllowed:     {status: http.StatusMethodNotAllowed, code: "not-supported", text: "This server is read only, and does not answer this method here."},
	NotAcceptable:        {status: http.StatusNotAcceptable, code: "not-supported", text: "This server answers in application/fhir+json only."},
	UnsupportedMediaType: {status: http.StatusUnsupportedMediaType, code: "not-supported", text: "The body must be a form, application/x-www-form-urlencoded, or application/fhir+json for an operation or a batch."},
	RangeNotSatisfiable:  {status: http.StatusRequestedRangeNotSatisfiable, code: "invalid", text: "The range asked for lies outside of the content."},
	TooLarge:             {status: http.StatusRequestEntityTooLarge, code: "too-long", text: "The body of the request is too long."},
	QueryTooLong:         {status: http.StatusRequestURITooLong, code: "too-long", text: "The query of the request is too long. A search may be posted as a form."},
	TooManyRequests:      {status: http.StatusTooManyRequests, code: "throttled", text: "Too many requests. Try again later."},
	AnswerTooLong:        {status: http.StatusRequestEntityTooLarge, code: "too-costly", text: "The answer would be too long. Ask for less at once."},
	BearerRefused:        {status: http.StatusUnauthorized, code: "unknown", text: "The access token is not valid here without a DPoP proof of its key.", challenge: dpopRealm + `, error="invalid_token"`},
	InvalidProof:         {status: http.StatusUnauthorized, code: "unknown", text: "The DPoP proof is not valid for this request and access token.", challenge: dpopRealm + `, error="invalid_dpop_proof"`},
	Unavailable:          {status: http.StatusServiceUnavailable, code: "transient", text: "The gateway cannot answer now. Nothing was released. Try again later."},
}

func init() {
	for k := range descriptions {
		d := &descriptions[k]
		if d.severity == "" {
			d.severity = "error"
		}
		d.body = encode(d.severity, d.code, d.text, "")
	}
}

// describe gives the description of a kind; of Internal for one that does not exist.
func describe(k Kind) *description {
	if k >= kinds {
		k = Internal
	}
	return &descriptions[k]
}

// Status is the HTTP status of a kind.
func (k Kind) Status() int { return describe(k).status }
