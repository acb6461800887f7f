package accounting

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/profiles"
)

const treat = actReason + "|TREAT"

func at(day int) time.Time { return time.Date(2026, 5, day, 15, 0, 0, 0, time.UTC) }

func context(t *testing.T) Context {
	t.Helper()
	words, err := LoadWords(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	return Context{
		Words: words, Zone: time.UTC,
		Recipient: func(id string) Recipient {
			return map[string]Recipient{"clinic": {Name: "Quay Clinic", Address: "18 Quay Street"}, "evil": {Name: "=HYPERLINK(\"x\")", Address: "a\nb"}, "gone": {Name: "gone"}}[id]
		},
		Signed: func(ref string) (time.Time, bool) { return at(1), ref == "Consent/known" },
	}
}

// disclosed is a record of what a clinic got under a release.
func disclosed(change func(*ledger.Record)) ledger.Record {
	r := ledger.Record{
		At: at(2), Partner: "clinic", Purposes: []string{treat}, Interaction: "GET /fhir/DocumentReference", Status: 200, Client: "Patient/x",
		Released: []string{"DocumentReference/a", "Provenance/b"}, Consents: []ledger.ConsentUse{{Reference: "Consent/known"}},
		Withheld: map[string]uint32{"denied": 77},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestWhatAnAccountingStates(t *testing.T) {
	line := Disclosure{
		First: at(2), Last: at(2), Times: 1, Recipient: Recipient{Name: "Quay Clinic", Address: "18 Quay Street"}, What: []string{"notes and documents", "who wrote and signed a record"},
		Purposes: []string{"your treatment"}, Ground: "your signed release of 1 May 2026", Excluded: Operations,
	}
	with := func(change func(*Disclosure)) []Disclosure {
		l := line
		change(&l)
		return []Disclosure{l}
	}
	for name, c := range map[string]struct {
		records []ledger.Record
		want    []Disclosure
	}{
		"who, when, what, for what and on what ground": {[]ledger.Record{disclosed(nil)}, []Disclosure{line}},
		"nothing of an answer that held nothing":       {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Released = nil })}, nil},
		"nothing of a look at the ledger":              {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Released = []string{"AuditEvent/a"} })}, nil},
		"several together, in the order of time": {
			[]ledger.Record{
				disclosed(func(r *ledger.Record) { r.At, r.Released = at(9), []string{"Condition/c"} }), disclosed(nil), disclosed(func(r *ledger.Record) { r.At = at(4) }),
			},
			with(func(d *Disclosure) {
				d.Times, d.Last, d.What = 3, at(9), []string{"diagnoses", "notes and documents", "who wrote and signed a record"}
			}),
		},
		"what the law asks for": {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Accountable = true })}, with(func(d *Disclosure) { d.Excluded = Listed })},
		"under an authorization": {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Authorized, r.Part2 = true, true })},
			with(func(d *Disclosure) { d.Excluded, d.Part2 = UnderAuthorized, true })},
		"to the client": {[]ledger.Record{disclosed(func(r *ledger.Record) { r.ToIndividual, r.Consents, r.Purposes = true, nil, nil })},
			with(func(d *Disclosure) {
				d.Excluded, d.Ground, d.Purposes = ToIndividual, "your right to your own records (45 CFR 164.524)", []string{"not stated"}
			})},
		"a release that is not there any more": {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Consents[0].Reference = "Consent/other" })},
			with(func(d *Disclosure) {
				d.Ground = "a release of yours whose date is not in the practice's records any more"
			})},
		"no release":               {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Consents = nil })}, with(func(d *Disclosure) { d.Ground = "the law, without a release" })},
		"words that nobody knows":  {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Released, r.Purposes = []string{"Basic/b"}, []string{"urn:x|Y"} })}, with(func(d *Disclosure) { d.What, d.Purposes = []string{"Basic"}, []string{"urn:x|Y"} })},
		"one who is not a partner": {[]ledger.Record{disclosed(func(r *ledger.Record) { r.Partner = "gone" })}, with(func(d *Disclosure) { d.Recipient = Recipient{Name: "gone"} })},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(c.records, context(t))
			if diff := cmp.Diff(c.want, got.Lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What differs in recipient, purpose, ground, reason or Part 2 is not told together.
func TestDifferentDisclosuresStandApart(t *testing.T) {
	all := []ledger.Record{disclosed(nil)}
	for _, change := range []func(*ledger.Record){
		func(r *ledger.Record) { r.Partner = "gone" },
		func(r *ledger.Record) { r.Purposes = []string{actReason + "|HPAYMT"} },
		func(r *ledger.Record) { r.Purposes = nil; r.Consents = nil },
		func(r *ledger.Record) { r.Consents[0].Reference = "Consent/other" },
		func(r *ledger.Record) { r.Accountable = true },
		func(r *ledger.Record) { r.ToIndividual = true },
		func(r *ledger.Record) { r.Part2 = true },
	} {
		all = append(all, disclosed(change))
	}
	if got := Of(all, context(t)); len(got.Lines) != len(all) || got.Records != len(all) {
		t.Errorf("%d lines of %d records, want %d", len(got.Lines), got.Records, len(all))
	}
}

func TestCSVIsRFC4180AndNoFormula(t *testing.T) {
	var b strings.Builder
	a := Of([]ledger.Record{disclosed(func(r *ledger.Record) { r.Partner = "evil" })}, context(t))
	if err := a.WriteCSV(&b, time.FixedZone("", -5*3600)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\r\n"); n != 2 || strings.Count(b.String(), "\n") != n {
		t.Errorf("%d lines end in CR LF, want 2: %q", n, b.String())
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{columns, {"2026-05-02T10:00:00-05:00", "2026-05-02T10:00:00-05:00", "1", `'=HYPERLINK("x")`, "a b", "notes and documents; who wrote and signed a record",
		"your treatment", "your signed release of 1 May 2026", "no", "for treatment, payment or health care operations", "no"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

func TestNothingBeginsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "' =1", "\r=1": "' =1", " =1": "' =1", "\u200b=1": "'\u200b=1", "＝1": "'＝1",
		"|x": "'|x", "a=1": "a=1", "": "", "7 Mill Lane": "7 Mill Lane", "a\nb\u2028c": "a b c",
	} {
		if got := inert(text); got != want {
			t.Errorf("inert(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTheLetterCanBeRead(t *testing.T) {
	var b strings.Builder
	a := Of([]ledger.Record{
		disclosed(nil), disclosed(func(r *ledger.Record) { r.At = at(5) }),
		disclosed(func(r *ledger.Record) { r.Partner, r.Accountable, r.Consents, r.Part2 = "gone", true, nil, true }),
	}, context(t))
	l := Letter{Client: "1042", Made: at(20), From: at(20).AddDate(-Years, 0, 0), To: at(20), Zone: time.UTC}
	if err := a.WriteText(&b, l); err != nil {
		t.Fatal(err)
	}
	required, others, found := strings.Cut(b.String(), "2. What else")
	if !found {
		t.Fatal(b.String())
	}
	for _, w := range []string{"Client number 1042", "from 20 May 2020 to 20 May 2026", "gone\n", "Address:  not known to us", "When:     2 May 2026", "the law, without a release",
		"Part 2:   records of a substance use disorder program"} {
		if !strings.Contains(required, w) {
			t.Errorf("the first part says nothing of %q:\n%s", w, required)
		}
	}
	for _, w := range []string{"Quay Clinic", "18 Quay Street", "twice, first on 2 May 2026, last on 5 May 2026", "notes and documents", "Purpose:  your treatment",
		"your signed release of 1 May 2026", "Not required because: for treatment, payment or health care operations", "20 May 2023"} {
		if !strings.Contains(others, w) {
			t.Errorf("the second part says nothing of %q:\n%s", w, others)
		}
	}
	for _, hidden := range []string{"77", "denied", "Consent/", "Patient/x", "DocumentReference", "NOT COMPLETE"} {
		if strings.Contains(b.String(), hidden) {
			t.Errorf("the letter says %q", hidden)
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > width+1 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	l.Unread = true
	b.Reset()
	if err := (&Accounting{}).WriteText(&b, l); err != nil || !strings.Contains(b.String(), "NOT COMPLETE") || strings.Count(b.String(), "Nothing.") != 2 {
		t.Errorf("%v\n%s", err, b.String())
	}
}
