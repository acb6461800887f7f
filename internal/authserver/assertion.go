package authserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
)

// Bounds of a client assertion (SMART 2.2, "Asymmetric authentication").
const (
	maxAssertionBytes    = 16 << 10
	maxAssertionLifetime = 5 * time.Minute
	assertionSkew        = 10 * time.Second
	maxJTIBytes          = 256
)

var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

// assertion is a client assertion that has proven its partner.
type assertion struct {
	partner    *requester.Partner
	extensions json.RawMessage
}

// finder finds a client that may ask, by its id.
type finder func(ctx context.Context, id string) (*requester.Partner, error)

// authenticate checks the client assertion of a form, which must be for one of the audiences. Whatever is wrong with it, the answer is the same.
func (s *Server) authenticate(ctx context.Context, form map[string]string, find finder, audiences ...string) (*assertion, error) {
	if _, secret := form["client_secret"]; secret || form["client_assertion_type"] != assertionType || form["client_assertion"] == "" {
		return nil, errClient
	}
	a, err := s.prove(ctx, form["client_assertion"], find, audiences)
	if err != nil {
		return nil, err
	}
	if id, stated := form["client_id"]; stated && id != a.partner.ID {
		return nil, errClient
	}
	return a, nil
}

func (s *Server) prove(ctx context.Context, raw string, find finder, audiences []string) (*assertion, error) {
	if len(raw) > maxAssertionBytes {
		return nil, errClient
	}
	jws, err := jose.ParseSignedCompact(raw, assertionAlgorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errClient
	}
	var unverified members
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &unverified) != nil {
		return nil, errClient
	}
	partner, err := find(ctx, unverified.text("iss"))
	if err != nil {
		return nil, err
	}
	header := jws.Signatures[0].Protected
	if !checkHeader(header, partner) {
		return nil, errClient
	}
	payload, ok := verify(jws, header, s.keys.of(ctx, partner, header.KeyID))
	if !ok {
		return nil, errClient
	}
	var c members
	if json.Unmarshal(payload, &c) != nil {
		return nil, errClient
	}
	expiry, ok := s.check(c, partner.ID, audiences)
	if !ok {
		return nil, errClient
	}
	// Last, so that only a good assertion is remembered: junk must not fill the store, nor use up the jti of somebody else.
	left := expiry.Add(assertionSkew).Sub(s.config.Now()) + ephemeral.ClockSkew
	seen, err := s.config.Replay.Seen(ctx, "assertion\x00"+partner.ID+"\x00"+c.text("jti"), left)
	if err != nil {
		return nil, errUnavailable
	}
	if seen {
		return nil, errClient
	}
	return &assertion{partner: partner, extensions: c["extensions"]}, nil
}

// checkHeader wants typ JWT and a kid. A jku names the partner's registered URL or fails: keys are never fetched from where an assertion says.
func checkHeader(header jose.Header, partner *requester.Partner) bool {
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); header.KeyID == "" || !strings.EqualFold(typ, "JWT") {
		return false
	}
	if _, critical := header.ExtraHeaders["crit"]; critical {
		return false
	}
	jku, stated := header.ExtraHeaders["jku"]
	return !stated || partner.JWKSURI != "" && jku == partner.JWKSURI
}

// verify takes exactly one of the partner's keys: with the header's kid and the type that its alg needs.
func verify(jws *jose.JSONWebSignature, header jose.Header, keys []jose.JSONWebKey) ([]byte, bool) {
	fit := slices.DeleteFunc(slices.Clone(keys), func(k jose.JSONWebKey) bool {
		return k.KeyID != header.KeyID || keyType(k) != header.Algorithm[:2]
	})
	if len(fit) != 1 || fit[0].Algorithm != "" && fit[0].Algorithm != header.Algorithm {
		return nil, false
	}
	payload, err := jws.Verify(fit[0].Key) // which refuses a key of another curve
	return payload, err == nil
}

// keyType is how the names of the algorithms begin that a key may be used with.
func keyType(k jose.JSONWebKey) string {
	switch k.Key.(type) {
	case *rsa.PublicKey:
		return "RS"
	case *ecdsa.PublicKey:
		return "ES"
	}
	return ""
}

// check holds the claims against SMART 2.2: iss and sub are the client, aud this endpoint and nobody else, exp at most five minutes ahead, jti a nonce.
func (s *Server) check(c members, clientID string, audiences []string) (expiry time.Time, ok bool) {
	now := s.config.Now()
	audience := c.texts("aud")
	if c.text("iss") != clientID || c.text("sub") != clientID || len(audience) != 1 || !slices.Contains(audiences, audience[0]) {
		return time.Time{}, false
	}
	if jti := c.text("jti"); jti == "" || len(jti) > maxJTIBytes {
		return time.Time{}, false
	}
	expiry, ok = c.instant("exp")
	if !ok || !now.Before(expiry.Add(assertionSkew)) || expiry.After(now.Add(maxAssertionLifetime+assertionSkew)) {
		return time.Time{}, false
	}
	for _, name := range []string{"nbf", "iat"} {
		if _, present := c[name]; !present {
			continue
		}
		if t, ok := c.instant(name); !ok || t.After(now.Add(assertionSkew)) {
			return time.Time{}, false
		}
	}
	return expiry, true
}

// members are the claims by their exact names. What has the wrong type counts as absent, and what is absent fails.
type members map[string]json.RawMessage

func (m members) text(name string) string {
	var s string
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

func (m members) texts(name string) []string {
	if s := m.text(name); s != "" {
		return []string{s}
	}
	var many []string
	if json.Unmarshal(m[name], &many) != nil {
		return nil
	}
	return many
}

func (m members) instant(name string) (time.Time, bool) {
	var seconds float64
	const year9999 = 253402300799
	if json.Unmarshal(m[name], &seconds) != nil || seconds <= 0 || seconds > year9999 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
