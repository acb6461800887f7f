package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

// demoPerson is a client who uses the clients' own app. The demo's issuer has no sign-in: it gives their tokens as if they had signed in.
type demoPerson struct {
	patient   fhir.Reference
	tokenFile string
}

// findPeople chooses whom the app knows: the client of the story, and two who attend together.
func (d *demonstration) findPeople() error {
	s := d.practice.Story
	for _, key := range []practice.ClientKey{s.Referred, s.Couple[0], s.Couple[1]} {
		id, err := d.sealer.Seal("Patient", string(key), "patient", string(key))
		if err != nil {
			return err
		}
		d.people = append(d.people, demoPerson{fhir.Reference{Type: "Patient", ID: id}, filepath.Join(d.dir, "partners", d.app().ID+"."+string(key)+".token")})
	}
	return d.signIn()
}

// app is the clients' own.
func (d *demonstration) app() demoPartner {
	return d.partners[slices.IndexFunc(d.partners, func(p demoPartner) bool { return p.UserLogin })]
}

// signIn gives everybody a new token, in its file.
func (d *demonstration) signIn() error {
	for _, p := range d.people {
		token, err := d.auth.Mint(authserver.Claims{ClientID: d.app().ID, Subject: p.patient.ID, Scope: "launch/patient " + d.app().Scopes, FHIRUser: p.patient, Patient: p.patient})
		if err != nil {
			return err
		}
		if err := keepToken(p.tokenFile, token); err != nil {
			return err
		}
	}
	return nil
}

// keepToken puts a token in place of an older one, at once: somebody may be reading.
func keepToken(file, token string) error {
	beside := file + ".new"
	if err := os.WriteFile(beside, []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(beside, file)
}
