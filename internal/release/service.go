package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fresh"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Projector takes from a released resource what its reader may not see beside it (implemented by package egress, which alone opens bodies).
type Projector interface {
	// Without removes every reference for which gone says yes; false if the resource would lose a required element by it.
	Without(r stage.Released, gone func(fhir.Reference) bool) (stage.Released, bool)
	// MinimalPatient keeps of a Patient what tells whose records these are.
	MinimalPatient(r stage.Released) (stage.Released, bool)
	// ConsentExtract keeps of a Consent what it permits to the requester.
	ConsentExtract(r stage.Released, t *consent.Terms) (stage.Released, bool)
}

// Sealer gives ids their meaning (package ident).
type Sealer interface {
	Seal(resourceType, client, kind, key string) (string, error)
	Open(resourceType, id string) (client string, ok bool)
}

// Options are what a Service is made of. All but Audit are required.
type Options struct {
	Records   Records
	Sealer    Sealer
	Labels    *label.Rules
	Rules     *consent.Rules
	Projector Projector
	// Practice is this practice, as a Consent names the one who discloses.
	Practice []requester.Party
	Zone     *time.Location
	Now      func() time.Time
	// Granular tells whether a record matches a search parameter of a granular scope (package search).
	Granular func(*stage.Facts, smart.Param) bool
	// Audit gives the client what the ledger says; nil gives nobody anything.
	Audit *audit.Source
	// CacheBytes bounds all that is kept: compiled Consents, charts, views and reaches.
	CacheBytes uint64
}

// Service gives views. It is safe for concurrent use.
type Service struct {
	opts     Options
	now      versions
	consents *otter.Cache[practice.ClientKey, consentsOf]
	charts   *otter.Cache[practice.ClientKey, *chart]
	views    *otter.Cache[viewKey, lasting]
	reaches  *otter.Cache[viewKey, reached]
	audits   *otter.Cache[viewKey, audited]
	flights  *singleflight.Group
}

// kindPatient is the map that makes a client's Patient: its id is known from the client's key alone.
const kindPatient = "patient"

// New makes a Service.
func New(o Options) (*Service, error) {
	switch {
	case o.Records == nil || o.Sealer == nil || o.Labels == nil || o.Rules == nil || o.Projector == nil:
		return nil, errors.New("release: records, sealer, labels, rules and projector are required")
	case len(o.Practice) == 0:
		return nil, errors.New("release: without the practice's own identifiers no Consent can be told to be its own")
	case o.Zone == nil || o.Now == nil || o.Granular == nil || o.CacheBytes == 0:
		return nil, errors.New("release: zone, clock, granular matcher and cache size are required")
	}
	version := fresh.Of(o.Records.Version)
	s := &Service{opts: o, flights: &singleflight.Group{}}
	s.now = func(ctx context.Context) (string, error) { return named(version.Get(ctx)) }
	s.consents = otter.Must(&otter.Options[practice.ClientKey, consentsOf]{
		MaximumWeight: o.CacheBytes / 8, Weigher: func(_ practice.ClientKey, c consentsOf) uint32 { return c.weight() },
	})
	s.charts = otter.Must(&otter.Options[practice.ClientKey, *chart]{
		MaximumWeight: o.CacheBytes / 2, Weigher: func(_ practice.ClientKey, c *chart) uint32 { return c.weight },
	})
	s.views = otter.Must(&otter.Options[viewKey, lasting]{
		MaximumWeight: o.CacheBytes / 4, Weigher: func(_ viewKey, l lasting) uint32 { return l.weight() },
	})
	s.reaches = otter.Must(&otter.Options[viewKey, reached]{
		MaximumWeight: o.CacheBytes / 16, Weigher: func(_ viewKey, r reached) uint32 { return r.weight() },
	})
	s.audits = otter.Must(&otter.Options[viewKey, audited]{
		MaximumWeight: o.CacheBytes / 16, Weigher: func(_ viewKey, a audited) uint32 { return a.weight() },
	})
	return s, nil
}

// viewKey is what a view depends on besides the version of the records and the instant.
type viewKey struct {
	client     practice.ClientKey
	directory  bool
	requester  [32]byte
	permission smart.Permission
}

// View gives what the requester may see of the chart that the resource stands in. An id that this gateway did not make, or that is of a
// client without an applicable Consent, gives an empty View. An error wraps ErrUnavailable: nothing is known, nothing is released.
func (s *Service) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (*View, error) {
	client, ok := s.opts.Sealer.Open(ref.Type, ref.ID)
	if !ok || client == "" || r == nil {
		return newView(nil, Evidence{}), nil
	}
	return s.kept(ctx, viewKey{client: practice.ClientKey(client), requester: r.Digest(), permission: r.Scopes.Canonical(p)}, r, s.build)
}

// Directory gives the practice's own staff and sites, as far as the requester's scopes go.
func (s *Service) Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (*View, error) {
	if r == nil {
		return newView(nil, Evidence{}), nil
	}
	return s.kept(ctx, viewKey{directory: true, requester: r.Digest(), permission: r.Scopes.Canonical(p)}, r, s.buildDirectory)
}

// flightTries is how often a View is built that no longer holds when it is ready, before the request is given up.
const flightTries = 3

// kept gives a View that was built for the records as they are now, or builds it.
func (s *Service) kept(ctx context.Context, key viewKey, r *requester.Requester, build builder) (*View, error) {
	version, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	if version == "" {
		l, err := s.fly(ctx, key, r, build)
		return l.view, err
	}
	if l, ok := s.views.GetIfPresent(key); ok && l.holds(version, s.opts.Now()) {
		return l.view, nil
	}
	// Whoever waits for the flight was given the version that the flight began with: what the flight reads is that version or a newer one.
	flight := fmt.Sprintf("%s\x00%t\x00%x%c\x00%s", key.client, key.directory, key.requester, key.permission, version)
	for range flightTries {
		built, err, _ := s.flights.Do(flight, func() (any, error) {
			l, err := s.fly(context.WithoutCancel(ctx), key, r, build)
			if err == nil {
				s.keep(key, l)
			}
			return l, err
		})
		if err != nil {
			return nil, err
		}
		// It was decided when the flight began: for one who came later a Consent may have expired since.
		if l := built.(lasting); l.fits(s.opts.Now()) {
			return l.view, nil
		}
	}
	return nil, fmt.Errorf("%w: no view holds long enough", ErrUnavailable)
}

type builder func(ctx context.Context, at state, key viewKey, r *requester.Requester) (lasting, error)

// fly builds a View of one state of the records.
func (s *Service) fly(ctx context.Context, key viewKey, r *requester.Requester, build builder) (l lasting, err error) {
	err = s.read(ctx, func(ctx context.Context, at state) error {
		l, err = build(ctx, at, key, r)
		return err
	})
	if err != nil {
		return lasting{}, err
	}
	return l, nil
}

// keep keeps a View under the state that it is of, if that has a name.
func (s *Service) keep(key viewKey, l lasting) {
	if l.version != "" {
		s.views.Set(key, l)
	}
}

// named gives "" for a source that has no version: then nothing is kept.
func named(version string, err error) (string, error) {
	switch {
	case errors.Is(err, practice.ErrNoVersion):
		return "", nil
	case err != nil:
		return "", unavailable(err)
	case version == "":
		return "", unavailable(errors.New("release: the source gave an empty version"))
	}
	return version, nil
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
