package smart

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
)

// claims are the members of a token's payload by their exact names: encoding/json would take "PATIENT" for "patient" in a struct.
type claims map[string]json.RawMessage

func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		return nil, refused("payload")
	}
	return c, nil
}

func refused(check string) error { return fmt.Errorf("%w: %s", ErrInvalid, check) }

func (c claims) has(name string) bool {
	v, ok := c[name]
	return ok && string(v) != "null"
}

// text reads a string claim; an absent one is empty, one of another type refuses the token.
func (c claims) text(name string) (string, error) {
	if !c.has(name) {
		return "", nil
	}
	var s string
	if json.Unmarshal(c[name], &s) != nil {
		return "", refused(name)
	}
	return s, nil
}

// texts reads a claim that is one string or an array of strings.
func (c claims) texts(name string) ([]string, error) {
	if !c.has(name) {
		return nil, nil
	}
	var one string
	if json.Unmarshal(c[name], &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(c[name], &many) != nil {
		return nil, refused(name)
	}
	return many, nil
}

func (c claims) object(name string) (claims, error) {
	if !c.has(name) {
		return nil, nil
	}
	var o claims
	if json.Unmarshal(c[name], &o) != nil {
		return nil, refused(name)
	}
	return o, nil
}

// instant reads a NumericDate (RFC 7519, 2); ok is false if there is none.
func (c claims) instant(name string) (t time.Time, ok bool, err error) {
	if !c.has(name) {
		return time.Time{}, false, nil
	}
	var seconds float64
	const year9999 = 253402300799
	if json.Unmarshal(c[name], &seconds) != nil || seconds <= 0 || seconds > year9999 {
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
		if err != nil || got != "" && !strings.EqualFold(got, want) {
			return refused(name)
		}
	}
	return nil
}

// clientID is client_id (RFC 9068, 2.2), or azp where the issuer writes that; both must agree.
func (c claims) clientID() (string, error) {
	id, err := c.text("client_id")
	if err != nil {
		return "", err
	}
	azp, err := c.text("azp")
	if err != nil {
		return "", err
	}
	switch {
	case id == "" && azp == "":
		return "", refused("client_id")
	case id == "":
		return azp, nil
	case azp != "" && azp != id:
		return "", refused("azp is not client_id")
	}
	return id, nil
}

// scopes are scope (RFC 8693, 4.2) or scp, as one string or an array.
func (c claims) scopes() (Scopes, error) {
	name := "scope"
	if !c.has(name) {
		name = "scp"
	}
	if !c.has(name) { // an access token names its scopes; an ID token does not
		return Scopes{}, refused("scope")
	}
	parts, err := c.texts(name)
	if err != nil {
		return Scopes{}, err
	}
	return ParseScopes(strings.Join(parts, " ")), nil
}

// patient is the launch patient: an id, or a relative reference (SMART 2.2, "Launch context").
func (c claims) patient() (fhir.Reference, error) {
	s, err := c.text("patient")
	if err != nil || s == "" {
		return fhir.Reference{}, err
	}
	id := strings.TrimPrefix(s, "Patient/")
	if !fhir.IsID(id) {
		return fhir.Reference{}, refused("patient")
	}
	return fhir.Reference{Type: "Patient", ID: id}, nil
}

// fhirUser is relative to the FHIR base or absolute below it (SMART 2.2, "Scopes for requesting identity data").
func (c claims) fhirUser(base string) (fhir.Reference, error) {
	s, err := c.text("fhirUser")
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

func (c claims) machine(subject, clientID string) (bool, error) {
	grant, err := c.text("gty") // some issuers name the grant
	if err != nil {
		return false, err
	}
	return subject == "" || subject == clientID || strings.HasPrefix(grant, "client"), nil
}
