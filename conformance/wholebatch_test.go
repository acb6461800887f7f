package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// compareBatches asks several questions at once, as often as given: each must be answered as if it had been asked alone.
func (a asker) compareBatches(t *testing.T, questions *asking, times int) (compared int) {
	t.Helper()
	for range times {
		var paths []string
		for range 1 + questions.IntN(8) {
			path := strings.ReplaceAll(questions.question(), " ", "%20")
			if !slices.ContainsFunc(paths, func(other string) bool { return a.oracle.Alike(other, path) }) {
				paths = append(paths, path)
			}
		}
		for i, got := range a.batch(t, paths) {
			want := a.oracle.InBatch(paths[i])
			if differences := answers.Compare(want, got, os.Getenv("CONSENTRY_SHOW") != ""); len(differences) > 0 {
				t.Errorf("%s, entry %d of a batch: %s\n  %s", a.oracle.Who.Name, i+1, readable(answers.Question{Path: paths[i]}), strings.Join(differences, "\n  "))
			}
			compared++
		}
	}
	return compared
}

// batch asks for all paths in one request and gives the answers in their order.
func (a asker) batch(t *testing.T, paths []string) (out []answers.Answer) {
	t.Helper()
	var entries []any
	for _, path := range paths {
		entries = append(entries, map[string]any{"request": map[string]any{"method": http.MethodGet, "url": path}})
	}
	body, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries})
	must(t, err)
	got := a.do(t, http.MethodPost, a.base, bytes.NewReader(body), http.Header{"Content-Type": {"application/fhir+json"}})
	if got.status != http.StatusOK {
		t.Fatalf("a batch of %d: %d", len(paths), got.status)
	}
	for _, path := range paths {
		a.made(answers.Question{Path: path, Accept: "application/fhir+json"}, 0, got)
	}
	bundle := decodeObject(t, got.body)
	answered := at(bundle, "entry")
	if bundle["type"] != "batch-response" || len(answered) != len(paths) {
		t.Fatalf("a %v with %d entries for %d", bundle["type"], len(answered), len(paths))
	}
	for _, e := range answered {
		out = append(out, a.entry(t, e.(map[string]any)))
	}
	return out
}

// entry reads one entry of a batch-response.
func (a asker) entry(t *testing.T, e map[string]any) (out answers.Answer) {
	t.Helper()
	status, _ := at(e, "response.status")[0].(string)
	code, _, _ := strings.Cut(status, " ")
	var err error
	out.Status, err = strconv.Atoi(code)
	must(t, err)
	out.Tagged = at(e, "response.etag") != nil
	for _, at := range at(e, "response.lastModified") {
		modified, err := time.Parse(time.RFC3339, at.(string))
		must(t, err)
		out.Header = answers.Headers{"Last-Modified": {modified.Format(http.TimeFormat)}}
	}
	outcome, _ := child(e, "response", "outcome").(map[string]any)
	r, is := e["resource"].(map[string]any)
	switch {
	case out.Status != http.StatusOK:
		out.Issue = issueOf(t, outcome)
	case is && r["resourceType"] == "Bundle":
		raw, err := json.Marshal(r)
		must(t, err)
		page, self, _, err := answers.ReadPage(a.base, raw)
		must(t, err)
		out.Pages = []answers.Page{page}
		_, out.Self, err = answers.ReadSelf(a.base, self)
		must(t, err)
	default:
		out.Resource, out.Noticed = r, answers.ReadNotices(outcome)
	}
	return out
}

// child is the value below some names, or nil.
func child(tree any, names ...string) any {
	for _, name := range names {
		o, _ := tree.(map[string]any)
		tree = o[name]
	}
	return tree
}

// takesBatches says whether the CapabilityStatement names batches.
func (e *export) takesBatches(t *testing.T) bool {
	t.Helper()
	statement := decodeObject(t, (&caller{base: e.base}).get(t, "metadata").body)
	for _, code := range at(statement, "rest.interaction.code") {
		if code == "batch" {
			return true
		}
	}
	return false
}
