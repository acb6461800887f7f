package fhirsource_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/mapping/fhirsource"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/stage"
)

// canary stands wherever a value could get into an error.
const canary = "canary-7f3a"

// clinic is a small practice: two clients, a clinician of its own, one outside, and a Group of both clients.
func clinic() map[string]string {
	return map[string]string{
		"Organization.ndjson": `{"resourceType":"Organization","id":"house","identifier":[{"system":"urn:org","value":"us"}],"name":"House"}
{"resourceType":"Organization","id":"harbor","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"111"},{"system":"urn:org","value":"harbor"}],"name":"Harbor"}`,
		"Practitioner.ndjson": `{"resourceType":"Practitioner","id":"own","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1"}],"birthDate":"1970-01-01","name":[{"family":"Own"}]}
{"resourceType":"Practitioner","id":"out","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"2"}],"name":[{"family":"Out"}]}
{"resourceType":"Practitioner","id":"unnamed","name":[{"family":"Unnamed"}]}`,
		"PractitionerRole.ndjson": `{"resourceType":"PractitionerRole","id":"role","practitioner":{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"1"}},"organization":{"identifier":{"system":"urn:org","value":"us"}}}
{"resourceType":"PractitionerRole","id":"outrole","practitioner":{"reference":"Practitioner/out"},"organization":{"reference":"Organization/harbor"}}`,
		"Location.ndjson": `{"resourceType":"Location","id":"site","name":"Site","managingOrganization":{"reference":"Organization?identifier=urn:org|us"}}`,
		"Patient.ndjson":  "{\"resourceType\":\"Patient\",\"id\":\"ann\",\"identifier\":[{\"system\":\"urn:mrn\",\"value\":\"1\"}],\"generalPractitioner\":[{\"reference\":\"PractitionerRole/outrole\"}]}\n" + `{"resourceType":"Patient","id":"ben"}`,
		"Group.ndjson":    `{"resourceType":"Group","id":"couple","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/ann"}},{"entity":{"reference":"Patient/ben"}}]}`,
		"Encounter.ndjson": `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/ann"},"participant":[{"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1"}},{"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|2"}},{"individual":{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|3"}}]}
{"resourceType":"Encounter","id":"e2","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Group/couple"}}
{"resourceType":"Encounter","id":"e3","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/nobody"}}
{"resourceType":"Encounter","id":"e4","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient?identifier=urn:mrn|1"}}`,
		"DocumentReference.ndjson": note("n1", "ann", `"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]}`) + note("n2", "ann", `"type":{"coding":[{"system":"http://loinc.org","code":"99999-9"}]}`),
		"Provenance.ndjson":        `{"resourceType":"Provenance","id":"p1","target":[{"reference":"DocumentReference/n1"},{"reference":"Encounter/e2"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/own"}}]}`,
		"Consent.ndjson":           consentOf("c1", "ann"),
	}
}

func note(id, client, more string) string {
	return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","subject":{"reference":"Patient/` + client + `"},` + more +
		`,"description":"` + canary + `","content":[{"attachment":{"contentType":"text/plain","data":"eA==","title":"` + canary + `"}}]}` + "\n"
}

func consentOf(id, client string) string {
	return `{"resourceType":"Consent","id":"` + id + `","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/` + client +
		`"},"policyRule":{"coding":[{"code":"OPTIN"}]},"provision":{"type":"permit","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/harbor"}},{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization?identifier=urn:org|elsewhere"}}]}}` + "\n"
}

const notesYAML = `listed: {progress-note: ["http://loinc.org|11506-3"]}
withheld: {letter: ["urn:k|letter"]}
psychotherapy: ["urn:k|apart"]
`

// rig is a folder with what a test wants to know of it.
type rig struct {
	*fhirsource.Folder
	t       testing.TB
	dir     string
	sealer  *ident.Sealer
	options fhirsource.FolderOptions
}

func lay(t testing.TB, text map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	for name, s := range text {
		r.write(name, s)
	}
	notesFile := filepath.Join(t.TempDir(), "notes.yaml")
	noError(t, os.WriteFile(notesFile, []byte(notesYAML), 0o600))
	notes, err := fhirsource.LoadNotes(notesFile)
	noError(t, err)
	r.sealer, err = ident.NewSealer(make([]byte, ident.KeySize), nil)
	noError(t, err)
	o := options(t)
	r.options = fhirsource.FolderOptions{Path: r.dir, Zone: o.Zone, Types: o.Types, Notes: notes, Sealer: r.sealer, Base: "https://gateway.example/fhir", InlineBytes: 8,
		Practice: []fhir.Identifier{{System: "urn:org", Value: "us"}}, Timeout: 20 * time.Second}
	r.Folder, err = fhirsource.NewFolder(r.options)
	noError(t, err)
	return r
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write replaces a file at once, as an export should.
func (r *rig) write(name, text string) {
	r.t.Helper()
	temporary := filepath.Join(r.dir, ".new")
	noError(r.t, os.WriteFile(temporary, []byte(text), 0o600))
	noError(r.t, os.Rename(temporary, filepath.Join(r.dir, name)))
}

func (r *rig) state() *fhirsource.State {
	r.t.Helper()
	s, err := r.Snapshot(context.Background())
	noError(r.t, err)
	return s
}

func (r *rig) chart(client practice.ClientKey) *mapping.Chart {
	r.t.Helper()
	c, err := r.state().Chart(context.Background(), client)
	noError(r.t, err)
	return c
}

// id is the id under which a resource is known outside.
func (r *rig) id(typ, client, id string) fhir.Reference {
	r.t.Helper()
	kind := "fhir"
	if typ == "Patient" {
		kind = "patient"
	}
	sealed, err := r.sealer.Seal(typ, client, kind, id)
	noError(r.t, err)
	return fhir.Reference{Type: typ, ID: sealed}
}

func named(list []stage.Candidate) map[fhir.Reference]*stage.Facts {
	out := map[fhir.Reference]*stage.Facts{}
	for _, c := range list {
		f := c.Facts()
		out[fhir.Reference{Type: f.Type, ID: f.ID}] = f
	}
	return out
}

func refs(f *stage.Facts, path string) (list []fhir.Reference) {
	for _, r := range f.References {
		if r.Path == path {
			list = append(list, r.Value)
		}
	}
	return list
}

func TestEachChartHoldsWhatIsAboutItsClient(t *testing.T) {
	r := lay(t, clinic())
	for client, want := range map[practice.ClientKey][]string{
		"ann": {"Patient/ann", "Encounter/e1", "Encounter/e2", "Encounter/e4", "DocumentReference/n1", "DocumentReference/n2", "Consent/c1", "Group/couple",
			"Practitioner/out", "PractitionerRole/outrole", "Organization/harbor", "Provenance/p1"},
		"ben":    {"Patient/ben", "Encounter/e2", "Provenance/p1"},
		"nobody": nil,
	} {
		got := named(r.chart(client).Candidates)
		for _, w := range want {
			typ, id, _ := strings.Cut(w, "/")
			ref := r.id(typ, string(client), id)
			if w == "Group/couple" { // about nobody by itself
				if got[ref] != nil {
					t.Errorf("%s: the Group stands in the chart", client)
				}
				continue
			}
			f := got[ref]
			if f == nil {
				t.Errorf("%s: no %s", client, w)
				continue
			}
			if f.Subject != r.id("Patient", string(client), string(client)) {
				t.Errorf("%s: %s is another's", client, w)
			}
			delete(got, ref)
		}
		for ref := range got {
			t.Errorf("%s: a %s too many", client, ref.Type)
		}
	}
}

func TestARecordOfSeveralIsAboutAllInEachChart(t *testing.T) {
	r := lay(t, clinic())
	both := []fhir.Reference{r.id("Patient", "ann", "ann"), r.id("Patient", "ben", "ben")}
	slices.SortFunc(both, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	for _, client := range []string{"ann", "ben"} {
		got := named(r.chart(practice.ClientKey(client)).Candidates)
		for _, ref := range []fhir.Reference{r.id("Encounter", client, "e2"), r.id("Provenance", client, "p1")} {
			if d := cmp.Diff(both, got[ref].Clients); d != "" {
				t.Errorf("%s, %s: (-want +got)\n%s", client, ref.Type, d)
			}
		}
		subject := refs(got[r.id("Encounter", client, "e2")], "subject")
		if !slices.Equal(subject, []fhir.Reference{r.id("Patient", client, client)}) {
			t.Errorf("%s is not the subject in the own chart", client)
		}
	}
}

func TestReferencesByIdentifierAreResolved(t *testing.T) {
	r := lay(t, clinic())
	e1 := named(r.chart("ann").Candidates)[r.id("Encounter", "ann", "e1")]
	want := []fhir.Reference{r.id("Practitioner", "", "own"), r.id("Practitioner", "ann", "out"), {}}
	if d := cmp.Diff(want, refs(e1, "participant.individual")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	text := clinic()
	text["Practitioner.ndjson"] += "\n" + `{"resourceType":"Practitioner","id":"twin","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"2"}]}`
	r = lay(t, text)
	e1 = named(r.chart("ann").Candidates)[r.id("Encounter", "ann", "e1")]
	if got := refs(e1, "participant.individual")[1]; got != (fhir.Reference{}) {
		t.Error("an identifier that two have means one of them")
	}
}

func TestTheDirectoryIsThePracticesOwn(t *testing.T) {
	r := lay(t, clinic())
	all, err := r.state().Directory(context.Background())
	noError(t, err)
	house, err := fhirsource.House(r.sealer)
	noError(t, err)
	want := []fhir.Reference{house, r.id("Practitioner", "", "own"), r.id("PractitionerRole", "", "role"), r.id("Location", "", "site")}
	got := named(all)
	for _, ref := range want {
		if f := got[ref]; f == nil || !f.Origin.Directory || len(f.Clients) > 0 {
			t.Errorf("no %s", ref.Type)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d in the directory, want %d", len(got), len(want))
	}
	if role := got[want[2]]; !slices.Equal(refs(role, "organization"), []fhir.Reference{house}) {
		t.Error("the role is in another organisation")
	}
	if dates := got[want[1]].Dates; len(dates) > 0 {
		t.Error("a birth date of the staff is there")
	}
}

func TestNoIdOfTheSourceLeaves(t *testing.T) {
	r := lay(t, clinic())
	s := r.state()
	all := r.chart("ann").Candidates
	directory, err := s.Directory(context.Background())
	noError(t, err)
	for _, f := range named(append(all, directory...)) {
		text := fmt.Sprint(*f)
		for _, id := range []string{"/ann", "{Patient ann", " e1", " n1", "{Practitioner own", "{Organization harbor", " outrole", "couple", canary} {
			if strings.Contains(text, id) {
				t.Errorf("%s names %q", f.Type, id)
			}
		}
	}
}

func TestConsentsNameRecipientsByIdentifier(t *testing.T) {
	r := lay(t, clinic())
	docs, err := r.state().Consents(context.Background(), []practice.ClientKey{"ann", "ben"})
	noError(t, err)
	if len(docs) != 1 || docs[0].Patient != r.id("Patient", "ann", "ann") || docs[0].ID != r.id("Consent", "ann", "c1").ID {
		t.Fatalf("%d documents", len(docs))
	}
	for _, want := range []string{`"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"111"}`, `"identifier":{"system":"urn:org","value":"elsewhere"}`, docs[0].Patient.String()} {
		if !strings.Contains(string(docs[0].JSON), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(docs[0].JSON), "Patient/ann") || strings.Contains(string(docs[0].JSON), "Organization/harbor") {
		t.Error("an id of the source's")
	}
	clients, err := r.state().ConsentClients(context.Background())
	noError(t, err)
	if d := cmp.Diff([]practice.ClientKey{"ann"}, clients); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhomTheDataTie(t *testing.T) {
	text := clinic()
	text["Coverage.ndjson"] = `{"resourceType":"Coverage","id":"k1","status":"active","beneficiary":{"reference":"Patient/ben"},"payor":[{"reference":"Organization?identifier=urn:org|payer"}]}
{"resourceType":"Coverage","id":"k2","status":"cancelled","beneficiary":{"reference":"Patient/ben"},"payor":[{"reference":"Organization/harbor"}]}`
	got, err := lay(t, text).state().Ties(context.Background(), []practice.ClientKey{"ann", "ben"})
	noError(t, err)
	want := map[practice.ClientKey][]mapping.Tie{
		"ann": {{To: fhir.Identifier{System: "http://hl7.org/fhir/sid/us-npi", Value: "111"}}, {To: fhir.Identifier{System: "urn:org", Value: "harbor"}}},
		"ben": {{To: fhir.Identifier{System: "urn:org", Value: "payer"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestKindsOfNotesNeedToBeListed(t *testing.T) {
	loinc := `{"system":"http://loinc.org","code":"11506-3"}`
	for codes, want := range map[string]bool{
		loinc: true, `{"system":"http://loinc.org","code":"1-1"}`: false, loinc + `,{"system":"urn:k","code":"own"}`: false, `{"system":"urn:k","code":"letter"}`: false,
		`{"display":"Progress note"}`: false, `{"system":"urn:other","code":"11506-3"}`: false,
	} {
		text := clinic()
		text["DocumentReference.ndjson"] = note("n1", "ann", `"type":{"coding":[`+codes+`]}`)
		r := lay(t, text)
		f := named(r.chart("ann").Candidates)[r.id("DocumentReference", "ann", "n1")]
		if f == nil || f.Origin.Listed != want {
			t.Errorf("%s: listed is not %t", codes, want)
		}
	}
	c, err := lay(t, clinic()).Check(context.Background())
	noError(t, err)
	want := []mapping.NoteKind{{Kind: "http://loinc.org|99999-9", Rows: 1}, {Kind: "progress-note", Rows: 1, Map: "DocumentReference"}}
	if d := cmp.Diff(want, c.NoteKinds); d != "" || c.OK() {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestPsychotherapyNotesAreNotReadIn(t *testing.T) {
	listedType := `"type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]}`
	const actCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	dropped := map[string]string{
		"label in meta":         `"meta":{"security":[{"system":"` + actCode + `","code":"PSYTHPN"}]},` + listedType,
		"label, other case":     `"meta":{"security":[{"system":"urn:x","code":"hipaapsynotes"}]},` + listedType,
		"label of the document": listedType + `,"securityLabel":[{"coding":[{"code":"PSYTHPN"}]}]`,
		"tag":                   `"meta":{"tag":[{"code":"PSYTHPN"}]},` + listedType,
		"words of the type":     `"type":{"text":"Psychotherapy Note","coding":[{"system":"http://loinc.org","code":"11506-3"}]}`,
		"display of a code":     `"type":{"coding":[{"system":"http://loinc.org","code":"11506-3","display":"Psychotherapy session notes"}]}`,
		"category":              listedType + `,"category":[{"coding":[{"code":"process-notes"}]}]`,
		"the practice's code":   listedType + `,"category":[{"coding":[{"system":"urn:k","code":"apart"}]}]`,
		"SUD counseling note":   listedType + `,"category":[{"text":"SUD counseling note"}]`,
	}
	for name, more := range dropped {
		t.Run(name, func(t *testing.T) {
			text := clinic()
			text["DocumentReference.ndjson"] = note("n1", "ann", more)
			r := lay(t, text)
			if named(r.chart("ann").Candidates)[r.id("DocumentReference", "ann", "n1")] != nil {
				t.Error("it is in the chart")
			}
			c, err := r.Check(context.Background())
			noError(t, err)
			at := slices.IndexFunc(c.Maps, func(m mapping.MapReport) bool { return m.Map == "DocumentReference" })
			if d := cmp.Diff(map[string]int{"psychotherapy, not read": 1}, c.Maps[at].Withheld); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
	text := clinic()
	text["Procedure.ndjson"] = `{"resourceType":"Procedure","id":"s","status":"completed","subject":{"reference":"Patient/ann"},"code":{"coding":[{"system":"http://www.ama-assn.org/go/cpt","code":"90837","display":"Psychotherapy, 60 minutes"}]}}`
	text["Consent.ndjson"] = strings.Replace(consentOf("c1", "ann"), `"status"`, `"meta":{"security":[{"system":"`+actCode+`","code":"PSYTHPN"}]},"status"`, 1)
	r := lay(t, text)
	if named(r.chart("ann").Candidates)[r.id("Procedure", "ann", "s")] == nil {
		t.Error("a service is no note")
	}
	if docs, err := r.state().Consents(context.Background(), []practice.ClientKey{"ann"}); err != nil || len(docs) != 1 {
		t.Error("a Consent is dropped: it may be a denial")
	}
}

func TestABrokenSnapshotIsRefusedAndNothingIsServed(t *testing.T) {
	broken := map[string]struct{ file, text, want string }{
		"a line that is no JSON":       {"Encounter.ndjson", clinic()["Encounter.ndjson"] + "\n{\"" + canary, "Encounter.ndjson:5: "},
		"a line that is not valid":     {"Encounter.ndjson", `{"resourceType":"Encounter","id":"x","status":"` + canary + `"}`, "Encounter.ndjson:1: "},
		"no id":                        {"Patient.ndjson", clinic()["Patient.ndjson"] + "\n" + `{"resourceType":"Patient"}`, "Patient.ndjson:3: "},
		"an id twice":                  {"Encounter.2.ndjson", `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/ann"}}`, "Encounter.ndjson:1: has the id of another Encounter, in Encounter.2.ndjson:1"},
		"another type":                 {"Encounter.2.ndjson", `{"resourceType":"Patient","id":"` + canary + `"}`, "Encounter.2.ndjson:1: is of another type than the file"},
		"a Consent of an unknown":      {"Consent.ndjson", consentOf("c1", "ann") + consentOf("c2", canary), "Consent.ndjson:2: is a Consent whose client cannot be told"},
		"a Consent of several":         {"Consent.ndjson", strings.Replace(consentOf("c1", "ann"), "Patient/ann", "Patient?identifier=urn:mrn|9", 1), "Consent.ndjson:1: is a Consent whose client"},
		"a type that is none":          {"Thing.ndjson", "", "Thing.ndjson: is not named after a resource type"},
		"a file that cannot be told":   {"consent.ndjson", consentOf("c9", "ann"), "consent.ndjson: does not begin with a resource type"},
		"nobody is the practice":       {"Organization.ndjson", `{"resourceType":"Organization","id":"x","name":"` + canary + `"}`, "practice.identifiers"},
		"two are the practice":         {"Organization.2.ndjson", `{"resourceType":"Organization","id":"x","name":"x","identifier":[{"system":"urn:org","value":"us"}]}`, "as another Organization has"},
		"two Patients, but for a case": {"Patient.2.ndjson", `{"resourceType":"Patient","id":"0023b3a7-2ded-840c-ee5b-6b123fdcfb0b"}` + "\n" + `{"resourceType":"Patient","id":"0023B3A7-2ded-840c-ee5b-6b123fdcfb0b"}`, "Patient.2.ndjson:2: has the id of another Patient"},
	}
	for name, c := range broken {
		t.Run(name, func(t *testing.T) {
			r := lay(t, clinic())
			before := r.state()
			good, had := clinic()[c.file]
			r.write(c.file, c.text)
			for range 2 {
				_, unnamed := r.Version(context.Background())
				_, unread := r.Snapshot(context.Background())
				for _, err := range []error{unnamed, unread} {
					if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) {
						t.Fatalf("%q, want %q", strings.ReplaceAll(fmt.Sprint(err), canary, "A VALUE"), c.want)
					}
				}
			}
			if had {
				r.write(c.file, good)
			} else {
				noError(t, os.Remove(filepath.Join(r.dir, c.file)))
			}
			if after := r.state(); mustVersion(t, after) != mustVersion(t, before) {
				t.Error("the same files have another version")
			}
		})
	}
}

func mustVersion(t *testing.T, s *fhirsource.State) string {
	t.Helper()
	v, err := s.Version(context.Background())
	noError(t, err)
	return v
}

func TestAMissingFileIsRefused(t *testing.T) {
	for _, name := range []string{"Patient.ndjson", "Consent.ndjson", "Organization.ndjson"} {
		text := clinic()
		delete(text, name)
		if err := lay(t, text).Load(context.Background(), nil); err == nil || !strings.Contains(err.Error(), name+": is missing") || errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := lay(t, clinic())
	r.write("Consent.2.ndjson", consentOf("c2", "ben"))
	r.state()
	noError(t, os.Remove(filepath.Join(r.dir, "Consent.2.ndjson")))
	if _, err := r.Snapshot(context.Background()); err == nil || !strings.Contains(err.Error(), "Consent.2.ndjson: is missing") {
		t.Errorf("a file that the snapshot before had: %v", err)
	}
	var output []string
	for _, name := range slices.Sorted(maps.Keys(clinic())) {
		typ, _, _ := strings.Cut(name, ".")
		output = append(output, `{"type":"`+typ+`","url":"https://x.example/`+name+`"}`)
	}
	r.write("manifest.json", `{"output":[`+strings.Join(output, ",")+`]}`)
	r.state()
}

// A file that is written over in its place, as long as before and with the time of before, is another one all the same.
func TestAChangeThatHidesIsSeen(t *testing.T) {
	r := lay(t, clinic())
	path := filepath.Join(r.dir, "Consent.ndjson")
	info, err := os.Stat(path)
	noError(t, err)
	version := mustVersion(t, r.state())
	old := r.state()
	noError(t, os.WriteFile(path, []byte(strings.Replace(consentOf("c1", "ann"), "permit", "permix", 1)), 0o600))
	noError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	if v, err := r.Version(context.Background()); err == nil && v == version {
		t.Error("it has the version of before")
	}
	if _, err := old.Consents(context.Background(), []practice.ClientKey{"ann"}); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("what was read before is read from the file of now: %v", err)
	}
}

func TestAFolderThatIsAwayComesBack(t *testing.T) {
	r := lay(t, clinic())
	version := mustVersion(t, r.state())
	away := r.dir + "-away"
	noError(t, os.Rename(r.dir, away))
	if _, err := r.Version(context.Background()); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	noError(t, os.Rename(away, r.dir))
	if mustVersion(t, r.state()) != version {
		t.Error("it is another one")
	}
}

func TestAStaleFolderOnlyDenies(t *testing.T) {
	r := lay(t, clinic())
	for name := range clinic() {
		old := time.Now().Add(-3 * time.Hour)
		noError(t, os.Chtimes(filepath.Join(r.dir, name), old, old))
	}
	r.state() // nobody has said how old it may be
	r.options.MaxAge = 2 * time.Hour
	folder, err := fhirsource.NewFolder(r.options)
	noError(t, err)
	if _, err := folder.Version(context.Background()); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("a version of a stale folder: %v", err)
	}
	if _, err := folder.Snapshot(context.Background()); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("a snapshot of a stale folder: %v", err)
	}
	r.write("Consent.ndjson", clinic()["Consent.ndjson"])
	if _, err := folder.Snapshot(context.Background()); err != nil {
		t.Errorf("written again: %v", err)
	}
}

func TestTheAllowListIsReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "listed is missing",
		"listed: {a: [x]}":                      "no code of the form",
		"listed: {A b: ['s|c']}":                "a kind is made of",
		"listed: {a: ['s|c'], b: ['s|c']}":      "stands twice",
		"listed: {psychotherapy-note: ['s|c']}": "psychotherapy by its name",
		"listed: {a: ['s|c']}\npsychotherapy: ['s|c']": "is a kind as well",
		"liste: {a: ['s|c']}":                          "notes.yaml:1: unknown key liste",
	} {
		path := filepath.Join(t.TempDir(), "notes.yaml")
		noError(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := fhirsource.LoadNotes(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTheExampleOfAnAllowListIsGood(t *testing.T) {
	n, err := fhirsource.LoadNotes("../../../docker/notes.yaml")
	noError(t, err)
	if d := cmp.Diff([]string{"substance-use-note"}, n.Withheld()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
