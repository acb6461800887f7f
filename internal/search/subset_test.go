package search

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

func TestWhatOfAMatchIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		typ, query string
		want       fhirjson.Subset
		ignored    []string
		self       string
	}{
		{"Observation", "_summary=false", fhirjson.Subset{}, nil, "_summary=false"},
		{"Observation", "_summary=true", fhirjson.Subset{Summary: fhirjson.SummaryTrue}, nil, "_summary=true"},
		{"Observation", "_summary=text", fhirjson.Subset{Summary: fhirjson.SummaryText}, nil, "_summary=text"},
		{"Observation", "_summary=data&_include=*", fhirjson.Subset{Summary: fhirjson.SummaryData}, nil, "_include=*&_summary=data"},
		{"Observation", "_summary=", fhirjson.Subset{}, nil, ""},
		{"Observation", "_elements=", fhirjson.Subset{}, nil, ""},
		{"Observation", "_elements=code", fhirjson.Subset{Elements: []string{"code"}}, nil, "_elements=code"},
		{"Observation", "_elements=value,,code,value", fhirjson.Subset{Elements: []string{"code", "value"}}, nil, "_elements=code,value"},
		{"Observation", "_elements=value[x]", fhirjson.Subset{Elements: []string{"value"}}, nil, "_elements=value"},
		{"Observation", "_elements=valueQuantity", fhirjson.Subset{Elements: []string{"valueQuantity"}}, nil, "_elements=valueQuantity"},
		{"Observation", "_elements=,", fhirjson.Subset{Elements: []string{"id"}}, nil, "_elements=id"},
		{"Observation", "_elements=code,note.text,Code,content", fhirjson.Subset{Elements: []string{"code"}}, []string{"_elements=note.text", "_elements=Code", "_elements=content"}, "_elements=code"},
		{"Observation", "_elements=*", fhirjson.Subset{Elements: []string{"id"}}, []string{"_elements=*"}, "_elements=id"},
		{"Observation", "_elements=-code", fhirjson.Subset{Elements: []string{"id"}}, []string{"_elements=-code"}, "_elements=id"},
		{"Patient", "_elements=resourceType,fhir_comments", fhirjson.Subset{Elements: []string{"id"}}, []string{"_elements=resourceType", "_elements=fhir_comments"}, "_elements=id"},
		{"DocumentReference", "_elements=" + url.QueryEscape(`content.attachment.where(contentType='psychotherapy') "`), fhirjson.Subset{Elements: []string{"id"}}, []string{"_elements=content.attachment.wherecontentType=psychotherapy"}, "_elements=id"},
	} {
		query := c.query
		if r, _ := Lookup(c.typ); !r.Open {
			query += "&patient=a"
			c.self = strings.Trim(c.self+"&patient=a", "&")
		}
		q, err := testParser(t).ParseText(c.typ, query, false)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if d := cmp.Diff(c.want, q.Subset()) + cmp.Diff(c.ignored, q.Ignored()) + cmp.Diff(c.self, q.Self()); d != "" {
			t.Errorf("%s: %s", c.query, d)
		}
		_, err = testParser(t).ParseText(c.typ, query, true)
		if e := new(Error); len(c.ignored) > 0 && (!asError(err, e) || *e != (Error{"_elements", NoElement})) || len(c.ignored) == 0 && err != nil {
			t.Errorf("%s, strict: %v", c.query, err)
		}
	}
}

func TestSubsetsThatCannotBe(t *testing.T) {
	for query, want := range map[string]Error{
		"_summary=yes":                                {"_summary", Malformed},
		"_summary=true,text":                          {"_summary", Malformed},
		"_summary=true&_summary=text":                 {"_summary", Repeated},
		"_elements=code&_elements=value":              {"_elements", Repeated},
		"_elements=code&_summary=true":                {"_summary", ElementsToo},
		"_elements=code&_summary=false":               {"_summary", ElementsToo},
		"_elements=x&_summary=count":                  {"_summary", ElementsToo},
		"_summary=text&_include=*":                    {"_summary", TextAlone},
		"_summary=text&_revinclude=Provenance:target": {"_summary", TextAlone},
		"_page=x&_elements=code":                      {"_page", PageAndOthers},
		"_page=x&_include=*":                          {"_page", PageAndOthers},
	} {
		if !strings.HasPrefix(query, "_page") {
			query += "&code:missing=false" // it names no client either, which is not said before the rest is right
		}
		_, err := testParser(t).ParseText("Observation", query, false)
		if e := new(Error); !asError(err, e) || *e != want {
			t.Errorf("%s: %v", query, err)
		}
	}
	if q := mustParse(t, "Observation", "_summary=text&patient=a"); q.Includes() {
		t.Error("a text includes")
	}
}

// TestACountIsTheCountAlone, with _total=none too, and without what would have been included.
func TestACountIsTheCountAlone(t *testing.T) {
	in := releasedAs(t, note("a", "1", 1), note("b", "1", 2))
	q := mustParse(t, "DocumentReference", "patient=p1&_summary=count&_count=1&_total=none&_include=*&_revinclude=Provenance:target")
	page, err := q.Run(in)
	if err != nil || page.Total != 2 || len(page.Matches) != 0 || page.Next != nil || q.Includes() {
		t.Errorf("%+v %v", page, err)
	}
	if want := "_count=1&_summary=count&_total=none&patient=p1"; q.Self() != want {
		t.Errorf("%s", q.Self())
	}
}

func TestWhatOfAReadIsAskedFor(t *testing.T) {
	p := testParser(t)
	for query, want := range map[string]fhirjson.Subset{
		"":                             {},
		"foo=1&code=x&_count=x":        {},
		"_elements=status,x":           {Elements: []string{"status"}},
		"_summary=data&_format=json":   {Summary: fhirjson.SummaryData},
		"_summary=text&_include=*":     {Summary: fhirjson.SummaryText},
		"_elements=status&_sort=x":     {Elements: []string{"status"}},
		"_summary=false&_revinclude=*": {},
	} {
		values, _ := url.ParseQuery(query)
		if got, err := p.Subset("Observation", values, false); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %+v %v", query, got, err)
		}
	}
	for query, want := range map[string]Error{
		"_summary=count":                 {"_summary", OnlySearch},
		"_summary=x":                     {"_summary", Malformed},
		"_elements=x":                    {"_elements", NoElement},
		"_elements=status&_summary=true": {"_summary", ElementsToo},
		"_elements=status&_elements=id":  {"_elements", Repeated},
		"_elements=status&code=x":        {"code", UnknownName},
	} {
		values, _ := url.ParseQuery(query)
		_, err := p.Subset("Observation", values, true)
		if e := new(Error); !asError(err, e) || *e != want {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := p.Subset("Medication", nil, false); err == nil {
		t.Error("a type that is not there")
	}
}
