package search

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

func asError(err error, e *Error) bool {
	var found *Error
	if !errors.As(err, &found) {
		return false
	}
	*e = *found
	return true
}

func TestWhatIsRefused(t *testing.T) {
	p := testParser(t)
	for _, c := range []struct {
		typ, query string
		strict     bool
		want       Error
	}{
		{"Medication", "patient=p1", false, Error{"", UnknownType}},
		{"Observation", "", false, Error{"patient", NamesNobody}},
		{"Observation", "code=1", false, Error{"patient", NamesNobody}},
		{"Observation", "patient=", false, Error{"patient", NamesNobody}},
		{"Observation", "patient=,", false, Error{"patient", NamesNobody}},
		{"Observation", "patient:missing=false", false, Error{"patient", NamesNobody}},
		{"Observation", "_id:missing=false", false, Error{"patient", NamesNobody}},
		{"Observation", "_id:not=a", false, Error{"patient", NamesNobody}},
		{"Encounter", "identifier=V-17", false, Error{"patient", NamesNobody}},
		{"Provenance", "target=DocumentReference/n1", false, Error{"patient", NamesNobody}},
		{"Observation", "patient=a,b", false, Error{"patient", ManyClients}},
		{"Observation", "patient=a&patient=b", false, Error{"patient", ManyClients}},
		{"Observation", "patient=a&subject=b", false, Error{"patient", ManyClients}},
		{"Observation", "patient=a&patient=https://elsewhere.example/Patient/b", false, Error{"patient", ManyClients}},
		{"Observation", "patient=a b", false, Error{"patient", Malformed}},
		{"Observation", "patient=Patient/a/b", false, Error{"patient", Malformed}},
		{"Observation", "patient=patient/a", false, Error{"patient", Malformed}},
		{"Observation", "patient=ftp://x/Patient/a", false, Error{"patient", Malformed}},
		{"Observation", "patient=https://records.example.org/fhir/nothing", false, Error{"patient", Malformed}},
		{"Observation", "patient:not=a", false, Error{"patient", BadModifier}},
		{"Observation", "patient:identifier=a", false, Error{"patient", BadModifier}},
		{"Observation", "patient:Practitioner=a", false, Error{"patient", BadModifier}},
		{"Observation", "patient:=a", false, Error{"patient", BadModifier}},
		{"Observation", "patient=a&code:text=x", false, Error{"code", BadModifier}},
		{"Observation", "patient=a&code:in=x", false, Error{"code", BadModifier}},
		{"Observation", "patient=a&code:exact=x", false, Error{"code", BadModifier}},
		{"Observation", "patient=a&code=|", false, Error{"code", Malformed}},
		{"Observation", "patient=a&code=a|b|c", false, Error{"code", Malformed}},
		{"Observation", `patient=a&code=a\`, false, Error{"code", Malformed}},
		{"Observation", `patient=a&code=a\n`, false, Error{"code", Malformed}},
		{"Observation", "patient=a&code=%00", false, Error{"code", Malformed}},
		{"Observation", "patient=a&code=%ff", false, Error{"code", Malformed}},
		{"Observation", "patient=a&code:missing=yes", false, Error{"code", Malformed}},
		{"Observation", "patient=a&date=ap2026", false, Error{"date", Malformed}},
		{"Observation", "patient=a&date=xx2026", false, Error{"date", Malformed}},
		{"Observation", "patient=a&date=2026-13", false, Error{"date", Malformed}},
		{"Observation", "patient=a&date=2026-02-30", false, Error{"date", Malformed}},
		{"Observation", "patient=a&date=eq", false, Error{"date", Malformed}},
		{"Observation", "patient=a&date:missing=", false, Error{}},
		{"Observation", "patient=a&date:not=2026", false, Error{"date", BadModifier}},
		{"Observation", "_id=a b", false, Error{"_id", Malformed}},
		{"Observation", "_id=system|a", false, Error{"_id", Malformed}},
		{"Patient", "name:missing=true&name:text=x", false, Error{"name", BadModifier}},
		{"Observation", "patient=a&_count=x", false, Error{"_count", Malformed}},
		{"Observation", "patient=a&_count=-1", false, Error{"_count", Malformed}},
		{"Observation", "patient=a&_count=1&_count=2", false, Error{"_count", Repeated}},
		{"Observation", "patient=a&_sort=nothing", false, Error{"_sort", Malformed}},
		{"Observation", "patient=a&_sort=date,", false, Error{"_sort", Malformed}},
		{"Observation", "patient=a&_sort=--date", false, Error{"_sort", Malformed}},
		{"Observation", "patient=a&_total=some", false, Error{"_total", Malformed}},
		{"Observation", "patient=a&_revinclude=Observation:has-member", true, Error{"_revinclude", NotHere}},
		{"Observation", "patient=a&_include:recurse=Observation:encounter", true, Error{"_include:recurse", UnknownName}},
		{"Practitioner", "_has:Observation:performer:code=x", false, Error{"_has", NotHere}},
		{"Observation", "patient=a&_has:Provenance:target:agent=x", false, Error{"_has", NotHere}},
		{"Practitioner", "_revinclude=Provenance:target", false, Error{"_revinclude", NotHere}},
		{"Organization", "_revinclude=Provenance:target", false, Error{"_revinclude", NotHere}},
		{"Organization", "_revinclude:iterate=*", false, Error{"_revinclude:iterate", NotHere}},
		{"Observation", "patient=a&_page=x", false, Error{"_page", PageAndOthers}},
		{"Observation", "_page=x&_sort=date", false, Error{"_page", PageAndOthers}},
		{"Observation", "_page=x&_count=many", false, Error{"_count", Malformed}},
		{"Observation", "patient=a&Code=x", true, Error{"Code", UnknownName}},
		{"Observation", "patient=a&patient.name=x", true, Error{"patient.name", UnknownName}},
		{"Observation", "patient=a&_has:Provenance:target:agent=x", true, Error{"_has", NotHere}},
		{"Observation", "patient=a&_filter=x", true, Error{"_filter", UnknownName}},
		{"Observation", "patient=a&code=" + strings.Repeat("x,", 300) + longList(300), false, Error{"", TooMany}},
		{"Observation", "patient=a;b", false, Error{"", BadQueryText}},
		{"Observation", "patient=%zz", false, Error{"", BadQueryText}},
	} {
		_, err := p.ParseText(c.typ, c.query, c.strict)
		if c.want == (Error{}) {
			if err != nil {
				t.Errorf("%s?%s: %v", c.typ, c.query, err)
			}
			continue
		}
		if e := new(Error); !asError(err, e) || *e != c.want {
			t.Errorf("%s?%s: %v; want %v", c.typ, c.query, err, c.want.Error())
		}
	}
}

func longList(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("y", i%50) + string(rune('a'+i/50)) + ",")
	}
	return b.String()
}

func TestWhomASearchNames(t *testing.T) {
	p := testParser(t)
	patient := func(id string) fhir.Reference { return fhir.Reference{Type: "Patient", ID: id} }
	for _, c := range []struct {
		typ, query string
		want       []fhir.Reference
	}{
		{"Observation", "patient=a", []fhir.Reference{patient("a")}},
		{"Observation", "patient=Patient/a&patient=a&subject=Patient/a", []fhir.Reference{patient("a")}},
		{"Observation", "subject:Patient=a", []fhir.Reference{patient("a")}},
		{"Observation", "patient=https://records.example.org/fhir/Patient/a", []fhir.Reference{patient("a")}},
		{"Observation", "patient=Patient/a/_history/1", []fhir.Reference{patient("a")}},
		{"Observation", "patient=https://elsewhere.example.org/fhir/Patient/a", []fhir.Reference{patient("")}},
		{"Observation", "subject=Practitioner/a", []fhir.Reference{patient("")}},
		{"Observation", "patient=a&_id=o1,o2", []fhir.Reference{patient("a")}},
		{"Observation", "_id=o1", []fhir.Reference{{Type: "Observation", ID: "o1"}}},
		{"Observation", "_id=o2,o1&_id=o1", []fhir.Reference{{Type: "Observation", ID: "o1"}, {Type: "Observation", ID: "o2"}}},
		{"Patient", "_id=a", []fhir.Reference{patient("a")}},
		{"Patient", "_id=b,a", []fhir.Reference{patient("a"), patient("b")}},
		{"Patient", "name=roe", nil},
		{"Patient", "", nil},
		{"Practitioner", "_id=a", nil},
		{"Organization", "name=x", nil},
	} {
		q, err := p.ParseText(c.typ, c.query, false)
		if err != nil {
			t.Errorf("%s?%s: %v", c.typ, c.query, err)
			continue
		}
		if diff := cmp.Diff(c.want, q.Clients()); diff != "" {
			t.Errorf("%s?%s: %s", c.typ, c.query, diff)
		}
	}
}

func TestUnknownParametersAreIgnoredAndListed(t *testing.T) {
	q, err := testParser(t).ParseText("Observation", "patient=a&Code=x&_filter=y&patient.name=z&%3Cscript%3E=1&_include=Observation:performer&"+strings.Repeat("n", 100)+"=1&_format=json&_pretty=true&empty=", false)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"script", "Code", "_filter", "_include=Observation:performer", strings.Repeat("n", 64), "patient.name"}
	if diff := cmp.Diff(want, q.Ignored()); diff != "" {
		t.Error(diff)
	}
	if q.Self() != "patient=a" {
		t.Errorf("the query is %s", q.Self())
	}
}

func TestQueriesThatMeanTheSameHaveOneKey(t *testing.T) {
	p := testParser(t)
	for _, same := range [][]string{
		{"patient=a&code=x,y&date=ge2026&date=lt2027", "date=lt2027&code=y,x&date=ge2026&patient=a", "patient=a&patient=a&code=x,,y,x&date=lt2027&date=ge2026&status="},
		{"patient=a&_count=500", "patient=a&_count=200", "_count=00200&patient=a"},
		{"patient=a&_include=Observation:encounter&_include=Observation:*", "_include=Observation:*&_include=Observation:encounter&_include=Observation:*&patient=a"},
		{"patient=a&_elements=code,value", "patient=a&_elements=value[x],,code,code"},
		{"patient=a&_revinclude=Provenance:target", "patient=a&_revinclude=Provenance:target&_revinclude=Provenance:target&_format=json"},
	} {
		var keys []string
		for _, text := range same {
			q, err := p.ParseText("Observation", text, false)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, q.Key())
		}
		if len(slices.Compact(keys)) != 1 {
			t.Errorf("%q", keys)
		}
	}
	distinctKeys := map[string]string{}
	for _, text := range []string{"patient=a", "patient=b", "subject=a", "patient=a&code=x", "patient=a&code:not=x", "patient=a&code=x&code=y", "patient=a&code=x,y",
		`patient=a&code=x\,y`, "patient=a&_count=1", "patient=a&_sort=date", "patient=a&_sort=-date", "patient=a&_total=none", "subject:Patient=a", "patient=a&_sort=date,code", "patient=a&_include=*", "patient=a&_include:iterate=*", "patient=a&_revinclude=*",
		"patient=a&_elements=code", "patient=a&_elements=id", "patient=a&_summary=true", "patient=a&_summary=count"} {
		q, err := p.ParseText("Observation", text, false)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := distinctKeys[q.Key()]; ok {
			t.Errorf("%q and %q have one key", text, other)
		}
		distinctKeys[q.Key()] = text
	}
}

func TestEscapes(t *testing.T) {
	p := testParser(t)
	for query, codes := range map[string][]string{
		`code=a\,b`:        {"a,b"},
		`code=a\|b`:        {"a|b"},
		`code=a\$b`:        {"a$b"},
		`code=a\\,b`:       {`a\`, "b"},
		`code=a\\\,b`:      {`a\,b`},
		`code=s\|1|a\,b,c`: {"a,b", "c"},
	} {
		q, err := p.ParseText("Observation", "patient=a&"+url.PathEscape(query), false)
		if err != nil {
			q, err = p.Parse("Observation", url.Values{"patient": {"a"}, "code": {strings.TrimPrefix(query, "code=")}}, false)
		}
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, c := range q.criteria {
			if c.param.Name == "code" {
				for _, v := range c.values {
					got = append(got, v.code)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(codes, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestAParserNeedsAZone(t *testing.T) {
	if _, err := NewParser(Config{Base: "https://records.example.org/fhir"}); err == nil {
		t.Error("made without a zone")
	}
}

// problems are all that an error may say.
var problems = []Problem{Malformed, BadModifier, UnknownName, Repeated, NamesNobody, ManyClients, TooMany, NotHere, UnknownType, BadPage, BadQueryText, PageAndOthers}

func FuzzParse(f *testing.F) {
	for _, c := range cases {
		f.Add(c.typ, c.query, false)
	}
	f.Add("Observation", `patient=a&code=\\,&_sort=-date,code&_count=0&_total=none&_revinclude=Provenance:target`, true)
	f.Add("Patient", "name:contains=%F0%9F%98%80&birthdate=ne2026-02-29T23:59:60Z", false)
	p, err := NewParser(Config{Base: "https://records.example.org/fhir", Zone: newYork()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ, text string, strict bool) {
		q, err := p.ParseText(typ, text, strict)
		if err != nil {
			mustSayNothing(t, typ, err)
			return
		}
		if q.PageToken() != "" {
			return
		}
		again, err := p.ParseText(typ, q.Self(), true)
		if err != nil || again.Key() != q.Key() {
			t.Fatalf("the query does not read back as itself: %v", err)
		}
		resumed, err := p.Resume(typ, q.payload(&row{keys: make([]string, len(q.sort)), id: "x"}))
		if err != nil || resumed.Key() != q.Key() || !slices.Equal(resumed.Clients(), q.Clients()) {
			t.Fatalf("the query cannot be resumed: %v", err)
		}
	})
}

// mustSayNothing checks that an error holds nothing that the requester wrote.
func mustSayNothing(t *testing.T, typ string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !slices.Contains(problems, e.Problem) {
		t.Fatalf("an error of another kind: %T", err)
	}
	if e.Problem == UnknownName { // named for the answer, and only as far as a name can be
		if readable(e.Param) != e.Param || e.Error() != "search: "+string(UnknownName) {
			t.Fatal("an error says what the requester wrote")
		}
		return
	}
	if _, control := controls[e.Param]; control || e.Param == "" {
		return
	}
	r, ok := Lookup(typ)
	if !ok {
		t.Fatal("an error names a parameter of no type")
	}
	if _, known := r.Parameter(e.Param); !known && e.Param != "patient" {
		t.Fatal("an error names no parameter of the table")
	}
}

func FuzzResume(f *testing.F) {
	f.Add("Observation", []byte("\x09patient=a\x01x"))
	p, err := NewParser(Config{Zone: newYork()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ string, payload []byte) {
		q, err := p.Resume(typ, payload)
		if err != nil {
			mustSayNothing(t, typ, err)
			return
		}
		if _, err := q.Page(&Result{}); err != nil {
			t.Fatalf("a resumed query has no page: %v", err)
		}
	})
}

// Clients add their own `_count` to the link that they were given for the next page.
func TestACountBesideAPageTokenIsLetPass(t *testing.T) {
	q, err := testParser(t).ParseText("Observation", "_page=x&_count=1000", true)
	if err != nil {
		t.Fatal(err)
	}
	if q.PageToken() != "x" || len(q.Clients()) != 0 {
		t.Errorf("the token is %q, the clients %v", q.PageToken(), q.Clients())
	}
}
