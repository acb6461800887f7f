package fhirapi

import (
	"context"

	"github.com/consentry/gateway/internal/release/egress"
)

// smartConfiguration is the discovery document of SMART App Launch 2.2 ("Conformance"), which anybody may read. It is JSON whatever the
// Accept header asks for.
func smartConfiguration(document []byte) *egress.Document {
	return egress.NewDocument(egress.JSON, document)
}

// discovery answers GET [base]/.well-known/smart-configuration.
func (a *API) discovery(context.Context, *Request) (egress.Response, error) {
	return a.smart, nil
}
