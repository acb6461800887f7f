package fhirapi

import (
	"context"

	"github.com/consentry/gateway/internal/release/egress"
)

// capabilities is the CapabilityStatement (https://hl7.org/fhir/R4/http.html#capabilities), which anybody may read.
func capabilities(statement []byte) *egress.Document {
	return egress.NewDocument(egress.FHIRJSON, statement)
}

// capabilityStatement answers GET [base]/metadata.
func (a *API) capabilityStatement(context.Context, *Request) (egress.Response, error) {
	return a.metadata, nil
}
