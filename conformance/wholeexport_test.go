package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/missing"
	"github.com/consentry/gateway/conformance/oracle/answers"
	"github.com/consentry/gateway/conformance/oracle/answers/charts"
)

// TestTheOracleAgreesOnAnotherSystemsExport compares whole answers on what another system wrote, with Consents made at random. To each record that can
// have one an identifier is added, by which it is known again.
func TestTheOracleAgreesOnAnotherSystemsExport(t *testing.T) {
	if _, err := os.Stat(bulkExport); errors.Is(err, os.ErrNotExist) {
		missing.Skip(t, "the export of another system (../shared/data/smart-bulk-10)")
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
	source := identified(t, files)
	for name, text := range consents.Files() {
		files[name] = append(files[name], text...)
	}
	notes, err := os.ReadFile("testdata/smart-bulk-10/notes.yaml")
	must(t, err)
	e := layFiles(t, files, string(notes), practices[bulkExport])
	e.serve(t)
	source = append(source, consents.Resources...)
	w, askers := e.learnFrom(t, source)
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

// identified gives every resource an identifier that repeats "Type/id", and gives all of them. What refers to a resource by an identifier refers to
// the one that has it.
func identified(t *testing.T, files map[string][]byte) (all []answers.Object) {
	t.Helper()
	by := map[string]string{}
	for name, text := range files {
		var out []byte
		for line := range strings.Lines(string(text)) {
			r := decodeObject(t, []byte(line))
			ref := fmt.Sprint(r["resourceType"], "/", r["id"])
			for _, i := range at(r, "identifier") {
				by[fmt.Sprint(r["resourceType"], "?identifier=", at(i, "system")[0], "|", at(i, "value")[0])] = ref
			}
			r["identifier"] = append(at(r, "identifier"), answers.Object{"system": charts.IdentifierSystem, "value": ref})
			raw, err := json.Marshal(r)
			must(t, err)
			out = append(append(out, raw...), '\n')
			all = append(all, r)
		}
		files[name] = out
	}
	for _, r := range all {
		resolve(r, by)
	}
	return all
}

// resolve puts what is meant in the place of references by an identifier.
func resolve(tree any, by map[string]string) {
	switch x := tree.(type) {
	case []any:
		for _, e := range x {
			resolve(e, by)
		}
	case map[string]any:
		if s, is := x["reference"].(string); is && by[s] != "" {
			x["reference"] = by[s]
		}
		for _, v := range x {
			resolve(v, by)
		}
	}
}

// learnFrom takes the files themselves for what there is.
func (e *export) learnFrom(t *testing.T, source []answers.Object) (*answers.World, []asker) {
	t.Helper()
	practice, number := "", answers.Object{"system": "https://github.com/synthetichealth/synthea", "value": "a261e1fc-9361-3633-a2c4-8569a04b818d"}
	of := map[string]string{}
	for _, r := range source {
		ref := fmt.Sprint(r["resourceType"], "/", r["id"])
		for _, i := range at(r, "identifier") {
			of[fmt.Sprint(r["resourceType"], at(i, "system"), at(i, "value"))] = ref
		}
	}
	practice = of[fmt.Sprint("Organization", at(number, "system"), at(number, "value"))]
	sourceOf := func(r answers.Object) string {
		for _, i := range at(r, "identifier") {
			if ref := of[fmt.Sprint(r["resourceType"], at(i, "system"), at(i, "value"))]; ref != "" {
				return ref
			}
		}
		return ""
	}
	kinds := map[string]string{"http://loinc.org|34117-2": "history-and-physical", "http://loinc.org|51847-2": "history-and-physical"}
	seen, clients := e.seen(t)
	seen = e.withConsents(t, seen, clients)
	for _, d := range answers.Picture(source, seen, sourceOf, answers.Rules{Kinds: kinds}) {
		t.Error(d)
	}
	w, err := answers.Learn(practice, source, seen, sourceOf)
	must(t, err)
	w.Identifier, w.Kinds = number, kinds
	return w, e.askers(t, w)
}
