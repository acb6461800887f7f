package launch

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
)

// codeTime is how long a code is good (RFC 6749, 4.1.2 recommends ten minutes at most; an app takes a second).
const codeTime = time.Minute

// code is what an authorization code holds.
type code struct {
	Flow      string         `json:"f"`
	Client    string         `json:"c"`
	Redirect  string         `json:"r"`
	Challenge string         `json:"p"`
	Nonce     string         `json:"n,omitempty"`
	Patient   fhir.Reference `json:"a"`
	User      fhir.Reference `json:"u"`
	Scope     string         `json:"s"`
	At        int64          `json:"t,omitempty"`
}

// Grant is what a client has given an app.
type Grant struct {
	ID         string // of this grant: every token that comes of it names it
	Client     string // the app
	Patient    fhir.Reference
	User       fhir.Reference
	Scope      string
	Nonce      string
	SignedInAt time.Time // zero if nobody says
}

var (
	// ErrCode says that the code is no code of this app's, or that the verifier is not its own.
	ErrCode = errors.New("launch: the code is not good")
	// ErrReplayed says that the code was used before: whatever it gave is to be taken back (RFC 6749, 4.1.2). The Grant has its ID.
	ErrReplayed = errors.New("launch: the code was used before")
	// ErrUnavailable says that nobody can know whether the code was used before.
	ErrUnavailable = errors.New("launch: it cannot be known whether the code was used before")
)

// Redeem takes a code from an app that has proven who it is as far as it can. A code is used up by whoever shows it first, rightly or wrongly.
func (l *Launch) Redeem(ctx context.Context, app, text, redirect, verifier string) (Grant, error) {
	var c code
	if l.Box.Open(useCode, text, &c) != nil {
		return Grant{}, ErrCode
	}
	seen, err := l.Once.Seen(ctx, "launch\x00"+useCode+"\x00"+c.Flow, codeTime+ephemeral.ClockSkew)
	switch {
	case err != nil:
		return Grant{}, ErrUnavailable
	case seen:
		return Grant{ID: c.Flow}, ErrReplayed
	}
	if app == "" || app != c.Client || redirect != c.Redirect || !verifies(verifier, c.Challenge) {
		return Grant{}, ErrCode
	}
	return c.grant(), nil
}

// grant is what the code is for.
func (c code) grant() Grant {
	g := Grant{ID: c.Flow, Client: c.Client, Patient: c.Patient, User: c.User, Scope: c.Scope, Nonce: c.Nonce}
	if c.At != 0 {
		g.SignedInAt = time.Unix(c.At, 0)
	}
	return g
}

// verifies holds a verifier against its challenge (RFC 7636, 4.1 and 4.6).
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, b := range []byte(verifier) {
		letter := 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || '0' <= b && b <= '9'
		if !letter && b != '-' && b != '.' && b != '_' && b != '~' {
			return false
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
