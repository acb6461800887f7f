package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// manifest is demo.json.
type manifest struct {
	FHIRBase              string     `json:"fhirBase"`
	TokenEndpoint         string     `json:"tokenEndpoint"`
	Partners              []*partner `json:"partners"`
	PracticeDatabase      string     `json:"practiceDatabase"`
	PsychotherapyDatabase string     `json:"psychotherapyDatabase"`
	Clients               []client   `json:"clients"`
	People                []struct {
		Patient string `json:"patient"`
		Token   string `json:"token"`
	} `json:"people"`
	// zone is where the practice's clocks are.
	zone *time.Location
}

// partner is somebody who may ask.
type partner struct {
	ID         string `json:"partnerId"`
	Kind       string `json:"kind"`
	Scopes     string `json:"scopes"`
	PrivateJWK string `json:"privateJwk"`
	// organization is the code of the partner in the practice's address book.
	organization string
	// redirect is where a public app that clients can launch gets its codes; empty for every other partner.
	redirect string
	// tokenFile holds the token of a person's app: nobody asks the issuer for it.
	tokenFile string
	// self is the person, as a client.
	self client
}

// machine tells whether the partner's software asks by itself, without a person who signs in.
func (p *partner) machine() bool { return strings.Contains(p.Scopes, "system/") }

// client is a client of the practice: the FHIR id and the practice's own key.
type client struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// people are the clients who ask in person, each by an app of theirs.
func (m *manifest) people() []*partner {
	var out []*partner
	for _, x := range m.People {
		self := m.client(x.Patient)
		out = append(out, &partner{ID: "the app of client " + self.Key, Kind: "patient", tokenFile: x.Token, self: self})
	}
	return out
}

// client finds a client by their id; one that the manifest does not name has no key.
func (m *manifest) client(id string) client {
	if i := slices.IndexFunc(m.Clients, func(c client) bool { return c.ID == id }); i >= 0 {
		return m.Clients[i]
	}
	return client{ID: id}
}

const addressBook = "https://cedarbridge.example/fhir/organization"

func readManifest(file string) (*manifest, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w (a running gateway demo writes it into its --data-dir)", err)
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.FHIRBase == "" || m.TokenEndpoint == "" || len(m.Partners) == 0 || len(m.Clients) == 0 {
		return nil, fmt.Errorf("%s is no demo.json of a gateway", file)
	}
	dir := filepath.Dir(file)
	paths := []*string{&m.PracticeDatabase, &m.PsychotherapyDatabase}
	for _, p := range m.Partners {
		paths = append(paths, &p.PrivateJWK)
	}
	for i := range m.People {
		paths = append(paths, &m.People[i].Token)
	}
	for _, p := range paths {
		*p = beside(dir, *p)
	}
	return &m, errors.Join(m.readRegister(filepath.Join(dir, "partners.yaml")), m.readZone(filepath.Join(dir, "gateway.yaml")))
}

// readZone learns from the demo's configuration in which zone the practice writes its times.
func (m *manifest) readZone(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config struct {
		Zone string `yaml:"zone"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil || config.Zone == "" {
		return fmt.Errorf("%s states no zone", file)
	}
	m.zone, err = time.LoadLocation(config.Zone)
	return err
}

// beside finds a file that the manifest names as the demo saw it, maybe from another folder.
func beside(dir, path string) string {
	if _, err := os.Stat(path); err == nil {
		return path
	}
	for _, at := range []string{filepath.Base(path), filepath.Join("partners", filepath.Base(path))} {
		if at = filepath.Join(dir, at); exists(at) {
			return at
		}
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readRegister learns from the demo's partner register which organisation each partner is, and which is an app that clients launch.
func (m *manifest) readRegister(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var register struct {
		Partners []struct {
			ID           string   `yaml:"id"`
			Public       bool     `yaml:"public"`
			RedirectURIs []string `yaml:"redirect-uris"`
			Organization struct {
				Identifiers []struct {
					System string `yaml:"system"`
					Value  string `yaml:"value"`
				} `yaml:"identifiers"`
			} `yaml:"organization"`
		} `yaml:"partners"`
	}
	if err := yaml.Unmarshal(text, &register); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, entry := range register.Partners {
		for _, p := range m.Partners {
			if p.ID == entry.ID && entry.Public && len(entry.RedirectURIs) > 0 {
				p.redirect = entry.RedirectURIs[0]
			}
			for _, i := range entry.Organization.Identifiers {
				if p.ID == entry.ID && i.System == addressBook {
					p.organization = i.Value
				}
			}
		}
	}
	for _, p := range m.Partners {
		if p.machine() && p.organization == "" {
			return errors.New(file + " does not say which organisation " + p.ID + " is")
		}
	}
	return nil
}
