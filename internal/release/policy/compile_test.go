package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

// consentJSON is a release with the given members in place of the usual ones.
func consentJSON(members string) string {
	return `{"resourceType":"Consent","id":"c1","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},` +
		`"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/x"},"policy":[{"uri":"https://example.org/p"}]` + members + `}`
}

func compile(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Compile([]byte(text), time.UTC, reading(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatCannotBeParsedIsUnreadableWhereTheClientIsKnown(t *testing.T) {
	good := consentJSON(`,"provision":{"type":"permit"}`)
	for name, text := range map[string]string{
		"an unknown member":        strings.Replace(good, `"id"`, `"surprise":1,"id"`, 1),
		"an unknown status":        strings.Replace(good, `"active"`, `"perhaps"`, 1),
		"no category":              strings.Replace(good, `"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],`, "", 1),
		"a member twice":           strings.Replace(good, `"status":"active"`, `"status":"active","status":"inactive"`, 1),
		"a member twice, below":    strings.Replace(good, `"type":"permit"`, `"type":"permit","type":"deny"`, 1),
		"a null":                   strings.Replace(good, `"type":"permit"`, `"type":null`, 1),
		"an impossible date":       consentJSON(`,"dateTime":"2026-02-31"`),
		"nested without bounds":    consentJSON(`,"provision":` + strings.Repeat(`{"type":"permit","provision":[`, 70) + `{"type":"deny"}` + strings.Repeat("]}", 70)),
		"too large":                consentJSON(`,"language":"` + strings.Repeat("x", maxSize) + `"`),
		"an actor of a wrong type": consentJSON(`,"provision":{"actor":[{"role":{"text":"x"},"reference":{"reference":"Encounter/e"}}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, text)
			if !p.Unreadable || p.Root != nil || p.Patient != (fhir.Reference{Type: "Patient", ID: "x"}) || p.ID.ID != "c1" {
				t.Errorf("%+v", p)
			}
		})
	}
	if compile(t, good).Unreadable {
		t.Error("the good one is unreadable")
	}
}

func TestWhoseClientCannotBeToldIsAnErrorOfItsOwn(t *testing.T) {
	good := consentJSON("")
	for name, text := range map[string]string{
		"no JSON":          `{"resourceType":"Consent"`,
		"two objects":      good + good,
		"another resource": `{"resourceType":"Patient","id":"x"}`,
		"nothing":          ``,
		"a list":           `[]`,
		"no patient":       strings.Replace(good, `"patient":{"reference":"Patient/x"},`, "", 1),
		"an absolute URL":  strings.Replace(good, `Patient/x`, `https://elsewhere.example/Patient/x`, 1),
		"an identifier":    strings.Replace(good, `{"reference":"Patient/x"}`, `{"identifier":{"system":"s","value":"v"}}`, 1),
		"a contained one":  strings.Replace(good, `Patient/x`, `#x`, 1),
		"two patients":     strings.Replace(good, `"patient":{"reference":"Patient/x"}`, `"patient":{"reference":"Patient/x"},"patient":{"reference":"Patient/y"}`, 1),
		"of another type":  strings.Replace(good, `{"reference":"Patient/x"}`, `{"reference":"Patient/x","type":"RelatedPerson"}`, 1),
		"of another type, and cannot be parsed": strings.Replace(strings.Replace(good, `{"reference":"Patient/x"}`, `{"reference":"Patient/x","type":"RelatedPerson"}`, 1),
			`"status"`, `"sttus"`, 1),
		"no patient, a draft": strings.Replace(strings.Replace(good, `"patient":{"reference":"Patient/x"},`, "", 1), "active", "draft", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := Compile([]byte(text), time.UTC, reading(t)); !errors.Is(err, ErrClient) || p != nil {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

func TestErrorsHoldNoValue(t *testing.T) {
	_, err := Compile([]byte(`{"resourceType":"Consent","SECRET":"SECRET"}`), time.UTC, reading(t))
	p := compile(t, consentJSON(`,"dateTime":"SECRET"`))
	if strings.Contains(fmt.Sprint(err, p.Notes), "SECRET") {
		t.Error("a value in an error or a note")
	}
}

func TestWhatLetsAConsentOnlyDenyOrSilencesIt(t *testing.T) {
	ircp := `"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]}`
	for members, want := range map[string][]string{
		`,"provision":{"type":"permit"}`:                                                                            nil,
		`,"implicitRules":"urn:x","provision":{"type":"permit"}`:                                                    {"doubt", "implicitRules"},
		`,"provision":{"type":"permit","provision":[{}]}`:                                                           {"doubt", "provision.provision[0]: no type"},
		`,"provision":{"type":"permit","provision":[{"purpose":[{"code":"x"}]}]}`:                                   {"doubt", "provision.provision[0]: no type"},
		`,"provision":{"purpose":[{"code":"x"}]}`:                                                                   {"doubt", "policyRule of an untyped provision"},
		`,"provision":{"type":"permit","actor":[{` + ircp + `,"reference":{"reference":"Group/g"}}]}`:               {"doubt", "provision.actor[0]"},
		`,"provision":{"type":"permit","actor":[{` + ircp + `,"reference":{"reference":"PractitionerRole/g"}}]}`:    {"doubt", "provision.actor[0]"},
		`,"provision":{"type":"permit","actor":[{` + ircp + `,"reference":{"reference":"#g"}}]}`:                    {"doubt", "provision.actor[0]"},
		`,"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Organization/g"}}]}`: {"doubt", "provision.actor[0]"},
		`,"provision":{"type":"permit","actor":[{` + ircp + `,"reference":{"identifier":{"value":"1"}}}]}`:          {"doubt", "provision.actor[0]"},
		`,"provision":{"type":"permit","data":[{"meaning":"instance","reference":{"display":"x"}}]}`:                {"doubt", "provision.data[0]"},
		`,"verification":[{"verified":true},{"verified":false}],"provision":{"type":"permit"}`:                      {"silenced", "verification"},
		`,"modifierExtension":[{"url":"urn:x","valueBoolean":true}]`:                                                {"doubt", "modifierExtension", "policyRule of an untyped provision"},
	} {
		p := compile(t, consentJSON(members))
		var got []string
		for name, is := range map[string]bool{"doubt": p.Doubt, "silenced": p.Silenced, "unreadable": p.Unreadable} {
			if is {
				got = append(got, name)
			}
		}
		if !p.Unreadable {
			got = append(got, p.Notes...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", members, diff)
		}
	}
}

func TestANestedProvisionInheritsWhatItDoesNotState(t *testing.T) {
	p := compile(t, consentJSON(`,"provision":{"type":"permit","period":{"start":"2026"},"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}],`+
		`"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Encounter"}],"provision":[`+
		`{"type":"deny","class":[{"system":"http://hl7.org/fhir/resource-types","code":"Condition"}]},`+
		`{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"BTG"}],"period":{"end":"2026-06"}}]}`))
	a, b := p.Root.Children[0], p.Root.Children[1]
	if a.Path != "provision.provision[0]" || b.Path != "provision.provision[1]" || p.Root.Path != "provision" {
		t.Errorf("paths %s, %s", a.Path, b.Path)
	}
	if len(a.Classes) != 2 || len(a.Periods) != 1 || a.Purposes[0].Code != "TREAT" {
		t.Errorf("the first: %+v", a)
	}
	if len(b.Classes) != 1 || len(b.Periods) != 2 || len(b.Purposes) != 1 || b.Purposes[0].Code != "BTG" {
		t.Errorf("the second: %+v", b)
	}
	if len(p.Root.Classes) != 1 || len(p.Root.Periods) != 1 {
		t.Error("the root took from its children")
	}
}

func TestPeriodsInThePracticesZoneAndTheNextChange(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	text := consentJSON(`,"dateTime":"2026-02","provision":{"type":"permit","period":{"start":"2026-03-01","end":"2026-11"},"provision":[{"type":"deny","period":{"start":"2026-06-01T12:00:00Z"}}]}`)
	p, err := Compile([]byte(text), zone, reading(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for at := (time.Time{}); ; {
		next, ok := p.NextAfter(at)
		if !ok {
			break
		}
		got, at = append(got, next.In(zone).Format(time.RFC3339)), next
	}
	want := []string{"2026-02-01T00:00:00-05:00", "2026-03-01T00:00:00-05:00", "2026-06-01T08:00:00-04:00", "2026-12-01T00:00:00-05:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestADateThatOnlySaysThatItIsUnknownIsUnread(t *testing.T) {
	masked := `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`
	p := compile(t, consentJSON(`,"_dateTime":`+masked+`,"provision":{"type":"permit","period":{"start":"2026-01-01","_end":`+masked+`}}`))
	if !p.Silenced || !p.Root.Periods[0].Unread {
		t.Errorf("%+v", p)
	}
}

func TestSetsDoNotDependOnTheOrder(t *testing.T) {
	a, b := compile(t, strings.Replace(consentJSON(""), "c1", "a", 1)), compile(t, strings.Replace(consentJSON(""), "c1", "b", 1))
	if diff := cmp.Diff(ids(NewSet(a, b)), ids(NewSet(b, a))); diff != "" {
		t.Error(diff)
	}
	if (Set{}).Loaded() || !NewSet().Loaded() || NewSet(a, nil).Unreadable() == nil || NewSet(a).Unreadable() != nil {
		t.Error("what is loaded and what is unreadable")
	}
}

func ids(s Set) (out []string) {
	for _, p := range s.Policies() {
		out = append(out, p.ID.ID)
	}
	return out
}

func FuzzCompile(f *testing.F) {
	r := reading(f)
	f.Add([]byte(consentJSON(`,"provision":{"type":"permit","provision":[{"type":"deny","period":{"start":"2026"}}]}`)))
	f.Add([]byte(`{"resourceType":"Consent","patient":{"reference":"Patient/x"},"patient":{"reference":"Patient/y"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Compile(data, time.UTC, r)
		if (p == nil) == (err == nil) {
			t.Fatal("neither or both of a Policy and an error")
		}
		if p != nil && (p.Patient.Type != "Patient" || p.Root == nil && !p.Unreadable) {
			t.Fatal("a Policy of nobody, or that says nothing")
		}
	})
}
