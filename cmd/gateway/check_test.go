package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/mapping"
)

func TestCheckPrintsATableWithoutValues(t *testing.T) {
	var out strings.Builder
	err := printChecked(&out, &mapping.Checked{Clients: 2,
		Maps: mapping.Report{
			{Map: "soap-note", Table: "notes", Read: 9, Mapped: 5, Withheld: map[string]int{"unsigned": 2, "deleted": 1}, Failed: []mapping.Failure{{Key: "17", Column: "at", Why: "does not fit its column"}}},
			{Map: "patient", Table: "clients", Read: 2, Mapped: 2},
		},
		NoteKinds: []mapping.NoteKind{{Kind: "process", Rows: 3}, {Kind: "soap", Rows: 9, Map: "soap-note"}, {Kind: "stub", Rows: 1, Withheld: "kept apart"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `2 clients

MAP        TABLE    READ  MAPPED  WITHHELD               FAILED
soap-note  notes    9     5       deleted 1, unsigned 2  1
patient    clients  2     2       -                      0

failed: soap-note, table notes, key 17, column at: does not fit its column

KIND OF NOTE  ROWS  MAP
process       3     UNKNOWN: nobody lists it, so it is withheld
soap          9     soap-note
stub          1     withheld: kept apart

An unknown kind needs a map with note-types, or a line under note-kinds: withheld in source.yaml; of a folder, a line in practice.notes.
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestCheckSaysThatKindsOfNoteAreNotCounted(t *testing.T) {
	var out strings.Builder
	noError(t, printChecked(&out, &mapping.Checked{Uncounted: true}))
	if !strings.Contains(out.String(), "source.yaml needs note-kinds") {
		t.Error(out.String())
	}
}

// What check is for above all stands in its answer: that the psychotherapy notes cannot be read, and by what it was tried.
func TestCheckSaysByWhatTheSeparationIsProven(t *testing.T) {
	d := preparedDemo(t)
	cmd := rootCommand()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs([]string{"check", "--config", filepath.Join(d.dir, demoConfigFile)})
	_ = cmd.ExecuteContext(t.Context()) // the synthetic practice has rows to look at
	want := "The psychotherapy notes cannot be read: 2 probes were refused, and no other database file can be attached.\n20 clients\n"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("%.300s", out.String())
	}
}
