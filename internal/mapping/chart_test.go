package mapping_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden file is what a clinic's rows become, to the byte. Ids depend on the test's sealer.
func TestTheClinicBecomes(t *testing.T) {
	m := load(t, clinic())
	src := source(t, database(t))
	var got strings.Builder
	for _, client := range []practice.ClientKey{"", "7", "8"} {
		all, _, err := m.MadeOf(t.Context(), src, client)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			got.WriteString(one.JSON + "\n")
		}
	}
	const golden = "testdata/clinic.ndjson"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func ref(typ, client, kind, key string) fhir.Reference {
	id, _ := fakeSealer{}.Seal(typ, client, kind, key)
	return fhir.Reference{Type: typ, ID: id}
}

// note gives the DocumentReference of note 1 and its Provenance.
func noteOne(t *testing.T, m *mapping.Maps, path string) (document, provenance mapping.Made) {
	t.Helper()
	all, report, err := m.MadeOf(t.Context(), source(t, path), "7")
	if err != nil {
		t.Fatal(err)
	}
	id := ref("DocumentReference", "7", "soap-note", "1").ID
	at := slices.IndexFunc(all, func(one mapping.Made) bool { return one.Facts.ID == id })
	if at < 0 {
		t.Fatalf("the note is not there: %+v", report)
	}
	return all[at], all[at+1]
}

func TestWhatTheFactsSayBesideTheBody(t *testing.T) {
	maps := with(t, "note.yaml", "labels: sens", "labels: sens\nprogramme: prog\nclients: about\ninherits-chart: true")
	maps["note.yaml"] = strings.Replace(maps["note.yaml"], "sens: list?}", "sens: list?, prog: text?, about: list}", 1)
	maps["note.yaml"] = strings.Replace(maps["note.yaml"], "n.sens\n", "n.sens, 'sud-iop' AS prog, '[\"8\",\"7\"]' AS about\n", 1)
	document, provenance := noteOne(t, load(t, maps), database(t))
	f := document.Facts
	self, other := ref("Patient", "7", "patient", "7"), ref("Patient", "8", "patient", "8")
	both := []fhir.Reference{self, other}
	slices.SortFunc(both, func(a, b fhir.Reference) int { return strings.Compare(a.ID, b.ID) })
	if f.Subject != self || !slices.Equal(f.Clients, both) || !slices.Equal(provenance.Facts.Clients, both) {
		t.Errorf("subject %v, clients %v", f.Subject, f.Clients)
	}
	if o := f.Origin; o.Map != "soap-note" || o.Kind != "soap-note" || o.Table != "notes" || o.Programme != "sud-iop" || !o.Listed || o.Directory {
		t.Errorf("origin %+v", o)
	}
	labels := []fhir.Coding{{System: fhir.SystemActCode, Code: "SUD"}, {System: fhir.SystemConfidentiality, Code: "R"}, {System: fhir.SystemLOINC, Code: "x"}}
	if d := cmp.Diff(labels, f.SourceLabels); d != "" || !f.InheritsChart {
		t.Errorf("labels (-want +got)\n%s", d)
	}
	if want := []fhir.Reference{ref("Encounter", "7", "encounter", "70")}; !slices.Equal(f.Inherits, want) {
		t.Errorf("inherits %v", f.Inherits)
	}
	if want := []fhir.Reference{{Type: "DocumentReference", ID: f.ID}}; !slices.Equal(provenance.Facts.Inherits, want) {
		t.Errorf("the provenance inherits %v", provenance.Facts.Inherits)
	}
	if want := []fhir.Reference{ref("Practitioner", "", "practitioner", "1111111112")}; !slices.Equal(f.Authors, want) {
		t.Errorf("authors %v", f.Authors)
	}
	at := time.Date(2026, 10, 5, 15, 0, 0, 0, time.UTC)
	if !f.When.Known || !f.When.Start.Equal(at) || !f.LastUpdated.Start.Equal(at) {
		t.Errorf("when %+v, last updated %v", f.When, f.LastUpdated)
	}
	for _, one := range []mapping.Made{document, provenance} {
		spliced := one.JSON[:one.SecurityAt] + `,"security":[]` + one.JSON[one.SecurityAt:]
		if !strings.Contains(spliced, `],"security":[]}`) {
			t.Errorf("security would stand in the wrong place")
		}
	}
}

func TestARowIsWithheldWholeAndTheOthersStay(t *testing.T) {
	type counts struct{ read, mapped, withheld, failed int }
	cases := []struct {
		name, change string
		want         counts
		column       string
	}{
		{"as it is", "", counts{3, 2, 1, 0}, ""},
		{"a value that does not fit its column", "UPDATE notes SET at = 'soon' WHERE id = 1", counts{3, 1, 1, 1}, "at"},
		{"control characters in a text element", "UPDATE practice SET name = name; UPDATE notes SET npi = 'a' || char(0) || 'b' WHERE id = 1", counts{3, 2, 1, 0}, ""},
		{"one key twice", "INSERT INTO notes SELECT * FROM notes WHERE id = 1", counts{4, 1, 1, 2}, "id"},
		{"one key twice, one of them withheld", "INSERT INTO notes SELECT * FROM notes WHERE id = 1; UPDATE notes SET signed = NULL WHERE rowid = 5", counts{4, 1, 2, 1}, "id"},
		{"one key twice, one of them broken", "INSERT INTO notes SELECT * FROM notes WHERE id = 1; UPDATE notes SET at = 'soon' WHERE rowid = 5", counts{4, 1, 1, 2}, "at"},
		{"a label without a code", `UPDATE notes SET sens = '["SUD|"]' WHERE id = 1`, counts{3, 1, 1, 1}, "sens"},
		{"a note without any text", "UPDATE notes SET s = '', o = NULL WHERE id = 1", counts{3, 1, 1, 1}, "content"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, report, err := load(t, clinic()).MadeOf(t.Context(), source(t, database(t, c.change)), "7")
			if err != nil {
				t.Fatal(err)
			}
			r := report[slices.IndexFunc(report, func(r mapping.MapReport) bool { return r.Map == "soap-note" })]
			got := counts{r.Read, r.Mapped, r.Withheld["unsigned"], len(r.Failed)}
			if got != c.want {
				t.Errorf("%+v, want %+v: %+v", got, c.want, r.Failed)
			}
			if c.column != "" && !slices.ContainsFunc(r.Failed, func(f mapping.Failure) bool { return f.Column == c.column && f.Key == "1" }) {
				t.Errorf("failed %+v, want column %s of key 1", r.Failed, c.column)
			}
		})
	}
}

// What does not fit is said by what would, so that who writes the map knows what to change, and never by the value.
func TestAValueThatDoesNotFitIsSaidByWhatWouldFit(t *testing.T) {
	for _, c := range []struct{ column, change, want string }{
		{"at", "UPDATE notes SET at = 'soon' WHERE id = 1", "localtime is a time without a zone as 2026-11-21 09:30, on the practice's clocks; where it may be null, localtime?"},
		{"sens", "UPDATE notes SET sens = 'SUD' WHERE id = 1", "list is a JSON array of texts, as json_group_array makes it, [] for none"},
	} {
		_, report, err := load(t, clinic()).MadeOf(t.Context(), source(t, database(t, c.change)), "7")
		if err != nil {
			t.Fatal(err)
		}
		r := report[slices.IndexFunc(report, func(r mapping.MapReport) bool { return r.Map == "soap-note" })]
		if want := (mapping.Failure{Key: "1", Column: c.column, Why: "does not fit its column: " + c.want}); !slices.Contains(r.Failed, want) {
			t.Errorf("no %+v in %+v", want, r.Failed)
		}
	}
}

// A row that turns out broken halfway has said something by then.
func TestABrokenRowLeavesNothingToTheNext(t *testing.T) {
	made := func(change string) []mapping.Made {
		all, _, err := load(t, clinic()).MadeOf(t.Context(), source(t, database(t, change)), "7")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, key := range []string{"1", "2"} {
		broken := made("UPDATE notes SET s = '', o = NULL WHERE id = " + key)
		if d := cmp.Diff(made("DELETE FROM notes WHERE id = "+key), broken); d != "" {
			t.Errorf("note %s (-absent +broken)\n%s", key, d)
		}
	}
}

func TestARowOfAnotherClientFails(t *testing.T) {
	maps := with(t, "note.yaml", "n.client IN (:clients)", "n.client IN (:clients) OR n.id = 4")
	all, report, err := load(t, maps).MadeOf(t.Context(), source(t, database(t)), "7")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if strings.Contains(one.JSON, ref("DocumentReference", "7", "soap-note", "4").ID) {
			t.Error("another client's note stands in this chart")
		}
	}
	r := report[slices.IndexFunc(report, func(r mapping.MapReport) bool { return r.Map == "soap-note" })]
	if want := []mapping.Failure{{Key: "4", Column: "client", Why: "the row is of another client than was asked for"}}; !slices.Equal(r.Failed, want) {
		t.Errorf("failed %+v", r.Failed)
	}
}

func TestTiesAreIdentifiers(t *testing.T) {
	chart, err := load(t, clinic()).Chart(t.Context(), source(t, database(t)), "7")
	if err != nil {
		t.Fatal(err)
	}
	if want := []mapping.Tie{{To: fhir.Identifier{System: fhir.SystemNPI, Value: "3333333334"}}}; !slices.Equal(chart.Ties, want) {
		t.Errorf("ties %v", chart.Ties)
	}
	if len(chart.Candidates) != 9 { // patient, encounter, two notes with their provenances, two organizations, a release
		t.Errorf("%d candidates", len(chart.Candidates))
	}
}

func TestTwoPracticesAreNone(t *testing.T) {
	all, report, err := load(t, clinic()).Directory(t.Context(), source(t, database(t, "INSERT INTO practice VALUES (2,'Second','1')")))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || len(report[0].Failed) != 2 {
		t.Errorf("%d in the directory, report %+v", len(all), report)
	}
	for _, c := range all {
		if f := c.Facts(); !f.Origin.Directory || !f.Origin.Listed || !f.When.Timeless || len(f.Clients) > 0 {
			t.Errorf("%s: origin %+v, when %+v", f.Type, f.Origin, f.When)
		}
	}
}

func TestAnIncompleteChartIsNeverGiven(t *testing.T) {
	m := load(t, clinic())
	src := source(t, database(t, "DROP TABLE referrals"))
	if c, err := m.Chart(t.Context(), src, "7"); c != nil || !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := m.Chart(ctx, src, "7"); c != nil || !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	if c, err := m.Chart(t.Context(), source(t, database(t)), ""); c != nil || err == nil {
		t.Error("a chart of nobody")
	}
}

func TestAnInventedClientHasAnEmptyChart(t *testing.T) {
	for _, client := range []practice.ClientKey{"999", "nobody", "7 OR 1=1"} {
		c, err := load(t, clinic()).Chart(t.Context(), source(t, database(t)), client)
		if err != nil || len(c.Candidates) > 0 || len(c.Ties) > 0 {
			t.Errorf("%d candidates, %v", len(c.Candidates), err)
		}
	}
}
