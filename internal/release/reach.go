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
	version, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := s.Records.ConsentClients(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if launch, ok := s.Sealer.Open(r.Patient.Type, r.Patient.ID); ok && launch != "" {
		clients = append(slices.Clone(clients), practice.ClientKey(launch))
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	sets, err := s.setsOf(ctx, version, clients)
	if err != nil {
		return nil, err
	}
	var reach []fhir.Reference
	for patient := range sets {
		if consent.Applies(s.input(r, viewKey{permission: p}, patient, sets)) {
			reach = append(reach, patient)
		}
	}
	slices.SortFunc(reach, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	return reach, nil
}
