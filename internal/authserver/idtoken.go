package authserver

import (
	"strings"

	"github.com/consentry/gateway/internal/authserver/launch"
)

// idToken is the payload of an ID token (OpenID Connect Core 1.0, 2; SMART 2.2, "Scopes for requesting identity data"). Who the person is to the
// provider that they signed in at stays there.
type idToken struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"` // the id of their Patient or RelatedPerson: never somebody else's
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
	SignedIn int64  `json:"auth_time,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	FHIRUser string `json:"fhirUser,omitempty"`
}

// idTokenAlgorithm is the one that SMART 2.2 wants every app to be able to check.
const idTokenAlgorithm = "RS256"

func (s *Server) idToken(g launch.Grant, fhirUser bool) (string, error) {
	now := s.config.Now()
	t := idToken{
		Issuer: s.config.Issuer, Subject: g.User.ID, Audience: g.Client, IssuedAt: now.Unix(), Expiry: now.Add(s.config.Lifetime).Unix(),
		Nonce: g.Nonce,
	}
	if !g.SignedInAt.IsZero() {
		t.SignedIn = g.SignedInAt.Unix()
	}
	if fhirUser {
		t.FHIRUser = strings.TrimSuffix(s.config.Audience, "/") + "/" + g.User.String()
	}
	signer, err := s.config.Keys.signer("JWT", idTokenAlgorithm)
	if err != nil {
		return "", err
	}
	return signJSON(signer, t)
}
