// Package signin finds out who sits before the browser: it sends them to the practice's OpenID provider and reads what that says of them. Which
// client of the practice they are, and whom they may speak for, the provider states in the practice's own keys.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Person is who has signed in.
type Person struct {
	// Client is the practice's own key of the client who they are, empty for none.
	Client string
	// Represents are the records of the practice's in which they stand as somebody's representative.
	Represents []Representative
	// At is when they signed in, zero if the provider does not say.
	At time.Time
}

// Representative is a record of the practice's about somebody who acts for a client: the client's key, and the record's own.
type Representative struct{ Client, Key string }

// Attempt ties the answer of the provider to the question. State, nonce and verifier are secrets of one sign-in.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
	// Since is when the person must have signed in at the earliest: who sits before the browser now need not be who did so then. Zero for any time.
	Since time.Time
	// Hint is what the provider may show as who signs in; it proves nothing. Empty for none.
	Hint string
}

var (
	// ErrUnavailable says that the provider cannot be asked now.
	ErrUnavailable = errors.New("signin: the provider does not answer")
	// ErrRefused says that the provider's answer proves nobody.
	ErrRefused = errors.New("signin: the provider's answer proves nobody")
)

// Config is how the provider is reached, and where its tokens say what.
type Config struct {
	Issuer   string
	ClientID string
	Secret   string
	// Callback is where the provider sends the browser back to.
	Callback string
	// Scopes are asked for besides openid.
	Scopes []string
	// ClientClaim is the claim that names the client who they are, RepresentsClaim that which names whom they act for. One of them is required.
	ClientClaim     string
	RepresentsClaim string
	// InsecurePlainHTTP lets the provider be on another machine without TLS.
	InsecurePlainHTTP bool
	Transport         http.RoundTripper // nil for the ordinary one
	Now               func() time.Time  // nil for time.Now
}

// algorithms are those that a provider's ID token may be signed with.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.ES256, oidc.ES384, oidc.PS256}

const (
	retryAfter = time.Second // between two attempts to find the provider
	leeway     = time.Minute // for the provider's clock
	atOnce     = 5           // seconds that may go by between the app's request and ours: whoever wants a sign-in no older than that wants a new one
)

// Provider is the practice's OpenID provider. Nothing is asked of it before somebody signs in.
type Provider struct {
	config Config
	client *http.Client

	mu    sync.Mutex
	found *found
	tried time.Time
}

// found is what discovery tells.
type found struct {
	oauth2   oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// New makes a Provider, or says all that is wrong with the configuration.
func New(c Config) (*Provider, error) {
	var problems []error
	need := func(ok bool, text string) {
		if !ok {
			problems = append(problems, errors.New("signin: "+text))
		}
	}
	need(mayAsk(c.Issuer, c.InsecurePlainHTTP), "the issuer is missing, or no URL with https (or http on this machine)")
	need(c.ClientID != "", "the client id is missing")
	need(c.Secret != "", "the secret is missing")
	need(c.Callback != "", "the callback is missing")
	need(c.ClientClaim != "" || c.RepresentsClaim != "", "neither the claim of the client nor that of whom they represent is named")
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{config: c, client: newClient(c.Transport)}, errors.Join(problems...)
}

// Begin gives the URL to send the browser to.
func (p *Provider) Begin(ctx context.Context, a Attempt) (string, error) {
	f, err := p.find(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if !a.Since.IsZero() { // OpenID Connect Core 1.0, 3.1.2.1
		age := max(0, int(p.config.Now().Sub(a.Since).Seconds()))
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(age)))
		if age <= atOnce {
			options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
		}
	}
	if a.Hint != "" { // OpenID Connect Core 1.0, 3.1.2.1
		options = append(options, oauth2.SetAuthURLParam("login_hint", a.Hint))
	}
	return f.oauth2.AuthCodeURL(a.State, options...), nil
}

// Finish gives who has signed in, by the code that the provider has sent the browser back with.
func (p *Provider) Finish(ctx context.Context, code string, a Attempt) (Person, error) {
	f, err := p.find(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := f.oauth2.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Person{}, failed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Person{}, fmt.Errorf("%w: no id_token", ErrRefused)
	}
	id, err := f.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, fmt.Errorf("%w: id_token", ErrRefused) // the error's own text repeats claims
	}
	if a.Nonce == "" || id.Nonce != a.Nonce {
		return Person{}, fmt.Errorf("%w: nonce", ErrRefused)
	}
	who, err := p.person(id)
	if err == nil && who.At.Before(a.Since.Add(-leeway)) && !a.Since.IsZero() {
		return Person{}, fmt.Errorf("%w: they have not signed in again", ErrRefused)
	}
	return who, err
}

// failed tells a provider that refuses the code from one that does not answer.
func failed(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: the code, status %d", ErrRefused, answered.Response.StatusCode)
	}
	return ErrUnavailable
}
