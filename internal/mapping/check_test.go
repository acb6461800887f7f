package mapping_test

import (
	"bytes"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
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
	for name, change := range map[string]string{
		"a kind that nobody listed": "INSERT INTO notes (id, client, note_type, at) VALUES (9, 7, 'process', '2026-01-01 10:00')",
		"a row that fails":          "UPDATE notes SET at = 'no time' WHERE id = 1",
	} {
		got, err := load(t, clinic()).Check(t.Context(), source(t, database(t, change)))
		if err != nil || got.OK() {
			t.Errorf("%s: it is OK, or %v", name, err)
		}
	}
}

// A source that does not say which kinds of note there are leaves a kind that no map lists unnoticed, so that is not OK either.
func TestCheckIsNotOKWhereKindsOfNoteAreNotCounted(t *testing.T) {
	files := clinic()
	kept, _, counted := strings.Cut(sourceYAML, "note-kinds:")
	files["source.yaml"] = kept
	got, err := load(t, files).Check(t.Context(), source(t, database(t)))
	if err != nil || got.OK() || !got.Uncounted || !counted {
		t.Errorf("it is OK, or %v", err)
	}
}

func TestNothingIsCheckedThatCannotBeReliedOn(t *testing.T) {
	for name, c := range map[string]struct{ change, say string }{
		"a readable separated store": {"CREATE TABLE psychotherapy_notes (id INTEGER)", "separation"},
		"a statement without column": {"ALTER TABLE encounters RENAME COLUMN npi TO provider", "npi"},
	} {
		got, err := load(t, clinic()).Check(t.Context(), source(t, database(t, c.change)))
		if got != nil || err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestDescribeNamesEveryStatementThatDoesNotFit(t *testing.T) {
	m := load(t, clinic())
	if err := m.Describe(t.Context(), source(t, database(t))); err != nil {
		t.Fatal(err)
	}
	changed := source(t, database(t, "ALTER TABLE encounters RENAME COLUMN npi TO provider", "DROP TABLE referrals", "ALTER TABLE notes RENAME COLUMN note_type TO sort"))
	err := m.Describe(t.Context(), changed)
	var found mapping.Problems
	if !errors.As(err, &found) || errors.Is(err, practice.ErrUnavailable) {
		t.Fatalf("%v", err)
	}
	var files []string
	for _, p := range found {
		files = append(files, path.Base(p.File))
		if p.Line < 2 {
			t.Errorf("%v names no line", p)
		}
	}
	if d := cmp.Diff([]string{"encounter.yaml", "note.yaml", "source.yaml", "tie.yaml"}, slices.Compact(files)); d != "" {
		t.Errorf("(-want +got)\n%s\n%v", d, err)
	}
	for _, w := range []string{"npi", "no such table: referrals", "note_type"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %s in:\n%v", w, err)
		}
	}
	gone := source(t, filepath.Join(t.TempDir(), "none.db"))
	if err := m.Describe(t.Context(), gone); !errors.Is(err, practice.ErrUnavailable) || errors.As(err, &found) {
		t.Errorf("without a database: %v", err)
	}
}

func TestWithheldKindsAreNamed(t *testing.T) {
	if d := cmp.Diff([]string{"psychotherapy-stub"}, load(t, clinic()).Withheld()); d != "" {
		t.Error(d)
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

// TestAReferenceThatNamesNothingHasItsFacts: what it may mean is part of the facts that a check compares.
func TestAReferenceThatNamesNothingHasItsFacts(t *testing.T) {
	for _, individual := range []string{
		`{display: npi}`, `{identifier: {value: npi}}`, `{type: "Practitioner", identifier: {value: npi}}`, `{type: npi, display: npi}`,
		`{type: "=row.id == 1 ? 'RelatedPerson' : 'Human'", display: npi}`,
	} {
		maps := with(t, "encounter.yaml", "individual: {ref: practitioner, key: npi}", "individual: "+individual)
		got, err := load(t, maps).Check(t.Context(), source(t, database(t)))
		if err != nil || !got.OK() {
			t.Errorf("%s: %v, %v", individual, got, err)
		}
	}
}
