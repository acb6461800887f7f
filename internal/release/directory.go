package release

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// buildDirectory makes the View of the practice's own staff and sites: scope alone decides (rule 22).
func (s *Service) buildDirectory(ctx context.Context, at state, key viewKey, r *requester.Requester) (lasting, error) {
	candidates, err := at.Directory(ctx)
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
	return lasting{view: newView(resources, Evidence{}), version: at.version, from: in.Now, until: res.ValidUntil}, nil
}

// directoryAt gives the directory in the state that a chart is read in.
func (s *Service) directoryAt(ctx context.Context, at state, r *requester.Requester, p smart.Permission) (*View, error) {
	key := viewKey{directory: true, requester: r.Digest(), permission: p}
	if l, ok := s.views.GetIfPresent(key); ok && at.version != "" && l.holds(at.version, s.Now()) {
		return l.view, nil
	}
	l, err := s.buildDirectory(ctx, at, key, r)
	if err == nil {
		s.keep(key, l)
	}
	return l.view, err
}
