package authserver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/smart"
)

// Claims are what an access token of ours says besides its issuer, audience and times.
type Claims struct {
	ClientID string
	Subject  string
	Scope    string
	FHIRUser fhir.Reference
	Patient  fhir.Reference // the launch patient
	// Extensions are the purposes that are stated, the practitioner, and what the client itself takes away from its token.
	Extensions smart.Extensions
	Grant      string // what a client has given to an app; empty for none
	// Confirmation is the key that the token is bound to, zero for a bearer token.
	Confirmation smart.Confirmation
}

// accessToken is the payload (RFC 9068, 2.2, with SMART's launch context).
type accessToken struct {
	Issuer     string         `json:"iss"`
	Subject    string         `json:"sub"`
	Audience   string         `json:"aud"`
	ClientID   string         `json:"client_id"`
	IssuedAt   int64          `json:"iat"`
	Expiry     int64          `json:"exp"`
	ID         string         `json:"jti"`
	Scope      string         `json:"scope"`
	FHIRUser   string         `json:"fhirUser,omitempty"`
	Patient    string         `json:"patient,omitempty"`
	Grant      string         `json:"sid,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`

	Confirmation *confirmation `json:"cnf,omitempty"`
}

// Mint signs a token as if a person had signed in. It is for demos and tests: no endpoint reaches it.
func (s *Server) Mint(c Claims) (string, error) {
	if _, err := s.partner(context.Background(), c.ClientID); err != nil || c.Subject == "" {
		return "", errors.New("authserver: a token needs a registered client and a subject")
	}
	return s.sign(c)
}

func (s *Server) sign(c Claims) (string, error) {
	now := s.config.Now()
	t := accessToken{
		Issuer: s.config.Issuer, Subject: c.Subject, Audience: s.config.Audience, ClientID: c.ClientID,
		IssuedAt: now.Unix(), Expiry: now.Add(s.config.Lifetime).Unix(), ID: rand.Text(),
		Scope: c.Scope, FHIRUser: c.FHIRUser.String(), Patient: c.Patient.ID, Grant: c.Grant, Extensions: c.Extensions.Write(), Confirmation: confirmationOf(c.Confirmation),
	}
	signer, err := s.config.Keys.signer("at+jwt", signingAlgorithms...)
	if err != nil {
		return "", err
	}
	token, err := signJSON(signer, t)
	if err == nil && len(token) > smart.MaxTokenBytes { // nobody would look at it
		return "", errTooMuch
	}
	return token, err
}

func newSigner(key jose.JSONWebKey, typ jose.ContentType) (jose.Signer, error) {
	o := (&jose.SignerOptions{}).WithType(typ)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		return nil, errors.New("authserver: the signing key does not fit its algorithm")
	}
	return signer, nil
}

func signJSON(signer jose.Signer, payload any) (string, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(text)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// assertionPayload is a client assertion (SMART 2.2, "Asymmetric authentication").
type assertionPayload struct {
	Issuer     string         `json:"iss"`
	Subject    string         `json:"sub"`
	Audience   string         `json:"aud"`
	Expiry     int64          `json:"exp"`
	ID         string         `json:"jti"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// Assertion says who asks the token endpoint, with its private key (RS384 or ES384), and for which purposes.
type Assertion struct {
	ClientID string
	Endpoint string
	Key      jose.JSONWebKey
	Purposes []fhir.Coding
	NPI      string
}

// Sign makes the client assertion, good for five minutes from now and for one use.
func (a Assertion) Sign(now time.Time) (string, error) {
	signer, err := newSigner(a.Key, "JWT")
	if err != nil {
		return "", err
	}
	p := assertionPayload{Issuer: a.ClientID, Subject: a.ClientID, Audience: a.Endpoint, Expiry: now.Add(maxAssertionLifetime).Unix(), ID: rand.Text()}
	p.Extensions = smart.Extensions{Purposes: a.Purposes, NPI: a.NPI}.Write()
	return signJSON(signer, p)
}
