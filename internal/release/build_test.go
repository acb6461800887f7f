package release_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/smart"
)

// classes narrows a provision to resource types.
func classes(types ...string) string {
	var list []string
	for _, t := range types {
		list = append(list, fmt.Sprintf(`{"system":"http://hl7.org/fhir/resource-types","code":%q}`, t))
	}
	return `"class":[` + strings.Join(list, ",") + `]`
}

// A record about two stands in both charts, and leaves only if both let it.
func TestARecordOfACoupleNeedsBoth(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	c.charts["1"] = append(c.charts["1"], both)
	without := everything
	with := append([]string{"DocumentReference/n", "DocumentReference/together"}, everything[1:]...)
	sees := func() []string { return c.sees(theClinic(), "1", "e", "n", "v", "together") }

	expect(t, "only one has signed", sees(), without)
	c.change(func() { c.forms["2"] = []string{permit("2", "c")} })
	expect(t, "both have signed", sees(), with)
	c.change(func() { c.forms["2"] = append(c.forms["2"], `{"resourceType":"Consent"`) })
	expect(t, "a Consent of the other cannot be read", sees(), without)
	c.change(func() { c.forms["2"] = []string{permit("2", "c"), permit("1", "c")} })
	expect(t, "a Consent of the other is somebody else's", sees(), without)
	c.change(func() { c.forms["2"] = []string{permit("2", "c"), form("2", "d", `"type":"deny"`)} })
	expect(t, "the other denies", sees(), without)
	expect(t, "the client's own access", c.sees(theClient("1"), "1", "c", "e", "n", "v", "together"), append([]string{}, everything...))
}

// A permit of one of them that names no recipient is for whom the practice ties to that one, not to the other (rules 13 and 20).
func TestAPermitForNobodyOfACoupleReachesWhomThePracticeTiesToItsGiver(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	c.charts["1"] = append(c.charts["1"], both)
	c.forms["2"] = []string{openPermit("2", "c")}
	clinic := tieTo(fhir.SystemNPI, clinicNPI)
	with := append([]string{"DocumentReference/n", "DocumentReference/together"}, everything[1:]...)
	sees := func() []string { return c.sees(theClinic(), "1", "e", "n", "v", "together") }

	expect(t, "tied to nobody", sees(), everything)
	c.change(func() { c.ties["1"] = clinic })
	expect(t, "tied to the one whose chart it is", sees(), everything)
	previewed, err := c.service.Preview(context.Background(), theClinic(), smart.Search, "1")
	if err != nil || !previewed.Related {
		t.Fatal(previewed, err)
	}
	for _, line := range previewed.Lines {
		if line.Facts.ID == ref("DocumentReference", "1", "together").ID && (line.Shown || line.Decision.Release) {
			t.Error("the preview says that it leaves")
		}
	}
	c.change(func() { c.ties["2"] = clinic })
	expect(t, "tied to both", sees(), with)
	c.change(func() { delete(c.ties, "1") })
	expect(t, "tied to the one who names nobody", sees(), with)
	c.change(func() { c.fail["Ties"] = errors.New("the database is gone") })
	if v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1")); !errors.Is(err, release.ErrUnavailable) || v != nil {
		t.Errorf("ties that cannot be read: %v, %v", v, err)
	}
}

// A parent may have signed for the other of two, a child: their authority is looked up where the child's records are, and ends with it.
func TestARecordOfAFamilyLeavesByWhatAParentSigned(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	c.charts["1"] = append(c.charts["1"], both)
	parent := func(until string) record {
		return record{json: fmt.Sprintf(`{"resourceType":"RelatedPerson","id":%q,"patient":{"reference":%q},"period":{"end":%q},`+
			`"relationship":[{"coding":[{"system":%q,"code":"MTH"}]}]}`, seal("RelatedPerson", "2", "m"), patientRef("2"), until, fhir.SystemRoleCode)}
	}
	child := func(born string) record {
		return record{json: strings.Replace(patient("2").json, "1980-01-01", born, 1)}
	}
	signed := strings.Replace(permit("2", "c"), `"dateTime"`, fmt.Sprintf(`"performer":[{"reference":"RelatedPerson/%s"}],"dateTime"`, seal("RelatedPerson", "2", "m")), 1)
	c.forms["2"] = []string{signed}
	with := append([]string{"DocumentReference/n", "DocumentReference/together"}, everything[1:]...)
	for _, one := range []struct {
		name  string
		chart []record
		want  []string
	}{
		{"nobody knows who signed", []record{child("2015-05-12")}, everything},
		{"a mother", []record{child("2015-05-12"), parent("2033-05-12")}, with},
		{"a mother no more", []record{child("2015-05-12"), parent("2026-01-01")}, everything},
		{"of one who is of age", []record{child("2008-11-21"), parent("2033-05-12")}, everything},
		{"of one who is not known", []record{parent("2033-05-12")}, everything},
	} {
		c.change(func() { c.charts["2"] = one.chart })
		expect(t, one.name, c.sees(theClinic(), "1", "e", "n", "v", "together"), one.want)
	}
	// Tomorrow the child is of age.
	c.change(func() { c.charts["2"] = []record{child("2008-11-22"), parent("2033-05-12")} })
	expect(t, "today", c.sees(theClinic(), "1", "e", "n", "v", "together"), with)
	c.at(noon.Add(12 * time.Hour))
	expect(t, "tomorrow", c.sees(theClinic(), "1", "e", "n", "v", "together"), everything)
}

// A permit that names no recipient is for those whom the practice's own data tie to the client (rule 13).
func TestAPermitForNobodyReachesWhomThePracticeTiesToTheClient(t *testing.T) {
	c := oneClient(t)
	c.forms["1"] = []string{openPermit("1", "c")}
	reach := func() int {
		t.Helper()
		refs, err := c.service.Reach(context.Background(), theClinic(), smart.Search)
		if err != nil {
			t.Fatal(err)
		}
		return len(refs)
	}
	expect(t, "no tie", c.sees(theClinic(), "1"), []string{})
	if n := reach(); n != 0 {
		t.Errorf("no tie: %d clients in reach", n)
	}
	v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	if err != nil || v.Evidence().Client != (fhir.Reference{}) {
		t.Errorf("no tie: the ledger would name %v, %v", v.Evidence().Client, err)
	}
	if c.chartRead.Load() != 0 {
		t.Error("no tie: the chart was read")
	}
	c.fail["Ties"] = errors.New("the database is gone")
	c.change(func() {})
	if v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1")); !errors.Is(err, release.ErrUnavailable) || v != nil {
		t.Errorf("ties that cannot be read: %v, %v", v, err)
	}
	delete(c.fail, "Ties")
	c.change(func() { c.ties["1"] = tieTo(fhir.SystemNPI, clinicNPI) })
	expect(t, "a referral", c.sees(theClinic(), "1", "e", "n", "v"), everything)
	if n := reach(); n != 1 {
		t.Errorf("a referral: %d clients in reach", n)
	}
	for name, tie := range map[string]fhir.Identifier{"another's": {System: fhir.SystemNPI, Value: "1999999992"}, "no system": {Value: clinicNPI}, "no value": {System: fhir.SystemNPI}} {
		c.change(func() { c.ties["1"] = tieTo(tie.System, tie.Value) })
		expect(t, "a tie of "+name, c.sees(theClinic(), "1"), []string{})
	}
}

// Whose records these are is visible with them, and nothing more of the Patient.
func TestTheMinimalPatientStandsBesideWhatIsReleased(t *testing.T) {
	c := oneClient(t)
	c.forms["1"] = []string{permit("1", "c", classes("DocumentReference"))}
	v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "notes alone are permitted", shown(v, "1", "n", "v"), []string{"DocumentReference/n", "Patient/1", "Provenance/v"})
	p, _ := v.Get(patientRef("1"))
	for _, s := range p.Facts().Strings {
		if !strings.HasPrefix(s.Path, "name") {
			t.Errorf("the minimal Patient holds %s", s.Path)
		}
	}
	c.change(func() { c.forms["1"] = []string{permit("1", "c", classes("Goal"))} })
	expect(t, "nothing that there is is permitted", c.sees(theClinic(), "1"), []string{})
}

// What is withheld is named by nothing that is released.
func TestNothingRefersToWhatIsNotThere(t *testing.T) {
	c := oneClient(t)
	c.charts["1"] = []record{patient("1"), encounter("1", "e"),
		note("1", "n", fmt.Sprintf(`"context":{"encounter":[{"reference":%q,"display":"the visit of May"}]}`, ref("Encounter", "1", "e"))),
		provenance("1", "v", ref("Encounter", "1", "e")),
		note("1", "m", fmt.Sprintf(`"context":{"related":[{"reference":%q}]}`, ref("Provenance", "1", "v"))),
	}
	c.forms["1"] = []string{permit("1", "c"), form("1", "d", `"type":"deny",`+classes("Encounter"))}
	v, err := c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]uint32{"denied": 2}, v.Evidence().Withheld); diff != "" {
		t.Errorf("withheld: %s", diff)
	}
	expect(t, "without the Encounter", shown(v, "1", "n", "m", "v", "e"), []string{"DocumentReference/m", "DocumentReference/n", "Patient/1"})
	for _, r := range v.Resources("DocumentReference") {
		for _, at := range r.Facts().References {
			if at.Value != patientRef("1") {
				t.Errorf("a note still refers to a %s", at.Value.Type)
			}
		}
	}
}

// Other people and organisations appear where something visible refers to them, directly or through another of them, and nowhere else.
func TestOthersAppearOnlyWhereSomethingRefersToThem(t *testing.T) {
	c := oneClient(t)
	outsider := record{json: fmt.Sprintf(`{"resourceType":"Practitioner","id":%q,"name":[{"family":"Elsewhere"}],"qualification":[{"code":{"text":"MD"},"issuer":{"reference":%q}}]}`,
		seal("Practitioner", "1", "o"), ref("Organization", "1", "issuer"))}
	others := []record{organization("1", "insurer"), organization("1", "issuer"), outsider}
	c.charts["1"] = append([]record{patient("1"), encounter("1", "e")}, others...)
	c.forms["1"] = []string{permit("1", "c")}
	keys := []string{"e", "m", "o", "issuer", "insurer"}
	expect(t, "nothing refers to them", c.sees(theClinic(), "1", keys...), []string{"Encounter/e", "Patient/1"})
	expect(t, "nothing refers to them, the client", c.sees(theClient("1"), "1", keys...), []string{"Encounter/e", "Patient/1"})
	c.change(func() {
		c.charts["1"] = append(c.charts["1"], note("1", "m", fmt.Sprintf(`"author":[{"reference":%q}]`, ref("Practitioner", "1", "o"))))
	})
	expect(t, "a note names its author", c.sees(theClinic(), "1", keys...),
		[]string{"DocumentReference/m", "Encounter/e", "Organization/issuer", "Patient/1", "Practitioner/o"})
	c.change(func() { c.charts["1"] = append([]record{patient("1")}, others...) })
	expect(t, "there is nothing else", c.sees(theClinic(), "1", keys...), []string{"Patient/1"})
}

// Staff appear as far as the scopes go, and are gone where they do not. What cannot do without them goes too, and what names that, to the end.
func TestReferencesToStaffGoAsFarAsTheScopes(t *testing.T) {
	c := oneClient(t)
	c.charts["1"] = append(c.charts["1"], note("1", "m", fmt.Sprintf(`"context":{"related":[{"reference":%q}]}`, ref("Provenance", "1", "v"))))
	narrow := theClinic()
	narrow.Scopes = smart.ParseScopes("system/Patient.rs system/DocumentReference.rs system/Provenance.rs")
	v, err := c.service.View(context.Background(), narrow, smart.Search, patientRef("1"))
	if err != nil {
		t.Fatal(err)
	}
	// A Provenance without its agent would say nothing.
	expect(t, "without a scope for staff", shown(v, "1", "n", "m", "v"), []string{"DocumentReference/m", "DocumentReference/n", "Patient/1"})
	if diff := cmp.Diff(map[string]uint32{"scope": 1, "not-shown": 1}, v.Evidence().Withheld); diff != "" {
		t.Errorf("withheld: %s", diff)
	}
	m, _ := v.Get(ref("DocumentReference", "1", "m"))
	for _, at := range m.Facts().References {
		if at.Value.Type == "Provenance" {
			t.Error("a note still refers to the Provenance")
		}
	}
	d, err := c.service.Directory(context.Background(), narrow, smart.Search)
	if err != nil || d.Len() != 0 {
		t.Errorf("the directory has %d resources for nobody, %v", d.Len(), err)
	}
	if d, err = c.service.Directory(context.Background(), theClinic(), smart.Search); err != nil || d.Len() != 1 {
		t.Errorf("the directory has %d resources, %v", d.Len(), err)
	}
}

func TestTheEvidenceSaysWhatDecided(t *testing.T) {
	c := oneClient(t)
	c.forms["1"] = []string{permit("1", "c"), form("1", "d", `"type":"deny",`+classes("Encounter"))}
	of := func(get func() (*release.View, error)) release.Evidence {
		t.Helper()
		v, err := get()
		if err != nil {
			t.Fatal(err)
		}
		return v.Evidence()
	}
	e := of(func() (*release.View, error) {
		return c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	})
	if e.Client != patientRef("1") || e.SelfAccess || e.Authorization || e.ChartVersion == "" {
		t.Errorf("%+v", e)
	}
	if diff := cmp.Diff(map[string]uint32{"denied": 1}, e.Withheld); diff != "" {
		t.Errorf("withheld: %s", diff)
	}
	if len(e.Consents) != 1 || e.Consents[0].Reference != ref("Consent", "1", "c") || e.Consents[0].Version == [32]byte{} {
		t.Errorf("the Consents that permitted are %v", e.Consents)
	}
	own := of(func() (*release.View, error) {
		return c.service.View(context.Background(), theClient("1"), smart.Search, patientRef("1"))
	})
	if !own.SelfAccess || own.Authorization || len(own.Consents) != 0 {
		t.Errorf("of the client's own access: %+v", own)
	}
	before := e.ChartVersion
	c.change(func() { c.charts["1"] = c.charts["1"][:3] })
	e = of(func() (*release.View, error) {
		return c.service.View(context.Background(), theClinic(), smart.Search, patientRef("1"))
	})
	if e.ChartVersion == before {
		t.Error("another chart has the same version")
	}
	directory := of(func() (*release.View, error) {
		return c.service.Directory(context.Background(), theClinic(), smart.Search)
	})
	if diff := cmp.Diff(release.Evidence{}, directory); diff != "" {
		t.Errorf("of the directory: %s", diff)
	}
}

func TestAPreviewIsWhatTheViewShows(t *testing.T) {
	c := oneClient(t)
	c.forms["1"] = []string{permit("1", "c", classes("DocumentReference"))}
	p, err := c.service.Preview(context.Background(), theClinic(), smart.Search, "1")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range p.Lines {
		got[l.Facts.Type] = fmt.Sprintf("%s %t", l.Decision.Reason, l.Shown)
	}
	want := map[string]string{"DocumentReference": "permitted true", "Provenance": "permitted true", "Patient": "no-consent true", "Encounter": "no-consent false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMemoIsBounded(t *testing.T) {
	const values = 10_000
	for name, one := range map[string]struct{ size, most int }{"small values": {1, 100}, "large values": {1 << 10, 64}, "a value too large": {1 << 30, 0}} {
		var m release.Memo
		for i := range values {
			m.Put(fmt.Sprint(i), i, one.size)
		}
		kept := 0
		for i := range values {
			if v, ok := m.Get(fmt.Sprint(i)); ok {
				kept++
				if v != i {
					t.Fatalf("%s: %d gives %v", name, i, v)
				}
			}
		}
		if kept > one.most || kept == 0 && one.most > 0 {
			t.Errorf("%s: %d entries are kept", name, kept)
		}
	}
}

func TestTheZeroViewIsEmpty(t *testing.T) {
	var v release.View
	if _, ok := v.Get(patientRef("1")); ok || v.Len() != 0 || v.Resources("Patient") != nil {
		t.Error("it is not")
	}
}

// tieTo is what ties an organisation to a client always.
func tieTo(system, value string) []mapping.Tie {
	return []mapping.Tie{{To: fhir.Identifier{System: system, Value: value}}}
}

// What ties an organisation to a client holds within its period, and nothing that was decided outlives it, or waits for a change of the records after it begins.
func TestATieHoldsWithinItsPeriod(t *testing.T) {
	during := func(from, to time.Duration) []mapping.Tie {
		tie := tieTo(fhir.SystemNPI, clinicNPI)
		tie[0].During = fhir.Interval{Start: noon.Add(from), End: noon.Add(to)}
		return tie
	}
	c := oneClient(t)
	c.forms["1"] = []string{openPermit("1", "c")}
	see := func(name string, want []string) {
		t.Helper()
		expect(t, name, c.sees(theClinic(), "1", "e", "n", "v"), want)
		refs, err := c.service.Reach(context.Background(), theClinic(), smart.Search)
		if err != nil || (len(refs) > 0) != (len(want) > 0) {
			t.Errorf("%s: %d clients in reach, %v", name, len(refs), err)
		}
		p, err := c.service.Preview(context.Background(), theClinic(), smart.Search, "1")
		if err != nil || p.Related != (len(want) > 0) {
			t.Errorf("%s: previewed as related %t, %v", name, p.Related, err)
		}
	}
	c.ties["1"] = during(time.Hour, 2*time.Hour)
	see("before", []string{})
	c.at(noon.Add(time.Hour - 1))
	see("just before", []string{})
	c.at(noon.Add(time.Hour))
	see("from its first instant", everything)
	c.at(noon.Add(2*time.Hour - 1))
	see("to its last", everything)
	c.at(noon.Add(2 * time.Hour))
	see("afterwards", []string{})

	c.change(func() { c.ties["1"] = append(during(0, 3*time.Hour), during(2*time.Hour, 4*time.Hour)...) })
	see("one that ends while another goes on", everything)
	c.at(noon.Add(3 * time.Hour))
	see("the other", everything)
	c.at(noon.Add(4 * time.Hour))
	see("none", []string{})
	c.change(func() { c.ties["1"] = during(5*time.Hour, 3*time.Hour) })
	see("one that ends before it begins", []string{})
	c.at(noon.Add(6 * time.Hour))
	see("and after both", []string{})
}

// The tie to the other of a couple ends for the record of both, too.
func TestATieToTheOtherOfACoupleHoldsWithinItsPeriod(t *testing.T) {
	c := oneClient(t)
	both := note("1", "together")
	both.others = []string{"2"}
	c.charts["1"] = append(c.charts["1"], both)
	c.forms["2"] = []string{openPermit("2", "c")}
	tie := tieTo(fhir.SystemNPI, clinicNPI)
	tie[0].During.End = noon.Add(time.Hour)
	c.ties["2"] = tie
	sees := func() []string { return c.sees(theClinic(), "1", "e", "n", "v", "together") }
	expect(t, "while it lasts", sees(), append([]string{"DocumentReference/n", "DocumentReference/together"}, everything[1:]...))
	c.at(noon.Add(time.Hour))
	expect(t, "afterwards", sees(), everything)
}
