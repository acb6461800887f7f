package smart

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	once "github.com/go-jose/go-jose/v4/json"

	"github.com/consentry/gateway/internal/fhir"
)

// claims are the members of a token's payload by their exact names: encoding/json would take "PATIENT" for "patient" in a struct.
type claims map[string]json.RawMessage

// UnmarshalJSON implements json.Unmarshaler. An object that has a name twice is refused: another reader may take the other one (RFC 7519, 4).
func (c *claims) UnmarshalJSON(text []byte) error {
	var m map[string]json.RawMessage
	err := once.Unmarshal(text, &m)
	*c = m
	return err
}

func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		return nil, refused("payload")
	}
	return c, nil
}

func refused(check string) error { return fmt.Errorf("%w: %s", ErrInvalid, check) }

// instant reads a NumericDate (RFC 7519, 2); ok is false if there is none.
func (c claims) instant(name string) (t time.Time, ok bool, err error) {
	v, ok, _ := c.at(Path{name})
	if !ok {
		return time.Time{}, false, nil
	}
	var seconds float64
	const year9999 = 253402300799
	if json.Unmarshal(v, &seconds) != nil || seconds <= 0 || seconds > year9999 {
		return time.Time{}, false, refused(name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), true, nil
}

// checkTime requires exp, and holds nbf, iat and exp against the clock (RFC 7519, 4.1).
func (c claims) checkTime(now time.Time, skew, maxLifetime time.Duration) (expiry time.Time, err error) {
	expiry, ok, err := c.instant("exp")
	if err != nil || !ok {
		return time.Time{}, refused("exp")
	}
	if !now.Before(expiry.Add(skew)) {
		return time.Time{}, fmt.Errorf("%w: exp", ErrExpired)
	}
	if expiry.Sub(now) > maxLifetime+skew {
		return time.Time{}, refused("exp is too far ahead")
	}
	for _, name := range []string{"nbf", "iat"} {
		t, ok, err := c.instant(name)
		if err != nil || ok && (t.After(now.Add(skew)) || !t.Before(expiry)) {
			return time.Time{}, refused(name)
		}
	}
	return expiry, nil
}

// checkKind refuses what is signed by the same issuer and is no access token: an ID token (OpenID Connect Core 1.0, 2), a logout token
// or a refresh token.
func (c claims) checkKind(clientID string, audience []string) error {
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if c.has(name) {
			return refused("it has the claim " + name + " of an ID or logout token")
		}
	}
	if slices.Contains(audience, clientID) {
		return refused("aud is the client, as in an ID token")
	}
	for name, want := range map[string]string{"typ": "bearer", "token_use": "access"} {
		got, err := c.text(name)
		if bound := name == "typ" && strings.EqualFold(got, "dpop"); bound { // Keycloak's name for a token that is bound
			_, bound, _ = c.at(Path{"cnf", "jkt"})
			if bound {
				continue
			}
		}
		if err != nil || got != "" && !strings.EqualFold(got, want) {
			return refused(name)
		}
	}
	return nil
}

// patient is the launch patient: an id, or a relative reference (SMART 2.2, "Launch context").
func (c claims) patient(paths []Path) (fhir.Reference, error) {
	s, err := c.one(paths)
	if err != nil || s == "" {
		return fhir.Reference{}, err
	}
	return patientOf(s, "patient")
}

// fhirUser is relative to the FHIR base or absolute below it (SMART 2.2, "Scopes for requesting identity data").
func (c claims) fhirUser(paths []Path, base string) (fhir.Reference, error) {
	s, err := c.one(paths)
	if err != nil || s == "" {
		return fhir.Reference{}, err
	}
	if strings.Contains(s, "://") {
		var ours bool
		if s, ours = strings.CutPrefix(s, strings.TrimSuffix(base, "/")+"/"); !ours {
			return fhir.Reference{}, nil
		}
	}
	r, ok := fhir.ParseReference(s)
	if !ok || !slices.Contains([]string{"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"}, r.Type) {
		return fhir.Reference{}, refused("fhirUser")
	}
	return r, nil
}
