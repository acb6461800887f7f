package fhirapi

import (
	"context"
	"errors"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// View is what one requester may see of one chart or of the directory (release.View).
type View interface {
	Resources(resourceType string) []stage.Released
	All() []stage.Released
	Get(ref fhir.Reference) (stage.Released, bool)
	// Binary is the content of an attachment, and the document that it was released with. Nothing else leads to one.
	Binary(id string) (binary stage.Released, document fhir.Reference, ok bool)
	// Terms are those of the Consents that permit a resource of the view (rule 23).
	Terms(ref fhir.Reference) []*consent.Terms
	Evidence() release.Evidence
	Memo() *release.Memo
}

// Views gives views (release.Service). An id that is unknown, tampered with or another client's gives an empty view and no error: an error means
// that the answer is not known.
type Views interface {
	// View is of the chart that the resource stands in.
	View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (View, error)
	// Views are of the charts that the resources stand in, in their order, each reduced to what shows says.
	Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, shows func(*stage.Facts) bool) ([]View, error)
	// Directory is of the practice's own staff and sites.
	Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (View, error)
	// AuditEvents are what the ledger says of the disclosures about the client in whose chart the resource stands, for that client alone.
	AuditEvents(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (View, error)
	// Reach are the clients that the requester may know of.
	Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error)
}

// Release makes Views of the release of information.
func Release(s *release.Service) Views { return service{s} }

type service struct{ of *release.Service }

func (s service) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (View, error) {
	return present(s.of.View(ctx, r, p, ref))
}

func (s service) Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, shows func(*stage.Facts) bool) ([]View, error) {
	of, err := s.of.Views(ctx, r, p, refs, shows)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(of))
	for i, v := range of {
		if views[i], err = present(v, nil); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func (s service) Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (View, error) {
	return present(s.of.Directory(ctx, r, p))
}

func (s service) AuditEvents(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (View, error) {
	return present(s.of.AuditEvents(ctx, r, p, ref))
}

func (s service) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	return s.of.Reach(ctx, r, p)
}

// present keeps a nil *release.View from becoming a View that is not nil.
func present(v *release.View, err error) (View, error) {
	if err != nil || v == nil {
		return nil, errors.Join(err, errNoView)
	}
	return v, nil
}

var errNoView = errors.New("fhirapi: no view")

// entry is a released resource as an answer has it, with its terms, which are in the view that it is of.
func entry(r stage.Released, mode egress.Mode, views []View) egress.Entry {
	x := egress.Entry{Released: r, Mode: mode}
	ref := fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}
	for i := 0; i < len(views) && x.Terms == nil; i++ {
		x.Terms = views[i].Terms(ref)
	}
	return x
}

// unavailable gives an error from Views its kind: whatever kept the view from being made, nothing is released and trying again may help.
func unavailable(err error) error {
	var known *outcome.Error
	if errors.As(err, &known) {
		return err
	}
	return outcome.New(outcome.Unavailable, err)
}

// disclosure collects, for the ledger, how the views of one request came about. A handler gets views only through it.
type disclosure struct {
	evidence []release.Evidence
	// reach says that the views were made to search among all clients of the requester's reach: one that gave nothing is not recorded.
	reach bool
}

// note keeps the evidence of a view, the newest of each client.
func (d *disclosure) note(v View) {
	e := v.Evidence()
	for i := range d.evidence {
		if d.evidence[i].Client == e.Client {
			d.evidence[i] = e
			return
		}
	}
	d.evidence = append(d.evidence, e)
}
