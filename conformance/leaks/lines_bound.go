package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func boundLines() []*line {
	return []*line{{section: sectionTokens, name: "token-binding", title: "a token that is bound to a key is no use without it", source: "RFC 9449 11, own",
		tries: "tokens bound by DPoP as bearer tokens, without a proof, with another key's, one that was used, one for something else; by read, search, $everything, POST and batch", run: boundTokens}}
}

// proof is a DPoP proof (RFC 9449, 4.2), for a token if there is one.
func proof(key *ecdsa.PrivateKey, method, target, token string) (string, error) {
	target, _, _ = strings.Cut(target, "?")
	claims := map[string]any{"htm": method, "htu": target, "iat": time.Now().Unix(), "jti": rand.Text()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return signed(key, jose.ES256, map[jose.HeaderKey]any{jose.HeaderType: "dpop+jwt", "jwk": jose.JSONWebKey{Key: &key.PublicKey}}, claims)
}

// bind gets a token that is bound to a key.
func (p *probe) bind(who *partner, key *ecdsa.PrivateKey) string {
	assertion := must(p.s.m.assertion(who, p.s.m.assertionClaims(who)))(p)
	body := url.Values{"grant_type": {"client_credentials"}, "scope": {who.Scopes}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	req, err := http.NewRequestWithContext(p.ctx(), http.MethodPost, p.s.m.TokenEndpoint, strings.NewReader(body.Encode()))
	if err != nil {
		p.broken("%v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", must(proof(key, http.MethodPost, p.s.m.TokenEndpoint, ""))(p))
	var got struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}
	if a := p.nobody().beside(req); json.Unmarshal(a.body, &got) != nil || got.Access == "" {
		p.broken("%s gets no bound token: %d", who.ID, a.status)
	}
	if !strings.EqualFold(got.Type, "DPoP") {
		p.notApplicable("the issuer binds no tokens to keys")
	}
	return got.Access
}

func boundTokens(p *probe) {
	for _, f := range p.focuses() {
		own, other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(p), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(p)
		token := p.bind(f.who, own)
		c := &caller{p: p, partner: f.who}
		for _, r := range []request{get("Patient/" + f.of.ID), get("Encounter?patient=" + f.of.ID), get("Patient/" + f.of.ID + "/$everything"), form("Patient/_search", "_id="+f.of.ID), batch("Patient/" + f.of.ID)} {
			method, target := r.method, p.s.m.FHIRBase+"/"+r.path
			if method == "" {
				method = http.MethodGet
			}
			with := func(scheme string, proofs ...string) *answer {
				bound := r.with("Authorization", scheme+" "+token)
				if len(proofs) > 0 {
					bound.header["Dpop"] = proofs
				}
				return c.do(bound)
			}
			prove := func(key *ecdsa.PrivateKey, method, target, token string) string {
				return must(proof(key, method, target, token))(p)
			}
			used := prove(own, method, target, token)
			if a := with("DPoP", used); a.status != http.StatusOK {
				p.broken("a bound token with its proof gets %d", a.status)
			}
			for name, a := range map[string]*answer{
				"as a bearer token":            with("Bearer"),
				"as a bearer token, proven":    with("Bearer", prove(own, method, target, token)),
				"without a proof":              with("DPoP"),
				"with a proof that was used":   with("DPoP", used),
				"with another key's proof":     with("DPoP", prove(other, method, target, token)),
				"with a proof for a PUT":       with("DPoP", prove(own, http.MethodPut, target, token)),
				"with a proof for elsewhere":   with("DPoP", prove(own, method, p.s.m.FHIRBase+"/Consent", token)),
				"with a proof of no token":     with("DPoP", prove(own, method, target, "")),
				"with a proof of another":      with("DPoP", prove(own, method, target, p.as(f.who).token)),
				"with two proofs":              with("DPoP", prove(own, method, target, token), prove(own, method, target, token)),
				"with a proof that nobody has": with("DPoP", prove(own, method, target, token)+"x"),
			} {
				if a.status != http.StatusUnauthorized {
					p.leak("%s: a bound token %s is answered %d, by %s", f.who.ID, name, a.status, r.name())
				}
			}
		}
	}
}
