package facts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

var chicago = func() *time.Location {
	l, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(err)
	}
	return l
}()

func types(t testing.TB) *facts.Types {
	t.Helper()
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func extract(t testing.TB, json string) *stage.Facts {
	t.Helper()
	m, err := fhirjson.Parse([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Extract(m, facts.Options{Zone: chicago, Types: types(t), Origin: stage.Origin{Kind: "k", Listed: true}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func at[T any](path string, v T) stage.At[T] { return stage.At[T]{Path: path, Value: v} }

func between(t testing.TB, start, end string) fhir.Interval {
	t.Helper()
	var i fhir.Interval
	for _, p := range []struct {
		text string
		to   *time.Time
	}{{start, &i.Start}, {end, &i.End}} {
		if p.text == "" {
			continue
		}
		v, err := time.ParseInLocation("2006-01-02T15:04:05", p.text, chicago)
		if err != nil {
			t.Fatal(err)
		}
		*p.to = v
	}
	return i
}

func TestWhatADocumentReferenceSays(t *testing.T) {
	got := extract(t, `{"resourceType":"DocumentReference","id":"d","language":"en",
	  "meta":{"lastUpdated":"2026-03-01T12:00:00Z","profile":["http://p"],"security":[{"system":"s","code":"R","display":"restricted"}],"tag":[{"system":"t","code":"x"}],"versionId":"7"},
	  "text":{"status":"generated","div":"<div>secret</div>"},
	  "identifier":[{"use":"official","system":"urn:i","value":"1","type":{"coding":[{"system":"it","code":"MR"}]},"assigner":{"display":"A"},"period":{"start":"2020"}}],
	  "status":"current","description":"secret",
	  "type":{"text":"secret","coding":[{"system":"http://loinc.org","code":"11506-3","display":"Progress note"},{"system":"u"}]},
	  "category":[{"coding":[{"system":"c","code":"clinical-note"}]}],
	  "subject":{"reference":"Patient/a/_history/2","display":"A"},
	  "date":"2026-03-01T09:30:00-06:00",
	  "author":[{"reference":"Practitioner/p"},{"reference":"https://x.example/Practitioner/q"},{"reference":"Practitioner?identifier=a|b"},{"identifier":{"system":"npi","value":"9"}}],
	  "securityLabel":[{"coding":[{"system":"s","code":"PSYTHPN"}]}],
	  "content":[{"attachment":{"contentType":"text/plain","language":"en","title":"secret","creation":"2026","url":"Binary/b"},"format":{"system":"f","code":"urn:x"}},{"attachment":{"contentType":"application/pdf","data":"eA=="}}],
	  "context":{"encounter":[{"reference":"Encounter/e"}],"period":{"start":"2026-03-01","end":"2026-03-02"},
	    "related":[{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"system":"s","code":"HIV"}}],"reference":"Observation/o"}]}}`)
	want := &stage.Facts{
		Type: "DocumentReference", ID: "d", Origin: stage.Origin{Kind: "k", Listed: true},
		Subject: fhir.Reference{Type: "Patient", ID: "a"}, Clients: []fhir.Reference{{Type: "Patient", ID: "a"}},
		When:         stage.When{Interval: between(t, "2026-03-01T00:00:00", "2026-03-03T00:00:00"), Known: true},
		Authors:      []fhir.Reference{{Type: "Practitioner", ID: "p"}, {}, {}, {}},
		SourceLabels: []fhir.Coding{{System: "s", Code: "HIV"}, {System: "s", Code: "R"}, {System: "s", Code: "PSYTHPN"}},
		Profiles:     []string{"http://p"},
		Formats:      []string{"text/plain", "urn:x", "application/pdf"},
		LastUpdated:  between(t, "2026-03-01T06:00:00", "2026-03-01T06:00:01"),
		References: []stage.At[fhir.Reference]{
			at("author", fhir.Reference{Type: "Practitioner", ID: "p"}), at("author", fhir.Reference{}), at("author", fhir.Reference{}), at("author", fhir.Reference{}),
			at("content.attachment.url", fhir.Reference{Type: "Binary", ID: "b"}), at("context.encounter", fhir.Reference{Type: "Encounter", ID: "e"}),
			at("context.related", fhir.Reference{Type: "Observation", ID: "o"}), at("identifier.assigner", fhir.Reference{}), at("subject", fhir.Reference{Type: "Patient", ID: "a"}),
		},
		Unnamed: []stage.At[[]string]{
			at("author", []string{"Practitioner"}), at("author", []string{"Practitioner"}),
			at("author", []string{"Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson"}), at("identifier.assigner", []string{"Organization"}),
		},
		Codings: []stage.At[fhir.Coding]{
			at("category", fhir.Coding{System: "c", Code: "clinical-note"}), at("content.format", fhir.Coding{System: "f", Code: "urn:x"}),
			at("identifier.type", fhir.Coding{System: "it", Code: "MR"}), at("language", fhir.Coding{Code: "en"}), at("meta.tag", fhir.Coding{System: "t", Code: "x"}),
			at("status", fhir.Coding{Code: "current"}), at("type", fhir.Coding{System: "http://loinc.org", Code: "11506-3", Display: "Progress note"}),
		},
		Identifiers: []stage.At[fhir.Identifier]{at("author.identifier", fhir.Identifier{System: "npi", Value: "9"}), at("identifier", fhir.Identifier{System: "urn:i", Value: "1"})},
		Dates: []stage.At[fhir.Interval]{
			at("context.period", between(t, "2026-03-01T00:00:00", "2026-03-03T00:00:00")), at("date", between(t, "2026-03-01T09:30:00", "2026-03-01T09:30:01")),
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhatAPatientSays(t *testing.T) {
	got := extract(t, `{"resourceType":"Patient","id":"a","active":true,"gender":"female","birthDate":"1990-05",
	  "name":[{"use":"official","family":"Doe","given":["Jane","Q"],"period":{"start":"2000"}}],"telecom":[{"system":"phone","value":"555","use":"home"}],
	  "address":[{"use":"home","line":["1 Main"],"city":"X","postalCode":"60601"}],"contact":[{"name":{"text":"Mother"},"relationship":[{"coding":[{"system":"r","code":"MTH"}]}]}],
	  "extension":[{"url":"u","valueCodeableConcept":{"coding":[{"system":"e","code":"1"}]}}],"_birthDate":{"extension":[{"url":"u","valueDateTime":"1990-05-01"}]}}`)
	want := &stage.Facts{
		Type: "Patient", ID: "a", Origin: stage.Origin{Kind: "k", Listed: true},
		Subject: fhir.Reference{Type: "Patient", ID: "a"}, Clients: []fhir.Reference{{Type: "Patient", ID: "a"}}, When: stage.When{Timeless: true},
		Codings: []stage.At[fhir.Coding]{at("active", fhir.Coding{Code: "true"}), at("contact.relationship", fhir.Coding{System: "r", Code: "MTH"}),
			at("extension.value", fhir.Coding{System: "e", Code: "1"}), at("gender", fhir.Coding{Code: "female"})},
		Dates: []stage.At[fhir.Interval]{at("birthDate.extension.value", between(t, "1990-05-01T00:00:00", "1990-05-02T00:00:00")), at("birthDate", between(t, "1990-05-01T00:00:00", "1990-06-01T00:00:00"))},
		Strings: []stage.At[string]{at("address.city", "X"), at("address.line", "1 Main"), at("address.postalCode", "60601"), at("contact.name.text", "Mother"),
			at("name.family", "Doe"), at("name.given", "Jane"), at("name.given", "Q"), at("telecom.value", "555")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhen(t *testing.T) {
	condition := `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}`
	active, resolved := `,"clinicalStatus":{"coding":[{"code":"active"}]}`, `,"clinicalStatus":{"coding":[{"code":"resolved"}]}`
	encounter := `{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"}`
	plan := `{"resourceType":"CarePlan","id":"p","intent":"plan","subject":{"reference":"Patient/a"},"status":`
	cases := []struct {
		name, json string
		want       stage.When
	}{
		{"an encounter", encounter + `,"period":{"start":"2026-03-01T10:00:00-06:00","end":"2026-03-01T11:00:00-06:00"}}`,
			stage.When{Known: true, Interval: between(t, "2026-03-01T10:00:00", "2026-03-01T11:00:01")}},
		{"an encounter that has not ended", encounter + `,"period":{"start":"2026-03-01"}}`, stage.When{Known: true, Interval: between(t, "2026-03-01T00:00:00", "")}},
		{"an undated encounter", encounter + `}`, stage.When{}},
		{"a period without start and end", encounter + `,"period":{"id":"x"}}`, stage.When{}},
		{"a period that ends before it starts", encounter + `,"period":{"start":"2026-03-05","end":"2026-03-01"}}`, stage.When{}},
		{"an active condition", condition + `,"onsetDateTime":"2025-01"` + active + `}`, stage.When{Known: true, State: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"one that has ended", condition + `,"onsetDateTime":"2025-01-01","abatementDateTime":"2025-02-01"` + resolved + `}`, stage.When{Known: true, State: true, Interval: between(t, "2025-01-01T00:00:00", "2025-02-02T00:00:00")}},
		{"one that has ended, nobody knows when", condition + `,"onsetDateTime":"2025-01-01"` + resolved + `}`, stage.When{Known: true, State: true, EndUnknown: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"one that ended at some age", condition + `,"onsetDateTime":"2025-01-01","abatementString":"spring"` + active + `}`, stage.When{Known: true, State: true, EndUnknown: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"one without a status", condition + `,"onsetDateTime":"2025-01-01"}`, stage.When{Known: true, State: true, EndUnknown: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"an onset in words is no date, whatever was recorded when", condition + `,"onsetString":"childhood","recordedDate":"2025-01-01"` + active + `}`, stage.When{State: true}},
		{"without an onset when it was recorded", condition + `,"recordedDate":"2025-01-01"` + active + `}`, stage.When{Known: true, State: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"a plan ends with its period", plan + `"active","period":{"start":"2025-01-01","end":"2025-06-30"}}`, stage.When{Known: true, State: true, Interval: between(t, "2025-01-01T00:00:00", "2025-07-01T00:00:00")}},
		{"a plan that is revoked", plan + `"revoked","created":"2025-01-01"}`, stage.When{Known: true, State: true, EndUnknown: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"an open plan", plan + `"active","created":"2025-01-01"}`, stage.When{Known: true, State: true, Interval: between(t, "2025-01-01T00:00:00", "")}},
		{"a type that is not listed", `{"resourceType":"Flag","id":"f","status":"active","code":{"text":"x"},"subject":{"reference":"Patient/a"},"period":{"start":"2025"}}`, stage.When{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, extract(t, c.json).When); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestWhatCannotBeReadWholeIsNotListed(t *testing.T) {
	condition := `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}`
	related := `{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/a"}`
	absent := `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`
	cases := []struct {
		name, json string
		listed     bool
	}{
		{"an ordinary resource", condition + `}`, true},
		{"a type that is not listed", `{"resourceType":"Flag","id":"f","status":"active","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`, false},
		{"a modifierExtension", condition + `,"modifierExtension":[{"url":"u","valueBoolean":true}]}`, false},
		{"one further in", condition + `,"stage":[{"modifierExtension":[{"url":"u","valueBoolean":true}],"summary":{"text":"x"}}]}`, false},
		{"a contained resource", condition + `,"contained":[{"resourceType":"Patient","id":"p"}]}`, false},
		{"implicitRules", condition + `,"implicitRules":"http://r"}`, false},
		{"a label without a code", condition + `,"meta":{"security":[{"display":"psychotherapy"}]}}`, false},
		{"a label in words", `{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/a"},"content":[{"attachment":{"contentType":"text/plain"}}],"securityLabel":[{"text":"psychotherapy"}]}`, false},
		{"a representative of whom nobody says until when", related + `,"period":{"start":"2020","_end":` + absent + `}}`, false},
		{"a representative of whom nobody says whether they still are", related + `,"_active":` + absent + `}`, false},
		{"a representative", related + `,"active":true,"period":{"start":"2020"}}`, true},
		{"somebody who may be a client", condition + `,"evidence":[{"detail":[{"display":"x"}]}]}`, false},
		{"somebody of a type that there is not", condition + `,"evidence":[{"detail":[{"type":"Human","display":"x"}]}]}`, false},
		{"a client of another server", condition + `,"evidence":[{"detail":[{"reference":"https://x.example/Patient/a/_history/1"}]}]}`, false},
		{"clients of another server", condition + `,"evidence":[{"detail":[{"reference":"https://x.example/Patient?name=x"}]}]}`, false},
		{"a client by another's reference", condition + `,"evidence":[{"detail":[{"reference":"https://x.example/Device/a","type":"http://hl7.org/fhir/StructureDefinition/Patient"}]}]}`, false},
		{"a client in an extension of an element", condition + `,"code":{"text":"x","extension":[{"url":"u","valueReference":{"reference":"https://x.example/Patient/a"}}]}}`, false},
		{"a client in an extension of a primitive", condition + `,"recordedDate":"2026","_recordedDate":{"extension":[{"url":"u","valueReference":{"display":"x"}}]}}`, false},
		{"something of another server", condition + `,"evidence":[{"detail":[{"reference":"https://x.example/Observation/a"}]}]}`, true},
		{"something by number", condition + `,"evidence":[{"detail":[{"type":"Observation","identifier":{"value":"1"}}]}]}`, true},
		{"where no Patient may stand", condition + `,"encounter":{"display":"x"}}`, true},
		{"who acts", condition + `,"asserter":{"display":"x"},"note":[{"authorReference":{"display":"x"},"text":"t"}]}`, true},
		{"a client by name", condition + `,"evidence":[{"detail":[{"reference":"Patient/b"}]}]}`, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := extract(t, c.json).Origin.Listed; got != c.listed {
				t.Errorf("listed: %v", got)
			}
		})
	}
	m, err := fhirjson.Parse([]byte(condition + `}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Extract(m, facts.Options{Zone: chicago, Types: types(t)})
	if err != nil || f.Origin.Listed {
		t.Errorf("a kind that no list names was listed: %v", err)
	}
	if _, err := facts.Extract(m, facts.Options{Types: types(t)}); err == nil {
		t.Error("dates were read without a zone")
	}
}

func TestLabelsInContainedResourcesCount(t *testing.T) {
	f := extract(t, `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"contained":[{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20"}]},"meta":{"security":[{"code":"PSYTHPN"}]}}]}`)
	if d := cmp.Diff([]fhir.Coding{{Code: "PSYTHPN"}}, f.SourceLabels); d != "" {
		t.Error(d)
	}
	if f.Codings[0].Path != "contained.code" {
		t.Errorf("%v", f.Codings)
	}
	if f.ID != "c" {
		t.Errorf("the id is that of the contained resource: %s", f.ID)
	}
}

func TestAReferenceThatNamesNothingMayMean(t *testing.T) {
	for name, c := range map[string]struct {
		reference string
		want      []string
	}{
		"words":                    {`{"display":"x"}`, []string{"Encounter"}},
		"a number":                 {`{"identifier":{"system":"urn:x","value":"1"}}`, []string{"Encounter"}},
		"another server's":         {`{"reference":"https://x.example/fhir/Encounter/a"}`, []string{"Encounter"}},
		"a condition":              {`{"reference":"Encounter?identifier=1"}`, []string{"Encounter"}},
		"another type":             {`{"display":"x","type":"EpisodeOfCare"}`, []string{"EpisodeOfCare"}},
		"another type by its URL":  {`{"reference":"https://x.example/fhir/EpisodeOfCare/a/_history/1"}`, []string{"EpisodeOfCare"}},
		"two types":                {`{"reference":"https://x.example/fhir/EpisodeOfCare/a","type":"Encounter"}`, []string{"EpisodeOfCare", "Encounter"}},
		"a type that there is not": {`{"display":"x","type":"Human"}`, []string{"Encounter"}},
		"a URN":                    {`{"reference":"urn:uuid:0c3201bd-1cbf-4d64-b04d-cd9187a4c6e0"}`, []string{"Encounter"}},
		"one that we can follow":   {`{"reference":"Encounter/a"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := extract(t, `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"encounter":`+c.reference+`}`)
			var got []string
			for _, u := range f.Unnamed {
				if u.Path != "encounter" {
					t.Errorf("at %s", u.Path)
				}
				got = append(got, u.Value...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
