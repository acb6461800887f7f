package release_test

import (
	"context"
	"slices"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// TestNoViewIsSharedWithATokenThatTakesSomethingAway asks in turns with tokens of one partner: each sees its own, whatever is kept of the others.
func TestNoViewIsSharedWithATokenThatTakesSomethingAway(t *testing.T) {
	c := oneClient(t)
	c.charts["2"] = []record{patient("2"), encounter("2", "e")}
	c.forms["1"] = []string{permit("1", "c"), permit("1", "narrow", `"class":[{"system":"`+fhir.SystemResourceTypes+`","code":"Encounter"}]`)}
	c.forms["2"] = []string{permit("2", "c")}
	named := func(key string) func(*requester.Requester) {
		return func(r *requester.Requester) { r.Consents = []string{ref("Consent", "1", key).String()} }
	}
	forbids := func(meaning, typ, key string) func(*requester.Requester) {
		return func(r *requester.Requester) {
			r.Residual = []smart.ResidualRule{{Data: []smart.ResidualData{{Meaning: meaning, Reference: ref(typ, "1", key)}}}}
		}
	}
	for range 2 {
		for _, token := range []struct {
			states string
			narrow func(*requester.Requester)
			want   []string
			reach  []string
		}{
			{"nothing", func(*requester.Requester) {}, everything, []string{"1", "2"}},
			{"a Consent", named("narrow"), []string{"Encounter/e", "Patient/1"}, []string{"1"}},
			{"the other Consent", named("c"), everything, []string{"1"}},
			{"a Consent that is not there", named("gone"), []string{}, nil},
			{"a rule about the note", forbids("instance", "DocumentReference", "n"), []string{"Encounter/e", "Patient/1"}, []string{"1", "2"}},
			{"a rule about the client", forbids("instance", "Patient", "1"), []string{"DocumentReference/n", "Encounter/e", "Provenance/v"}, []string{"1", "2"}},
			{"this client", func(r *requester.Requester) { r.Only = patientRef("1") }, everything, []string{"1"}},
			{"another client", func(r *requester.Requester) { r.Only = patientRef("2") }, []string{}, []string{"2"}},
			{"a client whom nobody knows", func(r *requester.Requester) { r.Only = fhir.Reference{Type: "Patient", ID: "x"} }, []string{}, nil},
		} {
			r := theClinic()
			token.narrow(r)
			expect(t, "of a token that states "+token.states, c.sees(r, "1", "e", "n", "v"), token.want)
			reach, err := c.service.Reach(context.Background(), r, smart.Search)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, client := range []string{"1", "2"} {
				if slices.Contains(reach, patientRef(client)) {
					got = append(got, client)
				}
			}
			if !slices.Equal(got, token.reach) || len(reach) != len(got) {
				t.Errorf("a token that states %s reaches the clients %v of %d", token.states, got, len(reach))
			}
		}
	}
}

// TestTheLedgerKnowsWhatATokenForbids: the reason is counted as any other.
func TestTheLedgerKnowsWhatATokenForbids(t *testing.T) {
	c := oneClient(t)
	r := theClinic()
	r.Residual = []smart.ResidualRule{{Data: []smart.ResidualData{{Meaning: "related", Reference: ref("DocumentReference", "1", "n")}}}}
	v, err := c.service.View(context.Background(), r, smart.Search, patientRef("1"))
	if err != nil {
		t.Fatal(err)
	}
	if e := v.Evidence(); e.Withheld["token"] != 3 || len(e.Withheld) != 1 {
		t.Errorf("withheld: %v", e.Withheld)
	}
	expect(t, "what is left", shown(v, "1", "e"), []string{"Encounter/e"})
	p, err := c.service.Preview(context.Background(), r, smart.Search, "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Lines {
		if l.Decision.Release != (l.Facts.Type == "Encounter") || !l.Decision.Release && (l.Decision.Reason != "token" || l.Decision.Provision != "residual[0]") {
			t.Errorf("%s: %+v", l.Facts.Type, l.Decision)
		}
	}
}
