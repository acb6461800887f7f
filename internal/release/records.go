package release

import (
	"context"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Records are the practice's records as FHIR, read anew at each call. Every error means that nothing may be concluded: nothing is released.
type Records interface {
	// Version changes with every change of anything that the other methods read, or is practice.ErrNoVersion.
	Version(ctx context.Context) (string, error)
	// Chart is all that the gateway may read about one client.
	Chart(ctx context.Context, client practice.ClientKey) (*mapping.Chart, error)
	// Consents are the Consents of the given clients.
	Consents(ctx context.Context, clients []practice.ClientKey) ([]mapping.ConsentDocument, error)
	// ConsentClients are the clients who have any Consent.
	ConsentClients(ctx context.Context) ([]practice.ClientKey, error)
	// Directory is the practice's own staff and sites.
	Directory(ctx context.Context) ([]stage.Candidate, error)
}

// Mapped are the Records that maps make of a source's rows.
type Mapped struct {
	Source practice.Source
	Maps   *mapping.Maps
}

// Version implements Records.
func (m Mapped) Version(ctx context.Context) (string, error) { return m.Source.Version(ctx) }

// Chart implements Records.
func (m Mapped) Chart(ctx context.Context, client practice.ClientKey) (*mapping.Chart, error) {
	return m.Maps.Chart(ctx, m.Source, client)
}

// Consents implements Records.
func (m Mapped) Consents(ctx context.Context, clients []practice.ClientKey) ([]mapping.ConsentDocument, error) {
	return m.Maps.Consents(ctx, m.Source, clients)
}

// ConsentClients implements Records.
func (m Mapped) ConsentClients(ctx context.Context) ([]practice.ClientKey, error) {
	return m.Maps.ConsentClients(ctx, m.Source)
}

// Directory implements Records. What the maps could not make of the staff is reported by `gateway check`.
func (m Mapped) Directory(ctx context.Context) ([]stage.Candidate, error) {
	candidates, _, err := m.Maps.Directory(ctx, m.Source)
	return candidates, err
}
