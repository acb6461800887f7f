package oracle_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle"
)

// The pieces that the examples are made of. Everything that an example does not state is a plain progress note of Anna's, asked for by the clinic
// for treatment, under a release to the clinic.
const (
	baseConsent = `{"resourceType":"Consent","id":"s1","status":"active","patient":{"reference":"Patient/anna"},"dateTime":"2026-02-03",
		"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
		"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IDSCL"}]}],
		"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]}}`
	baseNote = `{"resourceType":"DocumentReference","id":"d1","status":"current","subject":{"reference":"Patient/anna"},
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},
		"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},"category":[{"coding":[{"system":"urn:c","code":"clinical-note"}]}],
		"date":"2026-11-03T10:05:00Z","author":[{"reference":"Practitioner/therapist"}],"content":[{"attachment":{"contentType":"text/plain"}}],
		"context":{"encounter":[{"reference":"Encounter/e1"}]}}`
	baseWho = `{"partnerId":"p","kind":"provider","organization":{"reference":"Organization/clinic",
		"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}]},"purpose":["TREAT"],"scopes":"system/*.rs"}`
	client  = `{"kind":"patient","purpose":[],"patient":"Patient/anna","scopes":"patient/*.rs"}`
	insurer = `{"kind":"payer","purpose":["HPAYMT"]}`

	permission = `{"type":"permit","actor":[` + toClinic + `]}`
	toClinic   = `{"role":` + ircp + `,"reference":{"reference":"Organization/clinic"}}`
	toOther    = `{"role":` + ircp + `,"reference":{"reference":"Organization/other"}}`
	ircp       = `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]}`

	annaPatient = `{"resourceType":"Patient","id":"anna","birthDate":"1985-06-01","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}}`
	encounter   = `{"resourceType":"Encounter","id":"e1","status":"finished","subject":{"reference":"Patient/anna"},
		"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"participant":[{"individual":{"reference":"Practitioner/therapist"}}],
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},
		"period":{"start":"2026-11-03T09:00:00Z","end":"2026-11-03T10:00:00Z"}}`
	guardian = `{"resourceType":"RelatedPerson","id":"mother","patient":{"reference":"Patient/anna"},
		"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"MTH"}]}]}`
)

// merge lays JSON objects over each other, top-level member by member; a null member goes.
func merge(layers ...string) string {
	whole := map[string]any{}
	for _, l := range layers {
		if l == "" {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			panic(err.Error() + ": " + l)
		}
		maps.Copy(whole, o)
	}
	maps.DeleteFunc(whole, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// consent is the base Consent with a provision, and more laid over it.
func consent(provision string, over ...string) string {
	return merge(append([]string{baseConsent, `{"provision":` + provision + `}`}, over...)...)
}

// permit and deny are provisions for the clinic with more attributes.
func permit(attributes string) string { return merge(permission, attributes) }
func deny(attributes string) string   { return merge(permission, `{"type":"deny"}`, attributes) }

// labels is a meta with these security labels, written "N", "R" and so on, or as codes of v3-ActCode.
func labels(codes ...string) string { return `{"meta":{"security":` + labelList(codes...) + `}}` }

func labelList(codes ...string) string {
	l := []map[string]string{}
	for _, c := range codes {
		system := "http://terminology.hl7.org/CodeSystem/v3-ActCode"
		if len(c) == 1 {
			system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
		}
		l = append(l, map[string]string{"system": system, "code": c})
	}
	b, _ := json.Marshal(l)
	return string(b)
}

func secured(codes ...string) string { return `{"securityLabel":` + labelList(codes...) + `}` }

func rule(system, code string) string {
	return `{"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/` + system + `","code":"` + code + `"}]}}`
}

// example is one decision about one record.
type example struct {
	name     string
	consents []string // none stated: one release to the clinic
	none     bool     // no Consent at all
	record   string   // laid over the note; a whole resource if it has a resourceType
	chart    []string // the rest of the chart
	who      string   // laid over the clinic's request
	at       string
	zone     *time.Location
	practice string
	want     string // the reason; released if it is permitted or self-access
}

func check(t *testing.T, examples []example) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			l := e.decide(t)[0]
			decision := map[bool]string{true: "release", false: "withhold"}[e.want == "permitted" || e.want == "self-access"]
			if l.Reason != e.want || l.Decision != decision {
				t.Errorf("decided %s for %s (by %s %s), want %s for %s", l.Decision, l.Reason, l.Consent, l.Provision, decision, e.want)
			}
		})
	}
}

func (e example) decide(t *testing.T) []oracle.Line {
	t.Helper()
	if e.consents == nil && !e.none {
		e.consents = []string{consent(permission)}
	}
	if e.at == "" {
		e.at = "2026-11-21T15:00:00Z"
	}
	at, err := time.Parse(time.RFC3339, e.at)
	if err != nil {
		t.Fatal(err)
	}
	record := merge(baseNote, e.record)
	var whole struct{ ResourceType string }
	if json.Unmarshal([]byte(e.record), &whole) == nil && whole.ResourceType != "" {
		record = e.record
	}
	lines, err := oracle.Decide(raw(e.consents), raw(append([]string{record}, e.chart...)), json.RawMessage(merge(baseWho, e.who)), at, e.zone, e.practice)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func raw(texts []string) []json.RawMessage {
	var out []json.RawMessage
	for _, s := range texts {
		out = append(out, json.RawMessage(s))
	}
	return out
}
