package conformance

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle/answers"
	"github.com/consentry/gateway/conformance/oracle/answers/charts"
	"github.com/consentry/gateway/internal/demo"
)

// TestTheOracleAgreesWithEveryAnswer asks a gateway on practices made at random, as several partners, and compares every whole answer with the one that
// the oracle computes. CONSENTRY_ANSWERS practices (1), each with CONSENTRY_QUESTIONS questions (400), from CONSENTRY_SEED on. CONSENTRY_SHOW=1 shows what differs.
func TestTheOracleAgreesWithEveryAnswer(t *testing.T) {
	t.Parallel()
	cases, questions, seed := fromEnvironment("CONSENTRY_ANSWERS", 1), fromEnvironment("CONSENTRY_QUESTIONS", 400), fromEnvironment("CONSENTRY_SEED", 11)
	for i := range cases {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			comparePractice(t, uint64(seed+i), questions)
		})
	}
}

func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// comparePractice makes a practice, serves it, and asks.
func comparePractice(t *testing.T, seed uint64, questions int) {
	p := charts.Make(seed)
	e := layPractice(t, p)
	e.serve(t)
	w, askers := e.learn(t, p)
	all := usCoreSearches(t)
	e.declares(t, all)
	(&compared{statuses: map[int]int{}, seeded: mutants{}}).askUSCore(t, &asking{world: w}, askers[0], all)
	statuses, entries, seeded := e.compare(t, &asking{Rand: rand.New(rand.NewPCG(seed, 1)), world: w}, askers, questions)
	seeded.complete(t)
	if statuses[http.StatusOK] < questions/3 || entries < questions/4 {
		t.Errorf("too few answers hold anything: %v, %d entries", statuses, entries)
	}
}

// compare asks questions, as one asker or another, and compares the answers.
func (e *export) compare(t *testing.T, a *asking, askers []asker, questions int) (statuses map[int]int, entries int, seeded mutants) {
	t.Helper()
	c := &compared{statuses: map[int]int{}, seeded: mutants{}}
	for i := range questions {
		who := askers[a.IntN(len(charts.Partners))] // those with all scopes come first
		if a.IntN(3) == 0 {
			who = askers[a.IntN(len(askers))]
		}
		c.ask(t, who, a.asked(a.question()))
		if i == questions/2 {
			c.askForEvents(t, a, askers, questions/8)
		}
	}
	for _, client := range a.world.Clients() {
		for _, id := range a.world.Contents(client) {
			c.ask(t, askers[0], answers.Question{Path: "Binary/" + id, Method: http.MethodGet, Range: "bytes=9999-"})
		}
	}
	if e.takesBatches(t) {
		inBatches := 0
		for _, who := range askers {
			inBatches += who.compareBatches(t, a, questions/200)
		}
		t.Logf("%d more in batches", inBatches)
	}
	c.askForEvents(t, a, askers, questions/8)
	t.Logf("answers compared: %v by status, %d entries, %d differ; %d AuditEvents; wrong answers found %v", c.statuses, c.entries, c.wrong, c.events, c.seeded)
	return c.statuses, c.entries, c.seeded
}

// compared counts what was compared.
type compared struct {
	statuses               map[int]int
	entries, wrong, events int
	seeded                 mutants
}

// ask compares one answer with that of the oracle.
func (c *compared) ask(t *testing.T, who asker, q answers.Question) {
	t.Helper()
	want := who.oracle.Answer(q)
	got := who.get(t, q)
	c.statuses[got.Status]++
	for _, page := range got.Pages {
		c.entries += len(page.Matches) + len(page.Includes)
	}
	differences := answers.Compare(want, got, os.Getenv("CONSENTRY_SHOW") != "")
	if len(differences) == 0 {
		c.seeded.spoil(t, who, want)
		return
	}
	if c.wrong++; c.wrong <= 15 {
		t.Errorf("%s, %s\n  %s", who.oracle.Who.Name, readable(q), strings.Join(differences, "\n  "))
	}
}

// layPractice writes the practice and what a gateway needs beside it.
func layPractice(t *testing.T, p *charts.Practice) *export {
	t.Helper()
	return layFiles(t, p.Files(), charts.Notes, `{system: "http://hl7.org/fhir/sid/us-npi", value: "`+charts.NPI+`"}`)
}

// layFiles writes a folder and what a gateway needs beside it, for the partners of package charts.
func layFiles(t *testing.T, files map[string][]byte, notes, practiceIdentifier string) *export {
	t.Helper()
	e := &export{clinic: &clinic{dir: t.TempDir()}}
	e.folder = filepath.Join(e.dir, "export")
	must(t, os.Mkdir(e.folder, 0o700))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(e.folder, name), text, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(e.dir, "notes.yaml"), []byte(notes), 0o600))
	var register strings.Builder
	register.WriteString("partners:\n")
	for _, q := range charts.Partners {
		fmt.Fprintf(&register, "  - {id: %s, kind: %s, organization: {npi: %q}, name: %q, purposes: [%s], default-purpose: %s, scopes: system/*.rs}\n", q.ID, q.Kind, q.NPI, q.Name, q.Purpose, q.Purpose)
	}
	fmt.Fprintf(&register, "  - {id: %s, kind: patient, scopes: patient/*.rs}\n", myRecords)
	must(t, os.WriteFile(filepath.Join(e.dir, "partners.yaml"), []byte(register.String()), 0o600))
	if r := runGateway(t, "keys", "--dir", filepath.Join(e.dir, "keys")); r.code != 0 {
		t.Fatal(r.stderr)
	}
	must(t, e.makeIssuer())
	must(t, e.writeConfig(issuerConfig{issuer: issuer, keys: "jwks-file: issuer.jwks.json", algorithms: "ES256"}))
	text, err := os.ReadFile(e.config())
	must(t, err)
	practice := regexp.MustCompile(`(?s)practice:\n.*?maps: maps\n`)
	text = practice.ReplaceAll(text, fmt.Appendf(nil, "practice: {files: export, notes: notes.yaml, separated: [], timeout: 30s, inline-attachment-bytes: %d, identifiers: [%s]}\n",
		charts.InlineBytes, practiceIdentifier))
	must(t, os.WriteFile(e.config(), text, 0o600))
	return e
}

// asker asks the gateway, and the oracle the same.
type asker struct {
	*caller
	oracle *answers.Asker
	tags   *tagged
}

// learn finds out what everybody can get, and who the others are.
func (e *export) learn(t *testing.T, p *charts.Practice) (*answers.World, []asker) {
	t.Helper()
	seen, clients := e.seen(t)
	if len(clients) != len(p.Clients) {
		t.Fatalf("everybody sees %d clients, want %d", len(clients), len(p.Clients))
	}
	var source []answers.Object
	for _, r := range p.Resources {
		raw, err := json.Marshal(r)
		must(t, err)
		source = append(source, decodeObject(t, raw))
	}
	seen = e.withConsents(t, seen, clients)
	comparePicture(t, source, seen, refs(clients))
	w, err := answers.Learn("Organization/"+charts.Own, source, seen, sourceOf)
	must(t, err)
	w.Identifier, w.Kinds = answers.Object{"system": "http://hl7.org/fhir/sid/us-npi", "value": charts.NPI}, charts.Kinds
	return w, e.askers(t, w)
}

// withConsents adds the Consents, which only their client sees whole, and the organisations that these name.
func (e *export) withConsents(t *testing.T, seen answers.Seen, clients []resource) answers.Seen {
	t.Helper()
	for _, c := range clients {
		own := e.heard(e.person(t, c.ID, c.ref()), c.ref())
		known := map[string]bool{}
		for _, r := range slices.Concat(seen.Directory, seen.Charts[c.ref()]) {
			known[fmt.Sprint(r["resourceType"], "/", r["id"])] = true
		}
		consents, _ := own.all(t, "Consent?_count=200&patient="+c.ID)
		for _, r := range consents {
			seen.Charts[c.ref()] = append(seen.Charts[c.ref()], decodeObject(t, r.Raw))
			r.eachReference(func(ref string) {
				if strings.HasPrefix(ref, "Organization/") && !known[ref] {
					known[ref] = true
					seen.Charts[c.ref()] = append(seen.Charts[c.ref()], decodeObject(t, own.get(t, ref).resource(t).Raw))
				}
			})
		}
	}
	return seen
}

// seen is what the partner gets to whom everything is permitted.
func (e *export) seen(t *testing.T) (answers.Seen, []resource) {
	t.Helper()
	everybody := charts.Partners[0].ID
	return seenBy(t, e.heard(e.as(t, everybody), everybody))
}

// seenBy is what a partner to whom everything is permitted gets.
func seenBy(t *testing.T, all *caller) (seen answers.Seen, clients []resource) {
	t.Helper()
	seen.Charts = map[string][]answers.Object{}
	staff := map[string]bool{}
	add := func(r resource) {
		if !staff[r.ref()] {
			seen.Directory = append(seen.Directory, decodeObject(t, r.Raw))
			staff[r.ref()] = true
		}
	}
	for _, typ := range directoryTypes {
		found, _ := all.all(t, typ+"?_count=200")
		for _, r := range found {
			add(r)
		}
	}
	clients, _ = all.all(t, "Patient?_count=200")
	for _, c := range clients {
		seen.Charts[c.ref()] = chartOf(t, all, c, staff)
	}
	return seen, clients
}

func decodeObject(t *testing.T, raw []byte) answers.Object {
	t.Helper()
	o, err := answers.Decode(raw)
	must(t, err)
	return o
}

// chartOf is all that is to be seen of one client, and whom it names outside of the practice.
func chartOf(t *testing.T, all *caller, client resource, staff map[string]bool) (out []answers.Object) {
	t.Helper()
	records := all.chart(t, client.ID)
	seen := map[string]bool{}
	for i := 0; i < len(records); i++ {
		r := records[i]
		if r.Type == "Consent" {
			continue
		}
		seen[r.ref()] = true
		out = append(out, decodeObject(t, r.Raw))
		r.eachReference(func(ref string) {
			if seen[ref] || staff[ref] {
				return
			}
			seen[ref] = true
			if typ, _, _ := strings.Cut(ref, "/"); slices.Contains(directoryTypes, typ) {
				records = append(records, all.get(t, ref).resource(t))
			}
		})
	}
	return out
}

// sourceOf finds the source of what leaves by the identifier that repeats it, of a Practitioner by the NPI, of a Provenance by the instant.
func sourceOf(r answers.Object) string {
	for _, i := range at(r, "identifier") {
		id, _ := i.(answers.Object)
		value, _ := id["value"].(string)
		if id["system"] == charts.IdentifierSystem {
			return value
		}
		for practitioner, npi := range charts.Practitioners {
			if npi == value {
				return "Practitioner/" + practitioner
			}
		}
	}
	if recorded, is := r["recorded"].(string); is {
		return "Provenance/" + charts.ProvenanceOf(recorded)
	}
	return ""
}

// askers are every partner, with all scopes and with few.
func (e *export) askers(t *testing.T, w *answers.World) (out []asker) {
	t.Helper()
	claimed, served := e.claimed(t), e.types(t)
	var err error
	w.Base, w.Now = e.base, time.Now()
	w.Zone, err = time.LoadLocation(demo.Zone)
	must(t, err)
	narrow := []string{"system/*.rs", "system/Patient.rs system/Encounter.rs system/Condition.rs", "system/Encounter.s system/Condition.r system/Observation.rs system/Practitioner.rs system/Provenance.rs",
		"system/Condition.rs?category=problem-list-item system/DocumentReference.rs?type=http://loinc.org|11506-3 system/Patient.rs system/Organization.rs"}
	for i, scopes := range narrow {
		for _, p := range charts.Partners {
			c := e.mint(t, with(e.claims(p.ID), map[string]any{"scope": scopes}))
			out = append(out, asker{caller: c, oracle: &answers.Asker{World: w, Who: &answers.Requester{Name: fmt.Sprint(p.ID, " ", i), Registered: p.Name, Scopes: scopes, Who: answers.Object{
				"partnerId": p.ID, "kind": p.Kind, "purpose": []any{p.Purpose}, "organization": answers.Object{"reference": "Organization/" + p.Organization,
					"identifier": []any{answers.Object{"system": "http://hl7.org/fhir/sid/us-npi", "value": p.NPI}}}}}}})
		}
	}
	for i, client := range w.Clients() {
		people := append([]string{client}, w.OfType(client, "RelatedPerson")...)
		if i == 0 { // one who has nothing to do with the client
			people = append(people, w.OfType(w.Clients()[1], "RelatedPerson")...)
		}
		for j, person := range people {
			who := answers.Object{"partnerId": myRecords, "kind": "patient", "purpose": []any{}, "patient": client, "person": person}
			out = append(out, asker{caller: e.person(t, idPart(client), person), oracle: &answers.Asker{World: w, Who: &answers.Requester{Name: fmt.Sprintf("client %d, person %d", i, j), Scopes: "patient/*.rs", Who: who}}})
			if (i+j)%2 == 1 {
				continue
			}
			few := []string{"patient/AuditEvent.rs patient/Encounter.rs patient/DocumentReference.r", "patient/AuditEvent.s patient/Condition.rs", "patient/AuditEvent.r patient/Observation.rs", "patient/Patient.rs"}[(i+j)/2%4]
			app := e.mint(t, with(e.claims(myRecords), map[string]any{"sub": "user", "scope": few, "patient": idPart(client), "fhirUser": person}))
			out = append(out, asker{caller: app, oracle: &answers.Asker{World: w, Who: &answers.Requester{Name: fmt.Sprintf("client %d, person %d, an app that may less", i, j), Scopes: few, Who: who}}})
		}
	}
	tags := &tagged{map[string][]byte{}, map[string]string{}}
	for i, a := range out {
		out[i].tags = tags
		a.oracle.Claimed, a.oracle.Served = claimed, func(typ string) bool { return served[typ] }
	}
	e.replay(w, out)
	return out
}

// claimed are the search parameters of the CapabilityStatement.
func (e *export) claimed(t *testing.T) func(string, string) bool {
	t.Helper()
	var statement struct {
		Rest []struct {
			Resource []struct {
				Type        string
				SearchParam []struct{ Name string }
			}
		}
	}
	must(t, json.Unmarshal((&caller{base: e.base}).get(t, "metadata").body, &statement))
	has := map[string]bool{}
	for _, r := range statement.Rest[0].Resource {
		for _, p := range r.SearchParam {
			has[r.Type+" "+p.Name] = true
			if !answers.Knows(r.Type, p.Name) {
				t.Errorf("the oracle does not know the parameter %s of %s", p.Name, r.Type)
			}
		}
	}
	return func(typ, name string) bool { return has[typ+" "+name] }
}
