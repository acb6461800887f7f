package launch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/smart"
)

// Given keeps what clients have given to apps (authserver.Given).
type Given interface {
	// Give keeps what a client has decided, for an app that has not come for it yet and may until then.
	Give(ctx context.Context, g Grant, until time.Time) error
	// Before are the scopes of the other grants, by their ids, that the same person has given the same app for the same patient.
	Before(ctx context.Context, g Grant) (map[string]string, error)
	// End ends a grant of before, since the client has taken something of it away.
	End(ctx context.Context, id string) error
}

// hold keeps a decision before the app hears of it: what the client has taken away is gone from what the app has already, whether or not it comes for the code.
// What is given now is kept first, so that of two decisions at once the later one finds the other.
func (l *Launch) hold(ctx context.Context, d decision) error {
	ctx = context.WithoutCancel(ctx) // the client has decided, and may be gone
	if !d.given.nothing() {
		if err := l.Given.Give(ctx, d.code.grant(), l.Now().Add(codeTime+ephemeral.ClockSkew)); err != nil {
			return err
		}
	}
	if d.taken.nothing() && !d.taken.offline {
		return nil
	}
	before, err := l.Given.Before(ctx, d.code.grant())
	if err != nil {
		return err
	}
	for id, scope := range before {
		if !loses(scope, d.given, d.taken) {
			continue
		}
		if err := l.Given.End(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// loses tells whether a scope of before has something that was taken away now and not left in another form. A scope that is limited to some records counts for
// its whole type: whether two limits meet cannot be told from them.
func loses(before string, given, taken scopes) bool {
	had := Has(before)
	if had.OpenID && taken.openID || had.Offline && taken.offline {
		return true
	}
	return slices.ContainsFunc(smart.ParseScopes(before).All(), func(b smart.Scope) bool {
		covers := func(g smart.Scope) bool { return g.Covers(b) }
		meets := func(t smart.Scope) bool {
			return (t.Type == b.Type || t.Type == "*" || b.Type == "*") && strings.ContainsAny(t.Permissions, b.Permissions)
		}
		return slices.ContainsFunc(taken.resources.All(), meets) && !slices.ContainsFunc(given.resources.All(), covers)
	})
}
