package fhirsource_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/practice"
)

// FuzzFolder: whatever a file of an export holds, it is refused whole or makes charts in which every resource is of its client; and a note of a
// kind that the list keeps apart is in none, whatever else the line says.
func FuzzFolder(f *testing.F) {
	files := clinic()
	names := make([]string, 0, len(files))
	for name, text := range files {
		names = append(names, name)
		for line := range strings.Lines(text) {
			f.Add(name, line)
		}
	}
	slices.Sort(names)
	f.Add("DocumentReference.ndjson", note("n9", "ann", `"category":[{"coding":[{"system":"urn:k","code":"apart"}]}]`))
	f.Add("DocumentReference.ndjson", note("n1", "ben", `"meta":{"security":[{"code":"PSYTHPN"}]}`))
	f.Fuzz(func(t *testing.T, name, line string) {
		if !slices.Contains(names, name) {
			return
		}
		text := clinic()
		text[name] += "\n" + line
		r := lay(t, text)
		state, err := r.Snapshot(t.Context())
		if err != nil {
			if strings.Contains(err.Error(), canary) {
				t.Error("refused with a value")
			}
			return
		}
		for _, client := range []practice.ClientKey{"ann", "ben"} {
			chart, err := state.Chart(t.Context(), client)
			if err != nil {
				continue // withheld whole
			}
			of := r.id("Patient", string(client), string(client))
			for _, c := range chart.Candidates {
				facts := c.Facts()
				if facts.Subject != of {
					t.Errorf("%s of another client", facts.Type)
				}
				for _, coding := range facts.Codings {
					if coding.Value.Key() == "urn:k|apart" {
						t.Errorf("%s: what is kept apart is in the chart", facts.Type)
					}
				}
			}
		}
	})
}

// FuzzNotes: a list of kinds is read or refused, and none that is read lists a psychotherapy note.
func FuzzNotes(f *testing.F) {
	f.Add(notesYAML)
	f.Add("psychotherapy: []")
	f.Add("listed: {x: ['a|b']}\npsychotherapy: ['a|b']")
	f.Add("listed: {psychotherapy-note: ['a|b']}")
	path := filepath.Join(f.TempDir(), "notes.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		noError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := fhirsource.LoadNotes(path)
		if err == nil && !strings.Contains(text, "listed") {
			t.Error("a list that lists nothing is read")
		}
	})
}
