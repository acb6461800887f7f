package consent

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
)

// truthCase is one case of testdata.
type truthCase struct {
	Case       string        `yaml:"case"`
	Rule       string        `yaml:"rule"`
	Consents   []consentText `yaml:"consents"`
	Missing    []string      `yaml:"missing"` // clients whose Consents were not looked up
	Who        whoText       `yaml:"who"`
	At         string        `yaml:"at"`
	Zone       string        `yaml:"zone"`
	Practice   string        `yaml:"practice"`
	Chart      []recordText  `yaml:"chart"`
	People     []recordText  `yaml:"people"`  // of other clients
	Refused    bool          `yaml:"refused"` // the client of some Consent cannot be told
	ValidUntil string        `yaml:"valid-until"`
}

// cast are the ones who ask, by name.
func cast(t *testing.T) map[string]whoText {
	t.Helper()
	var people map[string]whoText
	decode(t, "testdata/who.yml", &people)
	return people
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// with lays what the case says over who the cast says.
func (w whoText) with(base whoText) whoText {
	out := base
	out.As = w.As
	for _, f := range []struct{ to, from *string }{
		{&out.Kind, &w.Kind}, {&out.Organization, &w.Organization}, {&out.Practitioner, &w.Practitioner}, {&out.Scopes, &w.Scopes},
		{&out.Patient, &w.Patient}, {&out.Person, &w.Person},
	} {
		switch *f.from {
		case "":
		case "none":
			*f.to = ""
		default:
			*f.to = *f.from
		}
	}
	if w.Purpose != nil {
		out.Purpose = w.Purpose
	}
	if w.Registered != nil {
		out.Registered = w.Registered
	}
	out.Consents, out.Residual, out.Only = w.Consents, w.Residual, w.Only
	out.Unrelated = out.Unrelated || w.Unrelated
	out.UnrelatedTo = append(out.UnrelatedTo, w.UnrelatedTo...)
	return out
}

// related are the clients to whom the practice's own data tie who asks.
func (w whoText) related() map[fhir.Reference]bool {
	to := map[fhir.Reference]bool{}
	for _, client := range []string{theClient, "Patient/partner"} {
		to[ref(client)] = !w.Unrelated && !slices.Contains(w.UnrelatedTo, client)
	}
	return to
}

func TestTruth(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no truth table", err)
	}
	people := cast(t)
	seen := map[string]map[bool]int{}
	for _, file := range files {
		var cases []truthCase
		decode(t, file, &cases)
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml")+"/"+c.Case, func(t *testing.T) {
				base, ok := people[c.Who.As]
				if !ok {
					t.Fatalf("nobody called %q", c.Who.As)
				}
				c.Who = c.Who.with(base)
				in := c.input(t)
				res := Decide(in)
				count(seen, c, checkTruth(t, c, res))
				if got := res.ValidUntil.Format(time.RFC3339); c.ValidUntil != "" && got != c.ValidUntil {
					t.Errorf("valid until %s, want %s", got, c.ValidUntil)
				}
			})
		}
	}
	if t.Failed() {
		return
	}
	for _, rule := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20") {
		if seen[rule][true] == 0 || seen[rule][false] == 0 {
			t.Errorf("rule %s: %d cases release and %d withhold; it takes one of each at least", rule, seen[rule][true], seen[rule][false])
		}
	}
}

// count counts the cases of each rule that release something and that withhold something.
func count(seen map[string]map[bool]int, c truthCase, answers []bool) {
	for rule := range strings.FieldsSeq(strings.ReplaceAll(c.Rule, ",", " ")) {
		if seen[rule] == nil {
			seen[rule] = map[bool]int{}
		}
		for _, released := range answers {
			seen[rule][released]++
		}
	}
}

// checkTruth compares and gives which of the records with an expectation were released.
func checkTruth(t *testing.T, c truthCase, res Result) []bool {
	t.Helper()
	var answers []bool
	released := 0
	for i, r := range c.Chart {
		d := res.Decisions[i]
		if d.Release {
			released++
		}
		if r.Then == "" {
			continue
		}
		if got := spell(d); got != r.Then {
			t.Errorf("%s: got %q, want %q", r.Is, got, r.Then)
		}
		answers = append(answers, d.Release)
	}
	if released != len(res.Released) {
		t.Errorf("%d decisions release, %d resources are released", released, len(res.Released))
	}
	if len(answers) == 0 {
		t.Error("a case that expects nothing")
	}
	return answers
}

// spell writes a decision as testdata does: "release: permitted by c1 at provision".
func spell(d Decision) string {
	s := "withhold: " + string(d.Reason)
	if d.Release {
		s = "release: " + string(d.Reason)
	}
	if d.Consent != (fhir.Reference{}) {
		s += " by " + d.Consent.ID
	}
	if d.Provision != "" {
		s += " at " + d.Provision
	}
	return s
}

func (c truthCase) input(t *testing.T) Input {
	t.Helper()
	zone, err := time.LoadLocation(or(c.Zone, "UTC"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := time.Parse(time.RFC3339, or(c.At, "2026-06-01T12:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	in := Input{
		Requester: c.Who.requester(), Permission: 'r', Client: ref(theClient), Related: c.Who.related(), Now: now, Zone: zone, Rules: theReading,
		AnyDiscloser: c.Practice == "", Policies: map[fhir.Reference]policy.Set{},
	}
	if c.Practice != "" {
		in.Practice = []requester.Party{party(c.Practice)}
	}
	in.Chart, in.Refused = c.chart(zone), c.Refused
	for _, p := range c.People {
		in.People = append(in.People, p.labeled(zone))
	}
	by := map[fhir.Reference][]*policy.Policy{}
	for _, text := range c.Consents {
		p := mustCompile(t, text, zone)
		by[p.Patient] = append(by[p.Patient], p)
	}
	for _, client := range []string{theClient, "Patient/partner"} {
		in.Policies[ref(client)] = policy.NewSet(by[ref(client)]...)
	}
	for _, m := range c.Missing {
		delete(in.Policies, ref(m))
	}
	return in
}

// chart adds the Patient where a case does not state it.
func (c truthCase) chart(zone *time.Location) []stage.Labeled {
	patient := false
	var chart []stage.Labeled
	for _, r := range c.Chart {
		patient = patient || r.Is == theClient
		chart = append(chart, r.labeled(zone))
	}
	if !patient {
		chart = append(chart, recordText{Is: theClient, Labels: []string{"N"}, Birth: "1990-05-01", Unlisted: true}.labeled(zone))
	}
	return chart
}
