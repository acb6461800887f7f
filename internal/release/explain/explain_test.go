package explain

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/profiles"
)

func content(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// question asks over the files of testdata.
func question(t testing.TB, consents, resources, who string) Question {
	t.Helper()
	rules, err := policy.LoadReading(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	types, err := facts.LoadTypes(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	requester, err := ReadRequester(File{"requester.json", strings.NewReader(who)})
	if err != nil {
		t.Fatal(err)
	}
	return Question{
		Consents: File{"consents.ndjson", strings.NewReader(consents)}, Resources: File{"resources.ndjson", strings.NewReader(resources)},
		Requester: requester, At: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), Zone: time.UTC, Rules: rules, Types: types,
	}
}

func explainJSON(t *testing.T, q Question) string {
	t.Helper()
	a, err := Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reasons gives the decisions without labels, as "resource reason".
func reasons(t *testing.T, q Question) string {
	t.Helper()
	a, err := Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range a.Lines {
		out = append(out, l.Resource+" "+string(l.Reason))
	}
	return strings.Join(out, "\n")
}

func TestJSONLines(t *testing.T) {
	q := question(t, content(t, "consents.ndjson"), content(t, "resources.ndjson"), content(t, "clinic.json"))
	want := `{"resource":"Patient/anna","decision":"release","reason":"permitted","consent":"Consent/release","provision":"provision","labels":["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N"]}
{"resource":"Encounter/e1","decision":"withhold","reason":"denied","consent":"Consent/release","provision":"provision.provision[0]","labels":["http://terminology.hl7.org/CodeSystem/v3-ActCode|ETHUD","http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R"]}
{"resource":"DocumentReference/progress","decision":"release","reason":"permitted","consent":"Consent/release","provision":"provision","labels":["http://terminology.hl7.org/CodeSystem/v3-ActCode|MH","http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N"]}
{"resource":"DocumentReference/process","decision":"withhold","reason":"psychotherapy-note","consent":"","provision":"","labels":["http://terminology.hl7.org/CodeSystem/v3-ActCode|PSYTHPN"]}
{"resource":"Provenance/p1","decision":"release","reason":"permitted","consent":"Consent/release","provision":"provision","labels":["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N"]}
{"resource":"Observation/loose","decision":"withhold","reason":"unclassified","consent":"","provision":"","labels":[]}
{"resource":"Condition/bens","decision":"withhold","reason":"no-consent","consent":"","provision":"","labels":["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N"]}
{"resource":"Practitioner/dr","decision":"withhold","reason":"unclassified","consent":"","provision":"","labels":["http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N"]}
`
	if diff := cmp.Diff(want, explainJSON(t, q)); diff != "" {
		t.Error(diff)
	}
}

func TestTextForAPrivacyOfficer(t *testing.T) {
	a, err := Explain(question(t, content(t, "consents.ndjson"), content(t, "resources.ndjson"), content(t, "clinic.json")))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"withhold  Encounter/e1                denied              Consent/release  provision.provision[0]\n",
		"3 of 8 resources released, 5 withheld\n",
		"      1  denied: a Consent denies it, or cannot be read\n",
		"The answer may change at 2027-01-01T00:00:00Z.",
		"consents.ndjson:3: its permits are silent: scope",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "Private") || strings.Contains(b.String(), "U0VDUkVU") {
		t.Error("content of a record in the answer")
	}
}

func TestPracticeAppliesTheRuleOnWhoDiscloses(t *testing.T) {
	resource := strings.SplitAfter(content(t, "resources.ndjson"), "\n")[0]
	for practice, want := range map[string]string{"Organization/practice": "Patient/anna permitted", "Organization/elsewhere": "Patient/anna no-consent"} {
		q := question(t, content(t, "consents.ndjson"), resource, content(t, "clinic.json"))
		q.Practice, _ = fhir.ParseReference(practice)
		if got := reasons(t, q); got != want {
			t.Errorf("%s: got %q, want %q", practice, got, want)
		}
	}
}

func TestConsentsThatCannotBeRead(t *testing.T) {
	resources := strings.Join(strings.SplitAfter(content(t, "resources.ndjson"), "\n")[:4], "")
	app := `{"kind":"patient","scopes":"patient/*.rs","patient":"Patient/anna"}`
	unreadable := `{"resourceType":"Consent","id":"bad","status":"???","patient":{"reference":"Patient/anna"}}`
	for name, c := range map[string]struct{ line, who, want string }{
		"of this client":                 {unreadable, content(t, "clinic.json"), "Patient/anna denied\nEncounter/e1 denied\nDocumentReference/progress denied\nDocumentReference/process psychotherapy-note"},
		"of this client, in self-access": {unreadable, app, "Patient/anna self-access\nEncounter/e1 self-access\nDocumentReference/progress self-access\nDocumentReference/process psychotherapy-note"},
		"of another client":              {strings.Replace(unreadable, "anna", "ben", 1), content(t, "clinic.json"), "Patient/anna permitted\nEncounter/e1 denied\nDocumentReference/progress permitted\nDocumentReference/process psychotherapy-note"},
		"of nobody who can be told":      {`{"resourceType":"Consent"`, content(t, "clinic.json"), "Patient/anna denied\nEncounter/e1 denied\nDocumentReference/progress denied\nDocumentReference/process psychotherapy-note"},
		"of nobody, in self-access":      {`{"resourceType":"Consent"`, app, "Patient/anna denied\nEncounter/e1 denied\nDocumentReference/progress denied\nDocumentReference/process psychotherapy-note"},
	} {
		t.Run(name, func(t *testing.T) {
			q := question(t, content(t, "consents.ndjson")+c.line+"\n", resources, c.who)
			if diff := cmp.Diff(c.want, reasons(t, q)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnotherLaunchPatient(t *testing.T) {
	resource := strings.SplitAfter(content(t, "resources.ndjson"), "\n")[0]
	q := question(t, "", resource, `{"kind":"patient","scopes":"patient/*.rs","patient":"Patient/ben"}`)
	if got, want := reasons(t, q), "Patient/anna other-patient"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGranularScope(t *testing.T) {
	resource := strings.SplitAfter(content(t, "resources.ndjson"), "\n")[2]
	for scope, want := range map[string]string{"11506-3": "permitted", "18842-5": "scope"} {
		who := strings.Replace(content(t, "clinic.json"), "system/*.rs", "system/DocumentReference.rs?type=http://loinc.org|"+scope, 1)
		if got := reasons(t, question(t, content(t, "consents.ndjson"), resource, who)); got != "DocumentReference/progress "+want {
			t.Errorf("%s: got %q", scope, got)
		}
	}
}

func TestWhatTheTokenTakesAway(t *testing.T) {
	resources := strings.Join(strings.SplitAfter(content(t, "resources.ndjson"), "\n")[:3], "")
	const released = "Patient/anna permitted\nEncounter/e1 denied\nDocumentReference/progress permitted"
	for states, want := range map[string]string{
		`"consents":["Consent/release"]`:                       released,
		`"consents":["Consent/other"]`:                         "Patient/anna no-consent\nEncounter/e1 denied\nDocumentReference/progress no-consent",
		`"consents":[]`:                                        "Patient/anna no-consent\nEncounter/e1 denied\nDocumentReference/progress no-consent",
		`"residual":[]`:                                        released,
		`"residual":[{"type":"forbid"}]`:                       "Patient/anna token\nEncounter/e1 token\nDocumentReference/progress token",
		`"residual":[{"type":"forbid","class":["Encounter"]}]`: "Patient/anna token\nEncounter/e1 token\nDocumentReference/progress token",
		`"residual":[{"type":"forbid"},{"type":"permit","data":[{"meaning":"instance","reference":"DocumentReference/progress"}]}]`: "Patient/anna token\nEncounter/e1 token\nDocumentReference/progress permitted",
	} {
		who := strings.Replace(content(t, "clinic.json"), "{", "{"+states+",", 1)
		if diff := cmp.Diff(want, reasons(t, question(t, content(t, "consents.ndjson"), resources, who))); diff != "" {
			t.Errorf("%s: %s", states, diff)
		}
	}
	a, err := Explain(question(t, content(t, "consents.ndjson"), resources, strings.Replace(content(t, "clinic.json"), "{", `{"residual":[{"type":"forbid"}],`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := a.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"residual[0]\n", "      3  token: the token itself forbids it\n"} {
		if !strings.Contains(b.String()+"\n", want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

func TestAnIncompleteQuestionIsRefused(t *testing.T) {
	if _, err := Explain(Question{}); err == nil {
		t.Error("answered")
	}
	if (consent.Decision{}).Release {
		t.Error("the zero decision releases")
	}
}

// labeledN is the meta of a resource in the tests below.
const labeledN = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}`

// lines makes NDJSON.
func lines(docs ...string) string { return strings.Join(docs, "\n") }

func release(id, client, performer string) string {
	return `{"resourceType":"Consent","id":"` + id + `","status":"active","patient":{"reference":"` + client + `"},"performer":[{"reference":"` + performer + `"}],
		"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IDSCL"}]}],
		"policy":[{"uri":"https://example.org/policy"}],"provision":{"type":"permit"}}`
}

func inOneLine(s string) string { return strings.NewReplacer("\n", "", "\t", "").Replace(s) }

// A record about two siblings takes what was signed for each, by whoever may sign for each: the people of both charts are looked at.
func TestARecordAboutTwoTakesThePeopleOfBoth(t *testing.T) {
	mother := func(id, child string) string {
		return `{"resourceType":"RelatedPerson","id":"` + id + `","patient":{"reference":"` + child + `"},"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"MTH"}]}],` + labeledN + `}`
	}
	child := func(id, born string) string {
		return `{"resourceType":"Patient","id":"` + id + `","birthDate":"` + born + `",` + labeledN + `}`
	}
	session := `{"resourceType":"DocumentReference","id":"family","status":"current","date":"2026-03-02T10:00:00Z","subject":{"reference":"Patient/a"},
		"context":{"related":[{"reference":"Patient/b"}]},"content":[{"attachment":{"contentType":"text/plain"}}],` + labeledN + `}`
	consents := inOneLine(release("a", "Patient/a", "RelatedPerson/ma")) + "\n" + inOneLine(release("b", "Patient/b", "RelatedPerson/mb"))
	for born, want := range map[string]string{"2014-01-01": "DocumentReference/family permitted", "2007-01-01": "DocumentReference/family no-consent"} {
		resources := lines(inOneLine(session), child("a", "2012-01-01"), child("b", born), mother("ma", "Patient/a"), mother("mb", "Patient/b"))
		if got, _, _ := strings.Cut(reasons(t, question(t, consents, resources, content(t, "clinic.json"))), "\n"); got != want {
			t.Errorf("born %s: got %q, want %q", born, got, want)
		}
	}
}

func TestAProvenanceOfWhatIsNotHere(t *testing.T) {
	provenance := func(id string, targets ...string) string {
		return `{"resourceType":"Provenance","id":"` + id + `","recorded":"2026-03-02T10:00:00Z","agent":[{"who":{"reference":"Practitioner/dr"}}],
			"target":[{"reference":"` + strings.Join(targets, `"},{"reference":"`) + `"}],` + labeledN + `}`
	}
	resources := lines(
		`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/anna"},`+labeledN+`}`,
		inOneLine(provenance("both", "DocumentReference/elsewhere", "Condition/c")), inOneLine(provenance("gone", "DocumentReference/elsewhere")),
		inOneLine(provenance("of-provenance", "Provenance/both")),
	)
	want := lines("Condition/c permitted", "Provenance/both permitted", "Provenance/gone unclassified", "Provenance/of-provenance unclassified")
	if got := reasons(t, question(t, inOneLine(release("r", "Patient/anna", "Patient/anna")), resources, content(t, "clinic.json"))); got != want {
		t.Errorf("got %s", got)
	}
}
