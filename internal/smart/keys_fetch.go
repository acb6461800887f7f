package smart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	maxKeysBytes = 256 << 10
	maxRedirects = 3
)

// fetcher gets the issuer's keys over HTTP.
type fetcher struct {
	config *Config
	client *http.Client
}

func newFetcher(c *Config) *fetcher {
	return &fetcher{config: c, client: &http.Client{
		Transport: c.Transport,
		Timeout:   fetchTimeout,
		// A redirect elsewhere would let whoever controls one page of the issuer choose its keys.
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) >= maxRedirects || to.URL.Scheme != via[0].URL.Scheme || to.URL.Host != via[0].URL.Host {
				return errors.New("redirect refused")
			}
			return nil
		},
	}}
}

// keys fetches the key set, by way of the discovery document if no URI is configured.
func (f *fetcher) keys(ctx context.Context) ([]jose.JSONWebKey, error) {
	uri := f.config.JWKSURI
	if uri == "" {
		var err error
		if uri, err = f.discover(ctx); err != nil {
			return nil, err
		}
	}
	body, _, err := f.get(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("smart: key set: %w", err)
	}
	return ParseJWKS(body)
}

// FetchJWKS fetches a client's key set once, over TLS or from this machine, and tells for how long it may be kept: SMART 2.2
// ("Asymmetric authentication") lets nobody keep it longer than its Cache-Control allows.
func FetchJWKS(ctx context.Context, transport http.RoundTripper, uri string) ([]jose.JSONWebKey, time.Duration, error) {
	f := newFetcher(&Config{Transport: transport})
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // only what was registered counts
	if !MayFetchKeys(uri) {
		return nil, 0, errors.New("smart: the key set would be fetched over plain HTTP, or its URL is malformed")
	}
	body, header, err := f.get(ctx, uri)
	if err != nil {
		return nil, 0, fmt.Errorf("smart: key set: %w", err)
	}
	keys, err := ParseJWKS(body)
	return keys, keepFor(header.Get("Cache-Control")), err
}

// MayFetchKeys tells whether keys may be fetched from the URL: over TLS, or from this machine.
func MayFetchKeys(uri string) bool { return (&Config{}).mayFetch(uri) }

// keepFor reads max-age (RFC 9111, 5.2.2). What forbids keeping, or cannot be read, is no time; without a word it is refetchInterval.
func keepFor(cacheControl string) time.Duration {
	if cacheControl == "" {
		return refetchInterval
	}
	keep := refetchInterval
	for directive := range strings.SplitSeq(strings.ToLower(cacheControl), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0
			}
			keep = min(time.Duration(seconds)*time.Second, refreshAfter)
		}
	}
	return keep
}

// discover reads jwks_uri from the issuer's metadata, which must name the same issuer (OpenID Connect Discovery 1.0, 4.3).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	body, _, err := f.get(ctx, strings.TrimSuffix(f.config.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", fmt.Errorf("smart: discovery document: %w", err)
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if json.Unmarshal(body, &metadata) != nil || metadata.Issuer != f.config.Issuer {
		return "", errors.New("smart: the discovery document is not this issuer's")
	}
	if !f.config.mayFetch(metadata.JWKSURI) {
		return "", errors.New("smart: jwks_uri is not https")
	}
	return metadata.JWKSURI, nil
}

func (f *fetcher) get(ctx context.Context, url string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, errors.New("malformed URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, nil, errors.New("no answer")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBytes+1))
	if err != nil || len(body) > maxKeysBytes {
		return nil, nil, errors.New("unreadable or too large")
	}
	return body, resp.Header, nil
}
