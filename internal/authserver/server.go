package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
)

// MaxLifetime is how long an access token lives at most: SMART Backend Services recommends no more.
const MaxLifetime = 300 * time.Second

// Paths of the endpoints below the issuer.
const (
	tokenPath     = "/token"
	keysPath      = "/jwks.json"
	discoveryPath = "/.well-known/openid-configuration"
)

// Partners finds a registered partner that may ask now (partners.Register). Any error refuses.
type Partners interface {
	Partner(ctx context.Context, id string) (*requester.Partner, error)
}

// Config is what a Server is made of. Nothing that guards records has a default.
type Config struct {
	// Issuer is the URL below which the endpoints lie, "https://records.example.org/auth".
	Issuer string
	// Audience is the FHIR base that the tokens are for.
	Audience string
	// Keys are the private keys (RS256 or ES256): the first signs, all are published.
	Keys     []jose.JSONWebKey
	Partners Partners
	// Replay remembers the assertions that were used.
	Replay ephemeral.Store
	// Lifetime of a token, MaxLifetime if zero.
	Lifetime time.Duration
	Now      func() time.Time // nil for time.Now
	// Transport fetches the keys of partners that are registered with a URL, nil for the ordinary one.
	Transport http.RoundTripper
}

// Server is the authorization server, an http.Handler for the whole path of its issuer.
type Server struct {
	config    Config
	path      string // of the issuer, without a slash at its end
	signer    jose.Signer
	keys      *partnerKeys
	jwks      []byte // our public keys
	discovery []byte
}

// New makes the server, or says all that is wrong with the configuration.
func New(c Config) (*Server, error) {
	u, err := validate(&c)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, path: strings.TrimSuffix(u.Path, "/"), keys: newPartnerKeys(c.Transport, c.Now)}
	if s.signer, err = newSigner(c.Keys[0], "at+jwt"); err != nil {
		return nil, err
	}
	if s.jwks, err = PublicKeys(c.Keys...); err != nil {
		return nil, err
	}
	s.discovery, err = json.Marshal(map[string]any{ // OpenID Connect Discovery 1.0, 3, and RFC 8414, 2
		"issuer":                                c.Issuer,
		"jwks_uri":                              s.url(keysPath),
		"token_endpoint":                        s.TokenEndpoint(),
		"grant_types_supported":                 []string{"client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"},
		"response_types_supported":                         []string{},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{c.Keys[0].Algorithm},
	})
	return s, err
}

func validate(c *Config) (*url.URL, error) {
	var problems []error
	add := func(text string) { problems = append(problems, errors.New("authserver: "+text)) }
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		add("the issuer is missing or no absolute URL")
	}
	if c.Audience == "" {
		add("the audience is missing")
	}
	if c.Partners == nil {
		add("the partner register is missing")
	}
	if c.Replay == nil {
		add("the store of used assertions is missing")
	}
	if len(c.Keys) == 0 {
		add("the signing keys are missing")
	}
	for _, k := range c.Keys {
		if k.Algorithm != "RS256" && k.Algorithm != "ES256" || k.KeyID == "" || k.IsPublic() || !k.Valid() {
			add("a signing key is not private, has no kid, or its alg is not RS256 or ES256")
		}
	}
	if c.Lifetime < 0 || c.Lifetime > MaxLifetime {
		add(fmt.Sprintf("the lifetime is not between 0 and %v", MaxLifetime))
	}
	if c.Lifetime == 0 {
		c.Lifetime = MaxLifetime
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return u, errors.Join(problems...)
}

// partner is a partner that has its tokens from this server. Those of other issuers get none here.
func (s *Server) partner(ctx context.Context, id string) (*requester.Partner, error) {
	switch p, err := s.config.Partners.Partner(ctx, id); {
	case errors.Is(err, requester.ErrUnavailable):
		return nil, errUnavailable
	case err != nil || p.Issuer != s.config.Issuer:
		return nil, errClient
	default:
		return p, nil
	}
}

// TokenEndpoint is the URL that client assertions are addressed to.
func (s *Server) TokenEndpoint() string { return s.url(tokenPath) }

// JWKS is the public key set of the tokens.
func (s *Server) JWKS() []byte { return append([]byte(nil), s.jwks...) }

func (s *Server) url(path string) string { return strings.TrimSuffix(s.config.Issuer, "/") + path }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, s.path)
	if !below {
		path = ""
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch path {
	case tokenPath:
		s.serveToken(w, r)
	case keysPath:
		serveDocument(w, r, s.jwks)
	case discoveryPath:
		serveDocument(w, r, s.discovery)
	default:
		http.NotFound(w, r)
	}
}

func serveDocument(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body) // the client may have gone
}
