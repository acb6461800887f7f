package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/demo/portal"
	"github.com/consentry/gateway/profiles"
)

// Names of the files in the demo's folder.
const (
	demoConfigFile   = "gateway.yaml"
	demoPartnersFile = "partners.yaml"
	demoMapsDir      = "maps"
	demoKeysDir      = "keys"
)

// demoPartner is a partner with its private key.
type demoPartner struct {
	demo.Partner
	key     jose.JSONWebKey
	keyFile string
}

// writeFiles writes everything beside the practice: the gateway's keys, the partners with theirs, the maps and the configuration.
func (d *demonstration) writeFiles() error {
	if _, err := makeKeys(filepath.Join(d.dir, demoKeysDir)); err != nil {
		return err
	}
	if err := d.makeSigningKeys(); err != nil {
		return err
	}
	if err := d.writeSecret(); err != nil {
		return err
	}
	if err := d.writePartners(); err != nil {
		return err
	}
	if err := d.writeMaps(); err != nil {
		return err
	}
	return d.writeConfig()
}

// makeSigningKeys makes the keys that sign the tokens, once: one for access tokens, one for ID tokens.
func (d *demonstration) makeSigningKeys() error {
	dir := filepath.Join(d.dir, demoKeysDir, "signing")
	if there, err := filepath.Glob(filepath.Join(dir, "*.jwk")); err != nil || len(there) > 0 {
		return err
	}
	_, err := authserver.RotateKeys(dir, "ES256", time.Now())
	if err == nil {
		_, err = authserver.RotateKeys(dir, "RS256", time.Now())
	}
	return err
}

// writePartners makes each partner's key, once, and the register.
func (d *demonstration) writePartners() error {
	type identifier struct {
		System string `yaml:"system"`
		Value  string `yaml:"value"`
	}
	type party struct {
		NPI         string       `yaml:"npi,omitempty"`
		Identifiers []identifier `yaml:"identifiers,omitempty"`
	}
	type partner struct {
		ID             string   `yaml:"id"`
		Name           string   `yaml:"name,omitempty"`
		Address        string   `yaml:"address,omitempty"`
		Kind           string   `yaml:"kind"`
		Organization   *party   `yaml:"organization,omitempty"`
		Practitioners  []party  `yaml:"practitioners,omitempty"`
		Purposes       []string `yaml:"purposes,omitempty,flow"`
		DefaultPurpose string   `yaml:"default-purpose,omitempty"`
		Scopes         string   `yaml:"scopes"`
		JWKSFile       string   `yaml:"jwks-file,omitempty"`
		Public         bool     `yaml:"public,omitempty"`
		OfflineAccess  bool     `yaml:"offline-access,omitempty"`
		RedirectURIs   []string `yaml:"redirect-uris,omitempty,flow"`
		Origins        []string `yaml:"origins,omitempty,flow"`
	}
	var register struct {
		Partners []partner `yaml:"partners"`
	}
	for _, p := range demo.Partners() {
		own, err := d.partnerKey(p)
		if err != nil {
			return err
		}
		d.partners = append(d.partners, own)
		x := partner{ID: p.ID, Name: p.Name, Address: p.Address, Kind: p.Kind, Purposes: p.Purposes, Scopes: p.Scopes, JWKSFile: filepath.ToSlash(filepath.Join("partners", p.ID+".jwks.json"))}
		if p.Public {
			app := cmp.Or(d.appURL, demoAppURL)
			x.JWKSFile, x.Public, x.OfflineAccess, x.RedirectURIs, x.Origins = "", true, true, []string{app}, originsOf(app)
		}
		if len(p.Purposes) > 0 {
			x.DefaultPurpose = p.Purposes[0]
		}
		for _, npi := range p.Practitioners {
			x.Practitioners = append(x.Practitioners, party{NPI: npi})
		}
		for _, i := range p.Identifiers {
			if x.Organization == nil {
				x.Organization = &party{}
			}
			x.Organization.Identifiers = append(x.Organization.Identifiers, identifier(i))
		}
		register.Partners = append(register.Partners, x)
	}
	text, err := yaml.Marshal(register)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, demoPartnersFile), slices.Concat([]byte(schemaLine("partners")), []byte("# Who may ask, and for what. Written by `gateway demo`.\n"), text), 0o600)
}

// partnerKey makes a partner's key pair, or reads the one that is there.
func (d *demonstration) partnerKey(p demo.Partner) (demoPartner, error) {
	if p.Public {
		return demoPartner{Partner: p}, nil
	}
	own := demoPartner{Partner: p, keyFile: filepath.Join(d.dir, "partners", p.ID+".private.jwk.json")}
	if err := os.MkdirAll(filepath.Dir(own.keyFile), 0o700); err != nil {
		return own, err
	}
	var err error
	own.key, err = authserver.ReadKey(own.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if own.key, err = authserver.GenerateKey("ES384"); err == nil {
			err = authserver.WriteKey(own.keyFile, own.key)
		}
	}
	if err != nil {
		return own, err
	}
	public, err := authserver.PublicKeys(own.key)
	if err != nil {
		return own, err
	}
	return own, os.WriteFile(filepath.Join(d.dir, "partners", p.ID+".jwks.json"), public, 0o600)
}

// writeMaps lays the synthetic practice's maps out as files, to read and to change.
func (d *demonstration) writeMaps() error {
	const shipped = "maps/demo"
	if err := os.MkdirAll(filepath.Join(d.dir, demoMapsDir), 0o700); err != nil {
		return err
	}
	files, err := fs.ReadDir(profiles.FS, shipped)
	if err != nil {
		return err
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) != ".yaml" {
			continue
		}
		text, err := fs.ReadFile(profiles.FS, shipped+"/"+f.Name())
		if err != nil {
			return err
		}
		text = bytes.Replace(text, []byte("$schema=../../schema/"), []byte("$schema=../"+schemaDir+"/"), 1)
		if err := os.WriteFile(filepath.Join(d.dir, demoMapsDir, f.Name()), text, 0o600); err != nil {
			return err
		}
	}
	_, err = writeSchemas(filepath.Join(d.dir, schemaDir))
	return err
}

func (d *demonstration) writeConfig() error {
	text := schemaLine("gateway") + fmt.Sprintf(`listen: %[2]s
metrics-listen: 127.0.0.1:0
base-url: %[3]s
zone: %[4]s
practice:
  sqlite: %[5]s
  identifiers: [{system: "http://hl7.org/fhir/sid/us-npi", value: "%[6]s"}]
maps: %[7]s
partners: %[8]s
authorization-server:
  issuer: %[9]s
  keys: %[10]s/signing
  app-launch:
    practice-name: %[11]s
    offline-access: 720h
    sign-in: {issuer: "%[12]s", client-id: %[13]s, secret-file: %[14]s, client-claim: %[15]s, represents-claim: %[16]s}
keys: {id: keys/id.key, page: keys/page.key, etag: keys/etag.key, launch: keys/launch.key, ledger: keys/ledger.key}
ledger: ledger.db
state: state.db
limits: {requests-per-minute: 0, tokens-per-minute: 0}
# Written by `+"`gateway demo`"+`; for the other commands: gateway preview --config %[1]s --client KEY --as PARTNER
`, demoConfigFile, d.address, d.fhirBase(), demo.Zone, demo.DatabaseFile, demo.PracticeNPI(), demoMapsDir, demoPartnersFile, d.authBase(), demoKeysDir, demo.Name,
		d.portalBase(), demoPortalClient, demoSecretFile, portal.ClientClaim, portal.RepresentsClaim)
	return os.WriteFile(filepath.Join(d.dir, demoConfigFile), []byte(text), 0o600)
}
