package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/smart"
)

// introspection reads the files that the section names.
func (o *OpaqueConfig) introspection() (*smart.Introspection, error) {
	if o == nil {
		return nil, nil
	}
	i := &smart.Introspection{Endpoint: o.Endpoint, ClientID: o.ClientID, InsecureAnyAudience: o.InsecureAnyAudience, InsecureAnyTokenType: o.InsecureAnyTokenType}
	if o.KeyFile != "" {
		if err := ownersAlone(o.KeyFile); err != nil {
			return nil, fmt.Errorf("key-file: %w", err)
		}
		key, err := authserver.ReadKey(o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("key-file: %w", err)
		}
		i.Key = &key
	}
	if o.SecretFile != "" {
		secret, err := readSecret(o.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("secret-file: %w", err)
		}
		i.Secret = secret
	}
	return i, nil
}

// readSecret reads a secret that stands alone in its file, which nobody else may read.
func readSecret(path string) (string, error) {
	if err := ownersAlone(path); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || len(secret) > 1<<10 || strings.ContainsAny(secret, "\r\n") {
		return "", errors.New(path + " does not hold one line")
	}
	return secret, nil
}

// validateOpaque checks what can be checked without the files.
func (c *Config) validateOpaque(p *problems, i int) {
	o := c.Tokens[i].Opaque
	if o == nil {
		return
	}
	place := issuerKey(i, "opaque")
	if (o.KeyFile == "") == (o.SecretFile == "") {
		p.add(c.line(place), "tokens.opaque needs a key-file or a secret-file, and not both")
	}
	for _, earlier := range c.Tokens[:i] {
		if earlier.Opaque != nil {
			p.add(c.line(place), "tokens.opaque: one issuer alone can have opaque tokens: those of another would be shown to it")
		}
	}
	c.askVerifier(p, i, "opaque", func(s *smart.Config) {
		s.Opaque = &smart.Introspection{Endpoint: o.Endpoint, ClientID: o.ClientID, Secret: "checked when it is read"}
	})
}
