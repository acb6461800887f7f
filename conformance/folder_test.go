package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/missing"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// export is a running `gateway serve` on a folder of FHIR NDJSON.
type export struct {
	*clinic
	folder string
	// before are the answers from which the oracle learned, by who asked.
	before []learned
}

const (
	ownFolder  = "testdata/folder"
	bulkExport = "../../shared/data/smart-bulk-10"
	// canary stands in the psychotherapy notes of ownFolder, and in those that a test puts into a copy of bulkExport.
	noteCanary = "canary-5c1e88"
)

// practices are the identifiers by which the practice is known in each.
var practices = map[string]string{
	ownFolder:  `{system: "http://hl7.org/fhir/sid/us-npi", value: "1093817465"}`,
	bulkExport: `{system: "https://github.com/synthetichealth/synthea", value: "a261e1fc-9361-3633-a2c4-8569a04b818d"}`,
}

// layExport copies an export, with what more is named, and writes all that a gateway needs beside it.
func layExport(t *testing.T, from string, more ...string) *export {
	t.Helper()
	e := &export{clinic: &clinic{dir: t.TempDir()}}
	e.folder = filepath.Join(e.dir, "export")
	must(t, os.Mkdir(e.folder, 0o700))
	notes := ""
	for _, dir := range append([]string{from}, more...) {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		must(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			must(t, err)
			switch base := filepath.Base(name); {
			case base == "notes.yaml":
				notes = string(text)
			case strings.HasSuffix(base, ".ndjson"):
				must(t, os.WriteFile(filepath.Join(e.folder, base), text, 0o600))
			}
		}
	}
	must(t, os.WriteFile(filepath.Join(e.dir, "notes.yaml"), []byte(notes), 0o600))
	must(t, os.WriteFile(filepath.Join(e.dir, "partners.yaml"), []byte(`partners:
  - {id: harbor-family-medicine, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], default-purpose: TREAT, scopes: system/*.rs}
  - {id: new-dawn-recovery, kind: provider, organization: {npi: "1982736450"}, purposes: [TREAT], default-purpose: TREAT, scopes: system/*.rs}
`), 0o600))
	if r := runGateway(t, "keys", "--dir", filepath.Join(e.dir, "keys")); r.code != 0 {
		t.Fatal(r.stderr)
	}
	must(t, e.makeIssuer())
	must(t, e.writeConfig(issuerConfig{issuer: issuer, keys: "jwks-file: issuer.jwks.json", algorithms: "ES256"}))
	text, err := os.ReadFile(e.config())
	must(t, err)
	practice := regexp.MustCompile(`(?s)practice:\n.*?maps: maps\n`)
	text = practice.ReplaceAll(text, []byte("practice: {files: export, notes: notes.yaml, separated: [], timeout: 30s, identifiers: ["+practices[from]+"]}\n"))
	must(t, os.WriteFile(e.config(), text, 0o600))
	return e
}

func (e *export) serve(t *testing.T) {
	t.Helper()
	var err error
	e.process, err = start("serve", "--config", e.config())
	must(t, err)
	t.Cleanup(func() { must(t, e.stop()) })
	must(t, e.until("ready", func() bool { return isReady(e.root) }))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *export) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.folder, name))
	must(t, err)
	return string(text)
}

// replace puts another file in the place of one at once.
func (e *export) replace(t *testing.T, name, text string) {
	t.Helper()
	temporary := filepath.Join(e.dir, "new")
	must(t, os.WriteFile(temporary, []byte(text), 0o600))
	must(t, os.Rename(temporary, filepath.Join(e.folder, name)))
}

// types are those that can be asked for.
func (e *export) types(t *testing.T) map[string]bool {
	t.Helper()
	served := map[string]bool{}
	for _, r := range readCapability(t, e.base).Rest[0].Resource {
		served[r.Type] = true
	}
	return served
}

// everything is what a partner gets: its clients, their charts, whom those name, and the directory.
func (e *export) everything(t *testing.T, partner string) (all []resource, clients []resource) {
	t.Helper()
	ask := e.as(t, partner)
	ask.heard = func(a *answer) {
		if bytes.Contains(a.body, []byte(noteCanary)) {
			t.Error("a psychotherapy note left")
		}
	}
	clients, _ = ask.all(t, "Patient?_count=200")
	seen := map[string]bool{}
	add := func(list []resource) {
		for _, r := range list {
			if !seen[r.ref()] {
				seen[r.ref()] = true
				all = append(all, r)
			}
		}
	}
	for _, p := range clients {
		add(ask.chart(t, p.ID))
	}
	for _, typ := range directoryTypes {
		found, _ := ask.all(t, typ+"?_count=200")
		add(found)
	}
	for i := 0; i < len(all); i++ {
		all[i].eachReference(func(ref string) {
			if a := ask.get(t, ref); a.status == http.StatusOK {
				add([]resource{a.resource(t)})
			} else {
				t.Errorf("a %s refers to what is not there: %d", all[i].Type, a.status)
			}
		})
	}
	for _, p := range clients {
		e.findable(t, ask, p, seen)
	}
	for _, r := range all {
		if _, err := fhirjson.Parse(r.Raw); err != nil {
			t.Errorf("a %s is not valid: %v", r.Type, err)
		}
	}
	return all, clients
}

// findable demands that all of a client's $everything was found by searching, or for whom the chart names by reading, and that no type has to be known
// from elsewhere than the CapabilityStatement.
func (e *export) findable(t *testing.T, ask *caller, client resource, found map[string]bool) {
	t.Helper()
	served := e.types(t)
	everything, _ := ask.all(t, client.ref()+"/$everything")
	for _, r := range everything {
		if !served[r.Type] {
			t.Errorf("a %s is given, and the CapabilityStatement has no such type", r.Type)
		}
		if !found[r.ref()] {
			t.Errorf("a %s is in $everything alone", r.Type)
		}
		if a := ask.get(t, r.ref()); a.status != http.StatusOK || !bytes.Equal(a.body, r.Raw) {
			t.Errorf("a %s is read otherwise than it is in $everything: %d", r.Type, a.status)
		}
	}
}

var mark = regexp.MustCompile(`"(yes|no)-[a-z0-9-]+(\.txt)?"`)

// Each resource of the folder says by its identifier whether it is to be released.
func TestAFolderOfFHIRFilesIsServed(t *testing.T) {
	t.Parallel()
	e := layExport(t, ownFolder)
	want := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(e.folder, "*.ndjson"))
	must(t, err)
	for _, name := range names {
		for _, m := range mark.FindAllString(e.read(t, filepath.Base(name)), -1) {
			if strings.HasPrefix(m, `"yes-`) {
				want[m] = true
			}
		}
	}
	e.serve(t)
	all, clients := e.everything(t, harbor)
	got := map[string]bool{}
	for _, r := range all {
		for _, m := range mark.FindAllString(string(r.Raw), -1) {
			got[m] = true
		}
	}
	for _, m := range slices.Sorted(maps.Keys(want)) {
		if !got[m] {
			t.Errorf("%s is not released", m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(got)) {
		if !want[m] {
			t.Errorf("%s is released", m)
		}
	}
	if len(clients) != 2 {
		t.Errorf("%d clients are known to the partner, want 2", len(clients))
	}
	for _, r := range all {
		for _, id := range []string{"pat-1", "pat-2", "pat-3", "enc-", "org-1", "prac-1"} {
			if strings.Contains(string(r.Raw), id) && r.Type != "Patient" {
				t.Errorf("a %s names an id of the source's", r.Type)
			}
		}
	}
	if other, clients := e.everything(t, newDawn); len(clients) > 0 || len(ofType(other, "Encounter")) > 0 {
		t.Error("a partner without a Consent gets something")
	}
	if log := e.stderr.Bytes(); bytes.Contains(log, []byte(noteCanary)) || bytes.Contains(log, []byte("Vance")) {
		t.Error("the log holds what stands in the folder")
	}
}

func TestAFolderIsRevokedBrokenAndRepaired(t *testing.T) {
	t.Parallel()
	e := layExport(t, ownFolder)
	e.serve(t)
	const file = "Consent.000.ndjson"
	good := e.read(t, file)
	lines := strings.SplitAfter(good, "\n")
	ask := e.as(t, harbor)
	clients := func() int {
		t.Helper()
		return len(ask.get(t, "Patient?_count=200").bundle(t).Matches)
	}
	chart := ask.get(t, "Patient?_count=200").bundle(t).Matches
	if len(chart) != 2 {
		t.Fatalf("%d clients at first", len(chart))
	}
	for i := range 10 {
		e.replace(t, file, strings.Replace(lines[0], `"active"`, `"inactive"`, 1)+lines[1])
		if n := clients(); n != 1 {
			t.Fatalf("round %d: %d clients after a revocation", i, n)
		}
		e.replace(t, file, good)
		if n := clients(); n != 2 {
			t.Fatalf("round %d: %d clients after a signature", i, n)
		}
	}
	encounters := "Encounter?patient=" + chart[0].ID
	before := ask.get(t, encounters)
	for name, broken := range map[string]string{"Consent.000.ndjson": good + `{"resourceType":"Consent","id":"x` + noteCanary, "Encounter.000.ndjson": e.read(t, "Encounter.000.ndjson") + "{}\n"} {
		whole := e.read(t, name)
		e.replace(t, name, broken)
		for _, path := range []string{"Patient?_count=200", encounters, "Patient/" + chart[0].ID, "Organization?_count=10"} {
			if a := ask.get(t, path); a.status != http.StatusServiceUnavailable || len(a.body) > 400 || bytes.Contains(a.body, []byte(`"entry"`)) {
				t.Errorf("%s: %d from a broken folder", withoutQuery(path)[:7], a.status)
			}
		}
		if isReady(e.root) {
			t.Error("it says that it is ready")
		}
		line := fmt.Sprintf("%s:%d: ", name, strings.Count(whole, "\n")+1)
		if log := string(e.stderr.Bytes()); strings.Count(log, line) != 1 || strings.Contains(log, noteCanary) {
			t.Errorf("the log names %s %d times, or says a value", line, strings.Count(log, line))
		}
		e.replace(t, name, whole)
		if after := ask.get(t, encounters); after.status != http.StatusOK || !bytes.Equal(after.body, before.body) {
			t.Errorf("repaired, it answers %d, or otherwise than before", after.status)
		}
	}
	must(t, os.Rename(filepath.Join(e.folder, file), filepath.Join(e.dir, "away")))
	if a := ask.get(t, encounters); a.status != http.StatusServiceUnavailable {
		t.Errorf("%d without the file of the Consents", a.status)
	}
}

func TestCheckAndPreviewOfAFolder(t *testing.T) {
	t.Parallel()
	e := layExport(t, ownFolder)
	r := runGateway(t, "check", "--config", e.config())
	if r.code != 1 || !regexp.MustCompile(`DocumentReference +DocumentReference.000.ndjson +7 +4 +kind of note 1, psychotherapy, not read 2 +0`).MatchString(r.stdout) ||
		!strings.Contains(r.stdout, "http://loinc.org|28570-0") || strings.Contains(r.stdout+r.stderr, noteCanary) || !strings.Contains(r.stdout, "\n3 clients\n") {
		t.Errorf("check: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = runGateway(t, "preview", "--config", e.config(), "--client", "pat-1", "--as", harbor)
	if r.code != 0 || !regexp.MustCompile(`(?m)^released +DocumentReference/\S+ +progress-note`).MatchString(r.stdout) || !regexp.MustCompile(`(?m)^withheld +Encounter/`).MatchString(r.stdout) {
		t.Errorf("preview: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r = runGateway(t, "preview", "--config", e.config(), "--client", "pat-9", "--as", harbor); r.code == 0 || !strings.Contains(r.stderr, "no such client") {
		t.Errorf("preview of nobody: %d\n%s", r.code, r.stderr)
	}
	e.replace(t, "Condition.000.ndjson", e.read(t, "Condition.000.ndjson")+"{\""+noteCanary)
	for _, command := range []string{"check", "serve"} {
		r = runGateway(t, command, "--config", e.config())
		if r.code == 0 || !strings.Contains(r.stderr, "Condition.000.ndjson:5: ") || strings.Contains(r.stderr, noteCanary) {
			t.Errorf("%s of a broken folder: %d\n%s", command, r.code, r.stderr)
		}
	}
}

// TestAnExportOfAnotherSystem serves what another system wrote, with Consents of ours for three of its patients.
func TestAnExportOfAnotherSystem(t *testing.T) {
	if _, err := os.Stat(bulkExport); errors.Is(err, os.ErrNotExist) {
		missing.Skip(t, "the export of another system (../shared/data/smart-bulk-10)")
	}
	t.Parallel()
	e := layExport(t, bulkExport, "testdata/smart-bulk-10")
	consenting := map[string]bool{}
	for _, c := range e.lines(t, "Consent.000.ndjson") {
		consenting[at(c.Tree, "patient.reference")[0].(string)] = true
	}
	source, strangers, official := map[string]int{}, []string{}, []string{}
	counts := map[string]int{}
	for _, typ := range []string{"Patient", "Encounter", "Condition", "Procedure", "MedicationRequest", "DocumentReference"} {
		for _, r := range e.lines(t, typ+".000.ndjson") {
			of := typ + "/" + r.ID
			for _, i := range at(r.Tree, "identifier") {
				if isOfficialNumber(i) {
					official = append(official, at(i.(map[string]any), "value")[0].(string))
				}
			}
			if typ != "Patient" {
				of = at(r.Tree, "subject.reference")[0].(string)
			}
			switch {
			case consenting[of]:
				source[essence(t, r)]++
				counts[typ]++
			case typ == "Patient":
				strangers = append(strangers, r.ID)
			}
		}
	}
	if len(official) < 20 {
		t.Fatalf("the export has only %d official numbers", len(official))
	}
	apart := e.lines(t, "DocumentReference.000.ndjson")[0].Tree
	for i, change := range []map[string]any{{"meta": map[string]any{"security": []any{map[string]any{"code": "PSYTHPN"}}}}, {"category": []any{map[string]any{"text": "Psychotherapy note"}}}} {
		maps.Copy(apart, change)
		apart["id"], apart["subject"] = fmt.Sprint("apart-", i), map[string]any{"reference": slices.Sorted(maps.Keys(consenting))[0]}
		apart["identifier"] = []any{map[string]any{"system": "urn:x", "value": noteCanary}}
		line, err := json.Marshal(apart)
		must(t, err)
		e.replace(t, "DocumentReference.000.ndjson", e.read(t, "DocumentReference.000.ndjson")+string(line)+"\n")
	}
	e.serve(t)
	all, clients := e.everything(t, harbor)
	if len(clients) != len(consenting) {
		t.Errorf("%d clients are known to the partner, want %d", len(clients), len(consenting))
	}
	got := map[string]int{}
	for _, r := range all {
		if counts[r.Type] > 0 {
			got[r.Type]++
			if source[essence(t, r)]--; source[essence(t, r)] < 0 {
				t.Errorf("a %s is not one of those who consented", r.Type)
			}
		}
		for _, id := range strangers {
			if strings.Contains(string(r.Raw), id) {
				t.Errorf("a %s names somebody who did not consent", r.Type)
			}
		}
		for _, number := range official {
			if strings.Contains(string(r.Raw), number) {
				t.Errorf("a %s has a number that a state gave", r.Type)
			}
		}
	}
	t.Logf("released %v of %v", got, counts)
	validInPart(t, all)
	for typ, n := range map[string]int{"Patient": counts["Patient"], "Encounter": counts["Encounter"], "Condition": counts["Condition"] * 3 / 4, "Procedure": counts["Procedure"] / 2,
		"MedicationRequest": counts["MedicationRequest"] / 2, "DocumentReference": counts["DocumentReference"] / 3} {
		if got[typ] < n {
			t.Errorf("%d of %d %s are released, want at least %d", got[typ], counts[typ], typ, n)
		}
	}
}

// lines reads the resources of a file.
func (e *export) lines(t *testing.T, name string) (all []resource) {
	t.Helper()
	for line := range strings.Lines(e.read(t, name)) {
		all = append(all, parseResource(t, []byte(line)))
	}
	return all
}

// essence is what a resource says, without what the gateway makes its own: ids, references, labels, narratives and titles.
func essence(t *testing.T, r resource) string {
	t.Helper()
	var tree map[string]any
	must(t, json.Unmarshal(r.Raw, &tree))
	if r.Type == "Patient" { // a minimal one may be shown, and never the numbers that a state gave
		var values []any
		for _, i := range at(tree, "identifier") {
			if !isOfficialNumber(i) {
				values = append(values, at(i.(map[string]any), "value")...)
			}
		}
		return fmt.Sprint(values)
	}
	for _, name := range []string{"id", "meta", "text", "description"} {
		delete(tree, name)
	}
	withoutReferences(tree)
	text, err := json.Marshal(tree)
	must(t, err)
	return string(text)
}

// isOfficialNumber tells whether an Identifier of the export is a social security, licence or passport number.
func isOfficialNumber(identifier any) bool {
	types := at(identifier.(map[string]any), "type.coding.code")
	return slices.ContainsFunc(types, func(c any) bool { return slices.Contains([]any{"SS", "DL", "PPN"}, c) })
}

// withoutReferences takes out every element that holds a reference, and what is empty then.
func withoutReferences(tree any) (empty bool) {
	switch x := tree.(type) {
	case map[string]any:
		if _, is := x["reference"].(string); is {
			return true
		}
		for name, v := range x {
			if withoutReferences(v) {
				delete(x, name)
			}
		}
		return len(x) == 0
	case []any:
		for _, v := range x {
			withoutReferences(v)
		}
		return !slices.ContainsFunc(x, func(v any) bool {
			m, is := v.(map[string]any)
			if !is {
				return true
			}
			_, ref := m["reference"].(string)
			return len(m) > 0 && !ref
		})
	}
	return false
}
