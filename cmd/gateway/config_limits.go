package main

import (
	"math"
	"time"

	"github.com/consentry/gateway/internal/limits"
	"github.com/consentry/gateway/internal/serving"
)

// LimitsConfig bounds what one process takes on, and what clients can hold of it. Whoever stays within them notices none.
type LimitsConfig struct {
	// CacheBytes is the memory for views and pages that are asked for again.
	CacheBytes uint64 `yaml:"cache-bytes"`
	// AnswerBytes is the memory for answers of more than 128 KiB that are not yet taken; the next is told to come back (503). Shorter ones are bounded by requests.
	AnswerBytes int `yaml:"answer-bytes"`
	// RequestsPerMinute is of one partner; 0 for any number. What is more of this and the next four is refused for the rest of the minute (429).
	RequestsPerMinute int `yaml:"requests-per-minute"`
	// TokensPerMinute is how many tokens one partner may get of the built-in issuer; 0 for any number.
	TokensPerMinute int `yaml:"tokens-per-minute"`
	// RequestsPerMinutePerAddress is of one address (one /64 of IPv6); 0 for any number. Where the gateway does not know addresses, without TLS and without
	// trusted-proxies, this and the next two are 0 unless they are stated.
	RequestsPerMinutePerAddress int `yaml:"requests-per-minute-per-address"`
	// FailuresPerMinutePerAddress is how many of an address's requests may have a token or an assertion that proves nobody; 0 for any number. After that nothing of
	// the address is looked at.
	FailuresPerMinutePerAddress int `yaml:"failures-per-minute-per-address"`
	// IntrospectionsPerMinutePerAddress is how often the issuer may be asked about opaque tokens that come from one address; 0 for any number.
	IntrospectionsPerMinutePerAddress int `yaml:"introspections-per-minute-per-address"`

	// Connections is how many may be open at once. When all are, the one that has stalled longest makes room for a new one.
	Connections int `yaml:"connections"`
	// ConnectionsPerAddress is how many of them one address may have (one /64 of IPv6); trusted-proxies may have all. Without TLS and without trusted-proxies it
	// is the same as connections: there, all come from the proxy.
	ConnectionsPerAddress int `yaml:"connections-per-address"`
	// Requests is how many are answered at once; the next is told to come back in a second (503).
	Requests int `yaml:"requests"`
	// RequestsPerAddress is how many of them one address may have (429). Without TLS and without trusted-proxies it is the same as requests.
	RequestsPerAddress int `yaml:"requests-per-address"`
	// Streams is how many requests one HTTP/2 connection may have at once.
	Streams int `yaml:"streams"`

	// HeaderBytes is the size of a request's line and header, tokens included.
	HeaderBytes int `yaml:"header-bytes"`
	// BodyBytes is the size of a request's body: the form of a search. No request needs more than 65536.
	BodyBytes int `yaml:"body-bytes"`

	// HeaderTimeout is for the TLS handshake, and for a request's header to arrive.
	HeaderTimeout Duration `yaml:"header-timeout"`
	// RequestTimeout is for a whole request to arrive, and for its answer to be made.
	RequestTimeout Duration `yaml:"request-timeout"`
	// AnswerTimeout is for a request to be answered and its answer to be taken: who reads slower is cut off. Without it, twice request-timeout.
	AnswerTimeout Duration `yaml:"answer-timeout"`
	// IdleTimeout is for how long a connection is kept that nothing is asked on.
	IdleTimeout Duration `yaml:"idle-timeout"`
}

// maxBody is the most that any request of the API may say (fhirapi).
const maxBody = 64 << 10

// leastAnswers is room for the greatest answer that there is, and for making it.
const leastAnswers = 96 << 20

func defaultLimits() LimitsConfig {
	return LimitsConfig{
		CacheBytes: 512 << 20, AnswerBytes: 512 << 20, RequestsPerMinute: 12_000, TokensPerMinute: 600,
		RequestsPerMinutePerAddress: 24_000, FailuresPerMinutePerAddress: 60, IntrospectionsPerMinutePerAddress: 600,
		Connections: 4096, ConnectionsPerAddress: 512, Requests: 1024, RequestsPerAddress: 256, Streams: 64,
		HeaderBytes: 32 << 10, BodyBytes: maxBody,
		HeaderTimeout: Duration(10 * time.Second), RequestTimeout: Duration(30 * time.Second), IdleTimeout: Duration(2 * time.Minute),
	}
}

// completeLimits gives what was not stated and follows from what was.
func (c *Config) completeLimits() {
	l := &c.Limits
	if l.AnswerTimeout == 0 {
		l.AnswerTimeout = 2 * l.RequestTimeout
	}
	for key, n := range map[string]struct {
		of            *int
		most, unknown int // unknown is without knowing addresses
	}{
		"connections-per-address": {&l.ConnectionsPerAddress, l.Connections, l.Connections}, "requests-per-address": {&l.RequestsPerAddress, l.Requests, l.Requests},
		"requests-per-minute-per-address":       {&l.RequestsPerMinutePerAddress, math.MaxInt, 0},
		"failures-per-minute-per-address":       {&l.FailuresPerMinutePerAddress, math.MaxInt, 0},
		"introspections-per-minute-per-address": {&l.IntrospectionsPerMinutePerAddress, math.MaxInt, 0},
	} {
		switch {
		case c.node("limits."+key) != nil:
		case !c.knowsAddresses():
			*n.of = n.unknown
		default:
			*n.of = min(*n.of, n.most)
		}
	}
}

// validateLimits sees to it that each limit lets something through and none contradicts another.
func (c *Config) validateLimits(p *problems) {
	l := c.Limits
	for key, n := range map[string]int{
		"requests-per-minute": l.RequestsPerMinute, "tokens-per-minute": l.TokensPerMinute, "requests-per-minute-per-address": l.RequestsPerMinutePerAddress,
		"failures-per-minute-per-address": l.FailuresPerMinutePerAddress, "introspections-per-minute-per-address": l.IntrospectionsPerMinutePerAddress,
	} {
		if n < 0 {
			p.add(c.line("limits."+key), "limits.%s is negative; 0 is any number", key)
		}
	}
	for key, n := range map[string]struct{ value, least, most int }{
		"connections": {l.Connections, 1, 1 << 20}, "connections-per-address": {l.ConnectionsPerAddress, 1, l.Connections},
		"requests": {l.Requests, 1, 1 << 20}, "requests-per-address": {l.RequestsPerAddress, 1, l.Requests},
		"answer-bytes": {l.AnswerBytes, leastAnswers, 1 << 40}, "streams": {l.Streams, 1, 1000}, "header-bytes": {l.HeaderBytes, 4 << 10, 1 << 20}, "body-bytes": {l.BodyBytes, 1 << 10, maxBody},
	} {
		if n.most >= n.least && (n.value < n.least || n.value > n.most) {
			p.add(c.line("limits."+key), "limits.%s must be from %d to %d", key, n.least, n.most)
		}
	}
	if l.AnswerTimeout < l.RequestTimeout {
		p.add(c.line("limits.answer-timeout"), "limits.answer-timeout is shorter than request-timeout: answers would be cut off that are still being made")
	}
}

// perMinute gives how much there may be within a minute.
func (l LimitsConfig) perMinute() limits.PerMinute {
	return limits.PerMinute{
		Requests: l.RequestsPerMinute, Tokens: l.TokensPerMinute,
		OfAddress: l.RequestsPerMinutePerAddress, Failures: l.FailuresPerMinutePerAddress, Introspections: l.IntrospectionsPerMinutePerAddress,
	}
}

// serving gives the limits that hold before a request is looked at.
func (l LimitsConfig) serving() serving.Limits {
	return serving.Limits{
		Connections: l.Connections, ConnectionsPerAddress: l.ConnectionsPerAddress,
		Requests: l.Requests, RequestsPerAddress: l.RequestsPerAddress, Streams: l.Streams,
		HeaderBytes: l.HeaderBytes, BodyBytes: int64(l.BodyBytes),
		HeaderTimeout: time.Duration(l.HeaderTimeout), RequestTimeout: time.Duration(l.RequestTimeout),
		AnswerTimeout: time.Duration(l.AnswerTimeout), IdleTimeout: time.Duration(l.IdleTimeout),
	}
}
