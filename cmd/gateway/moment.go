package main

import (
	"context"

	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/fresh"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/release"
)

// moment is who may ask and what the records are, at a moment after the requests that share it came in.
type moment struct {
	*partners.Standing
	views fhirapi.Views
}

// Views implements fhirapi.Moment.
func (m moment) Views() fhirapi.Views { return m.views }

// moments reads register and records in one go: a request waits once, and what several wait for is read once for them all. Records that cannot be read
// withhold what they hold, and nobody's answer that their token is not valid.
func moments(register *partners.Register, records *release.Service) func(context.Context) (fhirapi.Moment, error) {
	return fresh.Of(func(ctx context.Context) (fhirapi.Moment, error) {
		standing, err := register.Read(ctx)
		if err != nil {
			return nil, err
		}
		return moment{standing, fhirapi.Release(records.At(records.Version(ctx)))}, nil
	}).Get
}
