// Package signin finds out who sits before the browser: it sends them to the practice's OpenID provider and reads what that says of them. Which
// client of the practice they are, and whom they may speak for, the provider states in the practice's own keys.
package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	At         time.Time // when they signed in
}

// Representative is a record of the practice's about somebody who acts for a client: the client's key, and the record's own.
type Representative struct{ Client, Key string }

// Attempt ties the answer of the provider to the question. All three are secrets of one sign-in.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
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

// retryAfter lies between two attempts to find the provider.
const retryAfter = time.Second

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
	return f.oauth2.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
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
	return p.person(id)
}

// failed tells a provider that refuses the code from one that does not answer.
func failed(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: the code, status %d", ErrRefused, answered.Response.StatusCode)
	}
	return ErrUnavailable
}

// find reads the provider's discovery document, once it can be had.
func (p *Provider) find(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	now := p.config.Now()
	if since := now.Sub(p.tried); since >= 0 && since < retryAfter {
		return nil, ErrUnavailable
	}
	p.tried = now
	// The keys are fetched with this context too, long after the request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.config.Issuer)
	if err != nil {
		return nil, ErrUnavailable
	}
	endpoint := provider.Endpoint()
	for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL} {
		if !mayAsk(u, p.config.InsecurePlainHTTP) {
			return nil, ErrUnavailable
		}
	}
	endpoint.AuthStyle = authStyle(provider)
	p.found = &found{
		oauth2: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.Secret, Endpoint: endpoint, RedirectURL: p.config.Callback,
			Scopes: append([]string{oidc.ScopeOpenID}, p.config.Scopes...),
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms, Now: p.config.Now}),
	}
	return p.found, nil
}

// authStyle is client_secret_basic unless the provider takes client_secret_post alone (OpenID Connect Discovery 1.0, 3).
func authStyle(p *oidc.Provider) oauth2.AuthStyle {
	var stated struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if p.Claims(&stated) == nil && len(stated.Methods) > 0 && !slices.Contains(stated.Methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// person reads whom the token names.
func (p *Provider) person(id *oidc.IDToken) (Person, error) {
	var claims map[string]json.RawMessage
	if id.Claims(&claims) != nil {
		return Person{}, fmt.Errorf("%w: claims", ErrRefused)
	}
	if len(id.Audience) > 1 && text(claims["azp"]) != p.config.ClientID { // OpenID Connect Core 1.0, 3.1.3.7
		return Person{}, fmt.Errorf("%w: azp", ErrRefused)
	}
	who := Person{At: p.config.Now()}
	if raw, ok := stated(claims, p.config.ClientClaim); ok {
		if who.Client = text(raw); who.Client == "" {
			return Person{}, fmt.Errorf("%w: the claim of the client is neither a text nor a whole number", ErrRefused)
		}
	}
	if raw, ok := stated(claims, p.config.RepresentsClaim); ok {
		var err error
		if who.Represents, err = represents(raw); err != nil {
			return Person{}, err
		}
	}
	return who, nil
}

// stated gives a claim by its exact name. One that is null is not stated.
func stated(claims map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := claims[name]
	return raw, ok && name != "" && string(raw) != "null"
}

// maxRepresented bounds for whom one person may act: the page lists them.
const maxRepresented = 20

// represents reads one text or a list of them, each the client's key and the key of the representative's record, with a slash between.
func represents(raw json.RawMessage) ([]Representative, error) {
	var list []string
	if one := text(raw); one != "" {
		list = []string{one}
	} else if json.Unmarshal(raw, &list) != nil || len(list) > maxRepresented {
		return nil, fmt.Errorf("%w: the claim of whom they represent is no list of texts, or too long", ErrRefused)
	}
	var all []Representative
	for _, s := range list {
		at := strings.LastIndexByte(s, '/')
		if at < 1 || at == len(s)-1 {
			return nil, fmt.Errorf("%w: whom they represent is not written as client/key", ErrRefused)
		}
		all = append(all, Representative{s[:at], s[at+1:]})
	}
	return all, nil
}

// text reads a text, or a whole number as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if n := string(raw); n != "" && strings.Trim(n, "0123456789") == "" {
		return n
	}
	return ""
}
