package smart

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// MaxTokenBytes is the longest token that is looked at.
const MaxTokenBytes = 16 << 10

// Bounds of the verifier.
const (
	maxClockSkew    = 2 * time.Minute
	defaultSkew     = 30 * time.Second
	defaultLifetime = 24 * time.Hour
	defaultTokens   = 10_000
)

// Config says of one issuer how its access tokens are taken. What guards records (issuer, audience, algorithms, keys) has no default.
type Config struct {
	// Issuer is the exact iss of the tokens.
	Issuer string
	// Audience must be among the token's aud: the FHIR base (SMART 2.2, "Protecting FHIR resources").
	Audience string
	// FHIRBase is what a fhirUser is relative to. Empty means Audience.
	FHIRBase string
	// Claims says where the tokens say what (LoadMapping).
	Claims Mapping
	// Algorithms are those that the issuer signs with, of RS256, RS384, ES256 and ES384.
	Algorithms []string

	// The keys: JWKS, a key set that is fixed; or JWKSURI, where it is fetched; or neither, and the issuer's discovery document
	// (OpenID Connect Discovery 1.0, 4) says where.
	JWKS    []byte
	JWKSURI string
	// Keys are those of an issuer within this process, asked for with every token; they are the same slice until they change.
	Keys func() []jose.JSONWebKey
	// InsecurePlainHTTP lets keys be fetched over plain HTTP from another machine.
	InsecurePlainHTTP bool

	// Opaque says how the issuer is asked about tokens that are no JWTs, nil for an issuer that has none. One issuer alone may have it: a token is
	// shown to nobody but its issuer, and an opaque one does not say whose it is.
	Opaque *Introspection

	// ClockSkew is how far the issuer's clock may be off, 30 seconds if zero, two minutes at most.
	ClockSkew time.Duration
	// MaxLifetime is how far ahead exp may lie, 24 hours if zero.
	MaxLifetime time.Duration
	// MaxCached bounds the verified tokens of an issuer that are remembered, 10,000 if zero.
	MaxCached int

	Transport http.RoundTripper // nil for the ordinary one
	Now       func() time.Time  // nil for time.Now
}

// validate reports every problem at once and fills in what may be left out.
func (c *Config) validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf("smart: "+format, args...)) }
	if !isAbsoluteURL(c.Issuer) {
		add("the issuer is missing or no absolute http(s) URL")
	}
	if c.Audience == "" {
		add("the audience is missing")
	}
	if len(c.Algorithms) == 0 {
		add("the algorithms are missing")
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(supported, jose.SignatureAlgorithm(a)) {
			add("algorithm %q is not one of RS256, RS384, ES256, ES384", a)
		}
	}
	if err := c.Claims.validate(); err != nil {
		problems = append(problems, err)
	}
	if len(c.JWKS) > 0 && c.JWKSURI != "" || c.Keys != nil && (len(c.JWKS) > 0 || c.JWKSURI != "") {
		add("a fixed key set, a key set URI and keys of this process exclude each other")
	}
	if fetched := c.fetched(); fetched != "" && !c.mayFetch(fetched) {
		add("the key set would be fetched over plain HTTP, or its URL is malformed")
	}
	if c.Opaque != nil {
		if err := c.Opaque.validate(c); err != nil {
			problems = append(problems, err)
		}
	}
	if c.ClockSkew < 0 || c.ClockSkew > maxClockSkew {
		add("the clock skew is not between 0 and %v", maxClockSkew)
	}
	if c.MaxLifetime < 0 || c.MaxCached < 0 {
		add("a limit is negative")
	}
	c.fillIn()
	return errors.Join(problems...)
}

func (c *Config) fillIn() {
	if c.FHIRBase == "" {
		c.FHIRBase = c.Audience
	}
	if c.ClockSkew == 0 {
		c.ClockSkew = defaultSkew
	}
	if c.MaxLifetime == 0 {
		c.MaxLifetime = defaultLifetime
	}
	if c.MaxCached == 0 {
		c.MaxCached = defaultTokens
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// fetched is the first URL that would be fetched, empty where none is.
func (c *Config) fetched() string {
	switch {
	case len(c.JWKS) > 0, c.Keys != nil:
		return ""
	case c.JWKSURI != "":
		return c.JWKSURI
	}
	return c.Issuer
}

// mayFetch tells whether keys may be fetched from the URL: over TLS, or from this machine.
func (c *Config) mayFetch(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !isAbsoluteURL(text) {
		return false
	}
	return u.Scheme == "https" || c.InsecurePlainHTTP || isLoopbackHost(u.Hostname())
}

func isAbsoluteURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil && u.Fragment == ""
}

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
