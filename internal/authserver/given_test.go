package authserver

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/store"
)

// two are scopes of which the first row of the page is the Patient.
const two = "offline_access patient/Patient.rs patient/Condition.rs"

// alive tells whether an app still has what it was given: its access token opens, and its refresh token brings another.
func (a *apps) alive(t *testing.T, got *tokens) bool {
	t.Helper()
	_, err := a.opens(t, got.Access)
	next := a.ask(t, "/auth/token", refreshForm("diary", got.Refresh))
	if (err == nil) != (next.Status == http.StatusOK) || err != nil && (!errors.Is(err, requester.ErrRevoked) || next.Error != "invalid_grant") {
		t.Errorf("the access token: %v; the refresh token: %+v", err, next)
	}
	if err == nil {
		got.Access, got.Refresh = next.Access, next.Refresh
	}
	return err == nil
}

// What a client takes away at a launch the app loses on other devices, too, from the decision on, whether or not it comes for the code; two devices that may the
// same do not disturb each other.
func TestANewerDecisionTakesAwayWhatAnOlderOneGave(t *testing.T) {
	a := newApps(t)
	phone := a.given(t, "diary", two)
	tablet := a.given(t, "diary", two)
	narrow := a.given(t, "diary", "offline_access patient/Patient.rs")
	elsewhere := a.given(t, "other", two)
	if !a.alive(t, &phone) || !a.alive(t, &tablet) {
		t.Fatal("two devices disturb each other")
	}
	code := a.code(t, "diary", two, 1) // without Condition, and the app does not come
	if a.alive(t, &phone) || a.alive(t, &tablet) {
		t.Error("the app has what was taken away")
	}
	if !a.alive(t, &narrow) {
		t.Error("a grant that had nothing of it has ended")
	}
	if _, err := a.opens(t, elsewhere.Access); err != nil {
		t.Errorf("another app has lost something: %v", err)
	}
	if got := a.ask(t, "/auth/token", codeForm("diary", code)); got.Status != http.StatusOK || got.Scope != "launch/patient offline_access patient/Patient.rs" {
		t.Errorf("the app comes at last: %+v", got)
	}
	ended, err := a.state.EndedGrants(t.Context(), "", "", a.now)
	if err != nil || len(ended) != 2 || ended[0].End != (store.End{By: store.ByNewer, At: time.Unix(a.now.Unix(), 0)}) {
		t.Errorf("%v, %+v", err, ended)
	}
}

// An app that keeps a code back gets nothing for it when the client has decided otherwise meanwhile.
func TestACodeOfBeforeADecisionIsWorthNothing(t *testing.T) {
	a := newApps(t)
	wide := a.code(t, "diary", two)
	narrow := a.code(t, "diary", two, 1)
	if got := a.ask(t, "/auth/token", codeForm("diary", wide)); got.Error != "invalid_grant" || got.Access+got.Refresh != "" {
		t.Errorf("%+v", got)
	}
	if got := a.ask(t, "/auth/token", codeForm("diary", narrow)); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}

// Whoever acts for a client decides for themselves: what one of them takes away another may still have given, and of another client it says nothing.
func TestADecisionIsOfOnePersonAboutOneClient(t *testing.T) {
	a := newApps(t)
	now := a.now
	of := func(id string, person, patient string) store.Grant {
		return store.Grant{ID: id, App: "diary", Patient: "Patient/" + patient, Person: "Patient/" + person, Scope: two, Until: now.Add(time.Hour)}
	}
	for _, g := range []store.Grant{of("hers", "ada", "ada"), of("her mother's", "eve", "ada"), of("her son's", "ada", "tom")} {
		if err := errors.Join(a.state.GiveGrant(t.Context(), g, now), a.state.BeginGrant(t.Context(), g, store.Refresh{}, now)); err != nil {
			t.Fatal(err)
		}
	}
	a.code(t, "diary", two, 1)
	ended, err := a.state.EndedGrants(t.Context(), "", "", now)
	if err != nil || len(ended) != 1 || ended[0].ID != "hers" {
		t.Errorf("%v, %+v", err, ended)
	}
}
