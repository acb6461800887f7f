package smart

import (
	"context"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// signature is the key set that go-oidc asks for one token. It keeps what go-oidc does not hand on: why it failed, and the payload.
type signature struct {
	issuer  *issuer
	keys    *keySet
	payload []byte
	err     error
}

// VerifySignature implements oidc.KeySet. Only the issuer's own keys are looked at: jwk, jku, x5c and x5u in a token's header, by which a
// token would vouch for itself, are not.
func (s *signature) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	s.payload, s.err = s.verify(ctx, raw)
	return s.payload, s.err
}

func (s *signature) verify(ctx context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, s.issuer.algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, refused("not a compact JWS")
	}
	header := jws.Signatures[0].Protected
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	if payload, ok := s.keys.verify(jws, header); ok {
		return payload, nil
	}
	newer, err := s.issuer.keys.newer(ctx, s.keys)
	if err != nil {
		return nil, err
	}
	if newer != nil {
		s.keys = newer
		if payload, ok := newer.verify(jws, header); ok {
			return payload, nil
		}
	}
	return nil, refused("signature")
}

func (s *keySet) verify(jws *jose.JSONWebSignature, header jose.Header) ([]byte, bool) {
	for _, k := range s.candidates(header.KeyID, jose.SignatureAlgorithm(header.Algorithm)) {
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// checkHeader takes at+jwt (RFC 9068, 2.1), JWT, or no typ, which many issuers still write, and refuses every other kind of JWT: logout
// tokens, DPoP proofs, security events. An extension that must be understood (crit) is not.
func checkHeader(h jose.Header) error {
	if _, critical := h.ExtraHeaders["crit"]; critical {
		return refused("crit")
	}
	typ, ok := h.ExtraHeaders[jose.HeaderType]
	if !ok {
		return nil
	}
	text, _ := typ.(string)
	switch strings.TrimPrefix(strings.ToLower(text), "application/") {
	case "at+jwt", "jwt":
		return nil
	}
	return refused("typ")
}
