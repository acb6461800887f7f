package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/search"
)

// inquiry is one request.
type inquiry struct {
	method, target, form, ifNoneMatch string
	ifModifiedSince, batch            string
	ranged, accept                    string
	kind                              string // for reports: it holds no id and no value
}

func (h *house) ask(q inquiry) *httptest.ResponseRecorder {
	var body *strings.Reader
	r, err := http.NewRequest(q.method, nonintBase+"/"+q.target, http.NoBody)
	if q.form != "" {
		body = strings.NewReader(q.form)
		r, err = http.NewRequest(q.method, nonintBase+"/"+q.target, body)
	}
	if err != nil {
		panic(err)
	}
	if q.batch != "" {
		r, err = http.NewRequest(q.method, nonintBase, strings.NewReader(q.batch))
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	if q.form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Authorization", "Bearer t")
	if q.ifNoneMatch != "" {
		r.Header.Set("If-None-Match", q.ifNoneMatch)
	}
	if q.ifModifiedSince != "" {
		r.Header.Set("If-Modified-Since", q.ifModifiedSince)
	}
	if q.ranged != "" {
		r.Header.Set("Range", q.ranged)
	}
	if q.accept != "" {
		r.Header.Set("Accept", q.accept)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// pageToken stands in a next link.
var pageToken = regexp.MustCompile(`_page=[A-Za-z0-9_-]+`)

// difference tells how two answers to one inquiry differ, "" if they do not. It names parts of the answers and quotes none.
func difference(a, b *httptest.ResponseRecorder) string {
	if a.Code != b.Code {
		return fmt.Sprintf("status %d and %d", a.Code, b.Code)
	}
	names := map[string]bool{}
	for _, h := range []http.Header{a.Header(), b.Header()} {
		for name := range h {
			names[name] = true
		}
	}
	for name := range names {
		if !slices.Equal(a.Header()[name], b.Header()[name]) {
			return "header " + name
		}
	}
	if x, y := a.Body.Bytes(), b.Body.Bytes(); !bytes.Equal(x, y) {
		return fmt.Sprintf("body of %d and %d bytes", len(x), len(y))
	}
	return ""
}

// statuses count what was answered, so that a test that only compared errors would show.
type statuses struct {
	batches, entries, empty, read, missing, unchanged, refused, pages, consents, included, subsets, contents, audited int
}

// asking goes through the inquiries of a pair.
type asking struct {
	*twins
	*pair
	clinic *clinic
	seen   *statuses
	tags   []inquiry
}

// interferes asks both houses everything and gives the first difference, "" for none.
func (x *asking) interferes() string {
	x.left.log.begin(x.seed)
	x.right.log.begin(x.seed)
	for _, q := range x.inquiries() {
		if d := x.compare(q); d != "" {
			return q.kind + ": " + d
		}
	}
	for _, q := range x.tags { // the entity tag that one house gave is as good in the other
		if d := x.compare(q); d != "" {
			return q.kind + ": " + d
		}
	}
	return x.audited()
}

func (x *asking) compare(q inquiry) string {
	a, b := x.left.ask(q), x.right.ask(q)
	if d := difference(a, b); d != "" {
		return d
	}
	x.count(q, a)
	if tag := a.Header().Get("ETag"); tag != "" && q.ifNoneMatch == "" && x.rng.IntN(8) == 0 {
		again := q
		again.ifNoneMatch, again.kind = tag, q.kind+" with the other's ETag"
		x.tags = append(x.tags, again)
	}
	return x.follow(q, a, 8)
}

// follow compares the pages after one that is the same in both houses.
func (x *asking) follow(q inquiry, page *httptest.ResponseRecorder, depth int) string {
	if q.batch != "" {
		return ""
	}
	_, next, more := strings.Cut(page.Body.String(), `"relation":"next"`)
	token := pageToken.FindString(next)
	if !more || depth == 0 || token == "" {
		return ""
	}
	typ, _, _ := strings.Cut(q.target, "?")
	after := inquiry{method: "GET", target: strings.TrimSuffix(typ, "/_search") + "?" + token, kind: q.kind + ", next page"}
	a, b := x.left.ask(after), x.right.ask(after)
	if d := difference(a, b); d != "" {
		return "next page: " + d
	}
	x.seen.pages++
	return x.follow(after, a, depth-1)
}

func (x *asking) count(q inquiry, w *httptest.ResponseRecorder) {
	s := x.seen
	if q.batch != "" {
		s.batches++
		return
	}
	if w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"resourceType":"Consent"`) {
		s.consents++
	}
	if strings.Contains(w.Body.String(), `"mode":"include"`) {
		s.included++
	}
	if strings.Contains(w.Body.String(), `"SUBSETTED"`) {
		s.subsets++
	}
	switch {
	case w.Code == http.StatusNotModified:
		s.unchanged++
	case w.Code == http.StatusNotFound:
		s.missing++
	case strings.HasPrefix(q.target, "Binary/"):
		s.contents++
	case w.Code != http.StatusOK:
		s.refused++
	case q.method == "GET" && !strings.HasPrefix(w.Body.String(), `{"resourceType":"Bundle"`):
		s.read++
	case strings.Contains(w.Body.String(), `"mode":"match"`):
		s.entries++
	default:
		s.empty++
	}
}

// inquiries are all reads, and searches of every sort.
func (x *asking) inquiries() (all []inquiry) {
	add := func(method, target, kind string) {
		all = append(all, inquiry{method: method, target: target, kind: kind})
	}
	seen := map[fhir.Reference]bool{}
	read := func(ref fhir.Reference, what string) {
		if !seen[ref] {
			seen[ref] = true
			add("GET", ref.String(), "read of a "+what+" "+ref.Type)
			if part := (url.Values{}); x.clinic.chance(30) {
				kind := x.subset(ref.Type, part)
				add("GET", ref.String()+"?"+part.Encode(), "read of a "+what+" "+ref.Type+kind)
			}
			if x.rng.IntN(6) == 0 {
				add("HEAD", ref.String(), "HEAD of a "+what+" "+ref.Type)
			}
		}
	}
	for _, chart := range [][]entry{x.chart, x.twin} {
		for _, e := range chart {
			what := "withheld"
			if x.shown[e.ref] {
				what = "released"
			}
			read(e.ref, what)
			for _, b := range e.contents() {
				all = append(all, inquiry{method: "GET", target: b.String(), kind: "content of a " + what + " document",
					ranged: pick(x.clinic, "", "bytes=0-3", "bytes=9999-"), accept: pick(x.clinic, "", "application/fhir+json")})
			}
		}
	}
	for _, d := range x.documents[nonintClient] {
		read(fhir.Reference{Type: "Consent", ID: d.ID}, "signed")
	}
	read(x.clinic.nowhere("DocumentReference"), "non-existent")
	read(x.clinic.staff(), "directory")
	read(x.patient(nonintPartner), "partner's")
	patient := x.patient(nonintClient).ID
	add("GET", "Patient", "search over the reach")
	add("GET", "Patient?_id="+patient, "search of Patient")
	for _, r := range search.Resources() {
		if !r.Open && x.rng.IntN(2) == 0 {
			add("GET", r.Type+"?patient="+patient, "search of "+r.Type)
		}
	}
	for typ, n := range x.types() {
		if n > 1 {
			add("GET", typ+"?patient="+patient+"&_count=1"+pick(x.clinic, "", "&_sort=-_lastUpdated", "&_sort=-_lastUpdated", "&_total=none"), "paged search of "+typ)
		}
	}
	add("GET", "DocumentReference?patient="+patient+"&_count=1&_revinclude=Provenance:target&_sort=-date", "paged search of DocumentReference")
	for range 3 {
		all = append(all, x.including())
	}
	for range 12 {
		if len(x.withheld) == 0 {
			break
		}
		all = append(all, x.probe(x.withheld[x.rng.IntN(len(x.withheld))].Facts()))
	}
	for _, c := range x.signed {
		all = append(all, x.probe(c.Facts()))
	}
	all = append(all, x.operations(patient)...)
	return append(all, x.batchOf(all))
}

// types counts what is released, by type, of those that a search must name the client for.
func (x *asking) types() map[string]int {
	n := map[string]int{}
	for ref := range x.shown {
		if r, ok := search.Lookup(ref.Type); ok && !r.Open {
			n[ref.Type]++
		}
	}
	return n
}

// probe is a search that a withheld resource would match, or would be sorted, counted or paged by.
func (x *asking) probe(f *stage.Facts) inquiry {
	r, _ := search.Lookup(f.Type)
	q := url.Values{}
	kind := "search of " + f.Type
	if !r.Open {
		q.Set("patient", x.patient(nonintClient).ID)
	}
	chance := x.clinic.chance
	for range 1 + x.rng.IntN(2) {
		p := r.Parameters[x.rng.IntN(len(r.Parameters))]
		if p.Name == "patient" || p.Name == "subject" {
			continue
		}
		name, value := p.Name, x.value(p, f)
		switch {
		case chance(10):
			name, value = p.Name+":missing", pick(x.clinic, "true", "false")
		case value == "":
			continue
		case p.Kind == search.Token && p.Name != "_id" && chance(30):
			name += ":not"
		case p.Kind == search.String && chance(30):
			name += pick(x.clinic, ":exact", ":contains")
		}
		q.Add(name, value)
		kind += " by " + name
	}
	if chance(40) {
		p := r.Parameters[x.rng.IntN(len(r.Parameters))]
		q.Set("_sort", pick(x.clinic, "", "-")+p.Name)
		kind += " sorted by " + p.Name
	}
	if chance(50) {
		q.Set("_count", fmt.Sprint(x.rng.IntN(4)))
	}
	if chance(30) {
		q.Set("_total", pick(x.clinic, "none", "accurate", "estimate"))
	}
	if chance(50) {
		kind += x.shape(f.Type, q)
	}
	if chance(5) {
		q.Set("no-such", "x")
	}
	if chance(15) {
		return inquiry{method: "POST", target: f.Type + "/_search", form: q.Encode(), kind: "POST " + kind}
	}
	return inquiry{method: pick(x.clinic, "GET", "GET", "GET", "GET", "HEAD"), target: f.Type + "?" + q.Encode(), kind: kind}
}

// value is a value that the resource has for the parameter, "" if it has none.
func (x *asking) value(p search.Parameter, f *stage.Facts) string {
	at := func(path string) bool {
		return slices.ContainsFunc(p.Paths, func(want string) bool {
			below, any := strings.CutSuffix(want, "*")
			return path == want || any && strings.HasPrefix(path, below)
		})
	}
	var found []string
	switch {
	case p.Name == "_id":
		found = append(found, f.ID)
	case p.Name == "_lastUpdated":
		found = append(found, f.LastUpdated.Start.UTC().Format("2006-01-02"))
	}
	for _, v := range f.Codings {
		if at(v.Path) {
			found = append(found, v.Value.Code, v.Value.Key())
		}
	}
	for _, v := range f.Identifiers {
		if at(v.Path) {
			found = append(found, v.Value.System+"|"+v.Value.Value)
		}
	}
	for _, v := range f.Dates {
		if at(v.Path) && !v.Value.Start.IsZero() {
			found = append(found, v.Value.Start.UTC().Format("2006-01-02"), v.Value.Start.UTC().Format("2006-01"))
		}
	}
	for _, v := range f.Strings {
		if at(v.Path) {
			found = append(found, v.Value)
		}
	}
	for _, v := range f.References {
		if at(v.Path) && v.Value != (fhir.Reference{}) {
			found = append(found, v.Value.String(), v.Value.ID)
		}
	}
	if len(found) == 0 {
		return ""
	}
	value := found[x.rng.IntN(len(found))]
	if p.Kind == search.Date {
		value = pick(x.clinic, "", "ge", "le", "gt", "lt", "sa", "eb") + value
	}
	return value
}
