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
	in.Chart = s.opts.Labels.Apply(candidates)
	res := consent.DecideDirectory(in)
	there := make(map[fhir.Reference]bool, len(res.Released))
	for _, r := range res.Released {
		there[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = true
	}
	resources := make([]stage.Released, 0, len(res.Released))
	for _, r := range res.Released {
		if r, ok := s.opts.Projector.Without(r, func(ref fhir.Reference) bool { return !there[ref] }); ok {
			resources = append(resources, r)
		}
	}
	return lasting{validity{at.version, in.Now, res.ValidUntil}, newView(resources, Evidence{})}, nil
}

// directoryAt gives the directory in the state that a chart is read in.
func (s *Service) directoryAt(ctx context.Context, at state, r *requester.Requester, p smart.Permission) (*View, error) {
	key := viewKey{directory: true, requester: r.Digest(), permission: r.Scopes.Canonical(p)}
	if l, ok := s.views.GetIfPresent(key); ok && l.holds(at.version, s.opts.Now()) {
		return l.view, nil
	}
	l, err := s.buildDirectory(ctx, at, key, r)
	if err == nil {
		s.keep(key, l)
	}
	return l.view, err
}

// staffAt tells which of the practice's own staff and sites may be named inside a chart: those whom the requester may read, and to a person
// who sees their own records, or those of whom they represent, all of them. Who wrote and signed a record is a part of it (45 CFR 164.524),
// and the scopes of a client's app end with the client's chart (rule 3).
func (s *Service) staffAt(ctx context.Context, at state, r *requester.Requester, p smart.Permission) (func(fhir.Reference) bool, error) {
	if _, own := r.SelfAccess(); !own {
		directory, err := s.directoryAt(ctx, at, r, p)
		return func(ref fhir.Reference) bool { _, ok := directory.Get(ref); return ok }, err
	}
	candidates, err := at.Directory(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	all := make(map[fhir.Reference]bool, len(candidates))
	for _, c := range candidates {
		if f := c.Facts(); f != nil && f.Origin.Directory {
			all[fhir.Reference{Type: f.Type, ID: f.ID}] = true
		}
	}
	return func(ref fhir.Reference) bool { return all[ref] }, nil
}
