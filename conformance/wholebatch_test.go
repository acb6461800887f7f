package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/oracle/answers"
)

// compareBatches asks several questions at once, as often as given: each must be answered as if it had been asked alone.
func (a asker) compareBatches(t *testing.T, questions *asking, times int) (compared int) {
	t.Helper()
	for range times {
		var paths []string
		for range 1 + questions.IntN(8) {
			paths = append(paths, strings.ReplaceAll(questions.question(), " ", "%20"))
		}
		for i, got := range a.batch(t, paths) {
			want := a.oracle.Answer(answers.Question{Path: paths[i]})
			want.Pages = want.Pages[:min(1, len(want.Pages))]
			if differences := answers.Compare(want, got, os.Getenv("CONSENTRY_SHOW") != ""); len(differences) > 0 {
				t.Errorf("%s, entry %d of a batch: %s\n  %s", a.oracle.Who.Name, i+1, readable(paths[i]), strings.Join(differences, "\n  "))
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
	r, is := e["resource"].(map[string]any)
	switch {
	case out.Status != http.StatusOK:
	case is && r["resourceType"] == "Bundle":
		raw, err := json.Marshal(r)
		must(t, err)
		page, self, _, err := answers.ReadPage(a.base, raw)
		must(t, err)
		out.Pages = []answers.Page{page}
		_, out.Self, err = answers.ReadSelf(a.base, self)
		must(t, err)
	default:
		out.Resource = r
	}
	return out
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
