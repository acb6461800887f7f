package release

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
)

// buildDirectory makes the View of the practice's own staff and sites: scope alone decides (rule 22).
func (s *Service) buildDirectory(ctx context.Context, version string, key viewKey, r *requester.Requester) (lasting, error) {
	candidates, err := s.Records.Directory(ctx)
	if err != nil {
		return lasting{}, unavailable(err)
	}
	in := s.input(r, key, fhir.Reference{}, nil)
	in.Chart = s.Labels.Apply(candidates)
	res := consent.DecideDirectory(in)
	there := make(map[fhir.Reference]bool, len(res.Released))
	for _, r := range res.Released {
		there[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = true
	}
	resources := make([]stage.Released, 0, len(res.Released))
	for _, r := range res.Released {
		if r, ok := s.Projector.Without(r, func(ref fhir.Reference) bool { return !there[ref] }); ok {
			resources = append(resources, r)
		}
	}
	return lasting{view: newView(resources, Evidence{}), version: version, until: res.ValidUntil}, nil
}
