package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/crossorigin"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// MaxLifetime is how long an access token lives at most: SMART Backend Services recommends no more.
const MaxLifetime = 300 * time.Second

// Paths of the endpoints below the issuer.
const (
	tokenPath         = "/token"
	revocationPath    = "/revoke"
	introspectionPath = "/introspect"
	keysPath          = "/jwks.json"
	discoveryPath     = "/.well-known/openid-configuration"
)

// Partners finds a registered partner that may ask now, and says who asks with a token (partners.Register). Any error refuses.
type Partners interface {
	Partner(ctx context.Context, id string) (*requester.Partner, error)
	Requester(ctx context.Context, t *smart.Token) (*requester.Requester, error)
}

// ResourceServer may ask about every token of this server (RFC 7662): a server that takes them beside this gateway.
type ResourceServer struct {
	ID   string
	Keys []jose.JSONWebKey
}

// Gate may refuse a token to a partner who has had too many (limits.Limits). It can only refuse.
type Gate interface {
	Issue(ctx context.Context, partner string) error
}

// open is the gate where there is none.
type open struct{}

func (open) Issue(context.Context, string) error { return nil }

// Config is what a Server is made of. Nothing that guards records has a default.
type Config struct {
	// Issuer is the URL below which the endpoints lie, "https://records.example.org/auth".
	Issuer string
	// Audience is the FHIR base that the tokens are for.
	Audience string
	Keys     *SigningKeys
	Partners Partners
	// Claims say where the tokens say what: the preset smart (smart.LoadMapping).
	Claims smart.Mapping
	// Revoke refuses the token with that jti from now on, everywhere. Nil: tokens live until they expire, and there is no endpoint to revoke them.
	Revoke func(ctx context.Context, jti string, until time.Time) error
	// Certificates says where the certificates of clients are found, and SeesCertificates that clients can show one: so the metadata say.
	Certificates     smart.ClientCertificates
	SeesCertificates bool
	// ResourceServers may ask about tokens besides the partners, who may ask about their own.
	ResourceServers []ResourceServer
	// Apps lets clients launch apps of their own; nil where nobody signs in here.
	Apps *Apps
	// Replay remembers the assertions that were used.
	Replay ephemeral.Store
	// Gate is nil where tokens are not limited.
	Gate Gate
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
	keys      *partnerKeys
	verifier  *smart.Verifier // of our own tokens
	senders   *smart.Senders
	discovery []byte
}

// New makes the server, or says all that is wrong with the configuration.
func New(c Config) (*Server, error) {
	u, err := validate(&c)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, path: strings.TrimSuffix(u.Path, "/"), keys: newPartnerKeys(c.Transport, c.Now)}
	if s.verifier, err = smart.NewVerifier(s.Tokens()); err != nil {
		return nil, err
	}
	if s.senders, err = smart.NewSenders(c.Issuer, c.Replay, c.Certificates, c.Now); err != nil {
		return nil, err
	}
	s.discovery, err = json.Marshal(s.metadata())
	return s, err
}

// Tokens says how tokens of this server are verified.
func (s *Server) Tokens() smart.Config {
	return smart.Config{
		Issuer: s.config.Issuer, Audience: s.config.Audience, Claims: s.config.Claims, Algorithms: signingAlgorithms, Keys: s.config.Keys.Public, Now: s.config.Now,
	}
}

// metadata is the discovery document (OpenID Connect Discovery 1.0, 3, and RFC 8414, 2).
func (s *Server) metadata() map[string]any {
	methods, algorithms := []string{"private_key_jwt"}, []string{"RS384", "ES384"}
	m := map[string]any{
		"issuer":                                s.config.Issuer,
		"jwks_uri":                              s.url(keysPath),
		"token_endpoint":                        s.TokenEndpoint(),
		"grant_types_supported":                 s.grantTypes(),
		"token_endpoint_auth_methods_supported": methods,
		"token_endpoint_auth_signing_alg_values_supported":         algorithms,
		"introspection_endpoint":                                   s.url(introspectionPath),
		"introspection_endpoint_auth_methods_supported":            methods,
		"introspection_endpoint_auth_signing_alg_values_supported": algorithms,
		"dpop_signing_alg_values_supported":                        smart.ProofAlgorithms(),
		"tls_client_certificate_bound_access_tokens":               s.config.SeesCertificates,
		"response_types_supported":                                 []string{},
		"subject_types_supported":                                  []string{"public"},
		"id_token_signing_alg_values_supported":                    s.config.Keys.algorithms(),
	}
	s.appMetadata(m)
	if s.config.Revoke != nil {
		m["revocation_endpoint"] = s.url(revocationPath)
		m["revocation_endpoint_auth_methods_supported"] = m["token_endpoint_auth_methods_supported"]
		m["revocation_endpoint_auth_signing_alg_values_supported"] = algorithms
	}
	return m
}

// Discovery is what /.well-known/smart-configuration of the FHIR base says of this server.
func (s *Server) Discovery() smart.Discovery {
	d := smart.BackendServices(s.TokenEndpoint())
	d.JWKSURI, d.IntrospectionEndpoint = s.url(keysPath), s.url(introspectionPath)
	s.appDiscovery(&d)
	if s.config.Revoke != nil {
		d.RevocationEndpoint = s.url(revocationPath)
	}
	return d
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
	if c.Keys == nil {
		add("the signing keys are missing")
	}
	for _, r := range c.ResourceServers {
		if r.ID == "" || len(r.Keys) == 0 {
			add("a resource server has no id or no keys")
		}
	}
	if !c.Apps.complete() {
		add("apps need their pages, a store of grants and a way to take them back")
	}
	if c.Apps != nil && c.Keys != nil && !slices.Contains(c.Keys.algorithms(), idTokenAlgorithm) {
		add("apps need a signing key for " + idTokenAlgorithm + " (`gateway keys rotate --algorithm " + idTokenAlgorithm + "`)")
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
	if c.Gate == nil {
		c.Gate = open{}
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

func (s *Server) url(path string) string { return strings.TrimSuffix(s.config.Issuer, "/") + path }

// Pages says whose pages may call what in a browser: not what people see there, and not what resource servers ask.
func (s *Server) Pages(path string) crossorigin.Pages {
	switch path {
	case s.path + tokenPath, s.path + revocationPath:
		return crossorigin.Apps
	case s.path + keysPath, s.path + discoveryPath:
		return crossorigin.Anybodys
	}
	return crossorigin.Nobodys
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, s.path)
	if !below {
		path = ""
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch path {
	case tokenPath:
		serveForm(w, r, s.token)
	case introspectionPath:
		serveForm(w, r, s.introspect)
	case revocationPath:
		if s.config.Revoke == nil {
			s.missing(w, r)
			return
		}
		serveForm(w, r, s.revoke)
	case keysPath:
		serveDocument(w, r, s.config.Keys.at().jwks)
	case discoveryPath:
		serveDocument(w, r, s.discovery)
	default:
		if s.config.Apps == nil || !s.config.Apps.Launch.Serve(w, r, path) {
			s.missing(w, r)
		}
	}
}

func serveDocument(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, errMethod)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body) // the client may have gone
}
