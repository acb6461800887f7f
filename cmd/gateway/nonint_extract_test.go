package main

import (
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// Two Consents that differ only in what a partner's extract leaves out give byte-identical answers, headers included, to every read and search of
// Consents and of everything else: who else may have what, what is denied, when and by whom it was signed, on what form, and when it changed.
func TestNoninterferenceOfWhatAnExtractLeavesOut(t *testing.T) {
	pairs := 400
	if testing.Short() {
		pairs = 80
	}
	var seen statuses
	w := newTwins(t, mutation{})
	for seed := range uint64(pairs) {
		if d := w.extracts(seed, &seen).tellsApart(); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
	if seen.consents < 5*pairs || seen.unchanged < pairs {
		t.Errorf("%d answers with a Consent, %d not modified: the test compares nothing", seen.consents, seen.unchanged)
	}
}

// A gateway that shows the whole Consent, or searches it, is found out.
func TestNoninterferenceFindsOutAWholeConsent(t *testing.T) {
	for _, m := range []mutation{
		{name: "the whole Consent", projector: func(p release.Projector) release.Projector { return wholeConsent{p} }},
		{name: "a search of the client's own", views: func(h *house, real fhirapi.Views) fhirapi.Views {
			return otherViews{real, wholeCharts{h}, func(v, whole fhirapi.View) fhirapi.View { return unfilteredConsents{v, whole} }}
		}},
	} {
		w, found := newTwins(t, m), 0
		for seed := range uint64(30) {
			if w.extracts(seed, &statuses{}).tellsApart() != "" {
				found++
			}
		}
		if found < 10 {
			t.Errorf("%s: found out for %d of 30 pairs", m.name, found)
		}
	}
}

type wholeConsent struct{ release.Projector }

func (wholeConsent) ConsentExtract(r stage.Released, _ *consent.Terms) (stage.Released, bool) {
	return r, true
}

// unfilteredConsents searches the whole Consents.
type unfilteredConsents struct {
	fhirapi.View
	whole fhirapi.View
}

func (u unfilteredConsents) Resources(resourceType string) []stage.Released {
	if resourceType == "Consent" {
		return u.whole.Resources(resourceType)
	}
	return u.View.Resources(resourceType)
}

// tellsApart asks both houses everything and gives the first difference, "" for none.
func (x *asking) tellsApart() string {
	if d := x.interferes(); d != "" {
		return d
	}
	for _, q := range x.ofConsents() {
		if d := x.compare(q); d != "" {
			return q.kind + ": " + d
		}
	}
	return ""
}

// extracts puts the same chart into both houses, with Consents that differ only in what an extract leaves out.
func (w *twins) extracts(seed uint64, seen *statuses) *asking {
	c := &clinic{Rand: rand.New(rand.NewPCG(seed, 7)), ruleset: w.ruleset}
	b := &base{who: &requester.Requester{PartnerID: "partner", Kind: requester.KindProvider, Scopes: smart.ParseScopes("system/*.rs"),
		Organization: requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: clinicNPI}}}}}
	b.who.Purposes = []fhir.Coding{{System: fhir.SystemActReason, Code: "TREAT"}}
	b.who.Registered = b.who.Purposes
	b.chart = c.draw()
	terms := c.terms()
	x := &asking{twins: w, pair: &pair{base: b, twin: b.chart, rng: c.Rand, shown: map[fhir.Reference]bool{}}, clinic: c, seen: seen}
	for _, h := range []*house{w.left, w.right} {
		text, err := json.Marshal(c.leftOut(cloneValue(terms).(object), x.consent(), w.patient(nonintClient)))
		if err != nil {
			panic(err)
		}
		b.documents = map[practice.ClientKey][]mapping.ConsentDocument{nonintClient: {{Client: nonintClient, Patient: w.patient(nonintClient), ID: x.consent().ID, JSON: text, Digest: sha256.Sum256(text)}}}
		x.signed = append(x.signed, w.scribe.consents(b.documents[nonintClient])...)
		w.move(h, b, b.chart)
	}
	return x
}

func (x *asking) consent() fhir.Reference {
	return x.sealed("Consent", nonintClient, "consent", "0")
}

// ofConsents are searches by everything that either whole Consent holds.
func (x *asking) ofConsents() (all []inquiry) {
	add := func(q url.Values, kind string) {
		q.Set("patient", x.patient(nonintClient).ID)
		all = append(all, inquiry{method: "GET", target: "Consent?" + q.Encode(), kind: "search of Consent " + kind})
	}
	r, _ := search.Lookup("Consent")
	for _, p := range r.Parameters {
		add(url.Values{p.Name + ":missing": {"true"}}, "by "+p.Name+":missing")
		add(url.Values{"_sort": {"-" + p.Name}, "_count": {"1"}}, "sorted by "+p.Name)
		for _, c := range x.signed {
			for range 3 {
				if v := x.value(p, c.Facts()); v != "" && p.Name != "patient" {
					add(url.Values{p.Name: {v}}, "by "+p.Name)
				}
			}
		}
	}
	all = append(all, inquiry{method: "GET", target: x.consent().String(), kind: "read of the Consent"}, inquiry{method: "HEAD", target: x.consent().String(), kind: "HEAD of the Consent"})
	return all
}

// terms draws what an extract says: one or two permits to who asks, of kinds that may be in the chart.
func (c *clinic) terms() object {
	root := object{"type": "permit", "purpose": []any{object{"system": fhir.SystemActReason, "code": "TREAT"}}}
	c.kinds(root)
	if c.chance(40) {
		root["period"] = pick(c, object{"start": "2026-01-01"}, object{"end": "2027-06"}, object{"start": "2026-01-01T10:00:00Z", "end": "2026-12-31"})
	}
	if c.chance(30) {
		second := object{"type": "permit"}
		c.kinds(second)
		root["provision"] = []any{second}
	}
	return object{"resourceType": "Consent", "status": "active", "policyRule": pick(c, concept(fhir.SystemActCode, "OPTIN"), concept(fhir.SystemActCode, "42CFRPart2CD"), concept(fhir.SystemConsentPolicy, "hipaa-auth")),
		"scope": concept(fhir.SystemConsentScope, "patient-privacy"), "category": []any{concept(fhir.SystemActCode, "IDSCL")}, "provision": root}
}

func (c *clinic) kinds(p object) {
	switch c.IntN(3) {
	case 0:
		p["class"] = []any{object{"system": fhir.SystemResourceTypes, "code": "DocumentReference"}, object{"system": fhir.SystemResourceTypes, "code": pick(c, "Encounter", "Condition")}}
	case 1:
		p["code"] = []any{concept(fhir.SystemLOINC, "11506-3"), concept(fhir.SystemICD10CM, "F33.1")}
	}
}

// leftOut adds to a Consent what no extract says and what changes nothing of what this chart shows: no record is a Binary or Media, or of 1999.
func (c *clinic) leftOut(b object, ref, client fhir.Reference) object {
	actor := func(value string) object {
		return object{"role": object{"coding": []any{object{"system": fhir.SystemParticipation, "code": "IRCP"}}, "text": c.words()},
			"reference": object{"identifier": object{"system": fhir.SystemNPI, "value": value}, "display": c.words()}}
	}
	b["id"], b["patient"], b["dateTime"] = ref.ID, object{"reference": client.String(), "display": c.words()}, c.day()
	root := b["provision"].(object)
	actors := []any{actor(clinicNPI)}
	if c.chance(60) {
		actors = append(actors, actor(otherNPI))
	}
	root["actor"] = actors
	add := func(p object, name string, v any) {
		list, _ := p[name].([]any)
		p[name] = append(list, v)
	}
	for _, or := range []func(){
		func() {
			b["meta"] = object{"lastUpdated": c.day() + "T08:00:00Z", "versionId": c.words(), "profile": []any{"http://hl7.org/fhir/StructureDefinition/Consent"}}
		},
		func() {
			b["text"] = object{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + c.words() + `</div>`}
		},
		func() { root["securityLabel"] = []any{object{"system": fhir.SystemConfidentiality, "code": "R"}} },
		func() { b["identifier"] = []any{object{"system": "urn:test:form", "value": c.words()}} },
		func() { add(b, "category", concept("http://loinc.org", "59284-0")) },
		func() { b["performer"] = []any{refTo(client)} },
		func() {
			b["organization"] = []any{object{"identifier": object{"system": fhir.SystemNPI, "value": practiceNPI}, "display": c.words()}}
		},
		func() { b["sourceAttachment"] = object{"title": c.words()} },
		func() { b["policy"] = []any{object{"uri": "urn:test:" + c.words()}} },
		func() { b["policyRule"].(object)["text"] = c.words() },
		func() { b["verification"] = []any{object{"verified": true, "verificationDate": c.day()}} },
		func() {
			add(root, "purpose", object{"system": fhir.SystemActReason, "code": pick(c, "HPAYMT", "HMARKT", "HRESCH")})
		},
		func() {
			add(root, "provision", object{"type": "deny", "class": []any{object{"system": fhir.SystemResourceTypes, "code": "Media"}}})
		},
		func() {
			add(root, "provision", object{"type": "deny", "dataPeriod": object{"end": "1999"}, "class": []any{object{"system": fhir.SystemResourceTypes, "code": "Observation"}}})
		},
		func() {
			add(root, "provision", object{"type": "permit", "class": []any{object{"system": fhir.SystemResourceTypes, "code": "Binary"}}})
		},
		func() {
			add(root, "provision", object{"type": "deny", "purpose": []any{object{"system": fhir.SystemActReason, "code": "HMARKT"}}})
		},
	} {
		if c.chance(50) {
			or()
		}
	}
	if s, ok := root["class"].([]any); ok {
		s[0].(object)["display"] = strings.ToUpper(c.words())
	}
	return b
}
