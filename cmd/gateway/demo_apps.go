package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"

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
