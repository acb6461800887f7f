package fhirsource

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// State is a Folder as of one instant (release.State). Bodies are read from disk when they are wanted, and are what they were when the snapshot
// was read, or an error.
type State struct {
	*snapshot
	opts *FolderOptions
}

// Version names the state by what its files hold.
func (s *State) Version(context.Context) (string, error) { return s.version, nil }

// Ties are the organisations that the data tie to the given clients, and when.
func (s *State) Ties(_ context.Context, clients []practice.ClientKey) (map[practice.ClientKey][]mapping.Tie, error) {
	ties := make(map[practice.ClientKey][]mapping.Tie, len(clients))
	for _, c := range clients {
		if t := s.ties[c]; len(t) > 0 {
			ties[c] = slices.Clone(t)
		}
	}
	return ties, nil
}

// ConsentClients are the clients who have a Consent, sorted.
func (s *State) ConsentClients(context.Context) ([]practice.ClientKey, error) {
	return slices.Clone(s.consenting), nil
}

// Clients are all clients, sorted. It is for `gateway check` and `gateway preview`: no request may go through the practice's clients.
func (s *State) Clients() []practice.ClientKey {
	all := make([]practice.ClientKey, 0, len(s.patient))
	for c := range s.patient {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}

// Chart is all that the folder holds about one client, and those outside the practice whom it names.
func (s *State) Chart(_ context.Context, client practice.ClientKey) (*mapping.Chart, error) {
	b, err := s.builder(client)
	if err != nil {
		return nil, err
	}
	c := &mapping.Chart{Ties: slices.Clone(s.ties[client])}
	err = b.all(func(_ *entry, made stage.Candidate) { c.Candidates = append(c.Candidates, made) })
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Directory is the practice's own staff and sites.
func (s *State) Directory(context.Context) ([]stage.Candidate, error) {
	b, err := s.builder("")
	if err != nil {
		return nil, err
	}
	var all []stage.Candidate
	err = b.all(func(_ *entry, made stage.Candidate) { all = append(all, made) })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// errClient says that a client's Consents were asked for who is none.
var errClient = errors.New("fhirsource: no client")

// Consents are the Consents of the given clients, as the chart has them: with sealed ids, whole.
func (s *State) Consents(_ context.Context, clients []practice.ClientKey) ([]mapping.ConsentDocument, error) {
	var docs []mapping.ConsentDocument
	for _, client := range clients {
		if client == "" {
			return nil, errClient
		}
		b, err := s.builder(client)
		if err != nil {
			return nil, err
		}
		for _, m := range s.charts[client] {
			if m.ref.Type != "Consent" {
				continue
			}
			msg, err := b.read(m.entry)
			if err != nil {
				return nil, err
			}
			json, err := fhirjson.Append(nil, msg, fhirjson.Projection{})
			if err != nil {
				return nil, fmt.Errorf("fhirsource: Consent: %w", err)
			}
			id, err := b.seal(m.ref)
			if err != nil {
				return nil, err
			}
			docs = append(docs, mapping.ConsentDocument{Client: client, Patient: b.patient, ID: id.ID, JSON: json, Digest: sha256.Sum256(json)})
		}
	}
	return docs, nil
}

// House is the Organization that is the practice, as its own resources and its clients' Consents refer to it. It does not depend on what the
// folder holds.
func House(s Sealer) (fhir.Reference, error) {
	id, err := s.Seal("Organization", "", kindPractice, kindPractice)
	return fhir.Reference{Type: "Organization", ID: id}, err
}
