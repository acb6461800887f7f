package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func refresh(family, secret string) Refresh {
	return Refresh{sha256.Sum256([]byte(family)), sha256.Sum256([]byte(secret))}
}

var grantNow = time.Unix(1_800_000_000, 0)

func aGrant() Grant {
	return Grant{ID: "g", App: "app", Patient: "Patient/a", Person: "RelatedPerson/b", Scope: "patient/*.rs", Begun: grantNow, Until: grantNow.Add(time.Hour)}
}

// begin gives a grant, for which the app comes at once.
func begin(ctx context.Context, s *State, g Grant, r Refresh, now time.Time) error {
	given := g
	given.Until = now.Add(time.Minute)
	if err := s.GiveGrant(ctx, given, now); err != nil {
		return err
	}
	return s.BeginGrant(ctx, g, r, now)
}

func TestARefreshTokenIsGoodOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		first, second := refresh("f", "1"), refresh("f", "2")
		if err := begin(ctx, s, aGrant(), first, grantNow); err != nil {
			t.Fatal(err)
		}
		got, err := s.FindGrant(ctx, first, grantNow)
		if diff := cmp.Diff(aGrant(), got); diff != "" || err != nil {
			t.Fatalf("%s, %v", diff, err)
		}
		if err := s.RotateGrant(ctx, "g", first, second, grantNow); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindGrant(ctx, second, grantNow); err != nil {
			t.Fatal(err)
		}
		if got, err := s.FindGrant(ctx, first, grantNow); !errors.Is(err, ErrReused) || got.ID != "g" || got.App != "app" || got.Scope != "" {
			t.Errorf("a token that was used: %v, %v", got, err)
		}
		if err := s.EndGrant(ctx, "g", aGrant().Until, End{By: ByReuse, At: grantNow}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindGrant(ctx, second, grantNow); !errors.Is(err, ErrNoGrant) {
			t.Errorf("the family goes on: %v", err)
		}
		if err := s.RotateGrant(ctx, "g", second, refresh("f", "3"), grantNow); !errors.Is(err, ErrReused) {
			t.Errorf("the family goes on: %v", err)
		}
	})
}

func TestOfTwoWhoShowOneTokenBothLoseTheGrant(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		first := refresh("f", "1")
		if err := begin(ctx, s, aGrant(), first, grantNow); err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 4)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { errs[i] = s.RotateGrant(ctx, "g", first, refresh("f", string(rune('a'+i))), grantNow) })
		}
		wait.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				if _, err := s.FindGrant(ctx, refresh("f", string(rune('a'+i))), grantNow); !errors.Is(err, ErrNoGrant) {
					t.Errorf("the winner's token is good: %v", err)
				}
			} else if !errors.Is(err, ErrReused) {
				t.Error(err)
			}
		}
		if won > 1 {
			t.Errorf("%d rotated", won)
		}
	})
}

func TestAGrantEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		token := refresh("f", "1")
		if err := begin(ctx, s, aGrant(), token, grantNow); err != nil {
			t.Fatal(err)
		}
		late := aGrant().Until
		if _, err := s.FindGrant(ctx, token, late); !errors.Is(err, ErrNoGrant) {
			t.Errorf("when its time is over: %v", err)
		}
		if err := s.EndGrant(ctx, "g", late, End{By: ByApp, At: grantNow}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindGrant(ctx, token, grantNow); !errors.Is(err, ErrNoGrant) {
			t.Errorf("after it was ended: %v", err)
		}
		if _, err := s.FindGrant(ctx, refresh("other", "1"), grantNow); !errors.Is(err, ErrNoGrant) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// A code may be replayed, or the client may decide otherwise, before the first answer has been written.
func TestAGrantThatWasEndedBeforeItCameDoesNotBegin(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		given := aGrant()
		given.Until = grantNow.Add(time.Minute)
		other := aGrant()
		other.Patient = "Patient/b"
		for name, c := range map[string]struct {
			before func() error
			begins Grant
			now    time.Time
			want   error
		}{
			"nobody has given it": {func() error { return nil }, aGrant(), grantNow, ErrNoGrant},
			"another patient's":   {func() error { return s.GiveGrant(ctx, given, grantNow) }, other, grantNow, ErrNoGrant},
			"too late":            {func() error { return s.GiveGrant(ctx, given, grantNow) }, aGrant(), given.Until, ErrNoGrant},
			"ended": {func() error {
				return errors.Join(s.GiveGrant(ctx, given, grantNow), s.EndGrant(ctx, "g", given.Until, End{By: ByReuse, At: grantNow}))
			}, aGrant(), grantNow, ErrNoGrant},
			"begun before": {func() error { return begin(ctx, s, aGrant(), Refresh{}, grantNow) }, aGrant(), grantNow, ErrNoGrant},
			"good":         {func() error { return s.GiveGrant(ctx, given, grantNow) }, aGrant(), given.Until.Add(-time.Second), nil},
		} {
			if _, err := s.db.ExecContext(ctx, `DELETE FROM app_grants`); err != nil {
				t.Fatal(err)
			}
			if err := c.before(); err != nil {
				t.Fatal(name, err)
			}
			if err := s.BeginGrant(ctx, c.begins, refresh("f", "1"), c.now); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s.FindGrant(ctx, refresh("f", "1"), c.now); !errors.Is(err, c.want) {
				t.Errorf("%s: it has begun: %v", name, err)
			}
		}
		if _, err := s.db.ExecContext(ctx, `DELETE FROM app_grants`); err != nil {
			t.Fatal(err)
		}
		// One whose end came first is not given. When nobody can begin it any more, it is forgotten.
		if err := s.EndGrant(ctx, "g", given.Until, End{By: ByReuse, At: grantNow}); err != nil {
			t.Fatal(err)
		}
		if err := s.GiveGrant(ctx, given, grantNow); !errors.Is(err, ErrNoGrant) {
			t.Error(err)
		}
		if err := begin(ctx, s, Grant{ID: "g", App: "app", Until: given.Until.Add(time.Hour)}, Refresh{}, given.Until); err != nil {
			t.Error(err)
		}
	})
}

func TestGrantsAreListedUntilTheyAreOver(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		grant := func(id, app, patient string, begun, until time.Time) Grant {
			return Grant{ID: id, App: app, Patient: patient, Person: patient, Scope: "patient/*.rs", Begun: begun, Until: until}
		}
		later := grantNow.Add(time.Minute)
		online := grant("online", "app", "Patient/b", grantNow, grantNow.Add(5*time.Minute))
		second := grant("second", "app", "Patient/a", later, grantNow.Add(time.Hour))
		other := grant("other", "other", "Patient/a", later, grantNow.Add(time.Hour))
		for _, g := range []Grant{online, second, other, grant("online too", "app", "Patient/c", later, grantNow.Add(5*time.Minute))} {
			token := refresh("f"+g.ID, "1")
			if g.Until.Before(grantNow.Add(time.Hour)) {
				token = Refresh{} // several have none
			}
			if err := begin(ctx, s, g, token, g.Begun); err != nil {
				t.Fatal(err)
			}
		}
		anna := End{By: ByOperator, Operator: "anna", At: later}
		for _, id := range []string{"second", "never given"} {
			if err := s.EndGrant(ctx, id, grantNow.Add(time.Hour), anna); err != nil {
				t.Fatal(err)
			}
		}
		second.Ended, second.End = true, anna
		third := grant("online too", "app", "Patient/c", later, grantNow.Add(5*time.Minute))
		for _, x := range []struct {
			what, app, patient string
			now                time.Time
			want               []Grant
		}{
			{"all", "", "", later, []Grant{online, third, other, second}},
			{"of an app", "app", "", later, []Grant{online, third, second}},
			{"of a client", "", "Patient/a", later, []Grant{other, second}},
			{"of an app and a client", "app", "Patient/b", later, []Grant{online}},
			{"later", "", "", online.Until, []Grant{other, second}},
			{"at last", "", "", second.Until, nil},
			{"of nobody", "nobody", "", later, nil},
		} {
			got, err := s.Grants(ctx, x.app, x.patient, x.now)
			if diff := cmp.Diff(x.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", x.what, err, diff)
			}
		}
		if _, err := s.FindGrant(ctx, Refresh{}, later); !errors.Is(err, ErrNoGrant) {
			t.Errorf("the token of a grant that has none: %v", err)
		}
	})
}

// It is kept who has ended a grant first, and when; of what ends by itself that its time was over.
func TestWhoHasEndedAGrantIsRemembered(t *testing.T) {
	onBoth(t, func(t *testing.T, p Place) {
		s, ctx := openState(t, p), t.Context()
		add := func(id string, until time.Time) Refresh {
			g, token := aGrant(), refresh("f"+id, "1")
			g.ID, g.Until = id, until
			if err := begin(ctx, s, g, token, grantNow); err != nil {
				t.Fatal(err)
			}
			return token
		}
		until, later := grantNow.Add(time.Hour), grantNow.Add(time.Minute)
		for _, id := range []string{"by the app", "by anna"} {
			add(id, until)
		}
		rotated := add("rotated twice", until)
		add("expired", later)
		add("open", until)
		ends := map[string]End{
			"by the app": {By: ByApp, At: later}, "by anna": {By: ByOperator, Operator: "anna", At: later},
			"rotated twice": {By: ByReuse, At: later}, "expired": {By: ByExpiry, At: later},
		}
		for _, id := range []string{"by the app", "by anna"} {
			if err := s.EndGrant(ctx, id, until, ends[id]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.RotateGrant(ctx, "rotated twice", refresh("frotated twice", "2"), rotated, later); !errors.Is(err, ErrReused) {
			t.Fatal(err)
		}
		// Whoever comes later has ended nothing.
		for id := range ends {
			if err := s.EndGrant(ctx, id, until, End{By: ByOperator, Operator: "ben", At: later.Add(time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]End{}
		all, err := s.EndedGrants(ctx, "app", "Patient/a", later)
		for _, g := range all {
			got[g.ID] = g.End
		}
		if diff := cmp.Diff(ends, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		for _, of := range [][2]string{{"another", ""}, {"", "Patient/b"}} {
			if all, err := s.EndedGrants(ctx, of[0], of[1], later); len(all) != 0 || err != nil {
				t.Errorf("of %v: %d, %v", of, len(all), err)
			}
		}
		// It is forgotten in the end, and not before.
		for _, x := range []struct {
			at   time.Time
			want int
		}{{until.Add(remembered - time.Second), 4}, {until.Add(remembered), 0}} {
			g := aGrant()
			g.ID, g.Until = x.at.String(), x.at.Add(time.Hour)
			if err := begin(ctx, s, g, Refresh{}, x.at); err != nil {
				t.Fatal(err)
			}
			all, err := s.EndedGrants(ctx, "", "", x.at)
			if len(all) != x.want || err != nil {
				t.Errorf("%v later: %d, %v", x.at.Sub(until), len(all), err)
			}
		}
	})
}
