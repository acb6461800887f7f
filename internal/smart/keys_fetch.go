package smart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

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
	body, err := f.get(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("smart: key set: %w", err)
	}
	return ParseJWKS(body)
}

// discover reads jwks_uri from the issuer's metadata, which must name the same issuer (OpenID Connect Discovery 1.0, 4.3).
func (f *fetcher) discover(ctx context.Context) (string, error) {
	body, err := f.get(ctx, strings.TrimSuffix(f.config.Issuer, "/")+"/.well-known/openid-configuration")
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

func (f *fetcher) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, errors.New("no answer")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBytes+1))
	if err != nil || len(body) > maxKeysBytes {
		return nil, errors.New("unreadable or too large")
	}
	return body, nil
}
