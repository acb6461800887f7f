package mapping_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice/sqldb"
	"github.com/consentry/gateway/profiles"
)

func TestCheckHoldsEveryRowAgainstGoogleFHIRAndTheDefinitionOfFacts(t *testing.T) {
	m := load(t, clinic())
	got, err := m.Check(t.Context(), source(t, database(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := &mapping.Checked{Clients: 2,
		Maps: mapping.Report{
			{Map: "encounter", Table: "encounters", Read: 2, Mapped: 2},
			{Map: "soap-note", Table: "notes", Read: 4, Mapped: 3, Withheld: map[string]int{"unsigned": 1}},
			{Map: "organization", Table: "organizations", Read: 2, Mapped: 2},
			{Map: "patient", Table: "clients", Read: 2, Mapped: 2},
			{Map: "practice", Table: "practice", Read: 1, Mapped: 1},
			{Map: "practitioner", Table: "staff", Read: 2, Mapped: 2},
			{Map: "release", Table: "releases", Read: 2, Mapped: 2},
			{Map: "referral-tie", Table: "referrals", Read: 2, Mapped: 2},
		},
		NoteKinds: []mapping.NoteKind{{Kind: "soap", Rows: 4, Map: "soap-note"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if !got.OK() {
		t.Error("a clean practice is not OK")
	}
}

func TestCheckIsNotOK(t *testing.T) {
	cases := map[string]struct{ change, say string }{
		"a kind that nobody listed":  {"INSERT INTO notes (id, client, note_type, at) VALUES (9, 7, 'process', '2026-01-01 10:00')", ""},
		"a row that fails":           {"UPDATE notes SET at = 'no time' WHERE id = 1", ""},
		"a readable separated store": {"CREATE TABLE psychotherapy_notes (id INTEGER)", "separation"},
		"a statement without column": {"ALTER TABLE encounters RENAME COLUMN npi TO provider", "npi"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, clinic()).Check(t.Context(), source(t, database(t, c.change)))
			if err != nil {
				t.Fatal(err)
			}
			if got.OK() {
				t.Error("it is OK")
			}
			if !strings.Contains(strings.Join(got.Problems, "\n"), c.say) {
				t.Errorf("problems %q do not say %q", got.Problems, c.say)
			}
		})
	}
}

func TestEveryRowOfTheDemoPracticeIsWhatGoogleFHIRWouldWrite(t *testing.T) {
	p, err := demo.Write(t.Context(), demo.Options{Clients: 40, Seed: 3, Now: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC), Dir: t.TempDir()})
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
	s, err := sqldb.Open(sqldb.Config{Path: p.Database, Zone: p.Zone, Timeout: time.Minute, Separation: m.Proofs()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := m.Check(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Problems) > 0 {
		t.Error(got.Problems)
	}
	for _, r := range got.Maps {
		for _, f := range r.Failed {
			if p.Broken[r.Table] == 0 {
				t.Errorf("%s, key %s, column %s: %s", r.Map, f.Key, f.Column, f.Why)
			}
		}
		if r.Read != r.Mapped+len(r.Failed)+total(r.Withheld) {
			t.Errorf("%s: %d read, but %d mapped, %d failed, %d withheld", r.Map, r.Read, r.Mapped, len(r.Failed), total(r.Withheld))
		}
	}
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
