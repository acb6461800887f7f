package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

var reading = sync.OnceValue(func() *policy.Reading {
	r, err := policy.LoadReading(profiles.FS)
	if err != nil {
		panic(err)
	}
	return r
})

var client = fhir.Reference{Type: "Patient", ID: "p1"}

// releasedAs lets facts out the only way there is: as the client's own record, to the client.
func releasedAs(t interface{ Fatalf(string, ...any) }, list ...*stage.Facts) []stage.Released {
	var chart []stage.Candidate
	for _, f := range list {
		f.Subject, f.Clients, f.Origin.Listed = client, []fhir.Reference{client}, true
		f.SourceLabels = []fhir.Coding{{System: fhir.SystemConfidentiality, Code: "N"}}
		c, err := stage.New([]byte(`{}`), 1, f)
		if err != nil {
			t.Fatalf("%v", err)
		}
		chart = append(chart, c)
	}
	got := consent.Decide(consent.Input{
		Requester:  &requester.Requester{PartnerID: "app", Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs"), Patient: client, Person: client},
		Permission: smart.Search, Client: client, Chart: label.AsTheyStand(chart), Zone: time.UTC, Rules: reading(),
		Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	})
	if len(got.Released) != len(list) {
		t.Fatalf("%d of %d were released: %+v", len(got.Released), len(list), got.Decisions)
	}
	return got.Released
}

// note is the Facts of a document; day 0 leaves the date out.
func note(id, kind string, day int) *stage.Facts {
	f := &stage.Facts{Type: "DocumentReference", ID: id,
		References: []stage.At[fhir.Reference]{{Path: "subject", Value: client}},
		Codings: []stage.At[fhir.Coding]{{Path: "status", Value: fhir.Coding{Code: "current"}}, {Path: "type", Value: fhir.Coding{System: fhir.SystemLOINC, Code: kind}},
			{Path: "category", Value: fhir.Coding{System: "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", Code: "clinical-note"}}},
	}
	if day > 0 {
		at := time.Date(2026, 1, day, 9, 0, 0, 0, time.UTC)
		f.Dates = []stage.At[fhir.Interval]{{Path: "date", Value: fhir.Interval{Start: at, End: at.Add(time.Second)}}}
	}
	return f
}

func ids(list []stage.Released) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.Facts().ID)
	}
	return out
}

func mustParse(t testing.TB, typ, text string) *Query {
	t.Helper()
	q, err := testParser(t).ParseText(typ, text, true)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestSorting(t *testing.T) {
	in := releasedAs(t, note("a", "3", 5), note("b", "1", 0), note("c", "2", 7), note("d", "1", 5), note("e", "2", 0))
	for sort, want := range map[string]string{
		"":            "a b c d e",
		"date":        "a d c b e",
		"-date":       "c a d b e",
		"type":        "b d c e a",
		"-type,-date": "a c e d b",
		"type,date":   "d b c e a",
		"-_id":        "e d c b a",
		"date,-_id":   "d a c e b",
	} {
		text := "patient=p1"
		if sort != "" {
			text += "&_sort=" + sort
		}
		page, err := mustParse(t, "DocumentReference", text).Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids(page.Matches), " "); got != want {
			t.Errorf("_sort=%s: %s; want %s", sort, got, want)
		}
	}
}

func TestCountAndTotal(t *testing.T) {
	in := releasedAs(t, note("a", "1", 1), note("b", "1", 2), note("c", "1", 3))
	for _, c := range []struct {
		text  string
		ids   string
		total int
		next  bool
	}{
		{"patient=p1", "a b c", 3, false},
		{"patient=p1&_count=2", "a b", 3, true},
		{"patient=p1&_count=3", "a b c", 3, false},
		{"patient=p1&_count=0", "", 3, false},
		{"patient=p1&_count=0&_total=none", "", 3, false},
		{"patient=p1&_count=2&_total=none", "a b", -1, true},
		{"patient=p1&_total=estimate", "a b c", 3, false},
		{"patient=p1&date=2026-01-02", "b", 1, false},
		{"patient=p2", "", 0, false},
	} {
		page, err := mustParse(t, "DocumentReference", c.text).Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids(page.Matches), " "); got != c.ids || page.Total != c.total || (page.Next != nil) != c.next || !page.First {
			t.Errorf("%s: %q, total %d, next %v", c.text, got, page.Total, page.Next != nil)
		}
	}
}

// pages goes from page to page. change, if there is one, gives the resources that are there for the next page.
func pages(t *rapid.T, text string, in []stage.Released, change func([]stage.Released) []stage.Released) []string {
	p, err := NewParser(Config{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.ParseText("DocumentReference", text, true)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := 0; ; n++ {
		page, err := q.Run(in)
		if err != nil {
			t.Fatal(err)
		}
		if page.First != (n == 0) || n > 100 {
			t.Fatalf("page %d: first %v", n, page.First)
		}
		all = append(all, ids(page.Matches)...)
		if page.Next == nil {
			return all
		}
		if q, err = p.Resume("DocumentReference", page.Next); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			in = change(in)
		}
	}
}

func someNotes(t *rapid.T) []stage.Released {
	n := rapid.IntRange(0, 12).Draw(t, "notes")
	list := make([]*stage.Facts, 0, n)
	for i := range n {
		list = append(list, note(fmt.Sprintf("n%02d", i), fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "type")), rapid.IntRange(0, 4).Draw(t, "day")))
	}
	return rapid.Permutation(releasedAs(t, list...)).Draw(t, "order")
}

var sorts = rapid.SampledFrom([]string{"", "&_sort=date", "&_sort=-date", "&_sort=type,-date", "&_sort=-type,date,_id", "&_sort=-_id", "&_sort=status"})

func TestPagesTogetherAreTheWholeAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := someNotes(t)
		sort := sorts.Draw(t, "sort")
		whole := pages(t, "patient=p1&_count=200"+sort, in, nil)
		cut := pages(t, fmt.Sprintf("patient=p1&_count=%d%s", rapid.IntRange(1, 5).Draw(t, "count"), sort), in, nil)
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Fatal(diff)
		}
		if len(whole) != len(in) {
			t.Fatalf("%d of %d", len(whole), len(in))
		}
	})
}

// A resource that stays, and whose sort value stays, is given exactly once, whatever comes and goes between two pages.
func TestPagesGiveWhatStaysOnceWhileOthersComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := someNotes(t)
		stays := func(r stage.Released) bool { return r.Facts().ID[2]%2 == 0 }
		sort := sorts.Draw(t, "sort")
		got := pages(t, fmt.Sprintf("patient=p1&_count=%d%s", rapid.IntRange(1, 3).Draw(t, "count"), sort), all, func([]stage.Released) []stage.Released {
			keep := rapid.SliceOfN(rapid.Bool(), len(all), len(all)).Draw(t, "keep")
			var now []stage.Released
			for i, r := range all {
				if keep[i] || stays(r) {
					now = append(now, r)
				}
			}
			return now
		})
		seen := map[string]int{}
		for _, id := range got {
			seen[id]++
		}
		for _, r := range all {
			if n := seen[r.Facts().ID]; n > 1 || stays(r) && n != 1 {
				t.Fatalf("%s was given %d times: %v", r.Facts().ID, n, got)
			}
		}
	})
}

func TestAPageOfAnotherQueryIsRefused(t *testing.T) {
	p := testParser(t)
	q := mustParse(t, "DocumentReference", "patient=p1&_count=1&_sort=date")
	page, err := q.Run(releasedAs(t, note("a", "1", 1), note("b", "1", 2)))
	if err != nil || page.Next == nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"nothing":  nil,
		"cut":      page.Next[:len(page.Next)-1],
		"longer":   append(slices.Clone(page.Next), 0),
		"no query": appendText(appendText(nil, ""), "x"),
		"no id":    appendText(appendText(nil, "patient=p1"), ""),
		"a page":   appendText(appendText(nil, "_page=x"), "x"),
	} {
		if _, err := p.Resume("DocumentReference", payload); err == nil {
			t.Errorf("%s: resumed", name)
		}
	}
	if _, err := p.Resume("Goal", page.Next); err == nil {
		t.Error("resumed for another type, which cannot be sorted so")
	}
}

func TestEvaluateLeavesOutOtherTypesAndEmptyOnes(t *testing.T) {
	goal := note("g", "1", 1)
	goal.Type = "Goal"
	in := append(releasedAs(t, note("a", "1", 1), goal), stage.Released{})
	page, err := mustParse(t, "DocumentReference", "patient=p1").Run(in)
	if err != nil || strings.Join(ids(page.Matches), " ") != "a" {
		t.Errorf("%v, %v", ids(page.Matches), err)
	}
}

// The figures that the design names: a warm search of 50 of 200 documents by patient, category and date, sorted.
func BenchmarkSearch(b *testing.B) {
	var list []*stage.Facts
	for i := range 200 {
		list = append(list, note(fmt.Sprintf("%064d", i*7919%1000), "1", 1+i%28))
	}
	in := releasedAs(b, list...)
	p := testParser(b)
	const text = "patient=p1&category=clinical-note&date=ge2026-01-01&_sort=-date&_count=50"
	q, err := p.ParseText("DocumentReference", text, false)
	if err != nil {
		b.Fatal(err)
	}
	kept := q.Evaluate(in)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.ParseText("DocumentReference", text, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("evaluate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = q.Evaluate(in)
		}
	})
	b.Run("page of a kept result", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if page, err := q.Page(kept); err != nil || len(page.Matches) != 50 {
				b.Fatal(err)
			}
		}
	})
}
