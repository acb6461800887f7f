package smart

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/ephemeral"
)

// Bounds of a DPoP proof.
const (
	maxProofBytes = 8 << 10
	maxProofID    = 256
	proofAge      = 2 * time.Minute  // how long ago it may have been made
	proofSkew     = 30 * time.Second // how far ahead the client's clock may be
)

// ProofAlgorithms are those that a DPoP proof may be signed with.
func ProofAlgorithms() []string {
	var all []string
	for _, a := range supported {
		all = append(all, string(a))
	}
	return all
}

func badProof(check string) error { return fmt.Errorf("%w: %s", ErrProof, check) }

// prove checks the request's proof for a token that is bound to the key with that thumbprint.
func (s *Senders) prove(ctx context.Context, r *http.Request, token, jkt string) error {
	p, err := s.read(r, token)
	if err != nil {
		return err
	}
	if !same(p.jkt, jkt) {
		return badProof("its key is not the token's")
	}
	return s.once(ctx, p)
}

// Proof checks the DPoP proof of a request for a token (RFC 9449, 5) and gives the thumbprint of its key.
func (s *Senders) Proof(ctx context.Context, r *http.Request) (jkt string, err error) {
	if s == nil {
		return "", ErrProof
	}
	p, err := s.read(r, "")
	if err != nil {
		return "", err
	}
	return p.jkt, s.once(ctx, p)
}

// proof is a DPoP proof that is good but for whether it was used before.
type proof struct {
	jkt, id string
	made    time.Time
}

// read checks all of RFC 9449, 4.3, but whether the key is the token's and whether the proof was used before. A token, if there is one, must be the proof's.
func (s *Senders) read(r *http.Request, token string) (p proof, err error) {
	values := r.Header.Values("DPoP")
	if len(values) != 1 || len(values[0]) > maxProofBytes {
		return p, badProof("there is not exactly one")
	}
	jws, err := jose.ParseSignedCompact(values[0], supported)
	if err != nil || len(jws.Signatures) != 1 {
		return p, badProof("not a compact JWS")
	}
	key, err := proofKey(jws.Signatures[0].Protected)
	if err != nil {
		return p, err
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return p, badProof("signature")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return p, badProof("jwk")
	}
	p.jkt = base64.RawURLEncoding.EncodeToString(sum)
	c, err := parseClaims(payload)
	if err != nil {
		return p, badProof("payload")
	}
	if err := s.isFor(c, r, token); err != nil {
		return p, err
	}
	p.id, p.made, err = s.fresh(c)
	return p, err
}

// proofKey is the key that the proof carries: public, and one that fits its alg.
func proofKey(h jose.Header) (*jose.JSONWebKey, error) {
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, "dpop+jwt") {
		return nil, badProof("typ")
	}
	if _, critical := h.ExtraHeaders["crit"]; critical {
		return nil, badProof("crit")
	}
	k := h.JSONWebKey
	if k == nil || !k.Valid() || !k.IsPublic() || !slices.Contains(algorithms(*k), jose.SignatureAlgorithm(h.Algorithm)) {
		return nil, badProof("jwk")
	}
	return k, nil
}

// isFor tells whether the proof is for this request and this token.
func (s *Senders) isFor(c claims, r *http.Request, token string) error {
	if htm, err := c.text("htm"); err != nil || htm != r.Method {
		return badProof("htm")
	}
	htu, err := c.text("htu")
	if err != nil || !s.isURL(htu, r.URL) {
		return badProof("htu")
	}
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(token))
	if ath, err := c.text("ath"); err != nil || !same(ath, base64.RawURLEncoding.EncodeToString(sum[:])) {
		return badProof("ath")
	}
	return nil
}

// isURL tells whether the text is the URL of the request, without query and fragment, at this server as it is configured (RFC 9449, 4.3; RFC 3986, 6.2.2
// and 6.2.3).
func (s *Senders) isURL(text string, asked *url.URL) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	return strings.EqualFold(u.Scheme, s.origin.Scheme) && hostPort(u) == hostPort(s.origin) && normalPath(u) == normalPath(asked)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// normalPath writes every octet one way: none is encoded that need not be, in capitals where it must.
func normalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		code := path[i : i+3]
		if one, err := url.PathUnescape(code); err == nil && isUnreserved(one[0]) {
			b.WriteString(one)
		} else {
			b.WriteString(strings.ToUpper(code))
		}
		i += 2
	}
	return b.String()
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// fresh takes a proof that was made now, for one use.
func (s *Senders) fresh(c claims) (id string, made time.Time, err error) {
	made, ok, err := c.instant("iat")
	now := s.now()
	if err != nil || !ok || made.After(now.Add(proofSkew)) || now.Sub(made) > proofAge {
		return "", made, badProof("iat")
	}
	if id, err = c.text("jti"); err != nil || id == "" || len(id) > maxProofID {
		return "", made, badProof("jti")
	}
	return id, made, nil
}

// once takes a proof that was not used before. It is asked last, so that only good proofs are remembered, each with its key: nobody uses up another's.
func (s *Senders) once(ctx context.Context, p proof) error {
	left := p.made.Add(proofAge).Sub(s.now()) + ephemeral.ClockSkew
	seen, err := s.replay.Seen(ctx, "dpop\x00"+p.jkt+"\x00"+p.id, left)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReplay, err)
	}
	if seen {
		return badProof("it was used before")
	}
	return nil
}
