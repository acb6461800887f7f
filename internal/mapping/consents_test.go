package mapping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

func TestConsentsAreReadForSeveralClients(t *testing.T) {
	docs, err := load(t, clinic()).Consents(t.Context(), source(t, database(t)), []practice.ClientKey{"8", "7", "7", "99"})
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	for _, d := range docs {
		if d.Unreadable || d.Digest == [32]byte{} || d.ID != ref("Consent", string(d.Client), "release", map[practice.ClientKey]string{"7": "1", "8": "2"}[d.Client]).ID ||
			d.Patient != ref("Patient", string(d.Client), "patient", string(d.Client)) {
			t.Errorf("%+v", d)
		}
	}
}

func TestAConsentThatCannotBeMappedMakesItsClientsConsentsUnreadable(t *testing.T) {
	cases := map[string]string{
		"a value that does not fit":   "UPDATE releases SET until = 'some day' WHERE id = 1",
		"a status that no table has":  "UPDATE releases SET state = 'perhaps' WHERE id = 1",
		"a recipient that is empty":   `UPDATE releases SET orgs = '["clinic",""]' WHERE id = 1`,
		"a purpose that is empty":     `UPDATE releases SET purposes = '["TREAT",""]' WHERE id = 1`,
		"a purpose that is no code":   `UPDATE releases SET purposes = '[" TREAT"]' WHERE id = 1`,
		"recipients that are no list": `UPDATE releases SET orgs = 'clinic' WHERE id = 1`,
		"one key twice":               "INSERT INTO releases SELECT * FROM releases WHERE id = 1",
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			docs, err := load(t, clinic()).Consents(t.Context(), source(t, database(t, change)), []practice.ClientKey{"7", "8"})
			if err != nil {
				t.Fatal(err)
			}
			unreadable := map[practice.ClientKey]bool{}
			for _, d := range docs {
				unreadable[d.Client] = unreadable[d.Client] || d.Unreadable
				if d.Unreadable && d.JSON != nil {
					t.Error("an unreadable Consent has a body")
				}
			}
			if !unreadable["7"] || unreadable["8"] {
				t.Errorf("unreadable %v, want client 7 only", unreadable)
			}
		})
	}
}

func TestAConsentOfNobodyRefusesAll(t *testing.T) {
	loose := with(t, "release.yaml", "WHERE client IN (:clients)", "WHERE client IN (:clients) OR id = 2")
	_, err := load(t, loose).Consents(t.Context(), source(t, database(t)), []practice.ClientKey{"7"})
	if !errors.Is(err, mapping.ErrConsents) {
		t.Errorf("a Consent of a client that was not asked for: %v", err)
	}
	nobody := with(t, "release.yaml", "SELECT id, client,", "SELECT id, CASE id WHEN 1 THEN 'nobody' ELSE client END AS client,")
	_, err = load(t, nobody).Consents(t.Context(), source(t, database(t)), []practice.ClientKey{"7", "8"})
	if !errors.Is(err, mapping.ErrConsents) {
		t.Errorf("a Consent whose client cannot be read: %v", err)
	}
}

func TestARestrictionIsNeverDroppedFromAProvision(t *testing.T) {
	provision := `
kind: release
columns: {id: int, client: int, org: text?, label: text?, from_day: date?, to_day: date?, kinds: list?}
rows: SELECT id, client, NULLIF(orgs,'') AS org, NULL AS label, signed AS from_day, until AS to_day, NULL AS kinds FROM releases WHERE client IN (:clients)
all-clients: SELECT client FROM releases
key: id
client: client
resource:
  resourceType: Consent
  meta: {profile: ["http://hl7.org/fhir/StructureDefinition/Consent"]}
  status: "active"
  scope: {coding: [{system: "http://terminology.hl7.org/CodeSystem/consentscope", code: "patient-privacy"}]}
  category: [{coding: [{system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "IDSCL"}]}]
  patient: {ref: self}
  provision:
    type: "permit"
    period: {start: from_day, end: to_day}
    PART`
	cases := []struct {
		name, part string
		readable   bool
	}{
		{"an actor with a key", "actor: [{role: {text: \"r\"}, reference: {ref: organization, key: org}}]", true},
		{"a null label", `securityLabel: [{system: "x", code: label}]`, false},
		{"a null label in a nested provision", `provision: [{type: "deny", securityLabel: [{system: "x", code: label}]}]`, false},
		{"a null actor", "actor: [{role: {text: \"r\"}, reference: {ref: organization, key: label}}]", false},
		{"an actor with an identifier", `actor: [{role: {text: "r"}, reference: {ref: organization, key: org, identifier: {system: "urn:x", value: org}}}]`, true},
		{"an actor with a null identifier", `actor: [{role: {text: "r"}, reference: {ref: organization, key: org, identifier: {system: "urn:x", value: label}}}]`, false},
		{"an actor with a null identifier that may be absent", `actor: [{role: {text: "r"}, reference: {ref: organization, key: org, identifier: {when: "=row.label != null", do: {system: "urn:x", value: label}}}}]`, true},
		{"a null class", `class: [{system: "urn:x", code: label}]`, false},
		{"a null label that may be absent", `securityLabel: [{when: "=row.label != null", do: {system: "x", code: label}}]`, true},
		{"a null list", `class: [{each: kinds, do: {system: "urn:x", code: item}}]`, false},
		{"an open end", "purpose: [{system: \"x\", code: \"TREAT\"}]", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			maps := clinic()
			maps["release.yaml"] = strings.Replace(provision, "PART", c.part, 1)
			docs, err := load(t, maps).Consents(t.Context(), source(t, database(t)), []practice.ClientKey{"8"})
			if err != nil || len(docs) != 1 {
				t.Fatal(docs, err)
			}
			if docs[0].Unreadable == c.readable {
				t.Errorf("unreadable %v: %s", docs[0].Unreadable, docs[0].JSON)
			}
		})
	}
}

func TestConsentClientsAreAllWhoHaveAConsent(t *testing.T) {
	m := load(t, clinic())
	src := source(t, database(t, "INSERT INTO clients (id, family, changed) VALUES (9,'Third','2026-10-02 08:00:00'); INSERT INTO releases SELECT 3, 7, state, signed, until, orgs, purposes FROM releases WHERE id = 1"))
	got, err := m.ConsentClients(t.Context(), src)
	if err != nil || !slices.Equal(got, []practice.ClientKey{"7", "8"}) {
		t.Errorf("%v, %v", got, err)
	}
	all, err := m.Clients(t.Context(), src)
	if err != nil || !slices.Equal(all, []practice.ClientKey{"7", "8", "9"}) {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := m.ConsentClients(t.Context(), source(t, database(t, "UPDATE releases SET client = 'x' WHERE id = 1"))); !errors.Is(err, mapping.ErrConsents) {
		t.Errorf("a client that cannot be read: %v", err)
	}
}
