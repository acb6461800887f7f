package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// asked puts a path into one of the forms that a request can have.
func (a *asking) asked(path string) answers.Question {
	q := answers.Question{Path: path, Method: http.MethodGet, Strict: a.IntN(12) == 0}
	isRead, isContent := !strings.ContainsAny(path, "?$"), strings.HasPrefix(path, "Binary/")
	switch a.IntN(8) {
	case 0:
		q.Method = http.MethodHead
	case 1, 2:
		a.posted(&q)
	case 3:
		q.NoneMatch = pickOne(a.Rand, []string{"own"}, []string{"other"}, []string{"other", "own"}, []string{"*"})
	case 4:
		if isRead {
			q.ModifiedSince = pickOne(a.Rand, time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC), time.Date(2025, 1, 31, 8, 0, 0, 0, time.UTC), time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC))
			q.NoneMatch = pickOne(a.Rand, nil, nil, []string{"other"})
		}
	}
	if a.IntN(12) == 0 {
		q.Accept = pickOne(a.Rand, "application/fhir+json", "application/fhir+json; fhirVersion=4.0", "application/json")
	}
	if isContent && a.IntN(2) == 0 {
		q.Range = pickOne(a.Rand, "bytes=0-9", "bytes=5-", "bytes=-7", "bytes=0-", "bytes=9999-", "bytes=-0", "bytes=7-3", "bytes=0-1,4-5", "lines=0-1", "bytes=x")
		q.IfRange = pickOne(a.Rand, "", "", "own", "other")
	}
	return q
}

// posted puts some of the parameters of a search or an operation into the body.
func (a *asking) posted(q *answers.Question) {
	path, query, is := strings.Cut(q.Path, "?")
	if !is || strings.Count(path, "/") == 1 && !strings.Contains(path, "$") || strings.Count(path, "/") == 2 && !strings.Contains(path, "$") {
		return // a read, or a compartment
	}
	q.Method = http.MethodPost
	if !strings.Contains(path, "/") {
		path += "/_search"
	}
	var inURL, inForm []string
	for part := range strings.SplitSeq(query, "&") {
		if a.IntN(3) == 0 {
			inURL = append(inURL, part)
		} else {
			inForm = append(inForm, part)
		}
	}
	if q.Path = path; len(inURL) > 0 {
		q.Path += "?" + strings.Join(inURL, "&")
	}
	q.Form = strings.Join(inForm, "&")
	q.Parameters = strings.Contains(path, "$") && a.IntN(2) == 0
}

// parameterTypes are those of the values of a Parameters resource, by parameter; any other is a text.
var parameterTypes = map[string]string{"patient": "valueId", "start": "valueDate", "end": "valueDate", "_since": "valueInstant", "_type": "valueCode", "profile": "valueCanonical", "on-demand": "valueBoolean", "_count": "valueInteger"}

// parametersOf is a form as a Parameters resource.
func parametersOf(t *testing.T, form string) []byte {
	t.Helper()
	values, err := url.ParseQuery(form)
	must(t, err)
	list := []any{}
	for name, all := range values {
		for _, v := range all {
			p := answers.Object{"name": name, cmp.Or(parameterTypes[name], "valueString"): v}
			switch system, code, coded := strings.Cut(v, "|"); {
			case name == "_count":
				p["valueInteger"] = json.Number(v)
			case name == "on-demand":
				p["valueBoolean"] = v == "true"
			case coded:
				p = answers.Object{"name": name, "valueCoding": answers.Object{"system": system, "code": code}}
			}
			list = append(list, p)
		}
	}
	whole := answers.Object{"resourceType": "Parameters"}
	if len(list) > 0 {
		whole["parameter"] = list
	}
	text, err := json.Marshal(whole)
	must(t, err)
	return text
}

// content is the id of a Binary, mostly of the client's.
func (a *asking) content(client string) string {
	all := a.world.Contents(client)
	if len(all) == 0 || a.IntN(10) == 0 {
		return strings.Repeat("a", 64)
	}
	return pickOne(a.Rand, all...)
}

// get asks the gateway, and follows the pages.
func (a asker) get(t *testing.T, q answers.Question) answers.Answer {
	t.Helper()
	got := a.sendWith(t, q)
	out := answers.Answer{Status: got.status, Header: headersOf(got), Tagged: got.header.Get("Etag") != ""}
	if q.Method == http.MethodHead || got.status == http.StatusNotModified {
		if len(got.body) > 0 {
			t.Errorf("%s %d has a body", q.Method, got.status)
		}
		return out
	}
	if got.header.Get("Content-Length") != fmt.Sprint(len(got.body)) {
		t.Errorf("%d bytes, and the header says otherwise", len(got.body))
	}
	if typ := got.header.Get("Content-Type"); !strings.HasPrefix(typ, "application/fhir+json") && !strings.HasPrefix(typ, "application/json") {
		out.Content = got.body
		return out
	}
	r := decodeObject(t, got.body)
	switch {
	case got.status >= 400:
		out.Issue = issueOf(t, r)
	case r["resourceType"] == "Bundle":
		out.Header = nil
		a.follow(t, &out, got, q)
	default:
		out.Resource = r
	}
	return out
}

// follow reads a page and all that follow.
func (a asker) follow(t *testing.T, out *answers.Answer, got *answer, q answers.Question) {
	t.Helper()
	for first := true; ; first = false {
		page, self, next, err := answers.ReadPage(a.base, got.body)
		must(t, err)
		page.Header = headersOf(got)
		if !first {
			a.made(q, len(out.Pages), got)
		}
		out.Pages = append(out.Pages, page)
		if first {
			_, out.Self, err = answers.ReadSelf(a.base, self)
			must(t, err)
		}
		if next == "" || len(out.Pages) > 300 {
			return
		}
		if got = a.send(t, http.MethodGet, next, nil, http.Header{"Accept": {q.Accept}}); got.status != http.StatusOK {
			t.Fatalf("a next link answers %d", got.status)
		}
	}
}

// sendWith asks, if necessary after asking for the entity tag that the request is to name.
func (a asker) sendWith(t *testing.T, q answers.Question) *answer {
	t.Helper()
	plain := http.Header{"Accept": {q.Accept}}
	if q.Strict {
		plain.Set("Prefer", "handling=strict")
	}
	header, path := plain.Clone(), strings.ReplaceAll(q.Path, " ", "%20")
	tags := map[string]string{"*": "*", "other": `W/"other"`}
	var whole *answer
	if q.Method == http.MethodHead || slices.Contains(q.NoneMatch, "own") || q.IfRange == "own" {
		whole = a.send(t, http.MethodGet, path, nil, plain)
		a.made(answers.Question{Path: q.Path, Strict: q.Strict, Accept: q.Accept}, 0, whole)
		if tags["own"] = whole.header.Get("Etag"); tags["own"] == "" {
			tags["own"] = `"none"`
		}
	}
	for _, name := range q.NoneMatch {
		header.Set("If-None-Match", strings.TrimPrefix(header.Get("If-None-Match")+", "+tags[name], ", "))
	}
	if q.IfRange != "" {
		header.Set("If-Range", tags[q.IfRange])
	}
	if q.Range != "" {
		header.Set("Range", q.Range)
	}
	if !q.ModifiedSince.IsZero() {
		header.Set("If-Modified-Since", q.ModifiedSince.UTC().Format(http.TimeFormat))
	}
	var body io.Reader
	if q.Method == http.MethodPost {
		body = strings.NewReader(q.Form)
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		if q.Parameters {
			body = bytes.NewReader(parametersOf(t, q.Form))
			header.Set("Content-Type", "application/fhir+json")
		}
	}
	got := a.send(t, q.Method, path, body, header)
	a.made(q, 0, got)
	if q.Method == http.MethodHead && (got.status != whole.status || got.header.Get("Etag") != whole.header.Get("Etag") || got.header.Get("Content-Length") != whole.header.Get("Content-Length")) {
		t.Errorf("HEAD answers %d and GET %d, or with another tag or length", got.status, whole.status)
	}
	return got
}

// send asks, and holds the entity tag of what comes back against all others: equal bodies have equal tags, and others have others.
func (a asker) send(t *testing.T, method, path string, body io.Reader, header http.Header) *answer {
	t.Helper()
	if header.Get("Accept") == "" {
		header = header.Clone()
		header.Del("Accept")
	}
	got := a.do(t, method, path, body, header)
	tag := got.header.Get("Etag")
	if got.status != http.StatusOK || tag == "" || method == http.MethodHead {
		return got
	}
	text := pageToken.ReplaceAll(got.body, nil)
	if kept, known := a.tags.bodies[tag]; known && !bytes.Equal(kept, text) {
		t.Error("two bodies have one entity tag")
	}
	whole := string(got.body)                                                                    // with its page tokens: those say what was asked, and by whom
	if kept, known := a.tags.tags[whole]; known && kept != tag && strings.HasPrefix(tag, "W/") { // of contents each document has its own
		t.Error("one body has two entity tags")
	}
	a.tags.bodies[tag], a.tags.tags[whole] = text, tag
	return got
}

// tagged are the entity tags that came, and the bodies with them.
type tagged struct {
	bodies map[string][]byte
	tags   map[string]string
}

// headersOf are all headers but those that say when an answer was written, how long it is and its tag.
func headersOf(a *answer) answers.Headers {
	out := answers.Headers{}
	for name, values := range a.header {
		if !slices.Contains([]string{"Date", "Content-Length", "Etag"}, name) {
			out[name] = values
		}
	}
	return out
}

// issueOf is the code of an OperationOutcome with one error.
func issueOf(t *testing.T, r answers.Object) string {
	t.Helper()
	codes := at(r, "issue.code")
	if r["resourceType"] != "OperationOutcome" || len(codes) != 1 || at(r, "issue.severity")[0] != "error" {
		t.Fatalf("an error is a %v with %d issues", r["resourceType"], len(codes))
	}
	return codes[0].(string)
}
