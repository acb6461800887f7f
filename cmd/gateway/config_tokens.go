package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/smart"
)

// newVerifier verifies the access tokens of the issuers that the configuration names, and of the built-in one if there is one. introspect may refuse to
// have an issuer asked.
func newVerifier(cfg *Config, own *authserver.Server, introspect func(context.Context) error, now clock) (*smart.Verifier, error) {
	var issuers []smart.Config
	if own != nil {
		issuers = append(issuers, own.Tokens())
	}
	for _, t := range cfg.Tokens {
		one, err := t.tokens(cfg, now)
		if err != nil {
			return nil, err
		}
		if one.Opaque != nil {
			one.Opaque.Admit = introspect
			if own != nil {
				one.Opaque.Others = authserver.IsRefresh
			}
		}
		issuers = append(issuers, one)
	}
	return smart.NewVerifier(issuers...)
}

func (t *IssuerConfig) tokens(cfg *Config, now clock) (c smart.Config, err error) {
	c = smart.Config{
		Issuer: t.Issuer, Audience: t.Audience, FHIRBase: cfg.BaseURL, Algorithms: t.Algorithms,
		JWKSURI: t.JWKSURI, InsecurePlainHTTP: t.InsecurePlainHTTP, Now: now,
	}
	if c.Claims, err = t.claims(profilesOf(cfg)); err != nil {
		return c, err
	}
	if c.Opaque, err = t.Opaque.introspection(); err != nil || t.JWKSFile == "" {
		return c, err
	}
	if c.JWKS, err = os.ReadFile(t.JWKSFile); err == nil && len(c.JWKS) == 0 {
		err = fmt.Errorf("%s is empty", t.JWKSFile)
	}
	return c, err
}

// claims are the preset with what differs from it.
func (t *IssuerConfig) claims(profiles fs.FS) (smart.Mapping, error) {
	m, err := smart.LoadMapping(profiles, cmp.Or(t.Preset, "smart"))
	return m.With(t.Claims), err
}

// checkClaims loads the presets.
func (c *Config) checkClaims(p *problems, profiles fs.FS) {
	for i, t := range c.Tokens {
		_, err := t.claims(profiles)
		p.addAll(c.line(issuerKey(i, "preset")), "tokens.preset", err)
	}
}

// issuerAway tells of an issuer whose keys cannot be had, or can be had again.
func (g *gateway) issuerAway(issuer string, err error) {
	if err != nil {
		g.log.Warn("the keys of an issuer cannot be had: tokens of its are refused once those at hand are an hour old", "issuer", issuer, "error", err.Error())
		return
	}
	g.log.Info("the keys of the issuer can be had again", "issuer", issuer)
}

// issuers are the URLs of those whose tokens are taken.
func (c *Config) issuers() []string {
	var all []string
	if c.AuthorizationServer != nil {
		all = append(all, c.AuthorizationServer.Issuer)
	}
	for _, t := range c.Tokens {
		all = append(all, t.Issuer)
	}
	return all
}

// tokenEndpoint is what partners are told where there is no built-in server.
func (c *Config) tokenEndpoint() string {
	for _, t := range c.Tokens {
		if t.Endpoint != "" {
			return t.Endpoint
		}
	}
	return ""
}

// issuerKey is the place of a key of the i-th issuer.
func issuerKey(i int, key string) string { return fmt.Sprintf("tokens.%d.%s", i, key) }

var index = regexp.MustCompile(`\.[0-9]+\b`)

// plainKey is a key as a report names it beside its line: without the numbers of the elements that it is in.
func plainKey(key string) string { return index.ReplaceAllLiteralString(key, "") }

// validateTokens asks the verifier about each value by itself, so that each problem has its own place.
func (c *Config) validateTokens(p *problems) {
	c.validateAuthorizationServer(p)
	if len(c.Tokens) == 0 {
		if c.AuthorizationServer != nil {
			return
		}
		if n := c.node("tokens"); n == nil || len(n.Content) == 0 { // anything else has been named already
			p.add(c.line("tokens"), "tokens is missing: the issuers whose access tokens are taken (or authorization-server: the built-in one)")
		}
		return
	}
	own := len(c.issuers()) - len(c.Tokens) // the built-in one
	told := own
	for i, t := range c.Tokens {
		c.validateIssuer(p, i, t)
		for _, earlier := range c.issuers()[:i+own] {
			if t.Issuer != "" && t.Issuer == earlier {
				p.add(c.line(issuerKey(i, "issuer")), "tokens.issuer: another issuer has this URL")
			}
		}
		if t.Endpoint != "" {
			told++
		}
	}
	switch {
	case told == 0:
		p.add(c.line("tokens"), "tokens.token-endpoint is missing: one of the issuers needs it, to be told to partners")
	case told > 1:
		p.add(c.line("tokens"), "tokens.token-endpoint: partners can be told of one only")
	}
}

func (c *Config) validateIssuer(p *problems, i int, t IssuerConfig) {
	for key, value := range map[string]string{"issuer": t.Issuer, "audience": t.Audience} {
		if place := issuerKey(i, key); value == "" && (c.node(place) == nil || c.node(place).Value == "") {
			p.add(c.line(place), "tokens.%s is missing", key)
		}
	}
	if len(t.Algorithms) == 0 {
		p.add(c.line(issuerKey(i, "algorithms")), "tokens.algorithms is missing: name those that the issuer signs with (RS256, RS384, ES256, ES384)")
	}
	for n, a := range t.Algorithms {
		c.askVerifier(p, i, fmt.Sprintf("algorithms.%d", n), func(s *smart.Config) { s.Algorithms = []string{a} })
	}
	if t.Issuer != "" {
		c.askVerifier(p, i, "issuer", func(s *smart.Config) {
			s.Issuer = t.Issuer
			if t.JWKSURI == "" && t.JWKSFile == "" {
				s.JWKSURI = "" // the keys are found through the issuer
			}
		})
	}
	c.validateOpaque(p, i)
	c.askVerifier(p, i, "claims", func(s *smart.Config) { s.Claims = s.Claims.With(t.Claims) })
	if t.JWKSURI != "" {
		c.askVerifier(p, i, "jwks-uri", func(s *smart.Config) { s.JWKSURI = t.JWKSURI })
	}
	if t.JWKSFile != "" && t.JWKSURI != "" {
		p.add(c.line(issuerKey(i, "jwks-file")), "tokens: jwks-file and jwks-uri exclude each other")
	}
	if t.Endpoint != "" {
		if _, err := smart.BackendServices(t.Endpoint).JSON(); err != nil {
			p.addAll(c.line(issuerKey(i, "token-endpoint")), "tokens.token-endpoint", err)
		}
	}
}

// askVerifier tries one value in a configuration that is good otherwise. Nothing is fetched.
func (c *Config) askVerifier(p *problems, i int, key string, with func(*smart.Config)) {
	tried := smart.Config{
		Issuer: "https://issuer.invalid", Audience: "https://fhir.invalid", Algorithms: []string{"ES384"}, JWKSURI: "https://issuer.invalid/jwks.json",
		InsecurePlainHTTP: c.Tokens[i].InsecurePlainHTTP, MaxCached: 1, Claims: smart.Mapping{Client: []smart.Path{{"client_id"}}, Scopes: []smart.Path{{"scope"}}},
	}
	with(&tried)
	if _, err := smart.NewVerifier(tried); err != nil {
		p.addAll(c.line(issuerKey(i, key)), plainKey(issuerKey(i, key)), err)
	}
}
