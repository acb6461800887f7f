package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func readKey(path string) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	text, err := os.ReadFile(path)
	if err != nil {
		return key, err
	}
	return key, key.UnmarshalJSON(text)
}

// signed makes a compact JWT.
func signed(key any, algorithm jose.SignatureAlgorithm, header map[jose.HeaderKey]any, claims map[string]any) (string, error) {
	o := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// assertionClaims are those by which a partner proves itself (SMART App Launch 2.2, Backend Services; RFC 7523).
func (m *manifest) assertionClaims(p *partner) map[string]any {
	return map[string]any{"iss": p.ID, "sub": p.ID, "aud": m.TokenEndpoint, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text()}
}

func (m *manifest) assertion(p *partner, claims map[string]any) (string, error) {
	key, err := readKey(p.PrivateJWK)
	if err != nil {
		return "", err
	}
	return signed(key, jose.SignatureAlgorithm(key.Algorithm), map[jose.HeaderKey]any{jose.HeaderType: "JWT"}, claims)
}

// grant is the answer of the token endpoint.
type grant struct {
	status int
	Access string `json:"access_token"`
	Scope  string `json:"scope"`
}

// ask gives the token endpoint an assertion. What it refuses is no error.
func (m *manifest) ask(ctx context.Context, assertion, scopes string) (grant, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scopes}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return grant{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := httpClient.Do(req)
	if err != nil {
		return grant{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return grant{}, err
	}
	g := grant{status: resp.StatusCode}
	if json.Unmarshal(body, &g) != nil && g.status == http.StatusOK {
		return g, errors.New("the token endpoint's answer cannot be read")
	}
	return g, nil
}

// token gets an access token with these scopes.
func (m *manifest) token(ctx context.Context, p *partner, scopes string) (grant, error) {
	text, err := m.assertion(p, m.assertionClaims(p))
	if err != nil {
		return grant{}, fmt.Errorf("%s: %w", p.ID, err)
	}
	return m.ask(ctx, text, scopes)
}
