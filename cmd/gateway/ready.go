package main

import (
	"context"
	"errors"

	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/smart"
)

// checks are what must hold for /readyz, each time anew. The rules are proven by their having been loaded: without them nothing opens.
func (g *gateway) checks(v *smart.Verifier) []fhirapi.Check {
	return []fhirapi.Check{
		{Name: "keys", Func: v.Ready},
		{Name: "practice", Func: g.answers},
		{Name: "separation", Func: g.apart},
		{Name: "maps", Func: g.fit},
		{Name: "ledger", Func: g.ledger.Ready},
		{Name: "partners", Func: g.partners.Ready},
	}
}

// answers tells whether the practice's database does, or its folder can be read.
func (r *records) answers(ctx context.Context) error {
	if _, err := r.all().Version(ctx); !errors.Is(err, practice.ErrNoVersion) {
		return err
	}
	return nil
}
