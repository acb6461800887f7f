package smart

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
	"github.com/maypok86/otter/v2"
)

// Verifier verifies access tokens of one issuer. It is safe for use by many requests at once.
type Verifier struct {
	config     Config
	algorithms []jose.SignatureAlgorithm
	oidc       *oidc.Config
	keys       *keyRing
	// verified are the tokens that were good, by the SHA-256 of their text. They never leave the process: a store that others can write to
	// could open records with a forged entry.
	verified *otter.Cache[[sha256.Size]byte, verifiedToken]
}

type verifiedToken struct {
	token      *Token
	generation uint64 // of the keys that it was verified with
}

// NewVerifier makes a verifier, or says all that is wrong with the configuration.
func NewVerifier(c Config) (*Verifier, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	v := &Verifier{config: c, keys: &keyRing{now: c.Now}}
	for _, a := range c.Algorithms {
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(a))
	}
	if len(c.JWKS) > 0 {
		keys, err := ParseJWKS(c.JWKS)
		if err != nil {
			return nil, err
		}
		v.keys.set.Store(&keySet{keys: keys})
	} else {
		v.keys.fetch = newFetcher(&v.config).keys
	}
	v.oidc = &oidc.Config{
		ClientID:             c.Audience, // what go-oidc calls the client is the aud that it requires
		SupportedSigningAlgs: c.Algorithms,
		// An exp within the skew is still good; checkTime looks again, and at the rest.
		Now: func() time.Time { return c.Now().Add(-c.ClockSkew) },
	}
	cache, err := otter.New(&otter.Options[[sha256.Size]byte, verifiedToken]{MaximumSize: c.MaxCached})
	if err != nil {
		return nil, err
	}
	v.verified = cache
	return v, nil
}

// Ready tells whether the issuer's keys are at hand.
func (v *Verifier) Ready(ctx context.Context) error {
	_, err := v.keys.current(ctx)
	return err
}

// Verify checks the token (RFC 9068, 4; SMART 2.2, "Protecting FHIR resources") and reads it. Errors wrap ErrMissing, ErrInvalid, ErrExpired
// or ErrKeys and hold nothing of the token.
//
// An access token is one whose typ is at+jwt, JWT or absent, that names its audience, its client and its scopes, and that has no mark of
// an ID token: an ID token of the same issuer is signed as well as it is, and must not open records.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	if raw == "" {
		return nil, ErrMissing
	}
	if len(raw) > maxTokenBytes || strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, " \t\r\n{}") {
		return nil, refused("not a compact JWS, or too large")
	}
	keys, err := v.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(raw))
	if known, ok := v.verified.GetIfPresent(sum); ok && known.generation == keys.generation {
		now := v.config.Now()
		if now.Before(known.token.Expiry.Add(v.config.ClockSkew)) {
			return known.token, nil
		}
		v.verified.Invalidate(sum)
		return nil, fmt.Errorf("%w: exp", ErrExpired)
	}
	token, generation, err := v.verify(ctx, keys, raw)
	if err != nil {
		return nil, err
	}
	v.verified.Set(sum, verifiedToken{token: token, generation: generation})
	return token, nil
}

func (v *Verifier) verify(ctx context.Context, keys *keySet, raw string) (*Token, uint64, error) {
	sig := &signature{verifier: v, keys: keys}
	_, err := oidc.NewVerifier(v.config.Issuer, sig, v.oidc).Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case sig.err != nil:
		return nil, 0, sig.err
	case errors.As(err, &expired):
		return nil, 0, fmt.Errorf("%w: exp", ErrExpired)
	case err != nil: // its text may repeat claims
		return nil, 0, refused("header, issuer, audience or time")
	}
	token, err := v.read(sig.payload)
	return token, sig.keys.generation, err
}

// read takes the token's contents from its verified payload. It looks again at what go-oidc has checked, by the claims' exact names.
func (v *Verifier) read(payload []byte) (*Token, error) {
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	t := &Token{}
	if t.Expiry, err = c.checkTime(v.config.Now(), v.config.ClockSkew, v.config.MaxLifetime); err != nil {
		return nil, err
	}
	if iss, err := c.text("iss"); err != nil || iss != v.config.Issuer {
		return nil, refused("iss")
	}
	audience, err := c.texts("aud")
	if err != nil || !slices.Contains(audience, v.config.Audience) {
		return nil, refused("aud")
	}
	if t.ClientID, err = c.clientID(); err != nil {
		return nil, err
	}
	if err := c.checkKind(t.ClientID, audience); err != nil {
		return nil, err
	}
	return t, v.fill(t, c)
}

func (v *Verifier) fill(t *Token, c claims) (err error) {
	read := func(step func() error) {
		if err == nil {
			err = step()
		}
	}
	read(func() (err error) { t.ID, err = c.text("jti"); return })
	read(func() (err error) { t.Subject, err = c.text("sub"); return })
	read(func() (err error) { t.Machine, err = c.machine(t.Subject, t.ClientID); return })
	read(func() (err error) { t.Scopes, err = c.scopes(); return })
	read(func() (err error) { t.Patient, err = c.patient(); return })
	read(func() (err error) { t.FHIRUser, err = c.fhirUser(v.config.FHIRBase); return })
	read(func() (err error) { t.Purposes, err = c.purposes(); return })
	read(func() (err error) { t.NPI, err = c.npi(); return })
	return err
}
