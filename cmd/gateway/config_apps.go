package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/authserver/seal"
	"github.com/consentry/gateway/internal/authserver/signin"
	"github.com/consentry/gateway/internal/partners"
)

// AppLaunchConfig lets clients launch apps of their own (SMART App Launch 2.2, standalone). The apps are partners of kind patient with redirect-uris.
type AppLaunchConfig struct {
	// PracticeName is the practice's name as its clients know it: it stands on the page on which they say what an app may have.
	PracticeName string `yaml:"practice-name"`
	// OfflineAccess is for how long an app may come back without the client (refresh tokens), such as 720h. Without it, never.
	OfflineAccess Duration     `yaml:"offline-access"`
	SignIn        SignInConfig `yaml:"sign-in"`
}

// SignInConfig is the OpenID provider at which clients, and those who act for them, sign in.
type SignInConfig struct {
	Issuer     string   `yaml:"issuer"`      // its URL
	ClientID   string   `yaml:"client-id"`   // the gateway, as it is registered there, with the redirect URI ISSUER/sign-in of the authorization server
	SecretFile string   `yaml:"secret-file"` // the secret that it has there
	Scopes     []string `yaml:"scopes"`      // what is asked for besides openid
	// ClientClaim is the claim of the ID token that holds the practice's own key of the client who signs in.
	ClientClaim string `yaml:"client-claim"`
	// RepresentsClaim is the claim that holds for whom they act: texts such as 1006/17, the key of the client and that of the representative's record.
	RepresentsClaim string `yaml:"represents-claim"`
	// InsecurePlainHTTP lets the provider be on another machine without TLS.
	InsecurePlainHTTP bool `yaml:"insecure-plain-http"`
}

const appLaunchKey = "authorization-server.app-launch"

// validateAppLaunch checks what can be checked without the files.
func (c *Config) validateAppLaunch(p *problems) {
	a := c.AuthorizationServer.AppLaunch
	if a == nil {
		return
	}
	if a.PracticeName == "" {
		p.add(c.line(appLaunchKey+".practice-name"), "%s.practice-name is missing", appLaunchKey)
	}
	if c.Keys.Launch == "" {
		p.add(c.line("keys.launch"), "keys.launch is missing: it seals the pages of %s", appLaunchKey)
	}
	if a.SignIn.SecretFile == "" {
		p.add(c.line(appLaunchKey+".sign-in"), "%s.sign-in.secret-file is missing", appLaunchKey)
	}
	_, err := signin.New(a.SignIn.provider("https://records.invalid/sign-in", "secret"))
	p.addAll(c.line(appLaunchKey+".sign-in"), appLaunchKey+".sign-in", err)
}

func (s *SignInConfig) provider(callback, secret string) signin.Config {
	return signin.Config{
		Issuer: s.Issuer, ClientID: s.ClientID, Secret: secret, Callback: callback, Scopes: s.Scopes, ClientClaim: s.ClientClaim,
		RepresentsClaim: s.RepresentsClaim, InsecurePlainHTTP: s.InsecurePlainHTTP,
	}
}

// checkAppLaunch looks at the files.
func (c *Config) checkAppLaunch(p *problems) {
	a := c.AuthorizationServer.AppLaunch
	if a == nil {
		return
	}
	if path := c.Keys.Launch; path != "" {
		if _, err := readKey(path, seal.KeySize); err != nil {
			p.add(c.line("keys.launch"), "keys.launch: %v", err)
		}
	}
	if path := a.SignIn.SecretFile; path != "" {
		_, err := readSecret(path)
		p.addAll(c.line(appLaunchKey+".sign-in.secret-file"), appLaunchKey+".sign-in.secret-file", err)
	}
}

// sealing is the key of pages and codes. Where this process alone remembers which of them were used, they end with it: the next one could not tell.
func (c *Config) sealing(key []byte) []byte {
	if c.Ephemeral.Redis != "" {
		return key
	}
	own := hmac.New(sha256.New, key)
	own.Write([]byte(rand.Text()))
	return own.Sum(nil)
}

// apps is what the authorization server needs for apps, nil where the configuration has none.
func (g *gateway) apps(now clock) (*authserver.Apps, error) {
	a := g.cfg.AuthorizationServer.AppLaunch
	if a == nil {
		return nil, nil
	}
	issuer := g.cfg.AuthorizationServer.Issuer
	key, err := readKey(g.cfg.Keys.Launch, seal.KeySize)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(g.cfg.sealing(key), now)
	if err != nil {
		return nil, err
	}
	secret, err := readSecret(a.SignIn.SecretFile)
	if err != nil {
		return nil, err
	}
	provider, err := signin.New(a.SignIn.provider(launch.Callback(issuer), secret))
	if err != nil {
		return nil, err
	}
	words, err := launch.LoadWords(g.profiles)
	if err != nil {
		return nil, err
	}
	given := &authserver.Given{Grants: g.state, Now: now, Revoke: func(ctx context.Context, grant string, until time.Time) error {
		return g.state.Revoke(ctx, partners.GrantMark(issuer, grant), until, now())
	}}
	pages, err := launch.New(launch.Config{
		Issuer: issuer, Audience: g.cfg.BaseURL, Practice: a.PracticeName, Words: words, Partners: g.partners, SignIn: provider, People: g.people(), Box: box,
		Once: g.ephemeral, Given: given, Types: g.types(), Offline: time.Duration(a.OfflineAccess), Now: now,
	})
	return &authserver.Apps{Launch: pages, Given: given}, err
}
