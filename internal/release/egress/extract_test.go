package egress

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// signed is a Consent with all that an extract leaves out.
func signed(t testing.TB, id, more string, labels ...fhir.Coding) stage.Released {
	t.Helper()
	return release(t, `{"resourceType":"Consent","id":"`+id+`","meta":{"lastUpdated":"2026-11-20T10:00:00Z"},"status":"active","scope":{"coding":[{"code":"patient-privacy"}],"text":"secret"},`+
		`"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/p1"},"dateTime":"2026-01-05","organization":[{"reference":"Organization/o1"}],"policyRule":{"coding":[{"code":"secret"}]},`+
		`"provision":{"type":"permit","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/secret"}}]`+more+`}}`, labels...)
}

// The extract is written from its Terms: nothing of the body is in it, and nothing of the labels that come with the body.
func TestAnExtractIsAFunctionOfItsTerms(t *testing.T) {
	e := newEgress(t)
	first, ok := e.ConsentExtract(signed(t, "c1", ""), terms("c1"))
	if !ok {
		t.Fatal("there is none")
	}
	other, ok := e.ConsentExtract(signed(t, "c1", `,"securityLabel":[{"code":"HIV"}],"provision":[{"type":"deny"}]`, fhir.Coding{System: fhir.SystemActCode, Code: "HIV"}), terms("c1"))
	if !ok || first.Digest() != other.Digest() {
		t.Error("two Consents on the same terms differ")
	}
	if diff := cmp.Diff(first.Facts(), other.Facts()); diff != "" {
		t.Errorf("so do their facts: %s", diff)
	}
	if diff := cmp.Diff([]fhir.Coding{{System: fhir.SystemConfidentiality, Code: "R"}}, other.Labels()); diff != "" {
		t.Errorf("the labels: %s", diff)
	}
	if body := string(sealed.Open(other)); strings.Contains(body, "secret") || strings.Contains(body, "lastUpdated") || strings.Count(body, "StructureDefinition/") != 1 ||
		!strings.Contains(body, `"profile":["https://consentry.dev/fhir/StructureDefinition/consentry-consent-extract"]`) {
		t.Errorf("the body: %s", body)
	}
	if f := other.Facts(); f.Subject != (fhir.Reference{Type: "Patient", ID: "p1"}) || !f.LastUpdated.Start.IsZero() || len(f.Dates) != 1 {
		t.Errorf("the facts: %+v", f)
	}
}

func TestAnExtractSaysWhatLawTheConsentIsUnder(t *testing.T) {
	e := newEgress(t)
	for want, change := range map[string]func(*consent.Terms){
		"OPTIN":        func(*consent.Terms) {},
		"hipaa-auth":   func(x *consent.Terms) { x.Authorization = true },
		"42CFRPart2CD": func(x *consent.Terms) { x.Part2, x.Authorization = true, true },
	} {
		x := terms("c1")
		change(x)
		got, ok := e.ConsentExtract(signed(t, "c1", ""), x)
		if !ok || !strings.Contains(string(sealed.Open(got)), `"policyRule":{"coding":[{"code":"`+want+`"`) {
			t.Errorf("%s: %t %s", want, ok, sealed.Open(got))
		}
		if isPart2(got.Labels()) != x.Part2 || strings.Contains(string(sealed.Open(got)), `{"code":"42CFRPart2",`) != x.Part2 {
			t.Errorf("%s: the labels are %v", want, got.Labels())
		}
	}
}

// Several permits stand below a root that says what they have in common.
func TestSeveralPermitsAreNested(t *testing.T) {
	e, x := newEgress(t), terms("c1")
	x.Permits = append(x.Permits, consent.Permit{Period: fhir.Interval{Start: day(2026, 1, 1), End: day(2026, 7, 1)}, Purposes: purpose("COC"), Codes: []fhir.Coding{{System: fhir.SystemLOINC, Code: "1"}}})
	got, ok := e.ConsentExtract(signed(t, "c1", ""), x)
	want := `"provision":{"actor":[{"reference":{"display":"lakeside","identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}},` +
		`"role":{"coding":[{"code":"IRCP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]}}],"period":{"end":"2026-12-31"},"provision":[` +
		`{"class":[{"code":"DocumentReference","system":"http://hl7.org/fhir/resource-types"}],"period":{"end":"2026-12-31"},"purpose":[{"code":"TREAT","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}],"type":"permit"},` +
		`{"code":[{"coding":[{"code":"1","system":"http://loinc.org"}]}],"period":{"end":"2026-06-30","start":"2026-01-01"},"purpose":[{"code":"COC","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}],"type":"permit"}]}`
	if body := string(sealed.Open(got)); !ok || !strings.Contains(body, want) {
		t.Errorf("%t %s", ok, body)
	}
}

func TestWithoutTermsThereIsNoExtract(t *testing.T) {
	e := newEgress(t)
	empty, broken := terms("c1"), terms("c1")
	empty.Permits = nil
	broken.Permits[0].Purposes = []fhir.Coding{{System: "not a uri\x00", Code: ""}}
	for name, x := range map[string]struct {
		r stage.Released
		t *consent.Terms
	}{
		"no terms":                  {signed(t, "c1", ""), nil},
		"another's":                 {signed(t, "c1", ""), terms("c2")},
		"of something else":         {release(t, note("c1")), terms("c1")},
		"of nothing":                {stage.Released{}, terms("c1")},
		"that permit nothing":       {signed(t, "c1", ""), empty},
		"that no Consent could say": {signed(t, "c1", ""), broken},
	} {
		if got, ok := e.ConsentExtract(x.r, x.t); ok || got.Size() != 0 {
			t.Errorf("%s: there is one", name)
		}
	}
}

// A period comes back from the extract as it went in, in whatever zone.
func TestAPeriodComesBack(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("west", -5*60*60), time.FixedZone("east", 13*60*60)}
	for _, name := range []string{"America/New_York", "America/Santiago"} {
		if z, err := time.LoadLocation(name); err == nil {
			zones = append(zones, z)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		o := options(t)
		o.Zone = rapid.SampledFrom(zones).Draw(rt, "zone")
		e, err := New(o)
		if err != nil {
			rt.Fatal(err)
		}
		text := func(name string) string {
			if rapid.Bool().Draw(rt, name+" is open") {
				return ""
			}
			d := fmt.Sprintf("20%02d-%02d-%02d", rapid.IntRange(20, 40).Draw(rt, name+" year"), rapid.IntRange(1, 12).Draw(rt, name+" month"), rapid.IntRange(1, 28).Draw(rt, name+" day"))
			return d[:rapid.SampledFrom([]int{4, 7, 10}).Draw(rt, name+" precision")] + ""
		}
		moment := func(name string) string {
			d := text(name)
			if len(d) < 10 || rapid.Bool().Draw(rt, name+" is a day") {
				return d
			}
			return d + rapid.SampledFrom([]string{"T00:00:00Z", "T23:59:59-05:00", "T12:30:15+02:00", "T12:30:15.250Z", "T23:59:59.999Z"}).Draw(rt, name+" time")
		}
		want, err := fhir.ParsePeriod(moment("start"), moment("end"), o.Zone)
		if err != nil {
			rt.Fatal(err)
		}
		x := terms("c1")
		x.Permits[0].Period = want
		got, ok := e.ConsentExtract(signed(t, "c1", ""), x)
		if !ok {
			rt.Fatal("no extract")
		}
		if _, err := fhirjson.Parse(sealed.Open(got)); err != nil {
			rt.Fatal(err)
		}
		var back fhir.Interval
		for _, at := range got.Facts().Dates {
			if at.Path == "provision.period" {
				back = at.Value
			}
		}
		if !back.Start.Equal(want.Start) || !back.End.Equal(want.End) {
			rt.Fatalf("%v came back as %v: %s", want, back, sealed.Open(got))
		}
	})
}
