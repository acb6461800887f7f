package main

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/demo/portal"
)

// demoAppURL is where an app of a visitor's own is looked for.
const demoAppURL = "http://127.0.0.1:3000/"

// demoPortalPath is where the people of the demo sign in, and demoPortalClient is the gateway to the provider there.
const (
	demoPortalPath   = "/portal"
	demoPortalClient = "consentry"
	demoSecretFile   = "keys/portal.secret"
)

func (d *demonstration) portalBase() string { return "http://" + d.address + demoPortalPath }

// writeSecret makes the secret that the gateway has at the portal.
func (d *demonstration) writeSecret() error {
	return os.WriteFile(filepath.Join(d.dir, demoSecretFile), []byte(rand.Text()+"\n"), 0o600)
}

// openPortal opens the provider at which the people of the demo sign in.
func (d *demonstration) openPortal(ctx context.Context) error {
	people, err := d.practice.People(ctx)
	if err != nil {
		return err
	}
	secret, err := readSecret(filepath.Join(d.dir, demoSecretFile))
	if err != nil {
		return err
	}
	d.gateway.portal, err = portal.New(portal.Options{
		Issuer: d.portalBase(), ClientID: demoPortalClient, Secret: secret, Callback: launch.Callback(d.authBase()), People: people,
	})
	return err
}

// originsOf is where the pages of an app at a web address come from; those of an app on a phone come from nowhere.
func originsOf(app string) []string {
	u, err := url.Parse(app)
	if err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}
