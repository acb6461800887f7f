package consent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// world is a generated case: Consents as texts, so that a property can change them.
type world struct {
	consents []consentText
	chart    []recordText
	who      whoText
	now      time.Time
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func (w world) input(t failer) Input {
	in := Input{
		Requester: w.who.requester(), Permission: 'r', Client: ref(theClient), Related: w.who.related(), Now: w.now, Zone: time.UTC,
		Rules: theReading, AnyDiscloser: true, Policies: map[fhir.Reference]policy.Set{},
	}
	for _, r := range w.chart {
		in.Chart = append(in.Chart, r.labeled(time.UTC))
	}
	by := map[fhir.Reference][]*policy.Policy{}
	for _, c := range w.consents {
		p := mustCompile(t, c, time.UTC)
		by[p.Patient] = append(by[p.Patient], p)
	}
	for _, c := range []string{theClient, "Patient/partner"} {
		in.Policies[ref(c)] = policy.NewSet(by[ref(c)]...)
	}
	return in
}

func (w world) released(t failer) map[string]bool {
	out := map[string]bool{}
	for i, d := range Decide(w.input(t)).Decisions {
		out[w.chart[i].Is] = d.Release
	}
	return out
}

// some draws a few of the words.
func some(t *rapid.T, name string, most int, words ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, most, rapid.ID).Draw(t, name)
}

func one(t *rapid.T, name string, words ...string) string {
	return rapid.SampledFrom(words).Draw(t, name)
}

// rarely draws a few of the words one time in four: what a provision does not state, it leaves open.
func rarely(t *rapid.T, name string, most int, words ...string) []string {
	if rapid.IntRange(0, 3).Draw(t, name+"?") > 0 {
		return nil
	}
	return some(t, name, most, words...)
}

// odd draws the word that we cannot interpret one time in twenty.
func odd(t *rapid.T, word string) []string {
	if rapid.IntRange(0, 19).Draw(t, "odd?") == 0 {
		return []string{word}
	}
	return nil
}

func drawProvision(t *rapid.T, depth int, types ...string) provisionText {
	p := provisionText{
		Type:    one(t, "type", types...),
		Period:  one(t, "period", "", "", "", "2026-01-01..2026-12-31", "2026-06-02..", "..2026-05-31"),
		Actor:   append(rarely(t, "actor", 2, "Organization/clinic", "npi:1111111111", "Organization/other", "RelatedPerson/guardian"), odd(t, "Group/g")...),
		Action:  append(rarely(t, "action", 1, "access", "access", "collect"), odd(t, "urn:local|x")...),
		Purpose: append(rarely(t, "purpose", 2, "TREAT", "HPAYMT", "BTG"), odd(t, "urn:local|x")...),
		Label:   append(rarely(t, "label", 3, "N", "R", "V", "SUD", "HIV", "MH", "42CFRPart2", "PSYTHPN"), odd(t, "urn:local|x")...),
		Class:   append(rarely(t, "class", 3, "Encounter", "Condition", "DocumentReference"), odd(t, "urn:local|x")...),
		Code:    append(rarely(t, "code", 1, "http://loinc.org|11506-3"), odd(t, "urn:local|x")...),

		DataPeriod: one(t, "dataPeriod", "", "", "", "", "2026-01-01..2026-03-31", "..2025-12-31"),
		Data:       rarely(t, "data", 1, "instance DocumentReference/d", "related Encounter/e", "dependents Encounter/e", "authoredby Practitioner/p"),
	}
	if depth > 0 {
		for range rapid.IntRange(0, 2).Draw(t, "nested") {
			p.Provision = append(p.Provision, drawProvision(t, depth-1, "permit", "permit", "deny"))
		}
		if odd(t, "untyped") != nil {
			p.Provision = append(p.Provision, drawProvision(t, 0, ""))
		}
	}
	return p
}

func drawConsent(t *rapid.T, id string) consentText {
	c := consentText{
		ID: id, Of: one(t, "of", theClient, theClient, theClient, "Patient/partner"),
		Status: one(t, "status", "active", "active", "active", "active", "inactive"),
		Signed: one(t, "signed", "2026-01-05", "2026-01-05", "2026-01-05", "2026-06-02"),
		Rule: one(t, "rule", "", "", fhir.SystemActCode+"|OPTIN", fhir.SystemActCode+"|OPTOUT", fhir.SystemConsentPolicy+"|hipaa-auth",
			fhir.SystemActCode+"|42CFRPart2CD", "urn:local|x"),
		By: rarely(t, "by", 1, theClient, "RelatedPerson/guardian", "Practitioner/p"),
	}
	p := drawProvision(t, 2, "permit", "permit", "permit", "deny", "")
	c.Provision = &p
	return c
}

func drawWho(t *rapid.T) whoText {
	w := whoText{
		Kind:         one(t, "kind", "provider", "provider", "provider", "payer", "patient"),
		Organization: one(t, "organization", "Organization/clinic npi:1111111111", "Organization/clinic npi:1111111111", "npi:1111111111"),
		Purpose:      rapid.SampledFrom([][]string{{"TREAT"}, {"TREAT"}, {"HPAYMT"}, {"HPAYMT"}, {"TREAT", "HPAYMT"}, {"BTG"}, {"urn:local|x"}, nil}).Draw(t, "asked"),
		Scopes:       one(t, "scopes", "system/*.rs", "system/*.rs", "system/*.rs", "patient/*.rs", "system/Encounter.rs"),
		Patient:      one(t, "launch", theClient, theClient, ""), Person: one(t, "person", "", "", theClient, "RelatedPerson/guardian"),
		Unrelated: rapid.IntRange(0, 3).Draw(t, "unrelated") == 0,
	}
	if rapid.IntRange(0, 5).Draw(t, "narrowed") == 0 {
		w = w.narrowed(t)
	}
	return w
}

func drawWorld(t *rapid.T) world {
	w := world{now: noon.AddDate(0, 0, rapid.IntRange(-200, 200).Draw(t, "day")), who: drawWho(t)}
	for i := range rapid.IntRange(1, 3).Draw(t, "consents") {
		w.consents = append(w.consents, drawConsent(t, fmt.Sprint("c", i)))
	}
	w.chart = []recordText{
		{Is: theClient, Labels: []string{"N"}, Birth: one(t, "birth", "1990-05-01", "2008-11-20", "")},
		{Is: "RelatedPerson/guardian", Labels: []string{"N"}, Relation: []string{"GUARD"}},
	}
	for _, is := range []string{"Encounter/e", "Condition/c", "DocumentReference/d", "DocumentReference/d2", "Observation/o"} {
		w.chart = append(w.chart, recordText{
			Is: is, Labels: append(rarely(t, "labels", 2, "SUD", "HIV", "MH", "42CFRPart2", "NODSCLCD", "HIPAASelfPay"), one(t, "confidentiality", "N", "N", "R", "V")),
			When:   one(t, "when", "2026-03-02", "2024-07-01", ""),
			Code:   some(t, "codes", 1, "http://loinc.org|11506-3", "http://loinc.org|18842-5"),
			Author: some(t, "authors", 1, "Practitioner/p", "Practitioner/q"), RefersTo: some(t, "refers", 1, "Encounter/e", "Condition/c"),
			About: rarely(t, "about", 1, "Patient/partner"),
		})
	}
	w.chart = append(w.chart, recordText{Is: "Provenance/p", Labels: []string{"N"}, Target: []string{"DocumentReference/d"}, When: "2026-03-02"})
	return w
}

func TestTheWorldsAreWorthAsking(t *testing.T) {
	reasons := []Reason{Permitted, SelfAccess, NoConsent, Denied, Label, PurposeRule, Restriction, Scope, Purpose, Token}
	seen := map[Reason]int{}
	missing := func(r Reason) bool { return seen[r] == 0 }
	for try := 0; try < 100 && slices.ContainsFunc(reasons, missing); try++ {
		rapid.Check(t, func(t *rapid.T) {
			for _, d := range Decide(drawWorld(t).input(t)).Decisions {
				seen[d.Reason]++
			}
		})
	}
	if i := slices.IndexFunc(reasons, missing); i >= 0 {
		t.Errorf("no generated case comes to %s: %v", reasons[i], seen)
	}
}

// subset fails unless everything released in a is released in b.
func subset(t *rapid.T, what string, a, b map[string]bool) {
	for is, released := range a {
		if released && !b[is] {
			t.Fatalf("%s: %s is released", what, is)
		}
	}
}

func TestAddingADenyNeverReleasesMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.released(t)
		deny := drawProvision(t, 0, "deny")
		own := w
		own.consents = append(slices.Clone(w.consents), consentText{ID: "deny", Provision: &deny})
		subset(t, "a Consent that denies", own.released(t), before)

		// As a nested provision: a deny that stands beside the others of the root.
		nested := w
		nested.consents = slices.Clone(w.consents)
		root := *nested.consents[0].Provision
		root.Provision = append(slices.Clone(root.Provision), deny)
		nested.consents[0].Provision = &root
		subset(t, "a nested deny", nested.released(t), before)
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.released(t)
		other := w
		other.consents = slices.Clone(w.consents)
		slices.Reverse(other.consents)
		other.chart = slices.Clone(w.chart)
		slices.Reverse(other.chart)
		for i, c := range other.consents {
			p := reversed(*c.Provision)
			other.consents[i].Provision = &p
		}
		if diff := cmp.Diff(before, other.released(t)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func reversed(p provisionText) provisionText {
	for _, list := range []*[]string{&p.Actor, &p.Action, &p.Purpose, &p.Label, &p.Class, &p.Code, &p.Data} {
		*list = slices.Clone(*list)
		slices.Reverse(*list)
	}
	p.Provision = slices.Clone(p.Provision)
	slices.Reverse(p.Provision)
	for i, n := range p.Provision {
		p.Provision[i] = reversed(n)
	}
	return p
}

func TestTheOrderOfConsentsDoesNotChangeTheReason(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		other := w
		other.consents = slices.Clone(w.consents)
		slices.Reverse(other.consents)
		if diff := cmp.Diff(Decide(w.input(t)).Decisions, Decide(other.input(t)).Decisions); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestExpiredEqualsAbsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		if w.consents[0].Rule == "urn:local|x" || w.consents[0].Of != theClient {
			return
		}
		root := *w.consents[0].Provision
		root.Period = ".." + w.now.AddDate(0, 0, -1).Format("2006-01-02")
		expired := w
		expired.consents = slices.Clone(w.consents)
		expired.consents[0].Provision = &root
		absent := w
		absent.consents = w.consents[1:]
		if diff := cmp.Diff(Decide(absent.input(t)).Decisions, Decide(expired.input(t)).Decisions); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestReleasedIsASubsetOfScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.who.Scopes = "system/*.rs"
		all := w.released(t)
		w.who.Scopes = "system/Encounter.rs system/Condition.s"
		for is, released := range w.released(t) {
			if released && (is != "Encounter/e" || !all[is]) {
				t.Fatalf("%s is released", is)
			}
		}
	})
}

func TestAPsychotherapyLabelIsNeverReleased(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		i := rapid.IntRange(0, len(w.chart)-1).Draw(t, "which")
		key := one(t, "system", fhir.SystemActCode, "", "urn:local") + "|" + one(t, "code", "PSYTHPN", "HIPAAPsyNotes", "SUDCOUNSELNOTE")
		if rapid.Bool().Draw(t, "in the source only") {
			w.chart[i].Source = append(slices.Clone(w.chart[i].Source), key)
		} else {
			w.chart[i].Labels = append(slices.Clone(w.chart[i].Labels), key)
		}
		d := Decide(w.input(t)).Decisions[i]
		if d.Release || d.Reason != PsychotherapyNote {
			t.Fatalf("%s: %+v", w.chart[i].Is, d)
		}
	})
}

func TestTheAnswerIsTheSameUntilValidUntil(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		res := Decide(w.input(t))
		if !res.ValidUntil.After(w.now) {
			t.Fatalf("valid until %s, now is %s", res.ValidUntil, w.now)
		}
		span := min(res.ValidUntil.Sub(w.now), 3*366*24*time.Hour)
		later := w
		for _, later.now = range []time.Time{w.now.Add(span - 1), w.now.Add(time.Duration(rapid.Int64Range(0, int64(span-1)).Draw(t, "later")))} {
			if diff := cmp.Diff(res.Decisions, Decide(later.input(t)).Decisions); diff != "" {
				t.Fatalf("at %s, valid until %s: %s", later.now, res.ValidUntil, diff)
			}
		}
	})
}

func TestWhatIsMissingWithholds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawWorld(t).input(t)
		if in.Requester.Person == in.Client { // self-access needs no Consents
			in.Requester.Person = fhir.Reference{}
		}
		in.Policies = nil
		for _, d := range Decide(in).Decisions {
			if d.Release {
				t.Fatalf("released without Consents: %+v", d)
			}
		}
	})
}

func TestZeroValuesWithhold(t *testing.T) {
	full := world{
		consents: []consentText{{Provision: &provisionText{Type: "permit"}}}, now: noon,
		who:   whoText{Kind: "provider", Organization: "Organization/clinic", Purpose: []string{"TREAT"}, Scopes: "system/*.rs"},
		chart: []recordText{{Is: "Encounter/e", Labels: []string{"N"}, When: "2026-03-02"}},
	}
	if !Decide(full.input(t)).Decisions[0].Release {
		t.Fatal("the full input releases nothing")
	}
	for name, empty := range map[string]func(*Input){
		"input":      func(in *Input) { *in = Input{Chart: in.Chart} },
		"requester":  func(in *Input) { in.Requester = nil },
		"rules":      func(in *Input) { in.Rules = nil },
		"zone":       func(in *Input) { in.Zone = nil },
		"now":        func(in *Input) { in.Now = time.Time{} },
		"client":     func(in *Input) { in.Client = fhir.Reference{} },
		"permission": func(in *Input) { in.Permission = 0 },
		"policies":   func(in *Input) { in.Policies = nil },
		"zero set":   func(in *Input) { in.Policies = map[fhir.Reference]policy.Set{in.Client: {}} },
		"nil policy": func(in *Input) { in.Policies[in.Client] = policy.NewSet(nil) },
		"resource":   func(in *Input) { in.Chart = []stage.Labeled{{}} },
	} {
		t.Run(name, func(t *testing.T) {
			in := full.input(t)
			empty(&in)
			res := Decide(in)
			if len(res.Decisions) != 1 || res.Decisions[0].Release || len(res.Released) != 0 {
				t.Errorf("%+v", res)
			}
			if dir := DecideDirectory(in); len(dir.Released) != 0 {
				t.Errorf("the directory: %+v", dir)
			}
		})
	}
}

func TestAppliesWhereSomethingIsReleased(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawWorld(t).input(t)
		if len(Decide(in).Released) > 0 && !Applies(in) {
			t.Fatal("something is released where no Consent applies")
		}
	})
}
