package fhirapi

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/release/egress"
)

// compartment answers Patient/[id]/[type] (https://hl7.org/fhir/R4/compartmentdefinition.html): the search of the type with the client of the path.
func (a *API) compartment(ctx context.Context, r *Request) (egress.Response, error) {
	if !fhir.IsID(r.ID) {
		return nil, outcome.New(outcome.NotFound, nil)
	}
	if r.query == nil { // what is remembered of the URL names the client already
		r.Params["patient"] = append(r.Params["patient"], r.ID)
	}
	return a.search(ctx, r)
}
