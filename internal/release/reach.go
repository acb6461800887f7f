package release

import (
	"context"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Reach gives the clients that the requester may know of, sorted: those of whom an active Consent permits something to it, and the launch
// patient where it may see anything of that chart. It never runs over the practice's clients, only over those who have a Consent.
func (s *Service) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	if r == nil {
		return nil, nil
	}
	var reach []fhir.Reference
	err := s.read(ctx, func(ctx context.Context, at state) error {
		var err error
		reach, err = s.reachAt(ctx, at, r, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(reach, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	return reach, nil
}

func (s *Service) reachAt(ctx context.Context, at state, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	clients, err := at.ConsentClients(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if launch, ok := s.Sealer.Open(r.Patient.Type, r.Patient.ID); ok && launch != "" {
		clients = append(slices.Clone(clients), practice.ClientKey(launch))
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	sets, err := s.setsOf(ctx, at, clients)
	if err != nil {
		return nil, err
	}
	var reach []fhir.Reference
	for patient := range sets {
		if consent.Applies(s.input(r, viewKey{permission: p}, patient, sets)) {
			reach = append(reach, patient)
		}
	}
	return reach, nil
}
