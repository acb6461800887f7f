package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/strictyaml"
)

// problems collects all that is wrong with a file.
type problems struct {
	path string
	list []string
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, fmt.Sprintf("%s:%d: %s", p.path, line, fmt.Sprintf(format, args...)))
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.list, "\n"))
}

// decode reads strictly: an unknown key is a problem.
func (p *problems) decode(text []byte, into any) {
	for _, found := range strictyaml.Decode(text, into) {
		p.add(found.Line, "%s", found.Text)
	}
}

// validate checks what the decoder cannot: what is missing and what contradicts.
func (c *Config) validate(p *problems) {
	required := map[string]string{
		"listen": c.Listen, "base-url": c.BaseURL, "zone": c.Zone, "practice.sqlite": c.Practice.SQLite, "maps": c.Maps, "partners": c.Partners,
		"tokens.issuer": c.Tokens.Issuer, "tokens.audience": c.Tokens.Audience, "tokens.token-endpoint": c.Tokens.Endpoint,
		"keys.id": c.Keys.ID, "keys.page": c.Keys.Page, "keys.etag": c.Keys.ETag, "keys.ledger": c.Keys.Ledger, "ledger": c.Ledger, "state": c.State,
	}
	for _, key := range sortedKeys(required) {
		if required[key] == "" {
			p.add(c.line(key), "%s is missing", key)
		}
	}
	if len(c.Practice.Identifiers) == 0 {
		p.add(c.line("practice.identifiers"), "practice.identifiers is missing: without it no Consent can be told to be this practice's")
	}
	for _, id := range c.Practice.Identifiers {
		if id.System == "" || id.Value == "" {
			p.add(c.line("practice.identifiers"), "practice.identifiers: each needs a system and a value")
		}
	}
	if len(c.Tokens.Algorithms) == 0 {
		p.add(c.line("tokens.algorithms"), "tokens.algorithms is missing: name those that the issuer signs with (RS256, RS384, ES256, ES384)")
	}
	if c.Tokens.JWKSFile != "" && c.Tokens.JWKSURI != "" {
		p.add(c.line("tokens.jwks-file"), "tokens: jwks-file and jwks-uri exclude each other")
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		p.add(c.line("zone"), "zone is no IANA time zone, such as America/New_York")
	}
	if c.Limits.RequestsPerMinute < 0 {
		p.add(c.line("limits.requests-per-minute"), "limits.requests-per-minute is negative; 0 is any number")
	}
	c.validateAddresses(p)
}

func (c *Config) validateAddresses(p *problems) {
	if c.BaseURL != "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.RawQuery != "" || u.Fragment != "" {
			p.add(c.line("base-url"), "base-url is no absolute http(s) URL without query")
		} else if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
			p.add(c.line("base-url"), "base-url is plain HTTP and not on loopback: partners would send their tokens in the clear")
		}
	}
	if c.Listen != "" && !isLoopback(c.Listen) {
		p.add(c.line("listen"), "listen is not on loopback: plain HTTP leaves this machine only behind a proxy that ends TLS here")
	}
	if r := c.Ephemeral.Redis; r != "" {
		u, err := url.Parse(r)
		switch {
		case err != nil || u.Host == "" || !slices.Contains([]string{"redis", "rediss"}, u.Scheme): // the text may hold a password
			p.add(c.line("ephemeral.redis"), "ephemeral.redis is no redis:// or rediss:// URL")
		case u.Scheme == "redis" && !isLoopbackHost(u.Hostname()) && !c.Ephemeral.InsecurePlainTCP:
			p.add(c.line("ephemeral.redis"), "ephemeral.redis is on another machine without TLS: use rediss://, or say insecure-plain-tcp: true")
		}
	}
	if !isLoopback(c.MetricsListen) {
		p.add(c.line("metrics-listen"), "metrics-listen is not on loopback")
	}
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// line is where a dotted key stands, or the nearest ancestor that is there; 1 for the whole file.
func (c *Config) line(key string) int {
	line := 1
	if c.root == nil || len(c.root.Content) == 0 {
		return line
	}
	n := c.root.Content[0]
	for part := range strings.SplitSeq(key, ".") {
		found := false
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				line, n, found = n.Content[i].Line, n.Content[i+1], true
				break
			}
		}
		if !found {
			break
		}
	}
	return line
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
