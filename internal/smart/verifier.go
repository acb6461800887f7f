package smart

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/errgroup"
)

// Verifier verifies access tokens of any number of issuers, of which none can vouch for a token of another, nor keep one from being verified.
// It is safe for use by many requests at once.
type Verifier struct {
	issuers map[string]*issuer // by the exact iss of their tokens
	opaque  *issuer            // the one that is asked about tokens that are no JWTs, nil for none
	// verified are the tokens that were good, by the SHA-256 of their text. They never leave the process: a store that others can write to
	// could open records with a forged entry.
	verified *otter.Cache[[sha256.Size]byte, verifiedToken]
}

type verifiedToken struct {
	token      *Token
	issuer     *issuer
	generation uint64 // of the keys that it was verified with
	// Of an opaque token: when the issuer was asked, and until when its answer holds.
	asked, until time.Time
}

// NewVerifier makes a verifier of the issuers' tokens, or says all that is wrong with the configuration.
func NewVerifier(issuers ...Config) (*Verifier, error) {
	v := &Verifier{issuers: map[string]*issuer{}}
	var problems []error
	if len(issuers) == 0 {
		problems = append(problems, errors.New("smart: there is no issuer"))
	}
	remembered := 0
	for _, c := range issuers {
		i, err := newIssuer(c)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if v.issuers[c.Issuer] != nil {
			problems = append(problems, errors.New("smart: two issuers have one URL"))
		}
		v.issuers[c.Issuer] = i
		if i.asker != nil && v.opaque != nil {
			problems = append(problems, errors.New("smart: two issuers have opaque tokens: they would be shown to the wrong one"))
		}
		if i.asker != nil {
			v.opaque = i
		}
		remembered += i.config.MaxCached
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	cache, err := otter.New(&otter.Options[[sha256.Size]byte, verifiedToken]{MaximumSize: remembered})
	if err != nil {
		return nil, err
	}
	v.verified = cache
	return v, nil
}

// Ready tells whether the keys of any issuer are at hand: an issuer that is away must not take down the tokens of the others.
func (v *Verifier) Ready(ctx context.Context) error {
	var asked errgroup.Group
	for _, i := range v.issuers {
		if i.keys.usable() {
			return nil
		}
	}
	for _, i := range v.issuers {
		asked.Go(func() error {
			_, err := i.keys.current(ctx)
			return err
		})
	}
	err := asked.Wait()
	for _, i := range v.issuers {
		if i.keys.usable() {
			return nil
		}
	}
	return err
}

// Verify checks the token (RFC 9068, 4; SMART 2.2, "Protecting FHIR resources") and reads it. Errors wrap ErrMissing, ErrInvalid, ErrExpired
// or ErrKeys and hold nothing of the token.
//
// An access token is one whose typ is at+jwt, JWT or absent, that names its audience, its client and its scopes, and that has no mark of
// an ID token: an ID token of the same issuer is signed as well as it is, and must not open records.
//
// What a token says of its issuer, before anything of it is verified, only chooses by whose keys it is verified.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	if raw == "" {
		return nil, ErrMissing
	}
	if len(raw) > MaxTokenBytes {
		return nil, refused("too large")
	}
	sum := sha256.Sum256([]byte(raw))
	if known, ok := v.verified.GetIfPresent(sum); ok {
		switch good, err := known.issuer.remembered(ctx, known); {
		case errors.Is(err, ErrExpired):
			v.verified.Invalidate(sum)
			return nil, err
		case err != nil:
			return nil, err
		case good:
			return known.token, nil
		}
	}
	good, err := v.verify(ctx, sum, raw)
	if err != nil {
		return nil, err
	}
	v.verified.Set(sum, good)
	return good.token, nil
}

func (v *Verifier) verify(ctx context.Context, sum [sha256.Size]byte, raw string) (verifiedToken, error) {
	if v.opaque != nil && !isJWT(raw) {
		if others := v.opaque.asker.Others; !isOpaque(raw) || others != nil && others(raw) {
			return verifiedToken{}, refused("not a token of the issuer's")
		}
		return v.opaque.introspect(ctx, string(sum[:]), raw)
	}
	if strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, " \t\r\n{}") {
		return verifiedToken{}, refused("not a compact JWS")
	}
	i, err := v.issuerOf(raw)
	if err != nil {
		return verifiedToken{}, err
	}
	return i.verify(ctx, raw)
}

// issuerOf is the issuer that the token says is its own. Nothing of the token is verified yet.
func (v *Verifier) issuerOf(raw string) (*issuer, error) {
	parts := strings.Split(raw, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, refused("not a compact JWS")
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	iss, err := c.text("iss")
	if err != nil {
		return nil, err
	}
	if i := v.issuers[iss]; i != nil {
		return i, nil
	}
	return nil, refused("iss")
}
