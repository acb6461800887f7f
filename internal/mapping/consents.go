package mapping

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
)

// ErrConsents says that a Consent cannot be told to be of one client: then nothing that was read can be relied on (rule 8).
var ErrConsents = errors.New("mapping: a Consent whose client cannot be told")

// ConsentDocument is one Consent of a client, as FHIR.
type ConsentDocument struct {
	Client  practice.ClientKey
	Patient fhir.Reference
	ID      string
	JSON    []byte
	Digest  [32]byte
	// Unreadable says that the practice has a Consent here that could not be mapped, JSON is nil then. It may be a denial, so everything
	// of this client is withheld.
	Unreadable bool
}

// Consents reads the Consents of clients, fresh. A broken one makes its client's Consents unreadable.
func (m *Maps) Consents(ctx context.Context, src practice.Source, clients []practice.ClientKey) ([]ConsentDocument, error) {
	var docs []ConsentDocument
	runs := map[practice.ClientKey]*run{}
	for _, c := range clients {
		x, err := m.newRun(c)
		if err != nil || c == "" {
			return nil, fmt.Errorf("mapping: a client's id cannot be made: %w", errors.Join(err, ErrConsents))
		}
		runs[c] = x
	}
	if len(runs) == 0 {
		return nil, nil
	}
	for _, rm := range m.maps {
		if rm.resourceType != "Consent" {
			continue
		}
		more, err := m.consentsOf(ctx, src, rm, slices.Compact(slices.Sorted(slices.Values(clients))), runs)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

func (m *Maps) consentsOf(ctx context.Context, src practice.Source, rm *rowMap, clients []practice.ClientKey, runs map[practice.ClientKey]*run) ([]ConsentDocument, error) {
	var docs []ConsentDocument
	var lost error
	unreadable := func(client practice.ClientKey) {
		x := runs[client]
		if x == nil {
			lost = ErrConsents
			return
		}
		docs = append(docs, ConsentDocument{Client: client, Patient: x.ids.patient, Unreadable: true})
	}
	seen := map[idKey]bool{}
	err := src.Rows(ctx, rm.query, clients, func(row practice.Row) error {
		if len(row) != len(rm.query.Columns) {
			return errColumns(rm)
		}
		client, _ := practice.CanonicalClient(row[rm.client])
		x := runs[client]
		if x == nil {
			return ErrConsents
		}
		x.row = row
		r := m.row(x, rm)
		key := idKey{string(client), r.key}
		switch {
		case r.fault != nil || seen[key]:
			unreadable(client)
		case r.withheld == "":
			json := r.results[0].json
			docs = append(docs, ConsentDocument{Client: client, Patient: x.ids.patient, ID: r.results[0].facts.ID, JSON: json, Digest: sha256.Sum256(json)})
		}
		seen[key] = true
		return nil
	}, func(b *practice.BrokenRow) { unreadable(b.Client) })
	if err == nil {
		err = lost
	}
	if err != nil {
		return nil, fmt.Errorf("mapping: %s: %w", rm.kind, err)
	}
	return docs, nil
}

func errColumns(rm *rowMap) error {
	return fmt.Errorf("mapping: %s: the source yields another number of columns than declared", rm.kind)
}

// ConsentClients gives all clients who have any Consent, sorted: what Reach is made of.
func (m *Maps) ConsentClients(ctx context.Context, src practice.Source) ([]practice.ClientKey, error) {
	return m.allClients(ctx, src, func(rm *rowMap) bool { return rm.resourceType == "Consent" })
}

// Clients gives all clients of the practice, sorted. It is for `gateway check`: no request may go through the practice's clients.
func (m *Maps) Clients(ctx context.Context, src practice.Source) ([]practice.ClientKey, error) {
	return m.allClients(ctx, src, func(rm *rowMap) bool { return rm.kind == kindPatient })
}

func (m *Maps) allClients(ctx context.Context, src practice.Source, from func(*rowMap) bool) ([]practice.ClientKey, error) {
	var keys []practice.ClientKey
	for _, rm := range m.maps {
		if rm.all == nil || !from(rm) {
			continue
		}
		var broken error
		err := src.Rows(ctx, *rm.all, nil, func(row practice.Row) error {
			if len(row) != len(rm.all.Columns) {
				return errColumns(rm)
			}
			key, ok := practice.CanonicalClient(row[0])
			if !ok {
				return ErrConsents
			}
			keys = append(keys, key)
			return nil
		}, func(*practice.BrokenRow) { broken = ErrConsents })
		if err == nil {
			err = broken
		}
		if err != nil {
			return nil, fmt.Errorf("mapping: %s: %w", rm.kind, err)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
