package authserver

import (
	"context"
	"errors"
	"time"

	"github.com/consentry/gateway/internal/authserver/launch"
	"github.com/consentry/gateway/internal/store"
)

// Grants keeps what clients have given to apps (store.State).
type Grants interface {
	GiveGrant(ctx context.Context, g store.Grant, now time.Time) error
	BeginGrant(ctx context.Context, g store.Grant, r store.Refresh, now time.Time) error
	Grants(ctx context.Context, app, patient string, now time.Time) ([]store.Grant, error)
	FindGrant(ctx context.Context, r store.Refresh, now time.Time) (store.Grant, error)
	RotateGrant(ctx context.Context, id string, from, to store.Refresh, now time.Time) error
	EndGrant(ctx context.Context, id string, until time.Time, end store.End) error
}

// Given keeps what clients have given to apps, and takes it back (launch.Given).
type Given struct {
	Grants Grants
	// Revoke refuses every token of a grant from now on, everywhere.
	Revoke func(ctx context.Context, grant string, until time.Time) error
	Now    func() time.Time
}

// Give implements launch.Given.
func (g *Given) Give(ctx context.Context, one launch.Grant, until time.Time) error {
	return g.Grants.GiveGrant(ctx, store.Grant{ID: one.ID, App: one.Client, Patient: one.Patient.String(), Person: one.User.String(), Scope: one.Scope, Until: until}, g.Now())
}

// Before implements launch.Given.
func (g *Given) Before(ctx context.Context, one launch.Grant) (map[string]string, error) {
	all, err := g.Grants.Grants(ctx, one.Client, one.Patient.String(), g.Now())
	if err != nil {
		return nil, err
	}
	scopes := map[string]string{}
	for _, other := range all {
		if !other.Ended && other.Person == one.User.String() && other.ID != one.ID {
			scopes[other.ID] = other.Scope
		}
	}
	return scopes, nil
}

// End implements launch.Given.
func (g *Given) End(ctx context.Context, id string) error { return g.end(ctx, id, store.ByNewer) }

// end ends a grant: its refresh token and every token of it. Whoever is the reason must not be able to stop it by going away.
func (g *Given) end(ctx context.Context, id string, by store.EndedBy) error {
	ctx = context.WithoutCancel(ctx)
	now := g.Now()
	until := now.Add(MaxLifetime + afterExpiry)
	return errors.Join(g.Revoke(ctx, id, until), g.Grants.EndGrant(ctx, id, until, store.End{By: by, At: now}))
}
