package signin

import (
	"context"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// find reads the provider's discovery document, once it can be had.
func (p *Provider) find(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if since := p.config.Now().Sub(p.tried); since >= 0 && since < retryAfter {
		return nil, ErrUnavailable
	}
	defer func() { p.tried = p.config.Now() }() // those who have waited meanwhile do not ask one after the other
	// The keys are fetched with this context too, long after the request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.config.Issuer)
	if err != nil {
		return nil, ErrUnavailable
	}
	endpoint := provider.Endpoint()
	var stated metadata
	if provider.Claims(&stated) != nil {
		return nil, ErrUnavailable
	}
	for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL, stated.JWKSURI} {
		if !mayAsk(u, p.config.InsecurePlainHTTP) {
			return nil, ErrUnavailable
		}
	}
	endpoint.AuthStyle = stated.authStyle()
	p.found = &found{
		oauth2: oauth2.Config{
			ClientID: p.config.ClientID, ClientSecret: p.config.Secret, Endpoint: endpoint, RedirectURL: p.config.Callback,
			Scopes: append([]string{oidc.ScopeOpenID}, p.config.Scopes...),
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms, Now: p.config.Now}),
	}
	return p.found, nil
}

// metadata are what else discovery says.
type metadata struct {
	JWKSURI string   `json:"jwks_uri"`
	Methods []string `json:"token_endpoint_auth_methods_supported"`
}

// authStyle is client_secret_basic unless the provider takes client_secret_post alone (OpenID Connect Discovery 1.0, 3).
func (m metadata) authStyle() oauth2.AuthStyle {
	if len(m.Methods) > 0 && !slices.Contains(m.Methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
