package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// entryOfBatch is one entry of a batch-response.
type entryOfBatch struct {
	Resource json.RawMessage `json:"resource"`
	Response struct {
		Status, Etag, LastModified string
		Outcome                    json.RawMessage
	} `json:"response"`
}

// batch sends requests as one batch.
func (c *caller) batch(t testing.TB, requests ...string) *answer {
	t.Helper()
	return c.do(t, http.MethodPost, "", strings.NewReader(batchOf(t, requests...)), http.Header{"Content-Type": {"application/fhir+json"}})
}

func batchOf(t testing.TB, requests ...string) string {
	t.Helper()
	type request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	var entries []map[string]request
	for _, r := range requests {
		method, target, _ := strings.Cut(r, " ")
		entries = append(entries, map[string]request{"request": {method, target}})
	}
	body, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (a *answer) batchEntries(t testing.TB) []entryOfBatch {
	t.Helper()
	var b struct {
		ResourceType, Type string
		Entry              []entryOfBatch
	}
	if err := json.Unmarshal(a.body, &b); err != nil || a.status != http.StatusOK || b.Type != "batch-response" {
		t.Fatalf("no batch-response: %d %.300s", a.status, a.body)
	}
	return b.Entry
}

// TestAnEntryOfABatchIsTheRequestAlone compares each entry with the same request alone, to the byte, for each partner and for a client in person: ids
// that are released, withheld, another's and invented, searches, operations, and what is no request.
func TestAnEntryOfABatchIsTheRequestAlone(t *testing.T) {
	c := sharedClinic(t)
	story := c.practice.Story
	id, unreleased := c.id(t, story.Referred), c.id(t, story.Unreleased)
	requests := []string{"GET Patient/" + id, "GET Patient/" + unreleased, "GET Patient/" + stranger(), "GET Patient/" + id + "/$everything", "GET Patient/" + unreleased + "/$everything", "GET Patient/" + id + "/$everything?_count=3&_type=Encounter,Provenance",
		"GET DocumentReference/$docref?patient=" + id, "GET DocumentReference?patient=" + id + "&_revinclude=Provenance:target&_count=3&_sort=-date", "GET Observation?patient=" + unreleased, "GET Encounter?patient=" + id + "&nothing=x",
		"GET Encounter?patient=" + id + "&date=x", "GET Encounter", "GET Patient", "GET Practitioner?name=a", "GET Patient/" + id + "/Goal", "GET Patient/" + id + "/Practitioner", "GET Nothing/x", "GET Patient/" + id + "/_history/1",
		"GET Patient/../Patient/" + id, "GET Patient/" + id + "?_format=xml", "DELETE Patient/" + id, "HEAD Patient/" + id}
	for _, ref := range withheldIDs(t, c, story.Referred)[:10] {
		requests = append(requests, "GET "+ref)
	}
	callers := map[string]*caller{myRecords: c.person(t, id, "Patient/"+id)}
	for _, p := range machines {
		callers[p] = c.as(t, p)
	}
	for who, caller := range callers {
		entries := caller.batch(t, requests...).batchEntries(t)
		if len(entries) != len(requests) {
			t.Fatalf("%s: %d entries", who, len(entries))
		}
		for i, e := range entries {
			method, target, _ := strings.Cut(requests[i], " ")
			alone := caller.do(t, method, target, nil, nil)
			want, got := string(alone.body), string(e.Resource)
			if alone.status >= 400 {
				got = string(e.Response.Outcome)
			}
			modified := ""
			if at, err := http.ParseTime(alone.header.Get("Last-Modified")); err == nil {
				modified = at.Format("2006-01-02T15:04:05")
			}
			if e.Response.Status != fmt.Sprint(alone.status, " ", http.StatusText(alone.status)) || got != want || e.Response.Etag != alone.header.Get("Etag") || !strings.HasPrefix(e.Response.LastModified, modified) {
				t.Errorf("%s: %s is %s with %d bytes in a batch, %d with %d alone", who, strings.ReplaceAll(withoutQuery(requests[i]), id, "ID")[:12], e.Response.Status, len(got), alone.status, len(want))
			}
			if notice := alone.header.Get("Redisclosure-Notice"); notice != "" && !strings.Contains(string(e.Response.Outcome)+got, notice[:len("42 CFR part 2")]) && method == http.MethodGet {
				t.Errorf("%s: the notice of 42 CFR 2.32 is lost in a batch", who)
			}
		}
	}
}

// TestHostileBatches sends what is too much, too deep and what is no batch; others are served meanwhile.
func TestHostileBatches(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, harbor)
	header := http.Header{"Content-Type": {"application/fhir+json"}}
	nested := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient"}}]}`
	for name, x := range map[string]struct {
		body string
		want int
	}{
		"10 MB": {nested + strings.Repeat(" ", 10<<20), 413}, "deep": {`{"resourceType":"Bundle","type":"batch","meta":` + strings.Repeat(`{"meta":`, 7000) + "1" + strings.Repeat("}", 7001), 400},
		"lists": {strings.Repeat("[", 60000), 400}, "keys twice": {strings.Replace(nested, `"url"`, `"url":"x","url"`, 1), 400}, "a transaction": {strings.Replace(nested, "batch", "transaction", 1), 400},
		"1,000 entries": {`{"resourceType":"Bundle","type":"batch","entry":[` + strings.TrimSuffix(strings.Repeat(`{"id":"1"},`, 1000), ",") + `]}`, 413},
		"NUL":           {nested[:10] + "\x00" + nested[10:], 400}, "half a body": {nested[:60], 400},
	} {
		began := time.Now()
		a, err := caller.try(http.MethodPost, "", strings.NewReader(x.body), header)
		if err == nil && a.status != x.want { // of a body that is too long the connection may be closed while it is still written
			t.Errorf("%s: %d, want %d", name, a.status, x.want)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	evil := `{"resource":` + nested + `,"request":{"method":"POST","url":"/"}},{"request":{"method":"GET","url":"http://169.254.169.254/latest"}},{"request":{"method":"GET","url":"//evil.example/fhir/Patient"}},` +
		`{"request":{"method":"GET","url":"../../metrics"}},{"request":{"method":"GET","url":"Patient#x"}},{"request":{"method":"GET","url":"Patient","token":"x"}}`
	a := caller.do(t, http.MethodPost, "", strings.NewReader(`{"resourceType":"Bundle","type":"batch","entry":[`+evil+`]}`), header)
	for i, e := range a.batchEntries(t) {
		if want := []string{"405", "404", "404", "404", "400", "400"}[i]; !strings.HasPrefix(e.Response.Status, want) || e.Resource != nil {
			t.Errorf("hostile entry %d: %s", i, e.Response.Status)
		}
	}
	if strings.Contains(string(a.body), "evil.example") || strings.Contains(string(a.body), "169.254") {
		t.Error("the answer repeats what was sent")
	}
}
