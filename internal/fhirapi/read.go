package fhirapi

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/search"
)

// read answers GET [base]/[type]/[id] (https://hl7.org/fhir/R4/http.html#read). An id that is unknown, tampered with, another client's or
// withheld is one and the same: it is not in the view.
func (a *API) read(ctx context.Context, r *Request) (egress.Response, error) {
	subset, err := a.subset(r)
	if err != nil {
		return nil, err
	}
	ref := fhir.Reference{Type: r.Type, ID: r.ID}
	if search.InDirectory(r.Type) {
		d, err := r.Directory(ctx)
		if err != nil {
			return nil, err
		}
		if found, ok := d.Get(ref); ok {
			return &egress.Resource{Released: found, Subset: subset}, nil
		}
	}
	v, err := r.View(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found, ok := v.Get(ref); ok {
		return &egress.Resource{Released: found, Terms: v.Terms(ref), Subset: subset}, nil
	}
	return nil, outcome.New(outcome.NotFound, nil)
}

// subset is what of the resource is asked for.
func (a *API) subset(r *Request) (fhirjson.Subset, error) {
	if len(r.Params) == 0 {
		return fhirjson.Subset{}, nil
	}
	subset, err := a.parser.Subset(r.Type, r.Params, r.Strict)
	if err != nil {
		return fhirjson.Subset{}, searchError(err)
	}
	return subset, nil
}
