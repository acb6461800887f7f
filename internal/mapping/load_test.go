package mapping_test

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/profiles"
)

// fakeSealer makes ids that are as long as the real ones.
type fakeSealer struct{}

func (fakeSealer) Seal(resourceType, client, kind, key string) (string, error) {
	a := sha256.Sum256([]byte(resourceType + "\x00" + client + "\x00" + kind + "\x00" + key))
	b := sha256.Sum256(a[:])
	id := base32.StdEncoding.EncodeToString(append(a[:], b[:8]...))
	return strings.NewReplacer("=", "").Replace(strings.ToLower(id))[:64], nil
}

var chicago = func() *time.Location {
	z, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(err)
	}
	return z
}()

// folder is the shipped profiles with maps of the test's own in maps/test.
func folder(t testing.TB, maps map[string]string) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, dir := range []string{"maps/shapes", "policies"} {
		entries, err := profiles.FS.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := profiles.FS.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			fsys[dir+"/"+e.Name()] = &fstest.MapFile{Data: text}
		}
	}
	fsys["maps/test/source.yaml"] = &fstest.MapFile{Data: []byte(sourceYAML)}
	for name, text := range maps {
		fsys["maps/test/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const sourceYAML = `
database: sqlite
separated:
  probes: ["SELECT 1 FROM psychotherapy_notes LIMIT 1"]
  files: true
note-kinds:
  rows: SELECT note_type AS kind, COUNT(*) AS n FROM notes GROUP BY note_type
  withheld: {psychotherapy-stub: "kept apart from the record"}
`

func load(t testing.TB, maps map[string]string) *mapping.Maps {
	t.Helper()
	m, err := mapping.Load(folder(t, maps), "maps/test", mapping.Options{Sealer: fakeSealer{}, Zone: chicago})
	if err != nil {
		t.Fatalf("the maps do not load:\n%v", err)
	}
	return m
}

const patientMap = `
kind: patient
columns: {id: int, family: text, given: text?, sex: text?, born: date?, changed: localtime}
rows: SELECT id, family, given, sex, born, changed FROM clients WHERE id IN (:clients)
all-clients: SELECT id AS client FROM clients
key: id
client: id
updated: changed
resource:
  resourceType: Patient
  meta: {profile: ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]}
  identifier: [{system: "https://consentry.dev/fhir/NamingSystem/record-id", value: {id: this}}]
  name: [{use: "official", family: family, given: [given]}]
  gender: {translate: sex, to: {F: female, M: male}, else: unknown}
  birthDate: born
`

const practiceMap = `
kind: practice
columns: {id: int, name: text, npi: text}
rows: SELECT id, name, npi FROM practice
key: id
resource:
  resourceType: Organization
  meta: {profile: ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-organization"]}
  identifier: [{system: "http://hl7.org/fhir/sid/us-npi", value: npi}]
  active: true
  name: name
`

const practitionerMap = `
kind: practitioner
columns: {npi: text, family: text, given: text}
rows: SELECT npi, family, given FROM staff
key: npi
resource:
  resourceType: Practitioner
  meta: {profile: ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-practitioner"]}
  identifier: [{system: "http://hl7.org/fhir/sid/us-npi", value: npi}]
  name: [{family: family, given: [given]}]
`

const encounterMap = `
kind: encounter
columns: {id: int, client: int, began: localtime, ended: localtime?, npi: text?}
rows: SELECT id, client, began, ended, npi FROM encounters WHERE client IN (:clients)
key: id
client: client
updated: began
resource:
  resourceType: Encounter
  meta: {profile: ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter"]}
  status: "finished"
  class: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB"}
  type: [{coding: [{system: "http://www.ama-assn.org/go/cpt", code: "90837"}]}]
  subject: {ref: self}
  participant: [{individual: {ref: practitioner, key: npi}}]
  period: {start: began, end: ended}
`

const noteMap = `
kind: soap-note
note-types: [soap]
columns: {id: int, client: int, enc: int?, at: localtime, s: text?, o: text?, npi: text?, signed: localtime?, snpi: text?, cosigned: localtime?, cnpi: text?, sens: list?}
rows: |
  SELECT n.id, n.client, n.enc, n.at, n.s, n.o, n.npi, n.signed, n.snpi, n.cosigned, n.cnpi, n.sens
  FROM notes n WHERE n.note_type = 'soap' AND n.client IN (:clients)
key: id
client: client
labels: sens
withhold: {unsigned: "=row.signed == null"}
document:
  type: progress-note
  date: at
  author: {practitioner: npi}
  encounter: {ref: encounter, key: enc}
  start: at
  text: [{Subjective: s}, {Objective: o}]
provenance:
  recorded: signed
  author: {practitioner: npi}
  signer: {practitioner: snpi, at: signed}
  cosigner: {practitioner: cnpi, at: cosigned}
`

const organizationMap = `
kind: organization
columns: {id: text, client: int, name: text, npi: text?}
rows: SELECT id, client, name, npi FROM organizations WHERE client IN (:clients)
key: id
client: client
resource:
  resourceType: Organization
  meta: {profile: ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-organization"]}
  identifier: [{system: "http://hl7.org/fhir/sid/us-npi", value: npi}]
  active: true
  name: name
`

const consentMap = `
kind: release
columns: {id: int, client: int, state: text, signed: date, until: date?, orgs: list, purposes: list}
rows: SELECT id, client, state, signed, until, orgs, purposes FROM releases WHERE client IN (:clients)
all-clients: SELECT client FROM releases
key: id
client: client
consent:
  status: {translate: state, to: {signed: active, revoked: inactive}}
  signed: signed
  starts: signed
  ends: until
  recipients: orgs
  purposes: purposes
`

const tieMap = `
kind: referral-tie
columns: {id: int, client: int, npi: text?}
rows: SELECT id, client, npi FROM referrals WHERE client IN (:clients)
key: id
client: client
tie: {system: "http://hl7.org/fhir/sid/us-npi", value: npi}
`

// clinic is a small but whole set of maps.
func clinic() map[string]string {
	return map[string]string{"patient.yaml": patientMap, "practice.yaml": practiceMap, "practitioner.yaml": practitionerMap, "encounter.yaml": encounterMap,
		"note.yaml": noteMap, "organization.yaml": organizationMap, "release.yaml": consentMap, "tie.yaml": tieMap}
}

func TestLoadTakesTheClinic(t *testing.T) {
	m := load(t, clinic())
	want := "Consent DocumentReference Encounter Organization Patient Practitioner Provenance"
	if got := strings.Join(m.Types(), " "); got != want {
		t.Errorf("types %s, want %s", got, want)
	}
	if m.Practice().Type != "Organization" {
		t.Error("no practice")
	}
}
