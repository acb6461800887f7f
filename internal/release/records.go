package release

import (
	"context"
	"fmt"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// Records are the practice's records as FHIR. They are read as of one committed state only: Consents of before a change and a chart of after it
// could let out together what neither does.
type Records interface {
	// Version names the state that is committed now, as State.Version does, or is practice.ErrNoVersion.
	Version(ctx context.Context) (string, error)
	// Snapshot calls f with a state that was committed after the call began. The State is for f's goroutine, until f returns.
	Snapshot(ctx context.Context, f func(context.Context, State) error) error
}

// State is the records as of one committed state, read anew at each call. Every error means that nothing may be concluded: nothing is released.
type State interface {
	// Version changes with every change of anything that the other methods read, or is practice.ErrNoVersion.
	Version(ctx context.Context) (string, error)
	// Chart is all that the gateway may read about one client.
	Chart(ctx context.Context, client practice.ClientKey) (*mapping.Chart, error)
	// Ties are the organisations that the practice's data tie to each of the given clients, and when: those of the Chart, without reading it.
	Ties(ctx context.Context, clients []practice.ClientKey) (map[practice.ClientKey][]mapping.Tie, error)
	// Consents are the Consents of the given clients.
	Consents(ctx context.Context, clients []practice.ClientKey) ([]mapping.ConsentDocument, error)
	// ConsentClients are the clients who have any Consent.
	ConsentClients(ctx context.Context) ([]practice.ClientKey, error)
	// Directory is the practice's own staff and sites.
	Directory(ctx context.Context) ([]stage.Candidate, error)
}

// Mapped are the Records that maps make of a source's rows.
type Mapped struct {
	Source practice.Snapshotter
	Maps   *mapping.Maps
}

// Version implements Records.
func (m Mapped) Version(ctx context.Context) (string, error) { return m.Source.Version(ctx) }

// Snapshot implements Records.
func (m Mapped) Snapshot(ctx context.Context, f func(context.Context, State) error) error {
	return m.Source.Snapshot(ctx, func(ctx context.Context, s practice.Source) error {
		return f(ctx, mappedState{s, m.Maps})
	})
}

// mappedState is what maps make of a source's rows in one state.
type mappedState struct {
	source practice.Source
	maps   *mapping.Maps
}

func (m mappedState) Version(ctx context.Context) (string, error) { return m.source.Version(ctx) }

func (m mappedState) Chart(ctx context.Context, client practice.ClientKey) (*mapping.Chart, error) {
	return m.maps.Chart(ctx, m.source, client)
}

func (m mappedState) Ties(ctx context.Context, clients []practice.ClientKey) (map[practice.ClientKey][]mapping.Tie, error) {
	return m.maps.Ties(ctx, m.source, clients)
}

func (m mappedState) Consents(ctx context.Context, clients []practice.ClientKey) ([]mapping.ConsentDocument, error) {
	return m.maps.Consents(ctx, m.source, clients)
}

func (m mappedState) ConsentClients(ctx context.Context) ([]practice.ClientKey, error) {
	return m.maps.ConsentClients(ctx, m.source)
}

// Directory implements State. What the maps could not make of the staff is reported by `gateway check`.
func (m mappedState) Directory(ctx context.Context) ([]stage.Candidate, error) {
	candidates, _, err := m.maps.Directory(ctx, m.source)
	return candidates, err
}

// state is a State with its name.
type state struct {
	State
	// version is "" where the state cannot be named: then nothing of it is kept.
	version string
}

// read calls f with the records as of one state.
func (s *Service) read(ctx context.Context, f func(context.Context, state) error) error {
	ran := false
	err := s.opts.Records.Snapshot(ctx, func(ctx context.Context, at State) error {
		version, err := named(at.Version(ctx))
		if err != nil {
			return err
		}
		ran = true
		return f(ctx, state{at, version})
	})
	switch {
	case err != nil:
		return unavailable(err)
	case !ran:
		return fmt.Errorf("%w: nothing was read", ErrUnavailable)
	}
	return nil
}
