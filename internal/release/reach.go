package release

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// reached is a Reach and how long it may be used.
type reached struct {
	validity
	clients []fhir.Reference
}

// weight is what it takes in memory: an id has 64 characters.
func (r reached) weight() uint32 { return clamp(256 + 128*len(r.clients)) }

// Reach gives the clients that the requester may know of, sorted: those of whom an active Consent permits something to it, and the launch
// patient where it may see anything of that chart. It never runs over the practice's clients, only over those who have a Consent. The
// caller must not change the slice.
func (s *Service) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	if r == nil {
		return nil, nil
	}
	version, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	key := viewKey{requester: r.Digest(), permission: r.Scopes.Canonical(p)}
	if kept, ok := s.reaches.GetIfPresent(key); ok && kept.holds(version, s.opts.Now()) {
		return kept.clients, nil
	}
	var found reached
	err = s.read(ctx, func(ctx context.Context, at state) error {
		var err error
		found, err = s.reachAt(ctx, at, r, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	if found.version != "" {
		s.reaches.Set(key, found)
	}
	return found.clients, nil
}

func (s *Service) reachAt(ctx context.Context, at state, r *requester.Requester, p smart.Permission) (found reached, err error) {
	clients, err := at.ConsentClients(ctx)
	if err != nil {
		return found, unavailable(err)
	}
	if launch, ok := s.opts.Sealer.Open(r.Patient.Type, r.Patient.ID); ok && launch != "" {
		clients = append(slices.Clone(clients), practice.ClientKey(launch))
	}
	if r.Only != (fhir.Reference{}) { // the others need not be looked at
		only, ok := s.opts.Sealer.Open(r.Only.Type, r.Only.ID)
		clients = slices.DeleteFunc(slices.Clone(clients), func(c practice.ClientKey) bool { return !ok || string(c) != only })
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	sets, err := s.setsOf(ctx, at, clients)
	if err != nil {
		return found, err
	}
	in := s.input(r, viewKey{permission: p}, fhir.Reference{}, sets)
	found = reached{validity: validity{at.version, in.Now, consent.Forever}}
	byTie := map[practice.ClientKey]fhir.Reference{} // those who apply only if the practice ties the requester to them
	for _, client := range clients {
		if in.Client, err = s.patient(client); err != nil {
			return reached{}, err
		}
		found.until = earlier(found.until, nextChange(in))
		switch in.Related = nil; {
		case consent.Applies(in):
			found.clients = append(found.clients, in.Client)
		case anyTie(in):
			byTie[client] = in.Client
		}
	}
	ties, err := at.Ties(ctx, slices.Sorted(maps.Keys(byTie)))
	if err != nil {
		return reached{}, unavailable(err)
	}
	for client, patient := range byTie {
		is, until := tied(ties[client], in)
		if found.until = earlier(found.until, until); is {
			found.clients = append(found.clients, patient)
		}
	}
	slices.SortFunc(found.clients, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}
