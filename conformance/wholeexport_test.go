package conformance

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/oracle/answers"
	"github.com/consentry/gateway/conformance/oracle/answers/charts"
)

// TestTheOracleAgreesOnAnotherSystemsExport compares whole answers on what another system wrote, with Consents made at random. What a record is it
// takes from the partner to whom everything is permitted.
func TestTheOracleAgreesOnAnotherSystemsExport(t *testing.T) {
	if _, err := os.Stat(bulkExport); errors.Is(err, os.ErrNotExist) {
		t.Skip("../shared/data/smart-bulk-10 is not here")
	}
	t.Parallel()
	files := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(bulkExport, "*.000.ndjson"))
	must(t, err)
	for _, name := range names {
		files[filepath.Base(name)], err = os.ReadFile(name)
		must(t, err)
	}
	clients := smallest(t, files, 2)
	onlyOf(t, files, clients)
	consents := charts.ConsentsFor(5, clients)
	for name, text := range consents.Files() {
		files[name] = append(files[name], text...)
	}
	notes, err := os.ReadFile("testdata/smart-bulk-10/notes.yaml")
	must(t, err)
	e := layFiles(t, files, string(notes), practices[bulkExport])
	e.serve(t)
	w, askers := e.learnFromAnswers(t, consents)
	_, entries, _ := e.compare(t, &asking{Rand: rand.New(rand.NewPCG(5, 1)), world: w}, askers, fromEnvironment("CONSENTRY_QUESTIONS", 60))
	if entries == 0 { // which questions are drawn depends on the ids that are made
		t.Error("no answer holds anything")
	}
}

// smallest are the ids of the Patients of whom the export has the fewest records.
func smallest(t *testing.T, files map[string][]byte, n int) []string {
	t.Helper()
	count := map[string]int{}
	var ids []string
	for line := range strings.Lines(string(files["Patient.000.ndjson"])) {
		ids = append(ids, parseResource(t, []byte(line)).ID)
	}
	for _, id := range ids {
		for _, text := range files {
			count[id] += strings.Count(string(text), "Patient/"+id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return count[a] - count[b] })
	return ids[:n]
}

// onlyOf leaves out what is about anybody else: the whole export takes long to be compared.
func onlyOf(t *testing.T, files map[string][]byte, clients []string) {
	t.Helper()
	for name, text := range files {
		var kept []byte
		for line := range strings.Lines(string(text)) {
			r := parseResource(t, []byte(line))
			about := append(texts(r.Tree, "subject.reference"), texts(r.Tree, "patient.reference")...)
			if r.Type == "Patient" {
				about = []string{r.ref()}
			}
			if len(about) == 0 || slices.Contains(clients, strings.TrimPrefix(about[0], "Patient/")) {
				kept = append(kept, line...)
			}
		}
		files[name] = kept
	}
}

// learnFromAnswers takes what everybody gets for the source itself: nobody shares a record here.
func (e *export) learnFromAnswers(t *testing.T, consents *charts.Practice) (*answers.World, []asker) {
	t.Helper()
	seen, clients := seenBy(t, e.as(t, charts.Partners[0].ID))
	source, patients := slices.Clone(seen.Directory), map[string]string{}
	for _, c := range clients {
		for _, v := range at(c.Tree, "identifier.value") {
			patients["Patient/"+v.(string)] = c.ref()
		}
	}
	for _, records := range seen.Charts {
		source = append(source, records...)
	}
	for _, r := range consents.Resources {
		if r["resourceType"] == "Consent" {
			r["patient"] = map[string]any{"reference": patients[at(r, "patient.reference")[0].(string)]}
			source = append(source, r)
		}
	}
	w, err := answers.Learn("", source, seen, func(r answers.Object) string { return r["resourceType"].(string) + "/" + r["id"].(string) })
	must(t, err)
	return w, e.askers(t, w, clients)
}
