package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/release/stage"
)

// object is a JSON object of a generated resource.
type object = map[string]any

// entry is one resource of a generated chart, before it is encoded.
type entry struct {
	ref    fhir.Reference
	body   object
	both   bool // about both clients of a couple
	scan   bool // takes the labels of the whole chart
	origin stage.Origin
}

func (e entry) clone() entry {
	e.body = cloneValue(e.body).(object)
	return e
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case object:
		c := maps.Clone(v)
		for k := range c {
			c[k] = cloneValue(c[k])
		}
		return c
	case []any:
		c := slices.Clone(v)
		for i := range c {
			c[i] = cloneValue(c[i])
		}
		return c
	}
	return v
}

// scribe makes Candidates and remembers them: most resources stand in many charts.
type scribe struct {
	ruleset
	known map[string]stage.Candidate
}

// maxKnown is some dozens of charts: only pairs that follow each other begin with the same one.
const maxKnown = 4_000

func (s *scribe) candidate(e entry) stage.Candidate { return s.candidateOf(e, s.patient(nonintClient)) }

func (s *scribe) candidateOf(e entry, client fhir.Reference) stage.Candidate {
	text, err := json.Marshal(e.body)
	if err != nil {
		panic(err)
	}
	key := fmt.Sprintf("%t%t%v", e.both, e.scan, e.origin) + string(text)
	if c, ok := s.known[key]; ok {
		return c
	}
	o := fhirsource.Options{Zone: time.UTC, Types: s.types, Base: nonintBase, Origin: e.origin, InheritsChart: e.scan}
	if !e.origin.Directory {
		o.Subject = client
		if e.both {
			o.Clients = []fhir.Reference{s.patient(nonintPartner)}
		}
	}
	c, err := fhirsource.Candidate(text, o, e.binaries(text, o)...)
	if err != nil {
		panic(fmt.Sprintf("the generator made a %s that is none: %v", e.ref.Type, err))
	}
	if s.known == nil || len(s.known) > maxKnown {
		s.known = map[string]stage.Candidate{}
	}
	s.known[key] = c
	return c
}

// binaries are what the attachments of a document lead to. What they hold changes with the attachment.
func (e entry) binaries(text []byte, o fhirsource.Options) (list []stage.Candidate) {
	if len(e.contents()) == 0 {
		return nil
	}
	msg, err := fhirjson.Parse(text)
	if err != nil {
		panic(err)
	}
	f, err := fhirsource.ExtractFacts(msg, o)
	if err != nil {
		panic(err)
	}
	for _, ref := range e.contents() {
		b, err := mapping.Binary(f, ref.ID, "application/pdf", fmt.Append(nil, e.body["content"]))
		if err != nil {
			panic(err)
		}
		list = append(list, b)
	}
	return list
}

// contents are the Binaries of a document.
func (e entry) contents() (list []fhir.Reference) {
	content, _ := e.body["content"].([]any)
	for _, c := range content {
		url, _ := c.(object)["attachment"].(object)["url"].(string)
		if ref, ok := fhir.ParseURL(nonintBase, url); ok {
			list = append(list, ref)
		}
	}
	return list
}

func (s *scribe) candidates(chart []entry) []stage.Candidate {
	out := make([]stage.Candidate, len(chart))
	for i, e := range chart {
		out[i] = s.candidate(e)
	}
	return out
}

// consents makes the Candidates of Consents, which stand in the chart as well.
func (s *scribe) consents(documents []mapping.ConsentDocument) []stage.Candidate {
	out := make([]stage.Candidate, len(documents))
	for i, d := range documents {
		e := entry{ref: fhir.Reference{Type: "Consent", ID: d.ID}, origin: stage.Origin{Map: "test", Table: "test", Kind: "consent", Listed: true}}
		if err := json.Unmarshal(d.JSON, &e.body); err != nil {
			panic(err)
		}
		out[i] = s.candidate(e)
	}
	return out
}

// clinic draws charts.
type clinic struct {
	*rand.Rand
	ruleset
	chart []entry
}

func (c *clinic) chance(percent int) bool { return c.IntN(100) < percent }

func pick[T any](c *clinic, of ...T) T { return of[c.IntN(len(of))] }

func concept(system, code string) object {
	return object{"coding": []any{object{"system": system, "code": code}}}
}

func refTo(r fhir.Reference) object { return object{"reference": r.String()} }

// chartTypes are what a chart is drawn from, the commoner the oftener.
var chartTypes = []string{"Encounter", "Encounter", "DocumentReference", "DocumentReference", "DocumentReference", "Condition", "Condition", "Observation", "Observation",
	"MedicationRequest", "Procedure", "CarePlan", "Goal", "RelatedPerson", "Organization", "Practitioner", "Provenance", "Provenance"}

// draw makes a chart: the Patient and a dozen resources that refer to each other, to the practice's staff and into the void.
func (c *clinic) draw() []entry {
	c.chart = []entry{{ref: c.patient(nonintClient), origin: c.origin("patient")}}
	for i := range 6 + c.IntN(8) {
		typ := pick(c, chartTypes...)
		c.chart = append(c.chart, entry{ref: c.named(typ, fmt.Sprint("n", i)), origin: c.origin("record")})
	}
	for i := range c.chart {
		e := &c.chart[i]
		c.write(e)
		e.both = e.ref.Type != "Patient" && e.ref.Type != "Organization" && c.chance(12)
		e.scan = e.ref.Type == "DocumentReference" && c.chance(6)
		if e.ref.Type == "Encounter" && c.chance(10) {
			e.origin.Programme = "sud-part2"
		}
	}
	return c.chart
}

func (c *clinic) origin(kind string) stage.Origin {
	o := stage.Origin{Map: "test", Table: "test", Kind: kind, Listed: true}
	switch {
	case c.chance(2):
		o.Listed = false
	case kind == "record" && c.chance(2):
		o.Kind = "psychotherapy"
	}
	return o
}

// named is the reference to the chart's resource of a type and key.
func (c *clinic) named(typ, key string) fhir.Reference {
	return c.sealed(typ, nonintClient, strings.ToLower(typ), key)
}

// write fills an entry's body.
func (c *clinic) write(e *entry) {
	typ := e.ref.Type
	meta := object{"lastUpdated": pick(c, "2026-03-01T10:00:00Z", "2026-05-01T10:00:00Z", "2026-08-01T10:00:00.5Z", "2026-11-20T23:00:00Z")}
	if l := c.security(); len(l) > 0 {
		meta["security"] = l
	}
	e.body = object{"resourceType": typ, "id": e.ref.ID, "meta": meta}
	writers[typ](c, e.body)
	for _, s := range slots[typ] {
		for range c.IntN(3) {
			if s.list || c.chance(50) {
				s.put(e.body, c.someone(s))
			}
		}
	}
}

// security draws the labels that the source gives.
func (c *clinic) security() (all []any) {
	add := func(system, code string) { all = append(all, object{"system": system, "code": code}) }
	switch c.IntN(12) {
	case 0:
		add(fhir.SystemActCode, pick(c, "SUD", "HIV", "ETH", "SDV", "MH"))
	case 1:
		add(fhir.SystemConfidentiality, pick(c, "N", "R", "V"))
	case 2:
		add(fhir.SystemActCode, pick(c, "PSYTHPN", "NODSCLCD", "NOPAT", "HIPAASelfPay"))
	case 3:
		if c.chance(50) {
			add(fhir.SystemActCode, "42CFRPart2")
			add(fhir.SystemActCode, "SUD")
		}
	}
	return all
}

// day draws a date.
func (c *clinic) day() string {
	return pick(c, "2024-06-01", "2026-02-03", "2026-04-10", "2026-06-15", "2026-07-01", "2026-10-30", "2026-11-20")
}

func (c *clinic) words() string { return fmt.Sprint("w", c.IntN(12)) }

func (c *clinic) period() object {
	d := c.day()
	return object{"start": d + "T10:00:00Z", "end": d + "T11:00:00Z"}
}

// writers write what a type must have, and what it is searched by.
var writers = map[string]func(*clinic, object){
	"Patient": func(c *clinic, b object) {
		b["identifier"] = []any{object{"system": "urn:test:mrn", "value": "17"}}
		b["name"] = []any{object{"family": "Roe", "given": []any{"Jane"}}}
		b["gender"], b["birthDate"] = "female", "1990-05-05"
		c.contact(b)
	},
	"Encounter": func(c *clinic, b object) {
		b["status"] = pick(c, "finished", "finished", "planned", "cancelled")
		b["class"] = object{"system": fhir.SystemActCode, "code": pick(c, "AMB", "VR")}
		b["type"] = []any{concept(fhir.SystemCPT, pick(c, "90834", "90837", "99408"))}
		b["period"] = c.period()
		c.subject(b, "subject")
	},
	"DocumentReference": func(c *clinic, b object) {
		b["status"] = pick(c, "current", "current", "superseded")
		b["type"] = concept(fhir.SystemLOINC, pick(c, "11506-3", "11506-3", "18842-5", "34117-2"))
		b["category"] = []any{concept("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note")}
		b["date"] = c.day() + "T10:00:00Z"
		b["content"] = []any{object{"attachment": object{"contentType": "text/plain", "data": "dzE" + string("AEIM"[c.IntN(4)])}}}
		if c.chance(40) {
			to := c.sealed("Binary", nonintClient, "content", b["id"].(string)[:24])
			b["content"] = []any{object{"attachment": object{"contentType": "application/pdf", "url": nonintBase + "/" + to.String(), "size": 20 + c.IntN(3), "title": c.words()}}}
		}
		c.subject(b, "subject")
	},
	"Condition": func(c *clinic, b object) {
		b["clinicalStatus"] = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", pick(c, "active", "resolved"))
		b["category"] = []any{concept("http://terminology.hl7.org/CodeSystem/condition-category", pick(c, "problem-list-item", "encounter-diagnosis"))}
		b["code"] = concept(fhir.SystemICD10CM, pick(c, "F33.1", "F41.1", "F10.20", "B20", "Z63.0"))
		b["onsetDateTime"], b["recordedDate"] = c.day(), c.day()
		c.subject(b, "subject")
	},
	"Observation": func(c *clinic, b object) {
		b["status"] = pick(c, "final", "final", "amended")
		b["category"] = []any{concept("http://terminology.hl7.org/CodeSystem/observation-category", pick(c, "survey", "laboratory"))}
		b["code"] = concept(fhir.SystemLOINC, pick(c, "44249-1", "69737-5", "75626-2", "56888-1"))
		b["effectiveDateTime"], b["valueInteger"] = c.day()+"T09:00:00Z", c.IntN(27)
		c.subject(b, "subject")
	},
	"MedicationRequest": func(c *clinic, b object) {
		b["status"], b["intent"] = pick(c, "active", "stopped"), "order"
		b["medicationCodeableConcept"] = concept(fhir.SystemRxNorm, pick(c, "36437", "7243", "3554"))
		b["authoredOn"] = c.day()
		c.subject(b, "subject")
	},
	"Procedure": func(c *clinic, b object) {
		b["status"] = pick(c, "completed", "not-done")
		b["code"] = concept(fhir.SystemCPT, pick(c, "90834", "90847", "99408"))
		b["performedDateTime"] = c.day()
		c.subject(b, "subject")
	},
	"CarePlan": func(c *clinic, b object) {
		b["status"], b["intent"] = pick(c, "active", "completed"), "plan"
		b["category"] = []any{concept("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan")}
		b["period"] = object{"start": c.day()}
		c.subject(b, "subject")
	},
	"Goal": func(c *clinic, b object) {
		b["lifecycleStatus"] = pick(c, "active", "completed")
		b["description"] = object{"text": c.words()}
		b["startDate"] = c.day()
		b["target"] = []any{object{"dueDate": c.day()}}
		c.subject(b, "subject")
	},
	"RelatedPerson": func(c *clinic, b object) {
		b["name"] = []any{object{"family": c.words()}}
		c.subject(b, "patient")
	},
	"Organization": func(c *clinic, b object) {
		b["name"] = c.words()
		b["identifier"] = []any{object{"system": fhir.SystemNPI, "value": pick(c, clinicNPI, otherNPI)}}
	},
	"Practitioner": func(c *clinic, b object) {
		b["name"] = []any{object{"family": c.words()}}
	},
	"Provenance": func(c *clinic, b object) {
		b["recorded"] = c.day() + "T12:00:00Z"
		b["agent"] = []any{object{"who": refTo(c.staff())}}
		targets := []any{refTo(c.fellow())}
		for range c.IntN(3) {
			targets = append(targets, refTo(c.fellow()))
		}
		b["target"] = targets
	},
}

// contact is what a minimal Patient does not show.
func (c *clinic) contact(b object) {
	b["telecom"] = []any{object{"system": "phone", "value": c.words()}}
	b["address"] = []any{object{"city": c.words()}}
}

func (c *clinic) subject(b object, at string) { b[at] = refTo(c.patient(nonintClient)) }

// fellow is another resource of the chart, or one that is nowhere.
func (c *clinic) fellow() fhir.Reference {
	if c.chance(8) {
		return c.nowhere(pick(c, "DocumentReference", "Encounter", "Condition"))
	}
	return c.chart[c.IntN(len(c.chart))].ref
}

// nowhere is a reference to a resource of this client that does not exist.
func (c *clinic) nowhere(typ string) fhir.Reference { return c.named(typ, fmt.Sprint("d", c.IntN(4))) }

// staff is one of the practice's own.
func (c *clinic) staff() fhir.Reference {
	return c.sealed("Practitioner", "", "practitioner", fmt.Sprint(c.IntN(2)))
}

// someone is a reference for a slot: in the chart, of the practice's own staff, nowhere, or none of ours.
func (c *clinic) someone(s slot) object {
	typ := pick(c, s.types...)
	var fellows []fhir.Reference
	for _, e := range c.chart {
		if e.ref.Type == typ {
			fellows = append(fellows, e.ref)
		}
	}
	switch {
	case typ == "Practitioner" && c.chance(50):
		return refTo(c.staff())
	case len(fellows) > 0 && c.chance(85):
		return refTo(fellows[c.IntN(len(fellows))])
	}
	return c.lost(typ)
}

// lost is a reference that is in nobody's view, with a display that would tell.
func (c *clinic) lost(typ string) object {
	switch c.IntN(6) {
	case 0:
		return object{"display": c.words()}
	case 1:
		return object{"reference": "https://elsewhere.example/fhir/" + typ + "/" + c.words(), "display": c.words()}
	case 2:
		return object{"identifier": object{"system": "urn:test:id", "value": c.words()}}
	}
	r := refTo(c.nowhere(typ))
	if c.chance(50) {
		r["display"] = c.words()
	}
	return r
}
