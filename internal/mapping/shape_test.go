package mapping_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/profiles"
)

// shaped maps rows by a shape; whole is with every parameter, bare with the required ones only.
const shapedMap = `
kind: shaped
columns: {id: int, client: int, npi: text?, at: localtime, end: localtime?, day: date?, code: text?, words: text?, total: decimal?, mime: text?, file: bytes?, enc: int?, l: list?}
rows: SELECT 1 WHERE 1 IN (:clients)
all-clients: SELECT client FROM releases
key: id
client: client
`

func TestEveryShapeIsWhatGoogleFHIRWouldWrite(t *testing.T) {
	cases := map[string]struct{ whole, bare string }{
		"encounter": {`{status: "finished", cpt: code, class: "VR", practitioner: {practitioner: npi}, start: at, end: end}`, `{status: "finished", cpt: code, start: at}`},
		"condition": {`{icd10: code, display: words, status: "active", category: encounter-diagnosis, onset: day, ended: end, recorded: at, recorder: {practitioner: npi}, encounter: {ref: encounter, key: enc}}`,
			`{icd10: code, status: "active", recorded: at}`},
		"score":      {`{instrument: phq-9, value: total, date: at, status: "final", performer: {practitioner: npi, display: words, identifier: {system: "urn:npi", value: code, assigner: {ref: practice}}}, encounter: {ref: encounter, key: enc}}`, `{instrument: {code: "1-8", text: "x"}, value: total, date: at}`},
		"medication": {`{status: "active", rxnorm: code, name: words, authored: at, requester: {practitioner: npi}, dosage: words, encounter: {ref: encounter, key: enc}}`, `{status: "active", name: words, authored: at, requester: {practitioner: npi}}`},
		"document": {`{type: scan, date: at, status: "current", author: {practitioner: npi}, signer: {practitioner: npi, at: end}, encounter: {ref: encounter, key: enc}, replaces: {ref: soap-note, key: code}, start: day, end: end, attachment: {contentType: mime, data: file}}`,
			`{type: {system: "http://loinc.org", code: "1-8", title: "T"}, date: at, text: [words]}`},
		"consent": {`{status: "active", signed: day, signer: {ref: self}, rule: part2, type: "permit", starts: day, ends: end, recipients: l, recipient-system: "urn:x", purposes: l, classes: l, confidentiality: "R", labels: l, data-start: day, data-end: end,
			actors: [{role: {text: "r"}, reference: {ref: practitioner, key: npi}}], data: [{meaning: "related", reference: {ref: encounter, key: enc}}], exceptions: [{type: "deny", code: [{text: "x"}]}]}`, `{status: "active", signed: at}`},
	}
	full := []any{int64(1), int64(7), "1111111112", "2026-10-05 10:00:00", "2026-10-05 11:00:00", "2026-10-05", "A00", "Words", "12.5", "application/pdf", []byte("%PDF"), int64(70), `["TREAT"]`}
	sparse := []any{int64(2), int64(7), "1111111112", "2026-10-05 10:00:00", nil, "2026", "A00", "Words", int64(3), "text/plain", []byte("x"), int64(70), `[]`}
	shipped, err := profiles.FS.ReadDir("maps/shapes")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range shipped {
		name := strings.TrimSuffix(e.Name(), ".yaml")
		text, err := profiles.FS.ReadFile("maps/shapes/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, tried := cases[name]; !tried && name != "provenance" && strings.Contains(string(text), "\nshape:") {
			t.Errorf("the shape %s is not tried", name)
		}
	}
	for name, c := range cases {
		for which, arguments := range map[string]string{"whole": c.whole, "bare": c.bare} {
			t.Run(name+" "+which, func(t *testing.T) {
				maps := clinic()
				maps["shaped.yaml"] = shapedMap + name + ": " + arguments + "\n"
				m := load(t, maps)
				for _, row := range [][]any{full, sparse} {
					if why := m.Holds(given{[][]any{row}}, "shaped", "7"); why != "" {
						t.Error(why)
					}
				}
			})
		}
	}
}

// A document and its Provenance have what US Core 6.1 asks for.
func TestADocumentAndItsProvenanceAreUSCore(t *testing.T) {
	document, provenance := noteOne(t, load(t, clinic()), database(t))
	var d struct {
		Meta       struct{ Profile []string }
		Identifier []struct{ System, Value string }
		Status     string
		Type       struct {
			Coding []struct{ System, Code string }
		}
		Category []struct {
			Coding []struct{ System, Code string }
		}
		Subject   struct{ Reference string }
		Date      string
		Author    []struct{ Reference string }
		Custodian struct{ Reference string }
		Content   []struct {
			Attachment struct{ ContentType, Data string }
		}
		Context struct {
			Encounter []struct{ Reference string }
			Period    struct{ Start string }
		}
	}
	if err := json.Unmarshal([]byte(document.JSON), &d); err != nil {
		t.Fatal(err)
	}
	self, practice := ref("Patient", "7", "patient", "7").String(), ref("Organization", "", "practice", "practice").String()
	who := ref("Practitioner", "", "practitioner", "1111111112").String()
	switch {
	case d.Meta.Profile[0] != "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference", len(d.Identifier) != 1, d.Status != "current",
		d.Type.Coding[0].Code != "11506-3", d.Category[0].Coding[0].Code != "clinical-note", d.Subject.Reference != self, d.Date == "",
		d.Author[0].Reference != who, d.Custodian.Reference != practice, d.Content[0].Attachment.ContentType == "", d.Content[0].Attachment.Data == "",
		len(d.Context.Encounter) != 1, d.Context.Period.Start == "":
		t.Errorf("%s", document.JSON)
	}
	var p struct {
		Target   []struct{ Reference string }
		Recorded string
		Agent    []struct {
			Type struct {
				Coding []struct{ System, Code string }
			}
			Who, OnBehalfOf struct{ Reference string }
		}
	}
	if err := json.Unmarshal([]byte(provenance.JSON), &p); err != nil {
		t.Fatal(err)
	}
	var agents []string
	for _, a := range p.Agent {
		agents = append(agents, a.Type.Coding[0].Code)
		if isPerson := strings.HasPrefix(a.Who.Reference, "Practitioner/"); isPerson != (a.OnBehalfOf.Reference == practice) {
			t.Errorf("provenance-1: agent %s is on behalf of %q", a.Type.Coding[0].Code, a.OnBehalfOf.Reference)
		}
	}
	if diff := cmp.Diff([]string{"author", "attester", "verifier", "transmitter"}, agents); diff != "" {
		t.Errorf("agents (-want +got)\n%s", diff)
	}
	if p.Target[0].Reference != "DocumentReference/"+document.Facts.ID || p.Recorded != "2026-10-05T16:00:00Z" {
		t.Errorf("target %v, recorded %s", p.Target, p.Recorded)
	}
}

func TestACosignerIsNamedOnlyOnceHeSigned(t *testing.T) {
	_, provenance := noteOne(t, load(t, clinic()), database(t, "UPDATE notes SET cosigned = NULL"))
	if strings.Contains(provenance.JSON, "verifier") {
		t.Error("a supervisor who has not signed verifies the note")
	}
}

func TestAnAmendmentRefersToTheNoteThatItReplaces(t *testing.T) {
	maps := with(t, "note.yaml", "sens: list?}", "sens: list?, old: int?}")
	maps["note.yaml"] = strings.Replace(maps["note.yaml"], "n.sens\n", "n.sens, CASE n.id WHEN 1 THEN 2 END AS old\n", 1)
	maps["note.yaml"] = strings.Replace(maps["note.yaml"], "  start: at\n", "  start: at\n  replaces: {ref: soap-note, key: old}\n", 1)
	m := load(t, maps)
	amendment, _ := noteOne(t, m, database(t))
	old := ref("DocumentReference", "7", "soap-note", "2")
	if want := `"relatesTo":[{"code":"replaces","target":{"reference":"` + old.String() + `"}}]`; !strings.Contains(amendment.JSON, want) {
		t.Errorf("%s", amendment.JSON)
	}
	if at := (stage.At[fhir.Reference]{Path: "relatesTo.target", Value: old}); !slices.Contains(amendment.Facts.References, at) {
		t.Errorf("references %v", amendment.Facts.References)
	}
	all, _, err := m.MadeOf(t.Context(), source(t, database(t)), "7")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Facts.ID != amendment.Facts.ID && strings.Contains(one.JSON, "relatesTo") {
			t.Errorf("what replaces nothing says so: %s", one.JSON)
		}
	}
}

// A recipient is told by an identifier that a partner knows, beside our own reference; without a system the practice's keys do not leave.
func TestARecipientIsToldByItsIdentifier(t *testing.T) {
	for system, want := range map[string]string{"": `{`, "\n  recipient-system: \"urn:book\"": `{"identifier":{"system":"urn:book","value":"clinic"},`} {
		docs, err := load(t, with(t, "release.yaml", "  recipients: orgs", "  recipients: orgs"+system)).Consents(t.Context(), source(t, database(t)), []practice.ClientKey{"7"})
		if err != nil || len(docs) != 1 {
			t.Fatal(docs, err)
		}
		want += `"reference":"` + ref("Organization", "7", "organization", "clinic").String() + `"}`
		if !strings.Contains(string(docs[0].JSON), want) {
			t.Errorf("%s, want %s", docs[0].JSON, want)
		}
	}
}
