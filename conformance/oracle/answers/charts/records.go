package charts

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func (m *maker) procedure(id, subject string) {
	r := Object{"status": pick(m, "completed", "in-progress"), "code": concept(code(cpt, pick(m, "90837", "96127"))), "subject": ref(subject), "encounter": m.to(70, "Encounter"),
		"performer": list(m.maybe(60, Object{"actor": m.named(), "function": concept(code("urn:test:function", "f"))})), "reasonReference": list(m.to(40, "Condition"))}
	switch m.IntN(3) {
	case 0:
		r["performedDateTime"] = m.when()
	case 1:
		r["performedPeriod"] = m.period()
	}
	m.add("Procedure", id, r)
}

func (m *maker) medication(id, subject string) {
	m.add("MedicationRequest", id, Object{"status": pick(m, "active", "stopped", "completed"), "intent": pick(m, "order", "plan"), "subject": ref(subject), "authoredOn": m.maybe(80, m.when()),
		"medicationCodeableConcept": concept(code(rxnorm, pick(m, "312938", "310384", "351266"))), "encounter": m.to(50, "Encounter"), "requester": m.maybe(50, m.named()),
		"reasonReference": list(m.to(50, "Condition")), "priorPrescription": m.to(20, "MedicationRequest")})
}

func (m *maker) allergy(id, subject string) {
	m.add("AllergyIntolerance", id, Object{"clinicalStatus": concept(code("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", pick(m, "active", "inactive"))), "patient": ref(subject),
		"code": concept(code(rxnorm, pick(m, "7980", "1191"))), "recordedDate": m.maybe(70, m.day()), "encounter": m.to(40, "Encounter"), "recorder": m.maybe(40, m.named())})
}

func (m *maker) immunization(id, subject string) {
	m.add("Immunization", id, Object{"status": pick(m, "completed", "not-done"), "vaccineCode": concept(code("http://hl7.org/fhir/sid/cvx", pick(m, "140", "62"))), "patient": ref(subject),
		"occurrenceDateTime": m.when(), "location": m.maybe(40, ref(pick(m, "Location/loc-own", "Location/loc-outside"))), "encounter": m.to(40, "Encounter")})
}

func (m *maker) goal(id, subject string) {
	r := Object{"lifecycleStatus": pick(m, "active", "proposed", "completed"), "description": Object{"text": "Sleep through the night", "coding": some(code("urn:test:goals", pick(m, "sleep", "work")))},
		"subject": ref(subject), "startDate": m.maybe(60, m.day()), "addresses": list(m.to(60, "Condition")), "expressedBy": m.maybe(30, ref(subject))}
	if m.chance(70) {
		r["target"] = some(Object{"dueDate": m.day(), "detailString": "soon"})
		if m.chance(30) {
			r["target"] = append(r["target"].([]any), Object{"dueDate": m.day()})
		}
	}
	m.add("Goal", id, r)
}

func (m *maker) plan(id, subject string) {
	r := Object{"status": pick(m, "active", "completed", "draft"), "intent": "plan", "category": some(concept(code("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan"))),
		"subject": ref(subject), "period": m.maybe(80, m.period()), "addresses": list(m.to(60, "Condition")), "author": m.maybe(40, m.named()), "encounter": m.to(40, "Encounter")}
	if g := m.to(70, "Goal"); g != nil {
		r["goal"] = some(g)
		if other := m.to(50, "Goal"); other != nil {
			r["goal"] = some(g, other)
		}
	}
	if a := m.to(50, "MedicationRequest"); a != nil {
		r["activity"] = some(Object{"reference": a}, Object{"reference": m.to(100, "MedicationRequest")})
	}
	m.add("CarePlan", id, r)
}

// Notes is the configuration of the kinds of note that may be read.
const Notes = `listed:
  progress-note: ["http://loinc.org|11506-3"]
  treatment-plan: ["http://loinc.org|18776-5"]
  substance-use-note: ["http://loinc.org|34857-3"]
`

// Kinds are the same by type. The practice has notes of one more type, which is not listed.
var Kinds = map[string]string{"http://loinc.org|11506-3": "progress-note", "http://loinc.org|18776-5": "treatment-plan", "http://loinc.org|34857-3": "substance-use-note"}

// Labels are those for some of the codes here: of alcohol, of HIV, of a medication for opioid use.
var Labels = map[string][]string{icd10 + "|F10.20": {"ETHUD"}, icd10 + "|B20": {"HIV"}, rxnorm + "|351266": {"OPIOIDUD"}}

func (m *maker) document(id, subject, encounter string) {
	r := Object{"status": pick(m, "current", "current", "superseded"), "type": concept(code(loinc, pick(m, "11506-3", "11506-3", "18776-5", "34857-3", "28570-0"))),
		"category": some(concept(code(docCat, "clinical-note"))), "subject": ref(subject), "date": m.maybe(85, m.instant()), "author": some(m.named()), "description": "a title of its own",
		"content": m.contents(), "custodian": m.maybe(50, ref("Organization/"+Own))}
	context := Object{}
	if encounter != "" && m.chance(70) {
		context["encounter"] = some(ref("Encounter/" + encounter))
	}
	if m.chance(50) {
		context["period"] = m.period()
	}
	if len(context) > 0 {
		r["context"] = context
	}
	if to := m.to(35, "DocumentReference"); to != nil {
		r["relatesTo"] = some(Object{"code": pick(m, "replaces", "appends"), "target": to})
	}
	m.add("DocumentReference", id, m.ofProgramme(20, r))
}

// InlineBytes is how long an attachment may be that stands in its document: some are longer.
const InlineBytes = 16

func (m *maker) contents() (all []any) {
	for range 1 + m.IntN(2) {
		words := pick(m, "Session note", "Session note", "A note that is too long to stand in its document. ")
		if len(words) > InlineBytes {
			words = strings.Repeat(words, 1+m.IntN(3))
		}
		all = append(all, Object{"attachment": Object{"contentType": pick(m, "text/plain", "text/plain", "text/html"), "data": base64.StdEncoding.EncodeToString([]byte(words)), "title": "name.txt"}})
	}
	return all
}

func (m *maker) provenance(id string) {
	types := []string{"DocumentReference", "Encounter", "Condition", "Observation", "Procedure", "Patient"}
	targets := []any{}
	for range 1 + m.IntN(3) {
		if to := m.to(100, pick(m, types...)); to != nil {
			targets = append(targets, to)
		}
	}
	if len(targets) == 0 {
		targets = some(ref("Patient/" + m.of))
	}
	agents := some(Object{"type": concept(code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "author")), "who": m.named(), "onBehalfOf": ref("Organization/" + Own)})
	if m.chance(40) {
		agents = append(agents, Object{"type": concept(code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "transmitter")), "who": ref(pick(m, "Organization/org-own", "Organization/org-outside"))})
	}
	m.add("Provenance", id, Object{"target": targets, "recorded": recordedOf(id), "agent": agents})
}

// recordedOf is the instant of a Provenance, which has no identifier: each has its own. ids end in two numbers.
func recordedOf(id string) string {
	var client, i int
	if _, err := fmt.Sscanf(id, "prov-%d-%d", &client, &i); err != nil {
		panic(err)
	}
	return fmt.Sprintf("2026-%02d-%02dT%02d:30:00-05:00", 3+i, 1+client, 23-i)
}

// ProvenanceOf is the id of the Provenance that was recorded then.
func ProvenanceOf(recorded string) string {
	for client := range 10 {
		for i := range 10 {
			if id := fmt.Sprintf("prov-%d-%d", client, i); recordedOf(id) == recorded {
				return id
			}
		}
	}
	return ""
}

// day is a date, sometimes a month or a year.
func (m *maker) day() string {
	return pick(m, "2026-03-01", "2026-03-02", "2026-06-15", "2026-06", "2026-12-31", "2025", "2027-01-01", "2026-11-01")
}

// when is a date or a time in one of several zones, around the ends of days.
func (m *maker) when() string {
	if m.chance(40) {
		return m.day()
	}
	return m.instant()
}

func (m *maker) instant() string {
	return pick(m, "2026-03-01T10:00:00-05:00", "2026-03-01T23:30:00-05:00", "2026-03-02T03:30:00Z", "2026-06-15T12:00:00.123Z", "2026-06-15T00:00:00-04:00", "2026-10-31T23:59:59-04:00", "2025-12-31T22:00:00-05:00",
		"2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00")
}

func (m *maker) period() Object {
	switch m.IntN(5) {
	case 0:
		return Object{"start": m.when()}
	case 1:
		return Object{"end": "2026-12-31"}
	}
	start := pick(m, "2026-03-01T10:00:00-05:00", "2026-03-01", "2026-05", "2025-12-31T22:00:00-05:00", "2026-06-15T00:00:00-04:00")
	return Object{"start": start, "end": pick(m, "2026-06-15T11:00:00-04:00", "2026-06-30", "2026-11-01T01:30:00-05:00", "2027")}
}
