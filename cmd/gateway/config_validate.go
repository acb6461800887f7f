package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/mapping"
)

// validate checks what the decoder cannot: what is missing and what contradicts.
func (c *Config) validate(p *problems) {
	required := map[string]string{
		"listen": c.Listen, "base-url": c.BaseURL, "zone": c.Zone,
		"keys.id": c.Keys.ID, "keys.page": c.Keys.Page, "keys.etag": c.Keys.ETag, "keys.ledger": c.Keys.Ledger,
	}
	c.requireStore(p, required)
	c.requireSource(p, required)
	for _, key := range sortedKeys(required) {
		if n := c.node(key); required[key] == "" && (n == nil || n.Kind == yaml.ScalarNode) { // anything else has been named already
			p.add(c.line(key), "%s is missing", key)
		}
	}
	if len(c.Practice.Identifiers) == 0 {
		p.add(c.line("practice.identifiers"), "practice.identifiers is missing: without it no Consent can be told to be this practice's")
	}
	for i, id := range c.Practice.Identifiers {
		if id.System == "" || id.Value == "" {
			p.add(c.line(fmt.Sprintf("practice.identifiers.%d", i)), "practice.identifiers: each needs a system and a value")
		}
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		p.add(c.line("zone"), "zone is no IANA time zone, such as America/New_York")
	}
	if n := c.Practice.InlineAttachmentBytes; n < 0 || n > mapping.MaxInlineBytes {
		p.add(c.line("practice.inline-attachment-bytes"), "practice.inline-attachment-bytes is not between 0 and %d", mapping.MaxInlineBytes)
	}
	c.validateAddresses(p)
	c.validateLimits(p)
	c.validateRedis(p)
	c.validateTokens(p)
}

// requireSource says what a database needs, and what a folder of FHIR does.
func (c *Config) requireSource(p *problems, required map[string]string) {
	if c.Practice.Files == "" {
		required["practice.sqlite"], required["maps"] = c.Practice.SQLite, c.Maps
		if c.Practice.Notes != "" || len(c.Practice.Separated) > 0 || c.Practice.MaxAge != 0 {
			p.add(c.line("practice"), "practice.notes, separated and max-age are of practice.files; for a database the maps say what is kept apart")
		}
		return
	}
	required["practice.notes"] = c.Practice.Notes
	if c.node("practice.separated") == nil {
		p.add(c.line("practice"), "practice.separated is missing: the files and folders of psychotherapy notes that this process must not be able to read, or [] where the practice keeps none on any disk of this machine")
	}
	if c.Practice.SQLite != "" {
		p.add(c.line("practice.files"), "practice: sqlite and files exclude each other")
	}
	if c.Maps != "" {
		p.add(c.line("maps"), "maps are of a database: what lies in practice.files is FHIR already")
	}
}

func (c *Config) validateAddresses(p *problems) {
	if c.BaseURL != "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			p.add(c.line("base-url"), "base-url is no absolute http(s) URL without user and query")
		} else if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
			p.add(c.line("base-url"), "base-url is plain HTTP and not on loopback: partners would send their tokens in the clear")
		}
	}
	c.validateTLS(p)
	c.validateProxies(p)
	if !isLoopback(c.MetricsListen) {
		p.add(c.line("metrics-listen"), "metrics-listen is not on loopback: it takes no token. Scrape it from this machine or pod")
	}
	for key, addr := range map[string]string{"listen": c.Listen, "metrics-listen": c.MetricsListen} {
		if addr != "" && !hasPort(addr) {
			p.add(c.line(key), "%s has no port between 0 and 65535", key)
		}
	}
	if c.Listen == c.MetricsListen && !strings.HasSuffix(c.Listen, ":0") {
		p.add(c.line("metrics-listen"), "metrics-listen is the address of listen")
	}
}

// validateRedis does not connect. No problem repeats the URL, which may hold a password.
func (c *Config) validateRedis(p *problems) {
	const key = "ephemeral.redis"
	text := c.Ephemeral.Redis
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"redis", "rediss"}, u.Scheme):
		p.add(c.line(key), "ephemeral.redis is no redis:// or rediss:// URL")
		return
	case u.Scheme == "redis" && !isLoopbackHost(u.Hostname()) && !c.Ephemeral.InsecurePlainTCP:
		p.add(c.line(key), "ephemeral.redis is on another machine without TLS: use rediss://, or say insecure-plain-tcp: true")
	}
	store, err := ephemeral.NewRedis(ephemeral.RedisConfig{URL: text})
	if err == nil {
		err = store.Close()
	}
	p.addAll(c.line(key), key, err)
}

func hasPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
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

// line is where the value of a dotted key stands, or the nearest ancestor that is there; 1 for the whole file.
func (c *Config) line(key string) int {
	if n := c.node(key); n != nil {
		return n.Line
	}
	for at := strings.LastIndexByte(key, '.'); at >= 0; at = strings.LastIndexByte(key, '.') {
		key = key[:at]
		if k, _ := c.find(key); k != nil {
			return k.Line
		}
	}
	return 1
}

// node is the value of a dotted key, nil where there is none. The elements of a list are counted from 0.
func (c *Config) node(key string) *yaml.Node {
	_, n := c.find(key)
	return n
}

// find gives a dotted key and its value. An element of a list is its own key.
func (c *Config) find(dotted string) (key, value *yaml.Node) {
	if c.root == nil || len(c.root.Content) == 0 {
		return nil, nil
	}
	value = c.root.Content[0]
	for part := range strings.SplitSeq(dotted, ".") {
		if key, value = child(value, part); value == nil {
			return nil, nil
		}
	}
	return key, value
}

func child(of *yaml.Node, name string) (key, value *yaml.Node) {
	if i, err := strconv.Atoi(name); err == nil && of.Kind == yaml.SequenceNode && i < len(of.Content) {
		return of.Content[i], of.Content[i]
	}
	for i := 0; of.Kind == yaml.MappingNode && i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == name {
			return of.Content[i], of.Content[i+1]
		}
	}
	return nil, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
