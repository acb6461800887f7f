package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/crossorigin"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/serving"
	"github.com/consentry/gateway/internal/smart"
)

// AuthorizationServerConfig is the built-in authorization server: SMART Backend Services for the partners of the register that have it as their issuer.
type AuthorizationServerConfig struct {
	// Issuer is the URL below which its endpoints lie, at the address of the FHIR server: https://records.example.org/auth
	Issuer string `yaml:"issuer"`
	// Keys is the folder of the keys that sign its tokens (`gateway keys rotate` makes them). Every process of the gateway has the same.
	Keys string `yaml:"keys"`
	// ResourceServers are other servers that take its tokens, and may ask about any of them (RFC 7662).
	ResourceServers []ResourceServerConfig `yaml:"resource-servers"`
	// AppLaunch lets clients launch apps of their own; without it nobody signs in here.
	AppLaunch *AppLaunchConfig `yaml:"app-launch"`
}

// ResourceServerConfig is a server that takes tokens of the built-in authorization server, beside this gateway.
type ResourceServerConfig struct {
	ID       string `yaml:"id"`        // the client id by which it proves itself
	JWKSFile string `yaml:"jwks-file"` // its public keys
}

func (c *AuthorizationServerConfig) paths() []*string {
	if c == nil {
		return nil
	}
	paths := []*string{&c.Keys}
	if c.AppLaunch != nil {
		paths = append(paths, &c.AppLaunch.SignIn.SecretFile)
	}
	for i := range c.ResourceServers {
		paths = append(paths, &c.ResourceServers[i].JWKSFile)
	}
	return paths
}

// validateAuthorizationServer checks what can be checked without the files.
func (c *Config) validateAuthorizationServer(p *problems) {
	const section = "authorization-server"
	a := c.AuthorizationServer
	if a == nil {
		return
	}
	for key, value := range map[string]string{"issuer": a.Issuer, "keys": a.Keys} {
		if value == "" {
			p.add(c.line(section+"."+key), "%s.%s is missing", section, key)
		}
	}
	if a.Issuer != "" {
		c.validateOwnIssuer(p, section+".issuer", a.Issuer)
	}
	for i, r := range a.ResourceServers {
		if r.ID == "" || r.JWKSFile == "" {
			p.add(c.line(fmt.Sprintf("%s.resource-servers.%d", section, i)), "%s.resource-servers: each needs an id and a jwks-file", section)
		}
	}
	c.validateAppLaunch(p)
	if c.Store.Postgres != "" && c.Ephemeral.Redis == "" {
		p.add(c.line(section), "%s: with store.postgres other processes can take part, and only a Redis (ephemeral.redis) tells them which client assertions were used", section)
	}
}

func (c *Config) validateOwnIssuer(p *problems, key, issuer string) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		p.add(c.line(key), "%s is no absolute http(s) URL without user and query", key)
		return
	}
	if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
		p.add(c.line(key), "%s is plain HTTP and not on loopback: partners would get their tokens in the clear", key)
	}
	base, err := url.Parse(c.BaseURL)
	own := strings.TrimSuffix(u.Path, "/") + "/"
	if err == nil && (own == "/" || strings.HasPrefix(own, strings.TrimSuffix(base.Path, "/")+"/") || strings.HasPrefix(base.Path+"/", own)) {
		p.add(c.line(key), "%s needs a path of its own, beside that of base-url, such as /auth", key)
	}
}

// checkAuthorizationServer looks at the files.
func (c *Config) checkAuthorizationServer(p *problems) {
	a := c.AuthorizationServer
	if a == nil {
		return
	}
	if c.checkPath(p, "authorization-server.keys", a.Keys, fs.FileInfo.IsDir, "is no folder") {
		_, err := authserver.OpenKeys(a.Keys, slog.New(slog.DiscardHandler), time.Now)
		p.addAll(c.line("authorization-server.keys"), "authorization-server.keys", err)
	}
	c.checkAppLaunch(p)
	for i, r := range a.ResourceServers {
		if key := fmt.Sprintf("authorization-server.resource-servers.%d.jwks-file", i); c.checkPath(p, key, r.JWKSFile, hasText, "is no file, or empty") {
			c.checkKeySet(p, key, r.JWKSFile)
		}
	}
}

// openAuthorizationServer opens the built-in server, nil where the configuration has none.
func (g *gateway) openAuthorizationServer(now clock) (*authserver.Server, error) {
	a := g.cfg.AuthorizationServer
	if a == nil {
		return nil, nil
	}
	keys, err := authserver.OpenKeys(a.Keys, g.log, now)
	if err != nil {
		return nil, err
	}
	claims, err := smart.LoadMapping(g.profiles, "smart")
	if err != nil {
		return nil, err
	}
	servers, err := a.resourceServers()
	if err != nil {
		return nil, err
	}
	apps, err := g.apps(now)
	if err != nil {
		return nil, err
	}
	return authserver.New(authserver.Config{
		Issuer: a.Issuer, Audience: g.cfg.BaseURL, Keys: keys, Claims: claims, Partners: g.partners, Replay: g.ephemeral, Gate: g.limits, ResourceServers: servers, Apps: apps, Certificates: g.cfg.clientCertificates(), SeesCertificates: g.cfg.seesCertificates(), Now: now,
		Revoke: func(ctx context.Context, jti string, until time.Time) error {
			return g.state.Revoke(ctx, partners.TokenMark(jti), until, now())
		},
	})
}

func (c *AuthorizationServerConfig) resourceServers() ([]authserver.ResourceServer, error) {
	var all []authserver.ResourceServer
	for _, r := range c.ResourceServers {
		text, err := os.ReadFile(r.JWKSFile)
		if err != nil {
			return nil, err
		}
		keys, err := smart.ParseJWKS(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.JWKSFile, err)
		}
		all = append(all, authserver.ResourceServer{ID: r.ID, Keys: keys})
	}
	return all, nil
}

// handler serves the FHIR API, and the built-in authorization server beside it.
func (g *gateway) handler() http.Handler {
	return crossorigin.Handler(crossorigin.Options{Next: g.routes(), Of: g.pages, Registered: g.partners.Calls, Enter: g.limits.Enter, Refuse: g.refuse})
}

// pages says whose pages may call what in a browser.
func (g *gateway) pages(r *http.Request) crossorigin.Pages {
	if p := g.api.Pages(r.URL.Path); p != crossorigin.Nobodys || g.auth == nil {
		return p
	}
	return g.auth.Pages(r.URL.Path)
}

// refuse answers a request that nobody looks at, in the words of what it is for.
func (g *gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if g.auth != nil && g.auth.Has(r.URL.Path) {
		g.auth.Refuse(w, r, err)
		return
	}
	serving.Refuse(w, r, err)
}

func (g *gateway) routes() http.Handler {
	api := g.api.Handler()
	if g.auth == nil {
		return api
	}
	auth := g.limits.Issuer(g.auth, g.auth.Refuse)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.portal != nil && strings.HasPrefix(r.URL.Path, demoPortalPath+"/") {
			g.portal.ServeHTTP(w, r)
			return
		}
		if g.auth.Has(r.URL.Path) {
			auth.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// discovery is what partners are told: of the built-in server, or of the issuer that has a token-endpoint.
func (g *gateway) discovery() smart.Discovery {
	if g.auth != nil {
		return g.auth.Discovery()
	}
	return smart.BackendServices(g.cfg.tokenEndpoint())
}
