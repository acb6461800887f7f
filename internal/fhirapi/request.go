package fhirapi

import (
	"context"
	"net/url"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// Request is what a handler knows of a request.
type Request struct {
	// Requester is who asks; nil on a public route.
	Requester *requester.Requester
	// Type is the resource type of the route, ID the logical id in its path. The id is as it came: it may be anything.
	Type string
	ID   string
	// Params are the parameters of the URL and of the form together.
	Params url.Values
	// Strict is `Prefer: handling=strict`: a parameter that we do not know is an error.
	Strict bool

	asked      askedKey      // zero where what is asked for is not remembered
	query      *search.Query // as remembered, nil if it is not
	native     *native       // what a native route may answer with; nil for FHIR JSON
	permission smart.Permission
	views      Views
	disclosure disclosure
	viewing    time.Duration // how long the views took
	now        func() time.Time
}

// View gives the view of the chart that the resource stands in.
func (r *Request) View(ctx context.Context, ref fhir.Reference) (View, error) {
	if r.Type == audit.Type {
		return r.timed(func() (View, error) { return r.views.AuditEvents(ctx, r.Requester, r.permission, ref) })
	}
	return r.timed(func() (View, error) { return r.views.View(ctx, r.Requester, r.permission, ref) })
}

// Views gives the views of the charts that the resources stand in, reduced to what a search can show.
func (r *Request) Views(ctx context.Context, refs []fhir.Reference, shows func(*stage.Facts) bool) ([]View, error) {
	if r.Type == audit.Type { // a client has one view of them, whatever their ids
		views := make([]View, 0, len(refs))
		for _, ref := range refs {
			v, err := r.View(ctx, ref)
			if err != nil {
				return nil, err
			}
			views = append(views, v)
		}
		return views, nil
	}
	began := r.now()
	views, err := r.views.Views(ctx, r.Requester, r.permission, refs, shows)
	r.viewing += r.now().Sub(began)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, v := range views {
		r.disclosure.note(v)
	}
	return views, nil
}

// Directory gives the view of the practice's own staff and sites.
func (r *Request) Directory(ctx context.Context) (View, error) {
	return r.timed(func() (View, error) { return r.views.Directory(ctx, r.Requester, r.permission) })
}

// Reach gives the clients that the requester may know of.
func (r *Request) Reach(ctx context.Context) ([]fhir.Reference, error) {
	r.disclosure.reach = true
	began := r.now()
	refs, err := r.views.Reach(ctx, r.Requester, r.permission)
	r.viewing += r.now().Sub(began)
	if err != nil {
		return nil, unavailable(err)
	}
	return refs, nil
}

func (r *Request) timed(get func() (View, error)) (View, error) {
	began := r.now()
	v, err := get()
	r.viewing += r.now().Sub(began)
	if err != nil {
		return nil, unavailable(err)
	}
	r.disclosure.note(v)
	return v, nil
}
