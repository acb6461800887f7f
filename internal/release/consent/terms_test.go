package consent

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// What a Consent permits has its terms, for each purpose stated, and they speak of the requester's purposes only.
func TestEverythingPermittedHasItsTerms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawWorld(t).input(t)
		res := Decide(in)
		bases, until := Bases(in, res)
		if until.After(res.ValidUntil) {
			t.Fatalf("they hold until %v, the decision until %v", until, res.ValidUntil)
		}
		for i, d := range res.Decisions {
			if !d.Release || d.Consent == (fhir.Reference{}) {
				if len(bases[i]) > 0 {
					t.Fatalf("what no Consent releases has the bases %v", bases[i])
				}
				continue
			}
			if len(bases[i]) != len(in.Requester.Purposes) || bases[i][0].Consent != d.Consent || bases[i][0].Provision != d.Provision {
				t.Fatalf("%+v has the bases %v", d, bases[i])
			}
			for _, b := range bases[i] {
				terms, ok := TermsOf(in, b.Consent, bases[i])
				if !ok || terms.Client != in.Client {
					t.Fatalf("no terms for %v", b)
				}
				for _, p := range terms.Permits {
					if len(p.Purposes) == 0 || !p.Period.Contains(in.Now) {
						t.Fatalf("a permit for %v in %v", p.Purposes, p.Period)
					}
					for _, c := range p.Purposes {
						if !reachesOne(in, c) {
							t.Fatalf("the purpose %s is none of the requester's", c.Code)
						}
					}
				}
			}
		}
	})
}

func reachesOne(in Input, named fhir.Coding) bool {
	for _, q := range in.Requester.Purposes {
		if in.Rules.Purposes.Reached(q.Code, named.Code) {
			return true
		}
	}
	return false
}

// termsOf gives the terms on which a note is released to a provider for treatment.
func termsOf(t *testing.T, p provisionText) *Terms {
	t.Helper()
	w := benchWorld(0)
	w.consents = []consentText{{Provision: &p}}
	w.chart = []recordText{{Is: theClient, Labels: []string{"N"}}, {Is: "DocumentReference/d", Labels: []string{"N"}, When: "2026-03-02", Code: []string{"http://loinc.org|11506-3"}}}
	in := w.input(t)
	res := Decide(in)
	bases, _ := Bases(in, res)
	terms, ok := TermsOf(in, fhir.Reference{Type: "Consent", ID: "c1"}, bases[1])
	if !ok {
		t.Fatalf("no terms: %+v", res.Decisions)
	}
	return terms
}

func codes(list []fhir.Coding) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Code)
	}
	return strings.Join(out, " ")
}

func TestTheTermsOfAProvision(t *testing.T) {
	deny := func(p ...provisionText) provisionText {
		return provisionText{Type: "deny", Purpose: []string{"HMARKT"}, Provision: p}
	}
	for name, x := range map[string]struct {
		provision                provisionText
		purposes, classes, codes string
		start, end               string
	}{
		"everything":                {provisionText{Type: "permit"}, "TREAT", "", "", "", ""},
		"a purpose above":           {provisionText{Type: "permit", Purpose: []string{"TREAT", "HPAYMT"}}, "TREAT", "", "", "", ""},
		"kinds, sorted":             {provisionText{Type: "permit", Class: []string{"Goal", "DocumentReference"}}, "TREAT", "DocumentReference Goal", "", "", ""},
		"codes":                     {provisionText{Type: "permit", Code: []string{"http://loinc.org|2", "http://loinc.org|11506-3", "http://loinc.org|2"}}, "TREAT", "", "11506-3 2", "", ""},
		"a code that none releases": {provisionText{Type: "permit", Code: []string{fhir.SystemActCode + "|PSYTHPN", "http://loinc.org|11506-3"}}, "TREAT", "", "11506-3", "", ""},
		"what is left out":          {provisionText{Type: "permit", Label: []string{"R"}, DataPeriod: "2020..", Action: []string{"access"}}, "TREAT", "", "", "", ""},
		"a period":                  {provisionText{Type: "permit", Period: "2026-01..2026-12-31"}, "TREAT", "", "", "2026-01-01", "2027-01-01"},
		"what is inherited, narrowed": {deny(provisionText{Type: "permit", Purpose: []string{"TREAT"}, Period: "2026-02..2028", Class: []string{"DocumentReference", "Goal"}, Provision: []provisionText{
			{Type: "permit", Period: "..2026-10-31", Class: []string{"Encounter", "DocumentReference"}, Code: []string{"http://loinc.org|11506-3"}}}}), "TREAT", "DocumentReference", "11506-3", "2026-02-01", "2026-11-01"},
	} {
		t.Run(name, func(t *testing.T) {
			terms := termsOf(t, x.provision)
			if len(terms.Permits) != 1 {
				t.Fatalf("%d permits", len(terms.Permits))
			}
			p := terms.Permits[0]
			if got := [3]string{codes(p.Purposes), codes(p.Classes), codes(p.Codes)}; got != [3]string{x.purposes, x.classes, x.codes} {
				t.Errorf("%v", got)
			}
			for _, edge := range []struct {
				at   time.Time
				want string
			}{{p.Period.Start, x.start}, {p.Period.End, x.end}} {
				if got := edge.at; got.IsZero() != (edge.want == "") || edge.want != "" && got.Format(time.DateOnly) != edge.want {
					t.Errorf("%v, want %s", got, edge.want)
				}
			}
		})
	}
}

// Attributes that must all hold are one list: what they have in common or, where they have nothing, the narrowest.
func TestTheNarrowest(t *testing.T) {
	for _, x := range []struct {
		groups [][]string
		want   []string
	}{{nil, nil}, {[][]string{{"a", "b"}}, []string{"a", "b"}}, {[][]string{{"a", "b"}, {"b", "c"}}, []string{"b"}}, {[][]string{{"a"}, {"b"}}, []string{"b"}}} {
		if diff := cmp.Diff(x.want, narrowest(x.groups)); diff != "" {
			t.Errorf("%v: %s", x.groups, diff)
		}
	}
}

func TestTermsFailClosed(t *testing.T) {
	w := benchWorld(0)
	w.consents = []consentText{{Provision: &provisionText{Type: "deny", Provision: []provisionText{{Type: "permit"}}}}}
	in := w.input(t)
	c1 := fhir.Reference{Type: "Consent", ID: "c1"}
	good := []Basis{{Consent: c1, Provision: "provision.provision[0]", Purpose: in.Requester.Purposes[0]}}
	if _, ok := TermsOf(in, c1, good); !ok {
		t.Fatal("no terms at all")
	}
	twice := in
	policies := in.Policies[in.Client].Policies()
	twice.Policies = map[fhir.Reference]policy.Set{in.Client: policy.NewSet(policies[0], policies[0])}
	elsewhere := in
	elsewhere.Client = ref("Patient/partner")
	elsewhere.Policies = map[fhir.Reference]policy.Set{elsewhere.Client: in.Policies[in.Client]}
	for name, x := range map[string]struct {
		in    Input
		of    fhir.Reference
		bases []Basis
	}{
		"no basis":          {in, c1, nil},
		"another Consent":   {in, fhir.Reference{Type: "Consent", ID: "c2"}, good},
		"a deny":            {in, c1, []Basis{{Consent: c1, Provision: "provision", Purpose: in.Requester.Purposes[0]}}},
		"no such provision": {in, c1, []Basis{{Consent: c1, Provision: "provision.provision[1]", Purpose: in.Requester.Purposes[0]}}},
		"two with one id":   {twice, c1, good},
		"another client's":  {elsewhere, c1, good},
		"nobody asks":       {Input{Client: in.Client, Policies: in.Policies, Rules: in.Rules}, c1, good},
		"nothing":           {Input{}, c1, good},
	} {
		if _, ok := TermsOf(x.in, x.of, x.bases); ok {
			t.Errorf("%s: terms", name)
		}
	}
}

// A Consent is released for its extract where rules 1, 2, 4, 5 and 20 let it, whatever the Consents say of it.
func TestWhatKeepsAConsentsExtract(t *testing.T) {
	base := func() world {
		w := benchWorld(0)
		w.consents = []consentText{{Provision: &provisionText{Type: "permit", Class: []string{"DocumentReference"}, Provision: []provisionText{{Type: "deny", Class: []string{"Consent"}}}}}}
		w.chart = []recordText{{Is: "Consent/c1", Labels: []string{"N"}, When: "2026-01-05"}, {Is: "DocumentReference/d", Labels: []string{"N"}, When: "2026-03-02"}}
		return w
	}
	for name, x := range map[string]struct {
		change func(*world)
		spoil  func(*Input, *Terms)
		want   bool
	}{
		"nothing":                  {want: true},
		"a label to be named":      {change: func(w *world) { w.chart[0].Labels = []string{"V", "HIV"} }, want: true},
		"psychotherapy":            {change: func(w *world) { w.chart[0].Labels = append(w.chart[0].Labels, "PSYTHPN") }},
		"no confidentiality":       {change: func(w *world) { w.chart[0].Labels = nil }},
		"a hold":                   {change: func(w *world) { w.chart[0].Labels = append(w.chart[0].Labels, "NODSCLCD") }},
		"somebody else":            {change: func(w *world) { w.chart[0].About = []string{"Patient/partner"} }},
		"another's chart":          {change: func(w *world) { w.chart[0].Of = "Patient/partner" }},
		"another type":             {change: func(w *world) { w.chart[0].Is = "Goal/c1" }},
		"a purpose not registered": {spoil: func(in *Input, _ *Terms) { in.Requester.Registered = nil }},
		"a refused source":         {spoil: func(in *Input, _ *Terms) { in.Refused = true }},
		"another Consent's terms":  {spoil: func(_ *Input, terms *Terms) { terms.Consent.ID = "c2" }},
		"another client's terms":   {spoil: func(_ *Input, terms *Terms) { terms.Client.ID = "partner" }},
		"no rules":                 {spoil: func(in *Input, _ *Terms) { in.Rules = nil }},
	} {
		w := base()
		if x.change != nil {
			x.change(&w)
		}
		in := w.input(t)
		res := Decide(in)
		terms := &Terms{Consent: fhir.Reference{Type: "Consent", ID: "c1"}, Client: in.Client}
		if x.spoil != nil {
			x.spoil(&in, terms)
		}
		got, ok := Extract(in, res, 0, terms)
		if ok != x.want || ok != (got.Facts() != nil) {
			t.Errorf("%s: %t", name, ok)
		}
	}
	in := base().input(t)
	if _, ok := Extract(in, Decide(in), 0, nil); ok {
		t.Error("an extract without terms")
	}
	if _, ok := Extract(in, Result{}, 0, &Terms{Consent: fhir.Reference{Type: "Consent", ID: "c1"}, Client: in.Client}); ok {
		t.Error("an extract without a decision")
	}
}

func TestTheScopeOfAnExtract(t *testing.T) {
	w := benchWorld(0)
	w.chart = []recordText{{Is: "Consent/c1", Labels: []string{"N"}}}
	in := w.input(t)
	f := in.Chart[0].Facts()
	for scopes, want := range map[string]bool{"system/*.rs": true, "system/Consent.r": true, "system/Consent.s": false, "system/Goal.rs": false, "patient/*.rs": false} {
		in.Requester.Scopes = smart.ParseScopes(scopes)
		if InScope(in, f) != want {
			t.Errorf("%s: %t", scopes, !want)
		}
	}
	if InScope(in, nil) || InScope(Input{}, f) {
		t.Error("nothing is in scope")
	}
}

// By which of its identifiers a requester is named does not depend on their order.
func TestARequesterIsNamedByItsForemostIdentifier(t *testing.T) {
	npi, a, b := fhir.Identifier{System: fhir.SystemNPI, Value: "2"}, fhir.Identifier{System: "a", Value: "1"}, fhir.Identifier{System: "b", Value: "0"}
	for _, x := range []struct {
		all  []fhir.Identifier
		want fhir.Identifier
	}{{nil, fhir.Identifier{}}, {[]fhir.Identifier{b, npi, a}, npi}, {[]fhir.Identifier{npi, a}, npi}, {[]fhir.Identifier{b, a}, a}, {[]fhir.Identifier{a, b}, a}} {
		if got := foremost(x.all); got != x.want {
			t.Errorf("%v: %v", x.all, got)
		}
	}
	if got := discloser([]requester.Party{{Identifiers: []fhir.Identifier{a}}, {Identifiers: []fhir.Identifier{npi}}}); got != npi {
		t.Errorf("the practice is %v", got)
	}
}
