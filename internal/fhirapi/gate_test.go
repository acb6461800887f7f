package fhirapi_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// gate refuses at one of its two doors, and counts what failed.
type gate struct {
	entering, admitting error
	failed              int
}

func (g *gate) Enter(context.Context) error               { return g.entering }
func (g *gate) Admit(context.Context, *smart.Token) error { return g.admitting }
func (g *gate) Failed(context.Context)                    { g.failed++ }

// A partner who asks too often gets nothing, whatever it has scopes for; nor does an address from which too much comes; nor anybody when that cannot be known.
func TestTheGateRefusesAGoodToken(t *testing.T) {
	for name, one := range map[string]struct {
		err        error
		status     int
		issue      string
		retryAfter string
	}{
		"too often":      {outcome.Retry(outcome.TooManyRequests, time.Minute, nil), 429, "throttled", "60"},
		"unknown":        {outcome.New(outcome.Unavailable, nil), 503, "transient", "5"},
		"any other text": {errors.New("redis: connection refused"), 500, "exception", ""},
	} {
		for door, g := range map[string]*gate{"entering": {entering: one.err}, "admitted": {admitting: one.err}} {
			c := gated(t, g)
			for _, target := range []string{"/fhir/Patient/p1", "/fhir/DocumentReference?patient=p1"} {
				w := c.get(target)
				if w.Code != one.status || code(t, w) != one.issue || w.Header().Get("Retry-After") != one.retryAfter {
					t.Errorf("%s, %s: %d %s", name, door, w.Code, w.Body)
				}
			}
			if len(c.ledger) != 0 || g.failed != 0 {
				t.Errorf("%s, %s: %d records of nothing, %d failures", name, door, len(c.ledger), g.failed)
			}
			if w := c.get("/fhir/metadata"); w.Code != 200 {
				t.Errorf("%s, %s: the CapabilityStatement answers %d", name, door, w.Code)
			}
		}
	}
}

func gated(t *testing.T, g fhirapi.Gate) *clinic {
	t.Helper()
	c := newClinic(t)
	o := c.Options
	o.Gate = g
	api, err := fhirapi.New(o)
	must(t, err)
	c.API = api
	return c
}

// A token that proves nobody is a failure, and nothing else is: neither one that has ended, nor that nobody can tell, nor that it does not reach so far.
func TestTokensThatProveNobodyAreFailures(t *testing.T) {
	refused := outcome.Retry(outcome.TooManyRequests, time.Minute, nil)
	for name, x := range map[string]struct {
		header string
		err    error
		status int
		failed int
	}{
		"none":                        {"", nil, 401, 0},
		"not a bearer token":          {"Basic YTpi", nil, 401, 1},
		"bad":                         {"Bearer bad", nil, 401, 1},
		"an unknown partner's":        {"Bearer good.stranger.system/*.rs", nil, 401, 1},
		"good":                        {"Bearer " + all, nil, 200, 0},
		"of another scope":            {"Bearer good.partner.system/Patient.rs", nil, 403, 0},
		"expired":                     {"Bearer " + all, smart.ErrExpired, 401, 0},
		"when keys are away":          {"Bearer " + all, smart.ErrKeys, 503, 0},
		"when nobody may be asked":    {"Bearer " + all, refused, 429, 0},
		"an error of nobody's making": {"Bearer " + all, errors.New("x"), 401, 1},
	} {
		g := &gate{}
		c := gated(t, g)
		c.verifyErr = x.err
		if w := c.get("/fhir/DocumentReference/n1", "Authorization: "+x.header); w.Code != x.status || g.failed != x.failed {
			t.Errorf("%s: %d, %d failures", name, w.Code, g.failed)
		}
	}
	g := &gate{}
	c := gated(t, g)
	c.momentErr = requester.ErrUnavailable
	if w := c.get("/fhir/DocumentReference/n1"); w.Code != 503 || g.failed != 0 {
		t.Errorf("when the register is away: %d, %d failures", w.Code, g.failed)
	}
}
