package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// kept is a ledger in memory, beside a register.
type kept struct {
	entries []ledger.Entry
	err     error
	asked   []string
	name    string // of the clinic
	made    int    // how many AuditEvents were made
}

// Seal implements the sealer of package audit.
func (k *kept) Seal(resourceType, client, kind, key string) (string, error) {
	k.made++
	return known().sealer.Seal(resourceType, client, kind, key)
}

func (k *kept) Of(_ context.Context, client string) ([]ledger.Entry, error) {
	k.asked = append(k.asked, client)
	var of []ledger.Entry
	for _, e := range k.entries {
		if e.Record.Client == client {
			of = append(of, e)
		}
	}
	return of, k.err
}

// told notes an answer about a client.
func (k *kept) told(client, route string, released ...fhir.Reference) {
	r := ledger.Record{
		At: noon.Add(time.Duration(len(k.entries)) * time.Minute).Add(123456789), RequestID: "request-" + string(rune('a'+len(k.entries))), Partner: "clinic",
		Purposes: []string{fhir.SystemActReason + "|TREAT"}, Interaction: route, Status: 200, Client: patientRef(client).String(),
		Consents: []ledger.ConsentUse{{Reference: "Consent/secret"}}, Withheld: map[string]uint32{"denied": 777}, ChartVersion: "secret-version",
	}
	for _, ref := range released {
		r.Released = append(r.Released, ref.String())
	}
	k.entries = append(k.entries, ledger.Entry{Record: r, Writer: ledger.WriterID{9}, Seq: uint64(len(k.entries) + 1)})
}

// withLedger is a clinic whose clients can see what its ledger says.
func withLedger(t testing.TB) (*clinic, *kept) {
	t.Helper()
	c, k := newClinic(t), &kept{name: "Quay Clinic"}
	source, err := audit.New(audit.Options{
		Records: k, Sealer: k, Types: known().types, Zone: time.UTC, Base: "https://gateway.example/fhir", Practice: fhir.Identifier{System: fhir.SystemNPI, Value: practiceNPI},
		Partner: func(id string) audit.Partner {
			if id != "clinic" {
				return audit.Partner{}
			}
			return audit.Partner{Name: k.name, Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: clinicNPI}}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := c.options()
	o.Audit = source
	if c.service, err = release.New(o); err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"1", "2"} {
		c.charts[practice.ClientKey(client)] = []record{patient(client), encounter(client, "e"), note(client, "n")}
		c.forms[practice.ClientKey(client)] = []string{permit(client, "c")}
	}
	return c, k
}

func (c *clinic) audits(r *requester.Requester, client string) *release.View {
	c.t.Helper()
	v, err := c.service.AuditEvents(context.Background(), r, smart.Search, patientRef(client))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// bodies gives what would leave, oldest first.
func bodies(t testing.TB, v *release.View) []map[string]any {
	t.Helper()
	all := slices.SortedFunc(slices.Values(v.Resources("AuditEvent")), func(a, b stage.Released) int {
		return a.Facts().LastUpdated.Start.Compare(b.Facts().LastUpdated.Start)
	})
	out := make([]map[string]any, len(all))
	for i, r := range all {
		w := httptest.NewRecorder()
		a := known().egress.Encode(&egress.Resource{Released: r}, "")
		if err := a.Write(w, false); err != nil || w.Code != 200 {
			t.Fatal(w.Code, err)
		}
		if _, err := fhirjson.Parse(w.Body.Bytes()); err != nil {
			t.Errorf("it is no FHIR: %v", err)
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// at goes down a tree: names of members, and places in lists.
func at(tree any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := tree.(map[string]any)
			tree = m[p]
		case int:
			l, _ := tree.([]any)
			if p >= len(l) {
				return nil
			}
			tree = l[p]
		}
	}
	return tree
}

// typed gives the elements of a list whose type has the code: the slices of a BALP profile.
func typed(list any, system, code string) (found []any) {
	all, _ := list.([]any)
	for _, one := range all {
		coding := at(one, "type")
		if inner := at(coding, "coding", 0); inner != nil {
			coding = inner
		}
		if at(coding, "system") == system && at(coding, "code") == code {
			found = append(found, one)
		}
	}
	return found
}

const (
	dcm        = "http://dicom.nema.org/resources/ontology/DCM"
	entityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRole = "http://terminology.hl7.org/CodeSystem/object-role"
	balp       = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
)

// TestAReadIsBALPsPatientRead checks, one by one, what the profile IHE.BasicAudit.PatientRead asks for.
func TestAReadIsBALPsPatientRead(t *testing.T) {
	c, k := withLedger(t)
	k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
	all := bodies(t, c.audits(theClient("1"), "1"))
	if len(all) != 1 {
		t.Fatalf("%d events", len(all))
	}
	e := all[0]
	for name, check := range map[string]struct{ got, want any }{
		"profile":        {at(e, "meta", "profile"), []any{"https://consentry.dev/fhir/StructureDefinition/consentry-auditevent", balp + "PatientRead"}},
		"type":           {at(e, "type"), map[string]any{"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"}},
		"subtype":        {at(e, "subtype", 0), map[string]any{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}},
		"action":         {at(e, "action"), "R"},
		"recorded":       {at(e, "recorded"), "2026-11-21T12:00:00.123Z"},
		"lastUpdated":    {at(e, "meta", "lastUpdated"), "2026-11-21T12:00:00.123Z"},
		"outcome":        {at(e, "outcome"), "0"},
		"purposeOfEvent": {at(e, "purposeOfEvent", 0, "coding", 0), map[string]any{"system": fhir.SystemActReason, "code": "TREAT"}},
		"label":          {at(e, "meta", "security", 0), map[string]any{"system": fhir.SystemConfidentiality, "code": "N"}},
		"source.observer": {at(e, "source", "observer", "identifier"),
			map[string]any{"system": fhir.SystemNPI, "value": practiceNPI}},
		"source.type": {at(e, "source", "type", 0, "code"), "4"},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	client, server := typed(e["agent"], dcm, "110152"), typed(e["agent"], dcm, "110153")
	if len(client) != 1 || len(server) != 1 || len(e["agent"].([]any)) != 2 {
		t.Fatalf("agents: %v", e["agent"])
	}
	if at(client[0], "who", "identifier", "value") != clinicNPI || at(client[0], "who", "display") != "Quay Clinic" || at(client[0], "name") != "Quay Clinic" || at(client[0], "altId") != "clinic" {
		t.Errorf("the recipient is %v", client[0])
	}
	if at(client[0], "network", "_address", "extension", 0, "valueCode") != "unknown" || at(server[0], "network", "address") != "https://gateway.example/fhir" ||
		at(server[0], "who", "identifier", "value") != practiceNPI {
		t.Errorf("networks: %v %v", client[0], server[0])
	}
	for _, a := range []any{client[0], server[0]} {
		if _, requestor := at(a, "requestor").(bool); !requestor || at(a, "media") != nil {
			t.Errorf("an agent without requestor, or with media: %v", a)
		}
	}
	person, data, transaction := typed(e["entity"], entityType, "1"), typed(e["entity"], entityType, "2"),
		typed(e["entity"], "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId")
	if len(person) != 1 || len(data) != 1 || len(transaction) != 1 {
		t.Fatalf("entities: %v", e["entity"])
	}
	if at(person[0], "what", "reference") != patientRef("1").String() || at(person[0], "role", "code") != "1" || at(person[0], "role", "system") != objectRole ||
		at(data[0], "what", "reference") != ref("DocumentReference", "1", "n").String() || at(data[0], "role", "code") != "4" || at(transaction[0], "what", "identifier", "value") != "request-a" {
		t.Errorf("entities: %v", e["entity"])
	}
}

// A search has the shape of PatientQuery, but for the query, and so does not claim the profile. It tells kinds and neither numbers nor ids.
func TestASearchTellsTheKinds(t *testing.T) {
	c, k := withLedger(t)
	n := ref("DocumentReference", "1", "n")
	k.told("1", "GET /fhir/DocumentReference", n, n, ref("Encounter", "1", "e"))
	k.told("1", "POST /fhir/DocumentReference/_search", n)
	k.told("1", "GET /fhir/Patient/:id/$everything", n)
	all := bodies(t, c.audits(theClient("1"), "1"))
	if len(all) != 3 {
		t.Fatalf("%d events", len(all))
	}
	for i, want := range []string{"search-type", "search-type", "operation"} {
		e := all[i]
		if at(e, "subtype", 0, "code") != want || at(e, "action") != "E" || cmp.Diff(e["meta"].(map[string]any)["profile"], []any{"https://consentry.dev/fhir/StructureDefinition/consentry-auditevent"}) != "" {
			t.Errorf("%v", e)
		}
		if len(typed(e["agent"], dcm, "110153")) != 1 || at(typed(e["agent"], dcm, "110153")[0], "altId") != "clinic" || len(typed(e["agent"], dcm, "110152")) != 1 {
			t.Errorf("in a query the client is the source: %v", e["agent"])
		}
		query := typed(e["entity"], entityType, "2")
		if len(query) != 1 || at(query[0], "role", "code") != "24" || at(query[0], "what") != nil || at(query[0], "query") != nil {
			t.Errorf("the query is %v", query)
		}
	}
	entities, err := json.Marshal(all[0]["entity"])
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{`"code":"DocumentReference"`: 1, `"code":"Encounter"`: 1, n.ID: 0, `"code":"Patient"`: 0} {
		if got := strings.Count(string(entities), text); got != want {
			t.Errorf("%s stands there %d times, want %d: %s", text, got, want, entities)
		}
	}
}

func TestAnAuditEventSaysNothingOfWhatWasWithheld(t *testing.T) {
	c, k := withLedger(t)
	k.told("1", "GET /fhir/DocumentReference", ref("DocumentReference", "1", "n"), ref("Observation", "1", "withheld"))
	k.told("1", "GET /fhir/Observation/:id", ref("Observation", "1", "withheld"))
	k.told("1", "GET /fhir/Observation")
	k.told("1", "GET /fhir/AuditEvent", ref("AuditEvent", "1", "earlier"))
	k.told("2", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "2", "n"))
	all := bodies(t, c.audits(theClient("1"), "1"))
	if len(all) != 1 {
		t.Fatalf("%d events: one without anything that the client may know of is there, or another client's", len(all))
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"777", "denied", "secret", "Observation", "09000000"} {
		if strings.Contains(string(text), hidden) {
			t.Errorf("it says %q", hidden)
		}
	}
	k.told("1", "GET /fhir/Encounter/:id", ref("Encounter", "1", "e"))
	later := bodies(t, c.audits(theClient("1"), "1"))
	if len(later) != 2 || later[0]["id"] != all[0]["id"] {
		t.Errorf("%d events; want the one from before, under the same id, and another", len(later))
	}
	c.change(func() { c.charts["1"] = c.charts["1"][:2] })
	if got := bodies(t, c.audits(theClient("1"), "1")); len(got) != 1 || got[0]["id"] != later[1]["id"] {
		t.Errorf("%d events after the note is gone", len(got))
	}
}

// The scopes of the app do not reach the note: no reference to it leaves, and the profile that asks for one is not claimed.
func TestNoReferenceGoesBeyondTheScopes(t *testing.T) {
	c, k := withLedger(t)
	k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
	r := theClient("1").Through(smart.ParseScopes("patient/AuditEvent.rs"))
	all := bodies(t, c.audits(r, "1"))
	if len(all) != 1 || len(typed(all[0]["entity"], entityType, "1")) != 1 {
		t.Fatalf("%v", all)
	}
	text, _ := json.Marshal(all)
	if strings.Contains(string(text), seal("DocumentReference", "1", "n")) || strings.Contains(string(text), "PatientRead") {
		t.Errorf("%s", text)
	}
}

// For everybody but the client and who represents the client there is nothing, and nothing is looked at.
func TestAuditEventsAreForTheClientAlone(t *testing.T) {
	machine, other, noScope := theClient("1"), theClient("2"), theClient("1").Through(smart.ParseScopes("patient/Patient.rs"))
	machine.Person = fhir.Reference{}
	stranger := theClient("1")
	stranger.Person = patientRef("2")
	guardian := theClient("1")
	guardian.Person = ref("RelatedPerson", "1", "mother")
	clinic := theClinic()
	clinic.Patient = patientRef("1")
	for name, x := range map[string]struct {
		who  *requester.Requester
		want int
	}{
		"the client": {theClient("1"), 1}, "another client": {other, 0}, "a machine": {machine, 0}, "a client with another's chart": {stranger, 0}, "a clinic with a Consent": {clinic, 0},
		"one without authority": {guardian, 0}, "an app without the scope": {noScope, 0}, "nobody": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, k := withLedger(t)
			k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
			v := c.audits(x.who, "1")
			if v.Len() != x.want {
				t.Errorf("%d events", v.Len())
			}
			if x.want == 0 && name != "an app without the scope" && (len(k.asked) > 0 || v.Evidence().Client != fhir.Reference{}) {
				t.Errorf("the ledger was asked for %v, and the view is of %v", k.asked, v.Evidence().Client)
			}
		})
	}
}

func TestARepresentativeSeesWhatBecameOfWhatTheyMaySee(t *testing.T) {
	c, k := withLedger(t)
	mother := record{json: `{"resourceType":"RelatedPerson","id":"` + seal("RelatedPerson", "1", "mother") + `","active":true,"patient":{"reference":"` + patientRef("1").String() +
		`"},"relationship":[{"coding":[{"system":"` + fhir.SystemRoleCode + `","code":"HPOWATT"}]}]}`}
	c.charts["1"] = append(c.charts["1"], mother)
	k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
	r := theClient("1")
	r.Person = ref("RelatedPerson", "1", "mother")
	if n := c.audits(r, "1").Len(); n != 1 {
		t.Errorf("%d events", n)
	}
	c.change(func() {
		c.forms["1"] = []string{form("1", "no", `"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"`+
			r.Person.String()+`"}}]`)}
	})
	if n := c.audits(r, "1").Len(); n != 0 {
		t.Errorf("%d events, though the client denies", n)
	}
}

// The view is made once for a state of the chart and of the ledger, and a damaged ledger gives nothing.
func TestAuditEventsFollowTheLedger(t *testing.T) {
	c, k := withLedger(t)
	k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
	first := c.audits(theClient("1"), "1")
	if again := c.audits(theClient("1"), "1"); again != first {
		t.Error("it was made anew")
	}
	if e := first.Evidence(); !e.SelfAccess || e.Client != patientRef("1") || len(e.Withheld) > 0 || e.Authorization {
		t.Errorf("the evidence is %+v", e)
	}
	reads := c.chartRead.Load()
	k.told("1", "GET /fhir/Encounter/:id", ref("Encounter", "1", "e"))
	if n := c.audits(theClient("1"), "1").Len(); n != 2 || c.chartRead.Load() != reads {
		t.Errorf("%d events after another disclosure, and the chart was read %d times more", n, c.chartRead.Load()-reads)
	}
	one := c.audits(theClient("1"), "1").Resources("AuditEvent")[0].Facts().ID
	v, err := c.service.AuditEvents(context.Background(), theClient("1"), smart.Read, fhir.Reference{Type: "AuditEvent", ID: one})
	if _, ok := v.Get(fhir.Reference{Type: "AuditEvent", ID: one}); err != nil || !ok {
		t.Errorf("it cannot be read by its id: %v", err)
	}
	k.err = ledger.ErrDamaged
	if v, err := c.service.AuditEvents(context.Background(), theClient("1"), smart.Search, patientRef("1")); !errors.Is(err, release.ErrUnavailable) || v != nil {
		t.Errorf("a damaged ledger gives %v", err)
	}
}

// Thousands of AuditEvents are not made again because a note was written, or because the client looked at them; nor does looking push out what there is
// to see.
func TestAuditEventsAreMadeOnce(t *testing.T) {
	c, k := withLedger(t)
	for range 3 {
		k.told("1", "GET /fhir/DocumentReference/:id", ref("DocumentReference", "1", "n"))
	}
	first := c.audits(theClient("1"), "1")
	for range 2_100 {
		k.told("1", "GET /fhir/AuditEvent", ref("AuditEvent", "1", "earlier"))
	}
	if c.audits(theClient("1"), "1") != first || k.made != 3 {
		t.Errorf("the client has looked, and %d AuditEvents were made", k.made)
	}
	c.change(func() { c.charts["1"] = append(c.charts["1"], encounter("1", "later")) })
	k.told("1", "GET /fhir/Encounter/:id", ref("Encounter", "1", "later"))
	if n := c.audits(theClient("1"), "1").Len(); n != 4 || k.made != 4 {
		t.Errorf("%d AuditEvents, and %d were made; want 4 of each", n, k.made)
	}
	c.change(func() { k.name = "Lakeside Clinic" })
	for _, e := range bodies(t, c.audits(theClient("1"), "1")) {
		if text, _ := json.Marshal(e["agent"]); !strings.Contains(string(text), "Lakeside Clinic") || strings.Contains(string(text), "Quay") {
			t.Errorf("the partner has another name: %s", text)
		}
	}
}

// No Consent makes an AuditEvent anybody else's, even if one stands in a chart.
func TestNoConsentReleasesAnAuditEvent(t *testing.T) {
	c, _ := withLedger(t)
	c.charts["1"] = append(c.charts["1"], record{json: `{"resourceType":"AuditEvent","id":"` + seal("AuditEvent", "1", "a") +
		`","type":{"code":"rest"},"recorded":"2026-05-01T12:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}},"entity":[{"what":{"reference":"` + patientRef("1").String() + `"}}]}`})
	v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	if err != nil || len(v.Resources("DocumentReference")) != 1 || len(v.Resources("AuditEvent")) != 0 {
		t.Errorf("%v: %d", err, len(v.Resources("AuditEvent")))
	}
}
