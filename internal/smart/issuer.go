package smart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

// issuer is one issuer whose tokens are taken. It shares nothing with another: keys, fetches and outages are its own.
type issuer struct {
	config     Config
	algorithms []jose.SignatureAlgorithm
	oidc       *oidc.Config
	keys       *keyRing
	asker      *asker // nil where there are no opaque tokens
}

func newIssuer(c Config) (*issuer, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	i := &issuer{config: c, keys: &keyRing{now: c.Now}}
	if c.Opaque != nil {
		i.asker = newAsker(&i.config)
	}
	for _, a := range c.Algorithms {
		i.algorithms = append(i.algorithms, jose.SignatureAlgorithm(a))
	}
	switch {
	case c.Keys != nil:
		i.keys.own = c.Keys
	case len(c.JWKS) > 0:
		keys, err := ParseJWKS(c.JWKS)
		if err != nil {
			return nil, err
		}
		i.keys.set.Store(&keySet{keys: keys})
	default:
		i.keys.fetch = newFetcher(&i.config).keys
	}
	i.oidc = &oidc.Config{
		ClientID:             c.Audience, // what go-oidc calls the client is the aud that it requires
		SupportedSigningAlgs: c.Algorithms,
		// An exp within the skew is still good; checkTime looks again, and at the rest.
		Now: func() time.Time { return c.Now().Add(-c.ClockSkew) },
	}
	return i, nil
}

// verify verifies a token that says it is this issuer's.
func (i *issuer) verify(ctx context.Context, raw string) (verifiedToken, error) {
	keys, err := i.keys.current(ctx)
	if err != nil {
		return verifiedToken{}, err
	}
	sig := &signature{issuer: i, keys: keys}
	_, err = oidc.NewVerifier(i.config.Issuer, sig, i.oidc).Verify(ctx, raw)
	var expired *oidc.TokenExpiredError
	switch {
	case sig.err != nil:
		return verifiedToken{}, sig.err
	case errors.As(err, &expired):
		return verifiedToken{}, fmt.Errorf("%w: exp", ErrExpired)
	case err != nil: // its text may repeat claims
		return verifiedToken{}, refused("header, issuer, audience or time")
	}
	token, err := i.read(sig.payload)
	if err != nil {
		return verifiedToken{}, err
	}
	return verifiedToken{token: token, issuer: i, generation: sig.keys.generation}, nil
}

// remembered tells whether a token that was good is still good. ok is false for one that has to be verified again, since a key has gone.
func (i *issuer) remembered(ctx context.Context, known verifiedToken) (ok bool, err error) {
	if !known.until.IsZero() {
		now := i.config.Now()
		return now.Before(known.until) && !now.Before(known.asked), nil
	}
	keys, err := i.keys.current(ctx)
	if err != nil || keys.generation != known.generation {
		return false, err
	}
	if !i.config.Now().Before(known.token.Expiry.Add(i.config.ClockSkew)) {
		return false, fmt.Errorf("%w: exp", ErrExpired)
	}
	return true, nil
}

// read takes the token's contents from its verified payload. It looks again at what go-oidc has checked, by the claims' exact names.
func (i *issuer) read(payload []byte) (*Token, error) {
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	if _, err := c.checkTime(i.config.Now(), i.config.ClockSkew, i.config.MaxLifetime); err != nil {
		return nil, err
	}
	if iss, err := c.text("iss"); err != nil || iss != i.config.Issuer {
		return nil, refused("iss")
	}
	audience, err := c.texts("aud")
	if err != nil || !slices.Contains(audience, i.config.Audience) {
		return nil, refused("aud")
	}
	return i.token(c, &i.config.Claims, audience)
}

// token reads what the issuer says of a token that is its own and for us.
func (i *issuer) token(c claims, m *Mapping, audience []string) (_ *Token, err error) {
	t := &Token{Issuer: i.config.Issuer}
	if t.Expiry, err = c.checkTime(i.config.Now(), i.config.ClockSkew, i.config.MaxLifetime); err != nil {
		return nil, err
	}
	if t.ClientID, err = c.one(m.Client); err != nil {
		return nil, err
	}
	if t.ClientID == "" {
		return nil, refused("client")
	}
	if err := c.checkKind(t.ClientID, audience); err != nil {
		return nil, err
	}
	if err := m.required(c); err != nil {
		return nil, err
	}
	if err := i.fill(t, c, m); err != nil {
		return nil, err
	}
	return t, nil
}

func (i *issuer) fill(t *Token, c claims, m *Mapping) (err error) {
	read := func(step func() error) {
		if err == nil {
			err = step()
		}
	}
	read(func() (err error) { t.ID, err = c.one(m.ID); return })
	read(func() (err error) { t.Grant, err = c.one(m.Grant); return })
	read(func() (err error) { t.Subject, err = c.one(m.Subject); return })
	read(func() (err error) { t.Machine, err = m.machine(c, t.Subject, t.ClientID); return })
	read(func() (err error) { t.Scopes, err = m.scopes(c); return })
	read(func() (err error) { t.Patient, err = c.patient(m.Patient); return })
	read(func() (err error) { t.FHIRUser, err = c.fhirUser(m.FHIRUser, i.config.FHIRBase); return })
	read(func() (err error) { t.NPI, err = c.npi(slices.Concat(standardNPIs, m.NPI)); return })
	read(func() (err error) { t.Purposes, err = c.purposes(slices.Concat(standardPurposes, m.Purpose)); return })
	read(func() (err error) {
		t.Organizations, err = c.all(slices.Concat(standardOrganizations, m.Organization))
		return
	})
	read(func() (err error) {
		t.Consents, err = c.named(slices.Concat(standardConsents, m.Consents), i.config.FHIRBase)
		return
	})
	read(func() (err error) {
		t.Residual, err = c.residual(slices.Concat(standardResidual, m.Residual), i.config.FHIRBase)
		return
	})
	read(func() (err error) { t.Only, err = c.only(i.config.FHIRBase); return })
	read(func() (err error) { t.Confirmation, err = c.confirmation(); return })
	return err
}
