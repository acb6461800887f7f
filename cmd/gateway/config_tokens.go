package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/consentry/gateway/internal/smart"
)

// tokensOf says whose access tokens are taken.
func tokensOf(cfg *Config, now clock) (c smart.Config, err error) {
	c = smart.Config{
		Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience, FHIRBase: cfg.BaseURL, Algorithms: cfg.Tokens.Algorithms,
		JWKSURI: cfg.Tokens.JWKSURI, InsecurePlainHTTP: cfg.Tokens.InsecurePlainHTTP, Now: now,
	}
	if cfg.Tokens.JWKSFile == "" {
		return c, nil
	}
	if c.JWKS, err = os.ReadFile(cfg.Tokens.JWKSFile); err == nil && len(c.JWKS) == 0 {
		err = fmt.Errorf("%s is empty", cfg.Tokens.JWKSFile)
	}
	return c, err
}

// validateTokens asks the verifier about each value by itself, so that each problem has its own place.
func (c *Config) validateTokens(p *problems) {
	t := c.Tokens
	if len(t.Algorithms) == 0 {
		p.add(c.line("tokens.algorithms"), "tokens.algorithms is missing: name those that the issuer signs with (RS256, RS384, ES256, ES384)")
	}
	for i, a := range t.Algorithms {
		c.askVerifier(p, fmt.Sprintf("tokens.algorithms.%d", i), func(s *smart.Config) { s.Algorithms = []string{a} })
	}
	if t.Issuer != "" {
		c.askVerifier(p, "tokens.issuer", func(s *smart.Config) {
			s.Issuer = t.Issuer
			if t.JWKSURI == "" && t.JWKSFile == "" {
				s.JWKSURI = "" // the keys are found through the issuer
			}
		})
	}
	if t.JWKSURI != "" {
		c.askVerifier(p, "tokens.jwks-uri", func(s *smart.Config) { s.JWKSURI = t.JWKSURI })
	}
	if t.JWKSFile != "" && t.JWKSURI != "" {
		p.add(c.line("tokens.jwks-file"), "tokens: jwks-file and jwks-uri exclude each other")
	}
	if t.Endpoint != "" {
		if _, err := smart.BackendServices(t.Endpoint).JSON(); err != nil {
			p.addAll(c.line("tokens.token-endpoint"), "tokens.token-endpoint", err)
		}
	}
}

// askVerifier tries one value in a configuration that is good otherwise. Nothing is fetched.
func (c *Config) askVerifier(p *problems, key string, with func(*smart.Config)) {
	tried := smart.Config{
		Issuer: "https://issuer.invalid", Audience: "https://fhir.invalid", Algorithms: []string{"ES384"}, JWKSURI: "https://issuer.invalid/jwks.json",
		InsecurePlainHTTP: c.Tokens.InsecurePlainHTTP, MaxCached: 1,
	}
	with(&tried)
	if _, err := smart.NewVerifier(tried); err != nil {
		p.addAll(c.line(key), strings.TrimRight(key, ".0123456789"), err)
	}
}
