package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// chartOf is a Chart of released resources.
type chartOf []stage.Released

func (c chartOf) Resources(typ string) (of []stage.Released) {
	for _, r := range c {
		if r.Facts().Type == typ {
			of = append(of, r)
		}
	}
	return of
}

func (c chartOf) Get(ref fhir.Reference) (stage.Released, bool) {
	for _, r := range c {
		if refOf(r.Facts()) == ref {
			return r, true
		}
	}
	return stage.Released{}, false
}

// thing is the Facts of a resource of the client's that refers to others: "encounter=Encounter/e1".
func thing(name string, refs ...string) *stage.Facts {
	ref, _ := fhir.ParseReference(name)
	f := &stage.Facts{Type: ref.Type, ID: ref.ID}
	switch ref.Type {
	case "Patient", "Practitioner", "Organization":
	default:
		f.References = append(f.References, stage.At[fhir.Reference]{Path: "subject", Value: client})
	}
	for _, r := range refs {
		path, to, _ := strings.Cut(r, "=")
		at, _ := fhir.ParseReference(to)
		f.References = append(f.References, stage.At[fhir.Reference]{Path: path, Value: at})
	}
	return f
}

// theChart has notes of encounters by an outside practitioner, a diagnosis and Provenances.
func theChart(t testing.TB) chartOf {
	return releasedAs(t,
		thing("Patient/p1"), thing("Practitioner/outside"),
		thing("Encounter/e1", "location.location=Location/l1"), thing("Encounter/e2"),
		thing("DocumentReference/n1", "context.encounter=Encounter/e1", "author=Practitioner/outside"),
		thing("DocumentReference/n2", "context.encounter=Encounter/e2", "author=Practitioner/d1"),
		thing("DocumentReference/n3", "context.encounter=Encounter/gone", "author=Organization/o1"),
		thing("Condition/c1", "encounter=Encounter/e1"),
		thing("Provenance/v1", "target=DocumentReference/n1", "target=Encounter/e1", "agent.who=Practitioner/d1"),
		thing("Provenance/v2", "target=Condition/c1", "agent.who=Practitioner/outside"),
		thing("Provenance/v3", "target=Patient/p1", "agent.who=Practitioner/outside"),
	)
}

func theDirectory(t testing.TB) chartOf {
	return releasedAs(t, thing("Practitioner/d1"), thing("Organization/o1"), thing("Encounter/gone"), thing("Condition/of-the-directory"))
}

// gather includes with matches of one chart, by type and id.
func gather(q *Query, matches []stage.Released, chart, directory Chart) ([]stage.Released, error) {
	found, err := q.Gather(matches, directory).From(Source{Chart: chart, Matches: matches})
	slices.SortFunc(found, func(a, b stage.Released) int {
		return strings.Compare(refOf(a.Facts()).String(), refOf(b.Facts()).String())
	})
	return found, err
}

func include(t testing.TB, typ, text string) (found []string, _ error) {
	t.Helper()
	q, err := testParser(t).ParseText(typ, text, false)
	if err != nil {
		return nil, err
	}
	chart := theChart(t)
	page, err := q.Run(chart.Resources(typ))
	if err != nil {
		t.Fatal(err)
	}
	list, err := gather(q, page.Matches, chart, theDirectory(t))
	for _, r := range list {
		if !q.Shows(r.Facts()) {
			t.Errorf("%s?%s: %s is included and not kept for it", typ, text, r.Facts().Type)
		}
		found = append(found, refOf(r.Facts()).String())
	}
	return found, err
}

func TestWhatIsIncluded(t *testing.T) {
	for _, c := range []struct{ typ, query, want string }{
		{"DocumentReference", "_include=DocumentReference:encounter", "Encounter/e1 Encounter/e2"},
		{"DocumentReference", "_id=n1&_include=DocumentReference:encounter", "Encounter/e1"},
		{"DocumentReference", "_id=n3&_include=DocumentReference:encounter", ""},
		{"DocumentReference", "_include=DocumentReference:author", "Organization/o1 Practitioner/d1 Practitioner/outside"},
		{"DocumentReference", "_include=DocumentReference:author:Practitioner", "Practitioner/d1 Practitioner/outside"},
		{"DocumentReference", "_include=DocumentReference:author:Organization", "Organization/o1"},
		{"DocumentReference", "_include=DocumentReference:author:Device", ""},
		{"DocumentReference", "_include=DocumentReference:*:Patient", "Patient/p1"},
		{"DocumentReference", "_include=*", "Encounter/e1 Encounter/e2 Organization/o1 Patient/p1 Practitioner/d1 Practitioner/outside"},
		{"DocumentReference", "_include=DocumentReference:*", "Encounter/e1 Encounter/e2 Organization/o1 Patient/p1 Practitioner/d1 Practitioner/outside"},
		{"DocumentReference", "_include=DocumentReference:subject&_include=DocumentReference:patient", "Patient/p1"},
		{"DocumentReference", "_id=n1&_revinclude=Provenance:target", "Provenance/v1"},
		{"DocumentReference", "_revinclude=*", "Provenance/v1"},
		{"DocumentReference", "_id=n1&_revinclude=Provenance:target&_include=Provenance:agent", "Provenance/v1"},
		{"DocumentReference", "_id=n1&_revinclude=Provenance:target&_include:iterate=Provenance:agent", "Practitioner/d1 Provenance/v1"},
		{"DocumentReference", "_id=n2&_include=DocumentReference:encounter&_revinclude:iterate=Condition:encounter", "Encounter/e2"},
		{"DocumentReference", "_id=n1&_include=DocumentReference:encounter&_revinclude:iterate=Condition:encounter", "Condition/c1 Encounter/e1"},
		// n1 leads to e1, that to c1, and that to v2, which is as far as it goes.
		{"DocumentReference", "_id=n1&_include=DocumentReference:encounter&_revinclude:iterate=Condition:encounter&_revinclude:iterate=Provenance:target:Condition", "Condition/c1 Encounter/e1 Provenance/v2"},
		{"Encounter", "_id=e1&_revinclude=DocumentReference:encounter", "DocumentReference/n1"},
		{"Encounter", "_id=e1&_include=Encounter:location", ""},
		{"Encounter", "_revinclude=DocumentReference:encounter&_include:iterate=DocumentReference:author", "DocumentReference/n1 DocumentReference/n2 Practitioner/d1 Practitioner/outside"},
		{"Patient", "_id=p1&_revinclude=Condition:patient&_include:iterate=Condition:encounter", "Condition/c1 Encounter/e1"},
		{"Patient", "_id=p1&_revinclude=Provenance:patient", "Provenance/v3"},
		{"Patient", "_id=p1&_revinclude=Provenance:target", "Provenance/v3"},
		{"Provenance", "_id=v1&_include=Provenance:patient", ""},
		{"Provenance", "_id=v3&_include=Provenance:patient", "Patient/p1"},
		// From the directory nothing leads to a chart: d1 wrote n2, and that is not asked of d1.
		{"DocumentReference", "_id=n2&_include=DocumentReference:author&_revinclude:iterate=Provenance:agent", "Practitioner/d1"},
		{"DocumentReference", "_id=n1&_include=DocumentReference:author&_revinclude:iterate=Provenance:agent", "Practitioner/outside Provenance/v2 Provenance/v3"},
		{"Practitioner", "_include=*", ""},
		{"Practitioner", "_include:iterate=*", ""},
		{"Condition", "_summary=count&_include=*", ""},
		{"Condition", "_count=0&_include=*", ""},
	} {
		query := c.query
		if r, _ := Lookup(c.typ); !r.Open && !strings.Contains(query, "_id=") {
			query += "&patient=p1"
		}
		got, err := include(t, c.typ, query)
		if d := cmp.Diff(strings.Fields(c.want), got); d != "" && len(got)+len(c.want) > 0 || err != nil {
			t.Errorf("%s?%s: %v %s", c.typ, c.query, err, d)
		}
	}
}

// TestIterationStops: each in a chain leads to the next, in both directions, and the third that is included is the last.
func TestIterationStops(t *testing.T) {
	var list []*stage.Facts
	for i := range 9 {
		list = append(list, thing(fmt.Sprintf("Encounter/e%d", i)), thing(fmt.Sprintf("Condition/c%d", i), fmt.Sprintf("encounter=Encounter/e%d", i), fmt.Sprintf("encounter=Encounter/e%d", i+1)))
	}
	var chart chartOf = releasedAs(t, list...)
	q := mustParse(t, "Condition", "_id=c0&_include:iterate=Condition:encounter&_revinclude:iterate=Condition:encounter&patient=p1")
	page, err := q.Run(chart.Resources("Condition"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := gather(q, page.Matches, chart, nil)
	if d := cmp.Diff([]string{"c1", "e0", "e1", "e2"}, ids(found)); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestAPageThatWouldIncludeTooMuchIsRefused(t *testing.T) {
	for _, n := range []int{maxIncluded, maxIncluded + 1} {
		list := []*stage.Facts{thing("Patient/p1")}
		for i := range n {
			list = append(list, thing(fmt.Sprintf("Goal/g%d", i)))
		}
		var chart chartOf = releasedAs(t, list...)
		q := mustParse(t, "Patient", "_id=p1&_revinclude=Goal:patient")
		found, err := gather(q, chart.Resources("Patient"), chart, nil)
		if e := new(Error); n > maxIncluded && (!asError(err, e) || e.Problem != TooCostly || found != nil) || n <= maxIncluded && len(found) != n {
			t.Errorf("%d: %d found, %v", n, len(found), err)
		}
	}
}

// TestWhatIsNoInclusion: names and targets that the table does not have are unknown, like parameters, and refused under strict handling.
func TestWhatIsNoInclusion(t *testing.T) {
	p := testParser(t)
	for _, text := range []string{
		"_include=Observation", "_include=Observation:", "_include=:", "_include=::", "_include=*:*", "_include=*:encounter", "_include=Observation:encounter:",
		"_include=Observation:encounter:Patient", "_include=Observation:*:Location", "_include=Observation:encounter:Encounter:x", "_include=Observation:code", "_include=Observation:performer",
		"_include=observation:encounter", "_include=Condition:encounter", "_include=Medication:patient", "_include=Observation:encounter%00", "_include=Observation:encounter,Observation:subject",
		"_include=%2a%20", "_include=<script>", "_revinclude=Observation:performer", "_revinclude=Provenance:*:Location", "_revinclude=Practitioner:*:Patient", "_include=Practitioner:*",
		"_include:iterate=x:y", "_revinclude:iterate=Provenance:target:Practitioner", "_revinclude=AuditEvent:patient", "_include:iterate=AuditEvent:*",
	} {
		q, err := p.ParseText("Observation", "patient=a&"+text, false)
		if err != nil || q.Includes() || len(q.Ignored()) != 1 || q.Self() != "patient=a" || strings.ContainsAny(q.Ignored()[0], "<> ,\x00") {
			t.Errorf("%s: %v %q", text, err, q.Ignored())
		}
		name, _, _ := strings.Cut(text, "=")
		_, err = p.ParseText("Observation", "patient=a&"+text, true)
		if e := new(Error); !asError(err, e) || *e != (Error{name, NotHere}) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"_include=Observation%3Aencounter", "_include=%4fbservation:encounter:Encounter", "%5Finclude=*", "_include%3Aiterate=%2A", "_revinclude=Provenance:*"} {
		if q, err := p.ParseText("Observation", "patient=a&"+text, true); err != nil || !q.Includes() {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"_revinclude=Condition:encounter", "_revinclude=Observation:subject", "_revinclude=Provenance:target:Patient", "_revinclude=Provenance:*:Condition", "_revinclude=Goal:*"} {
		if q, err := p.ParseText("Observation", "patient=a&"+text, true); err != nil || q.Includes() || !strings.Contains(q.Self(), text) {
			t.Errorf("%s, which leads nowhere: %v", text, err)
		}
	}
	for _, repeated := range []string{strings.Repeat("_include=*&", 5000), strings.Repeat("_revinclude:iterate=Provenance:*&", 5000)} {
		if q, err := p.ParseText("Observation", repeated+"patient=a", true); err != nil || strings.Count(q.Self(), "=") != 2 {
			t.Errorf("%v", err)
		}
	}
	many := ""
	for i := range maxCriteria + 1 {
		many += fmt.Sprintf("_include=Observation:x%d&", i)
	}
	_, err := p.ParseText("Observation", many+"patient=a", false)
	if e := new(Error); !asError(err, e) || *e != (Error{"_include", TooMany}) {
		t.Errorf("many: %v", err)
	}
}

// TestIncludesChangeNoMatch: the matches, their order, the total and the pages are the same with and without includes, and what is included stands
// in the chart or the directory, once, in order, and is no match.
func TestIncludesChangeNoMatch(t *testing.T) {
	p, chart, directory := testParser(t), theChart(t), theDirectory(t)
	rapid.Check(t, func(t *rapid.T) {
		r := &resources[rapid.IntRange(0, len(resources)-1).Draw(t, "type")]
		text := "_count=" + fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "count"))
		if !r.Open {
			text += "&patient=p1"
		}
		more := text
		for range rapid.IntRange(1, 4).Draw(t, "includes") {
			name := rapid.SampledFrom([]string{"_include", "_include:iterate", "_revinclude", "_revinclude:iterate"}).Draw(t, "name")
			if InDirectory(r.Type) {
				name = strings.Replace(name, "_rev", "_", 1)
			}
			more += "&" + name + "=" + rapid.SampledFrom([]string{"*", r.Type + ":*", "Provenance:target", "Condition:encounter", "DocumentReference:author", "Provenance:*", "x"}).Draw(t, "value")
		}
		q, errA := p.ParseText(r.Type, more, false)
		plain, errB := p.ParseText(r.Type, text, false)
		if errA != nil || errB != nil {
			t.Fatalf("%s: %v, %v", more, errA, errB)
		}
		for {
			a, errA := q.Run(chart.Resources(r.Type))
			b, errB := plain.Run(chart.Resources(r.Type))
			if errA != nil || errB != nil || !slices.Equal(ids(a.Matches), ids(b.Matches)) || a.Total != b.Total || (a.Next == nil) != (b.Next == nil) {
				t.Fatalf("%s: other matches", more)
			}
			checkIncluded(t, q, a, chart, directory)
			if a.Next == nil {
				return
			}
			q, errA = p.Resume(r.Type, a.Next)
			plain, errB = p.Resume(r.Type, b.Next)
			if errA != nil || errB != nil {
				t.Fatalf("%s: %v, %v", more, errA, errB)
			}
		}
	})
}

func checkIncluded(t *rapid.T, q *Query, page Page, chart, directory chartOf) {
	found, err := gather(q, page.Matches, chart, directory)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, x := range found {
		ref := refOf(x.Facts())
		_, here := chart.Get(ref)
		_, listed := directory.Get(ref)
		if !here && (!listed || !slices.Contains(directoryTypes, ref.Type)) || ref.String() <= last || slices.ContainsFunc(page.Matches, func(m stage.Released) bool { return refOf(m.Facts()) == ref }) {
			t.Fatalf("%s is included", ref)
		}
		last = ref.String()
	}
}
