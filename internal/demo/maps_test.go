package demo_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/consent_go_proto"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
	"github.com/consentry/gateway/profiles"
)

var testNow = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// mapped is a practice of 60 clients with the maps that read it.
type mapped struct {
	practice *demo.Practice
	maps     *mapping.Maps
	source   practice.Source
	sealer   *ident.Sealer
}

func mapPractice(t *testing.T, clients int) mapped {
	t.Helper()
	p, err := demo.Write(context.Background(), demo.Options{Clients: clients, Seed: 11, Now: testNow, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := ident.NewSealer(bytes.Repeat([]byte{7}, ident.KeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Load(profiles.FS, "maps/demo", mapping.Options{Sealer: sealer, Zone: p.Zone})
	if err != nil {
		t.Fatal(err)
	}
	source, err := sqldb.Open(sqldb.Config{Database: "sqlite", Path: p.Database, Zone: p.Zone, Timeout: time.Minute, Separation: m.Proofs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return mapped{p, m, source, sealer}
}

func TestEveryChartMapsAndOnlyBrokenRowsFail(t *testing.T) {
	m := mapPractice(t, 60)
	ctx := context.Background()
	types, failed, withheld := map[string]int{}, map[string]int{}, map[string]int{}
	for _, client := range m.practice.Clients {
		chart, err := m.maps.Chart(ctx, m.source, client)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chart.Candidates {
			types[c.Facts().Type]++
		}
		for _, r := range chart.Report {
			for _, f := range r.Failed {
				failed[r.Table]++
				if m.practice.Broken[r.Table] == 0 {
					t.Errorf("%s: row %s failed in %s: %s", r.Map, f.Key, f.Column, f.Why)
				}
			}
			for reason, n := range r.Withheld {
				withheld[reason] += n
			}
		}
	}
	for table, n := range m.practice.Broken {
		if failed[table] != n {
			t.Errorf("%d rows of %s failed, want the %d that are broken", failed[table], table, n)
		}
	}
	for _, typ := range []string{"Patient", "Practitioner", "Organization", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal",
		"DocumentReference", "Consent", "Provenance", "RelatedPerson"} {
		if types[typ] == 0 {
			t.Errorf("no %s", typ)
		}
	}
	for _, reason := range []string{"deleted", "draft", "unsigned", "awaiting-cosignature", "no-author", "other-clients-session", "unfiled", "entered-in-error"} {
		if withheld[reason] == 0 {
			t.Errorf("nothing is withheld as %s", reason)
		}
	}
	t.Logf("types %v, withheld %v", types, withheld)
}

func TestTheGatewayCannotReadThePsychotherapyNotes(t *testing.T) {
	m := mapPractice(t, 5)
	if err := m.source.ProveSeparation(context.Background()); err != nil {
		t.Error(err)
	}
	w, err := m.practice.Writer(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Exec(context.Background(), "CREATE TABLE psychotherapy_notes (body TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := m.source.ProveSeparation(context.Background()); err == nil {
		t.Error("a record with psychotherapy notes in it counts as separated")
	}
}

func TestTheDirectoryIsTheStaffAndTheSites(t *testing.T) {
	m := mapPractice(t, 1)
	candidates, report, err := m.maps.Directory(context.Background(), m.source)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, c := range candidates {
		types[c.Facts().Type]++
	}
	if types["Practitioner"] != 13 || types["Organization"] != 2 || len(types) != 2 {
		t.Errorf("the directory has %v", types)
	}
	for _, r := range report {
		if len(r.Failed) > 0 {
			t.Errorf("%s: %d rows failed", r.Map, len(r.Failed))
		}
	}
}

func TestEveryConsentIsReadableFHIR(t *testing.T) {
	m := mapPractice(t, 60)
	docs, err := m.maps.Consents(context.Background(), m.source, m.practice.Clients)
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) < 80 {
		t.Fatalf("%d Consents", len(docs))
	}
	statuses := map[string]int{}
	for _, d := range docs {
		if d.Unreadable {
			t.Errorf("client %s has a Consent that cannot be mapped", d.Client)
			continue
		}
		msg, err := fhirjson.Parse(d.JSON)
		if err != nil {
			t.Errorf("a Consent of client %s: %v", d.Client, err)
			continue
		}
		inner, err := fhirjson.Unwrap(msg)
		if err != nil {
			t.Fatal(err)
		}
		c, ok := inner.(*cpb.Consent)
		if !ok {
			t.Fatalf("a %T among the Consents", inner)
		}
		statuses[c.GetStatus().GetValue().String()]++
	}
	for _, s := range []string{"DRAFT", "PROPOSED", "ACTIVE", "REJECTED", "INACTIVE", "ENTERED_IN_ERROR"} {
		if statuses[s] == 0 {
			t.Errorf("no Consent is %s: %v", s, statuses)
		}
	}
}

func TestAFormThatCannotBeReadIsNamedByItsTableAndColumn(t *testing.T) {
	m := mapPractice(t, 20)
	ctx := context.Background()
	form := m.practice.Shapes[demo.ToClinic][0]
	w, err := m.practice.Writer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Exec(ctx, "INSERT INTO release_exceptions (id, release_id, effect, records_from) VALUES (99999, ?, 'except', 'soon')", form.Release); err != nil {
		t.Fatal(err)
	}
	chart, err := m.maps.Chart(ctx, m.source, form.Client)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range chart.Report {
		if r.Map != "release" {
			continue
		}
		want := []mapping.Failure{{Key: strconv.FormatInt(form.Release, 10), Column: "exceptions.since", Why: "does not fit its column: date is a day as 2026-11-21, or 2026-11, or 2026"}}
		if !slices.Equal(r.Failed, want) || r.Table != "releases" {
			t.Errorf("table %s, failed %+v", r.Table, r.Failed)
		}
		return
	}
	t.Error("nothing is reported of the releases")
}

// An amendment and the note that it replaces stand in one chart, and each says which of the two it is.
func TestAnAmendmentNamesTheNoteThatItReplaces(t *testing.T) {
	m := mapPractice(t, 60)
	amendments := 0
	for _, client := range m.practice.Clients {
		chart, err := m.maps.Chart(context.Background(), m.source, client)
		if err != nil {
			t.Fatal(err)
		}
		status, replaced := map[fhir.Reference]string{}, map[fhir.Reference]fhir.Reference{}
		for _, c := range chart.Candidates {
			f := c.Facts()
			if f.Type != "DocumentReference" {
				continue
			}
			this := fhir.Reference{Type: f.Type, ID: f.ID}
			for _, code := range f.Codings {
				if code.Path == "status" {
					status[this] = code.Value.Code
				}
			}
			for _, r := range f.References {
				if r.Path == "relatesTo.target" {
					replaced[this] = r.Value
				}
			}
		}
		superseded := 0
		for _, s := range status {
			if s == "superseded" {
				superseded++
			}
		}
		for amendment, old := range replaced {
			if status[amendment] != "current" || status[old] != "superseded" {
				t.Errorf("a note that is %q replaces one that is %q", status[amendment], status[old])
			}
		}
		if superseded != len(replaced) {
			t.Errorf("%d notes of a client are superseded, and %d replace another", superseded, len(replaced))
		}
		amendments += len(replaced)
	}
	if amendments < 5 {
		t.Errorf("%d amendments", amendments)
	}
}

func TestMarkersStandInNoMappedFact(t *testing.T) {
	m := mapPractice(t, 20)
	for _, client := range m.practice.Clients {
		chart, err := m.maps.Chart(context.Background(), m.source, client)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chart.Candidates {
			for _, s := range c.Facts().Strings {
				if strings.Contains(s.Value, "cnry") || strings.Contains(s.Value, "NR-") {
					t.Errorf("a text that must not leave stands in %s.%s", c.Facts().Type, s.Path)
				}
			}
		}
	}
}

func TestGroupParticipantsNeverStandInEachOthersCharts(t *testing.T) {
	m := mapPractice(t, 20)
	ctx := context.Background()
	for _, client := range m.practice.Clients {
		chart, err := m.maps.Chart(ctx, m.source, client)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chart.Candidates {
			f := c.Facts()
			couple := slices.Contains([]practice.ClientKey{m.practice.Story.Couple[0], m.practice.Story.Couple[1], m.practice.Story.HalfCouple[0], m.practice.Story.HalfCouple[1], "1008", "1009"}, client)
			if !couple && len(f.Clients) > 1 {
				t.Errorf("a %s in the chart of %s is about %d clients", f.Type, client, len(f.Clients))
			}
		}
	}
	chart, err := m.maps.Chart(ctx, m.source, m.practice.Story.Couple[0])
	if err != nil {
		t.Fatal(err)
	}
	shared := map[string]int{}
	for _, c := range chart.Candidates {
		if len(c.Facts().Clients) == 2 {
			shared[c.Facts().Type]++
		}
	}
	if shared["Encounter"] == 0 || shared["DocumentReference"] == 0 || shared["Procedure"] == 0 {
		t.Errorf("a couple's sessions and notes are about both; found %v", slices.Sorted(maps.Keys(shared)))
	}
}
