package smart

import (
	"errors"
	"time"

	"github.com/consentry/gateway/internal/fhir"
)

// What may be wrong with a token. Every error of this package wraps one of them and names the check that failed, never a value.
var (
	ErrMissing = errors.New("smart: no access token")
	ErrInvalid = errors.New("smart: access token refused")
	ErrExpired = errors.New("smart: access token expired")
	// ErrKeys says that the issuer's keys cannot be had: whether the token is good is unknown, so it is refused.
	ErrKeys = errors.New("smart: the issuer's keys are not available")
)

// Token is what a verified access token says. It is shared between requests and must not be changed.
type Token struct {
	// Issuer is the URL of the issuer that vouches for the token. A client is known by its issuer and its id: one issuer's client is not another's.
	Issuer string
	// ID is the token's jti, empty where the issuer gives none.
	ID string
	// Grant is the session or grant that the token comes from, empty where the issuer gives none.
	Grant   string
	Subject string
	// ClientID is the OAuth client: client_id (RFC 9068, 2.2) or azp. It is never guessed from the subject.
	ClientID string
	Scopes   Scopes
	// Patient is the launch patient (SMART 2.2, "Launch context"), zero for none.
	Patient fhir.Reference
	// FHIRUser is the person who signed in, zero for none and for one on another server.
	FHIRUser fhir.Reference
	// Machine says that no person stands behind the token: the subject is the client itself (client_credentials).
	Machine bool
	// Purposes are the purposes of use that the token states, of all of its extensions. One that is not understood stays, and matches nothing.
	Purposes []fhir.Coding
	// NPI is the practitioner whom the client claims to act for, empty for none.
	NPI string
	// Organizations are those that the token states, each of which must be the partner's own.
	Organizations []string
	// Consents are those that the token is limited to (doc_id of IHE PCF, consent_reference of hl7-b2b): "Consent/x" of ours, and others as it names
	// them. nil is no limit.
	Consents []string
	// Residual are the rules of IHE PCF that the token adds, in their order. They can only withhold more.
	Residual []ResidualRule
	// Only is the one client whom the token reaches, whatever its scopes (patient_id of IHE PCF), zero for no limit.
	Only fhir.Reference
	// Confirmation is the key that the sender must prove to have, zero for a bearer token.
	Confirmation Confirmation
	Expiry       time.Time
}
