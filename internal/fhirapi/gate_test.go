package fhirapi_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/smart"
)

type gate struct{ err error }

func (g gate) Admit(context.Context, *smart.Token) error { return g.err }

// A token that was revoked, or of a partner who asks too often, gets nothing, whatever it has scopes for; so does every token when that cannot
// be known.
func TestTheGateRefusesAGoodToken(t *testing.T) {
	for name, one := range map[string]struct {
		err        error
		status     int
		issue      string
		retryAfter string
	}{
		"revoked":        {outcome.New(outcome.InvalidToken, nil), 401, "unknown", ""},
		"too often":      {outcome.Retry(outcome.TooManyRequests, time.Minute, nil), 429, "throttled", "60"},
		"unknown":        {outcome.New(outcome.Unavailable, nil), 503, "transient", "5"},
		"any other text": {errors.New("redis: connection refused"), 500, "exception", ""},
	} {
		c := newClinic(t)
		o := c.Options
		o.Gate = gate{one.err}
		api, err := fhirapi.New(o)
		must(t, err)
		c.API = api
		for _, target := range []string{"/fhir/Patient/p1", "/fhir/DocumentReference?patient=p1"} {
			w := c.get(target)
			if w.Code != one.status || code(t, w) != one.issue || w.Header().Get("Retry-After") != one.retryAfter {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		if len(c.ledger) != 0 {
			t.Errorf("%s: %d records of nothing", name, len(c.ledger))
		}
		if w := c.get("/fhir/metadata"); w.Code != 200 {
			t.Errorf("%s: the CapabilityStatement answers %d", name, w.Code)
		}
	}
}
