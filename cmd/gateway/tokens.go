package main

import (
	"fmt"
	"os"

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
