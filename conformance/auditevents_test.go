package conformance

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestTheClientSeesWhoGotTheirRecords: a provider reads, and the client's own app finds an AuditEvent that names it; nobody else finds one.
func TestTheClientSeesWhoGotTheirRecords(t *testing.T) {
	t.Parallel()
	c := ownClinic(t)
	s := c.practice.Story
	id, other := c.id(t, s.Referred), c.id(t, s.Couple[0])
	app := c.person(t, id, "Patient/"+id)
	names := func(a *answer) (all []string) {
		for _, r := range a.bundle(t).Matches {
			all = append(all, texts(r.Tree, "agent.name")...)
		}
		return all
	}
	search := "AuditEvent?patient=" + id
	if got := names(app.get(t, search)); len(got) != 0 {
		t.Fatalf("before anybody has read: %v", got)
	}
	provider := c.as(t, harbor)
	documents := provider.get(t, "DocumentReference?patient="+id).bundle(t).Matches
	if len(documents) == 0 {
		t.Fatal("the provider gets nothing")
	}
	provider.get(t, documents[0].ref())
	provider.get(t, "DocumentReference/"+stranger())            // tells nothing
	c.as(t, newDawn).get(t, "Goal?patient="+id+"&_id="+other)   // nor this
	c.as(t, reyes).get(t, "DocumentReference?patient="+id)      // nor this, of one without a Consent
	c.as(t, harbor).get(t, "Patient?_id="+c.id(t, s.Couple[0])) // of another client

	got := app.get(t, search)
	if want := []string{"Harbor Family Medicine", "Harbor Family Medicine"}; !slices.Equal(names(got), want) {
		t.Fatalf("the client sees %v", names(got))
	}
	events := got.bundle(t).Matches
	for _, e := range events {
		if r := app.get(t, e.ref()); r.status != 200 || !bytes.Contains(r.body, []byte(e.ID)) {
			t.Errorf("a read of the AuditEvent: %d", r.status)
		}
	}
	for _, q := range []string{search + "&agent-name=harbor", search + "&date=ge2020-01-01", search + "&_lastUpdated=gt2020-01-01", search + "&subtype=read,search-type", "AuditEvent?_id=" + events[0].ID + "," + events[1].ID} {
		if n := len(app.get(t, q).bundle(t).Matches); n != 2 {
			t.Errorf("%s: %d", withoutQuery(q), n)
		}
	}
	for _, q := range []string{search + "&agent-name=dawn", search + "&date=lt2020-01-01", search + "&action=D"} {
		if n := len(app.get(t, q).bundle(t).Matches); n != 0 {
			t.Errorf("%s: %d", withoutQuery(q), n)
		}
	}
	if n := len(app.post(t, "AuditEvent/_search", url.Values{"patient": {id}}).bundle(t).Matches); n != 2 {
		t.Errorf("POST: %d", n)
	}
	first := app.get(t, search+"&_count=1").bundle(t)
	if len(first.Matches) != 1 || first.Total == nil || *first.Total != 2 || first.Next == "" {
		t.Fatalf("a page of one: %+v", first)
	}
	if second := app.get(t, strings.TrimPrefix(first.Next, c.base+"/")).bundle(t); len(second.Matches) != 1 || second.Matches[0].ID == first.Matches[0].ID {
		t.Error("the next page is not the other one")
	}
	c.sameAsForNobody(t, id, other, events[0].ID)
	c.sameWithoutCovering(t, id)
}

// sameAsForNobody asks as everybody else: the answers about a client with AuditEvents are those about a client who does not exist, to the byte.
func (c *clinic) sameAsForNobody(t *testing.T, id, other, event string) {
	t.Helper()
	for who, caller := range map[string]*caller{
		"the provider": c.as(t, harbor), "the insurer": c.as(t, blueriver), "another client": c.person(t, other, "Patient/"+other),
		"a client with another's chart": c.person(t, id, "Patient/"+other),
		"an invented guardian":          c.person(t, id, "RelatedPerson/"+stranger()),
	} {
		nobody := stranger()
		for _, x := range [][2]string{
			{"AuditEvent?patient=" + id, "AuditEvent?patient=" + nobody}, {"AuditEvent/" + event, "AuditEvent/" + nobody}, {"AuditEvent?_id=" + event, "AuditEvent?_id=" + nobody},
		} {
			real, invented := caller.get(t, x[0]), caller.get(t, x[1])
			hide := func(b []byte) []byte {
				for _, text := range []string{id, event, nobody} {
					b = bytes.ReplaceAll(b, []byte(text), []byte("ID"))
				}
				return b
			}
			if real.status != invented.status || !bytes.Equal(hide(real.body), hide(invented.body)) || len(real.header) != len(invented.header) {
				t.Errorf("%s: %s answers %d and %d, of %d and %d bytes", who, withoutQuery(x[0]), real.status, invented.status, len(real.body), len(invented.body))
			}
			if real.status == 200 && len(real.bundle(t).Matches) > 0 || strings.HasPrefix(x[0], "AuditEvent/") && real.status != 404 {
				t.Errorf("%s gets %s: %d", who, withoutQuery(x[0]), real.status)
			}
		}
	}
}

// sameWithoutCovering asks with scopes that do not reach.
func (c *clinic) sameWithoutCovering(t *testing.T, id string) {
	t.Helper()
	for scope, want := range map[string]int{"patient/AuditEvent.rs": 200, "patient/AuditEvent.s": 200, "patient/AuditEvent.r": 403, "patient/DocumentReference.rs": 403} {
		a := c.mint(t, with(c.claims(myRecords), map[string]any{"sub": "u", "scope": scope, "patient": id, "fhirUser": "Patient/" + id})).get(t, "AuditEvent?patient="+id)
		if a.status != want || want == 200 && len(a.bundle(t).Matches) != 2 {
			t.Errorf("%s: %d", scope, a.status)
		}
	}
}
