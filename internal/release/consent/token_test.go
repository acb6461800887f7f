package consent

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/smart"
)

// narrowed is the same one with a token that takes something away: Consents that it names, rules, one client, or several of these.
func (w whoText) narrowed(t *rapid.T) whoText {
	what := rapid.IntRange(1, 7).Draw(t, "what the token states")
	if what&1 != 0 {
		w.Consents = append([]string{}, some(t, "named", 3, "Consent/c0", "Consent/c1", "Consent/c2", "Consent/c9", "urn:uuid:1")...)
	}
	if what&2 != 0 {
		w.Residual = rapid.SliceOfN(rapid.Custom(drawRule), 1, 4).Draw(t, "residual")
	}
	if what&4 != 0 {
		w.Only = one(t, "only", theClient, theClient, "Patient/partner")
	}
	return w
}

func drawRule(t *rapid.T) any {
	rule := object{"type": one(t, "rule", "forbid", "forbid", "permit", "permit", "permit", "deny")}
	set(rule, "securityLabel", codings(labelKeys(append(rarely(t, "rule's labels", 2, "N", "R", "SUD", "HIV", "MH", "42CFRPart2", "V"), odd(t, "urn:local|x")...))))
	if p := one(t, "rule's period", "", "", "", "2026-01-01..2026-12-31", "..2025-12-31", "soon.."); p != "" {
		rule["dataPeriod"] = periodObject(p)
	}
	var data []any
	for _, reference := range rarely(t, "rule's data", 2, "Encounter/e", "DocumentReference/d", "Condition/c", "Encounter/elsewhere", "urn:uuid:1", "Practitioner/p") {
		data = append(data, object{"meaning": one(t, "meaning", "instance", "related", "dependents", "authoredby"), "reference": reference})
	}
	set(rule, "data", data)
	if odd(t, "member") != nil {
		rule["class"] = []any{}
	}
	return rule
}

// generous is a world in which much is released, but for what the other Consents and the labels say.
func generous(t *rapid.T) world {
	w := drawWorld(t)
	w.consents[0] = consentText{ID: "c0", Provision: &provisionText{Type: "permit", Label: []string{"V", "SUD", "HIV", "MH", "42CFRPart2"}}}
	w.who = whoText{Kind: "provider", Organization: "Organization/clinic npi:1111111111", Purpose: []string{"TREAT"}, Scopes: "system/*.rs"}
	return w
}

func TestATokenTakesAwayAndAddsNothing(t *testing.T) {
	taken, left := 0, 0
	for try := 0; try < 20 && min(taken, left) == 0; try++ { // until both were seen
		rapid.Check(t, func(t *rapid.T) {
			w := drawWorld(t)
			if rapid.Bool().Draw(t, "generous") {
				w = generous(t)
			}
			w.who.Consents, w.who.Residual, w.who.Only = nil, nil, ""
			before := w.released(t)
			w.who = w.who.narrowed(t)
			after := w.released(t)
			subset(t, "with a token that takes something away", after, before)
			for is, released := range before {
				switch {
				case after[is]:
					left++
				case released:
					taken++
				}
			}
		})
	}
	if min(taken, left) == 0 {
		t.Errorf("%d records are taken away and %d left: the property says nothing", taken, left)
	}
}

func TestMoreRulesThatForbidTakeMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := generous(t)
		w.who = w.who.narrowed(t)
		before := w.released(t)
		rule, _ := drawRule(t).(object)
		rule["type"] = "forbid"
		at := rapid.IntRange(0, len(w.who.Residual)).Draw(t, "place")
		w.who.Residual = slices.Insert(slices.Clone(w.who.Residual), at, any(rule))
		subset(t, "with one more rule that forbids", w.released(t), before)
	})
}

func TestARuleThatStatesNothingMeansEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		all, nothing := any(object{"type": "permit"}), any(object{"type": "forbid"})
		plain := w
		plain.who.Residual = nil
		w.who.Residual = append(slices.Clone(w.who.Residual), all)
		if diff := cmp.Diff(plain.released(t), w.released(t)); diff != "" {
			t.Fatalf("all is permitted again: %s", diff)
		}
		w.who.Residual = append(w.who.Residual, nothing)
		for is, released := range w.released(t) {
			if released {
				t.Fatalf("all is forbidden: %s is released", is)
			}
		}
	})
}

// TestWhatATokenForbidsIsNotThereInAnotherForm: no minimal Patient and no extract of a Consent.
func TestWhatATokenForbidsIsNotThereInAnotherForm(t *testing.T) {
	for name, c := range map[string]struct {
		residual         []any
		patient, consent bool
	}{
		"nothing":     {nil, true, true},
		"the Patient": {[]any{object{"type": "forbid", "data": object{"meaning": "instance", "reference": theClient}}}, false, true},
		"the Consent": {[]any{object{"type": "forbid", "data": object{"meaning": "instance", "reference": "Consent/c1"}}}, true, false},
		"all but one": {[]any{object{"type": "forbid"}, object{"type": "permit", "data": object{"meaning": "instance", "reference": "Encounter/e"}}}, false, false},
	} {
		w := world{
			consents: []consentText{{ID: "c1", Provision: &provisionText{Type: "permit", Class: []string{"Encounter"}}}}, now: noon,
			who:   whoText{Kind: "provider", Organization: "Organization/clinic", Purpose: []string{"TREAT"}, Scopes: "system/*.rs", Residual: c.residual},
			chart: []recordText{{Is: "Encounter/e", Labels: []string{"N"}, When: "2026-03-02"}, {Is: theClient, Labels: []string{"N"}}, {Is: "Consent/c1", Labels: []string{"N"}, When: "2026-01-05"}},
		}
		in := w.input(t)
		res := Decide(in)
		if !res.Decisions[0].Release {
			t.Fatalf("%s: the encounter is not released: %s", name, res.Decisions[0].Reason)
		}
		bases, _ := Bases(in, res)
		terms, ok := TermsOf(in, ref("Consent/c1"), bases[0])
		if !ok {
			t.Fatalf("%s: no terms", name)
		}
		if _, ok := Minimal(in.Chart[1], res); ok != c.patient {
			t.Errorf("%s is forbidden: a minimal Patient: %t", name, ok)
		}
		if _, ok := Extract(in, res, 2, terms); ok != c.consent {
			t.Errorf("%s is forbidden: an extract of the Consent: %t", name, ok)
		}
	}
}

func TestATokensRulesAndTheDirectory(t *testing.T) {
	label := func(code string) []any { return codings(labelKeys([]string{code})) }
	practitioner := object{"meaning": "instance", "reference": "Practitioner/p"}
	for name, c := range map[string]struct {
		residual []any
		only     string
		want     Reason
	}{
		"a token for one client":        {nil, "Patient/partner", Permitted},
		"restricted records":            {[]any{object{"type": "forbid", "securityLabel": label("R")}}, "", Permitted},
		"all but normal records":        {[]any{object{"type": "forbid"}, object{"type": "permit", "securityLabel": label("N")}}, "", Permitted},
		"all but a year":                {[]any{object{"type": "forbid"}, object{"type": "permit", "dataPeriod": object{"start": "2022"}}}, "", Permitted},
		"records of a year":             {[]any{object{"type": "forbid", "dataPeriod": object{"start": "2022"}}}, "", Permitted},
		"everything":                    {[]any{object{"type": "forbid"}}, "", Token},
		"even what is least of all":     {[]any{object{"type": "forbid", "securityLabel": label("U")}}, "", Token},
		"a label that nobody knows":     {[]any{object{"type": "forbid", "securityLabel": label("urn:local|x")}}, "", Token},
		"somebody":                      {[]any{object{"type": "forbid", "data": practitioner}}, "", Token},
		"everybody but one":             {[]any{object{"type": "forbid"}, object{"type": "permit", "data": practitioner}}, "", Permitted},
		"a rule that cannot be read":    {[]any{object{"type": "forbid", "class": []any{}}}, "", Token},
		"everybody but another one":     {[]any{object{"type": "forbid"}, object{"type": "permit", "data": object{"meaning": "instance", "reference": "Practitioner/q"}}}, "", Token},
		"a Consent named, which is not": {nil, "", Permitted},
	} {
		in := world{now: noon, who: whoText{Kind: "provider", Organization: "Organization/clinic", Scopes: "system/*.rs", Residual: c.residual, Only: c.only, Consents: []string{"Consent/none"}}}.input(t)
		in.Chart = []stage.Labeled{recordText{Is: "Practitioner/p", Directory: true}.labeled(in.Zone)}
		if got := DecideDirectory(in).Decisions[0]; got.Reason != c.want || got.Release != (c.want == Permitted) {
			t.Errorf("%s is forbidden: %+v", name, got)
		}
	}
}

func TestNothingAppliesForAnotherClientOrConsent(t *testing.T) {
	w := world{consents: []consentText{{ID: "c1", Provision: &provisionText{Type: "permit"}}}, now: noon,
		who: whoText{Kind: "provider", Organization: "Organization/clinic", Purpose: []string{"TREAT"}, Scopes: "system/*.rs"}}
	if !Applies(w.input(t)) {
		t.Fatal("no Consent applies")
	}
	for _, change := range []func(*whoText){func(w *whoText) { w.Only = "Patient/partner" }, func(w *whoText) { w.Consents = []string{"Consent/c2"} }} {
		other := w
		change(&other.who)
		if Applies(other.input(t)) {
			t.Errorf("a Consent applies: %+v", other.who)
		}
	}
}

// FuzzResidual: whatever a token's rules are, they add nothing; what is forbidden behind them is forbidden; and where one is not of the standard's form and
// does not permit, nothing before the next that permits is left.
func FuzzResidual(f *testing.F) {
	for _, seed := range []string{
		`[{"type":"forbid"},{"type":"permit","dataPeriod":{"start":"2026"}}]`, `[{"type":"forbid","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]}]`,
		`[{"type":"permit","data":[{"meaning":"related","reference":"Encounter/e"}]},{"type":"forbid","data":{"meaning":"authoredby","reference":{"reference":"Practitioner/p"}}}]`,
		`[{"type":"forbid","class":[]},{"type":"permit","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}]`, `[]`, `[null]`,
	} {
		f.Add([]byte(seed))
	}
	w := world{
		consents: []consentText{{Provision: &provisionText{Type: "permit", Label: []string{"R", "SUD", "MH"}}}}, now: noon,
		who: whoText{Kind: "provider", Organization: "Organization/clinic", Purpose: []string{"TREAT"}, Scopes: "system/*.rs"},
		chart: []recordText{
			{Is: theClient, Labels: []string{"N"}}, {Is: "Encounter/e", Labels: []string{"N"}, When: "2026-03-02", Author: []string{"Practitioner/p"}},
			{Is: "DocumentReference/d", Labels: []string{"R", "SUD"}, When: "2024-07-01", RefersTo: []string{"Encounter/e"}}, {Is: "Condition/c", Labels: []string{"N", "HIV"}, When: "2026-03-02"},
			{Is: "Provenance/p", Labels: []string{"N"}, Target: []string{"Encounter/e"}, When: "2026-03-02"}, {Is: "Observation/o", Labels: []string{"V", "MH"}},
		},
	}
	base := w.input(f)
	before := Decide(base).Decisions
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, ok := smart.ParseResidual(text, "")
		if !ok || len(rules) > 50 {
			return
		}
		in := base
		in.Requester = base.Requester.For(fhir.Coding{System: fhir.SystemActReason, Code: "TREAT"})
		in.Requester.Residual = rules
		permits := slices.ContainsFunc(rules, func(r smart.ResidualRule) bool { return r.Permit && !r.Unread })
		unread := slices.ContainsFunc(rules, func(r smart.ResidualRule) bool { return !r.Permit && r.Unread })
		for i, d := range Decide(in).Decisions {
			if d.Release && (!before[i].Release || unread && !permits) {
				t.Errorf("%s is released", w.chart[i].Is)
			}
		}
		in.Requester = in.Requester.For(in.Requester.Purposes[0])
		in.Requester.Residual = append(slices.Clone(rules), smart.ResidualRule{})
		if n := len(Decide(in).Released); n > 0 {
			t.Errorf("%d are released, though all is forbidden at last", n)
		}
	})
}
