package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// caller asks the FHIR API with one token.
type caller struct {
	base, token string
	headers     http.Header
	// heard, if set, gets every answer.
	heard func(*answer)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	// of what request it is, and between which times
	asked          string
	sent, received time.Time
}

// transport neither unpacks nor follows anything.
var transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}

var plainClient = &http.Client{
	Transport: transport, Timeout: 60 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c *caller) do(t testing.TB, method, path string, body io.Reader, header http.Header) *answer {
	t.Helper()
	a, err := c.try(method, path, body, header)
	if err != nil {
		t.Fatalf("%s %s: %v", method, withoutQuery(path), err)
	}
	return a
}

// try is do for those who expect it to fail. path is below the base, or absolute.
func (c *caller) try(method, path string, body io.Reader, header http.Header) (*answer, error) {
	target := path
	if !strings.HasPrefix(path, "http://") {
		target = c.base + "/" + path
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range c.headers {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	sent := time.Now()
	resp, err := plainClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header, asked: target, sent: sent}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	a.received = time.Now()
	if c.heard != nil {
		c.heard(a)
	}
	return a, nil
}

func withoutQuery(path string) string { return strings.SplitN(path, "?", 2)[0] }

func (c *caller) get(t testing.TB, path string) *answer {
	t.Helper()
	return c.do(t, http.MethodGet, path, nil, nil)
}

func (c *caller) post(t testing.TB, path string, form url.Values) *answer {
	t.Helper()
	return c.do(t, http.MethodPost, path, strings.NewReader(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// resource is a FHIR resource as JSON, with the members that all tests ask for.
type resource struct {
	Type string
	ID   string
	Raw  json.RawMessage
	Tree map[string]any
}

func (r resource) ref() string { return r.Type + "/" + r.ID }

// bundle is a searchset.
type bundle struct {
	Total    *int
	Next     string
	Self     string
	Matches  []resource
	Includes []resource
	Outcomes []resource
}

func parseResource(t testing.TB, raw []byte) resource {
	t.Helper()
	r := resource{Raw: raw}
	if err := json.Unmarshal(raw, &r.Tree); err != nil {
		t.Fatalf("an answer is no JSON object: %v", err)
	}
	r.Type, _ = r.Tree["resourceType"].(string)
	r.ID, _ = r.Tree["id"].(string)
	return r
}

// resource reads the body of a read.
func (a *answer) resource(t testing.TB) resource {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	return parseResource(t, a.body)
}

// bundle reads the body of a search.
func (a *answer) bundle(t testing.TB) bundle {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %.300s", a.status, a.body)
	}
	var raw struct {
		ResourceType string                           `json:"resourceType"`
		Type         string                           `json:"type"`
		Total        *int                             `json:"total"`
		Link         []struct{ Relation, URL string } `json:"link"`
		Entry        []struct {
			FullURL  string `json:"fullUrl"`
			Resource json.RawMessage
			Search   struct{ Mode string }
		} `json:"entry"`
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	if err := dec.Decode(&raw); err != nil || raw.ResourceType != "Bundle" || raw.Type != "searchset" {
		t.Fatalf("no searchset: %v %s %s", err, raw.ResourceType, raw.Type)
	}
	b := bundle{Total: raw.Total}
	for _, l := range raw.Link {
		switch l.Relation {
		case "next":
			b.Next = l.URL
		case "self":
			b.Self = l.URL
		}
	}
	for _, e := range raw.Entry {
		r := parseResource(t, e.Resource)
		switch e.Search.Mode {
		case "match":
			b.Matches = append(b.Matches, r)
		case "include":
			b.Includes = append(b.Includes, r)
		case "outcome":
			b.Outcomes = append(b.Outcomes, r)
		default:
			t.Fatalf("an entry has the mode %q", e.Search.Mode)
		}
		if e.Search.Mode != "outcome" && !strings.HasSuffix(e.FullURL, "/"+r.ref()) {
			t.Errorf("an entry's fullUrl does not end in its own %s/id", r.Type)
		}
	}
	return b
}

// all follows the pages to the end.
func (c *caller) all(t testing.TB, path string) (matches, includes []resource) {
	t.Helper()
	for pages := 0; path != ""; pages++ {
		if pages > 500 {
			t.Fatal("the pages have no end")
		}
		b := c.get(t, path).bundle(t)
		matches, includes = append(matches, b.Matches...), append(includes, b.Includes...)
		path = b.Next
	}
	return matches, includes
}

// chart is everything that the caller gets of one client: each type, with its Provenances.
func (c *caller) chart(t testing.TB, id string) []resource {
	t.Helper()
	var all []resource
	for _, typ := range chartTypes {
		path := typ + "?_count=200&patient=" + id
		if typ == "Patient" {
			path = "Patient?_count=200&_id=" + id
		}
		a := c.get(t, path)
		if a.status == http.StatusForbidden {
			continue // no scope for the type
		}
		if a.status == http.StatusNotFound {
			continue // the source holds nothing of the type: else nobody would be an empty Bundle
		}
		b := a.bundle(t)
		all = append(all, b.Matches...)
		for b.Next != "" {
			b = c.get(t, b.Next).bundle(t)
			all = append(all, b.Matches...)
		}
	}
	return all
}

// chartTypes are the types that stand in a client's chart.
var chartTypes = []string{"Patient", "RelatedPerson", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal", "DocumentReference", "Consent", "Provenance",
	"AllergyIntolerance", "CareTeam", "Coverage", "DiagnosticReport", "EpisodeOfCare", "Immunization", "ServiceRequest"}

// directoryTypes are the types of the practice's own staff and sites, and of others whom a chart names.
var directoryTypes = []string{"Practitioner", "Organization", "Location", "PractitionerRole"}

func ofType(all []resource, typ string) []resource {
	return slices.DeleteFunc(slices.Clone(all), func(r resource) bool { return r.Type != typ })
}

func refs(all []resource) []string {
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.ref()
	}
	slices.Sort(out)
	return out
}

// labels are the codes of meta.security and DocumentReference.securityLabel.
func (r resource) labels() []string {
	var out []string
	for _, path := range []string{"meta.security.code", "securityLabel.coding.code"} {
		for _, v := range at(r.Tree, path) {
			if s, ok := v.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// at gives the values at a dotted path, through arrays.
func at(tree any, path string) []any {
	name, rest, more := strings.Cut(path, ".")
	switch x := tree.(type) {
	case []any:
		var out []any
		for _, e := range x {
			out = append(out, at(e, path)...)
		}
		return out
	case map[string]any:
		v, ok := x[name]
		if !ok {
			return nil
		}
		if more {
			return at(v, rest)
		}
		if list, ok := v.([]any); ok {
			return list
		}
		return []any{v}
	}
	return nil
}

// eachReference visits every literal reference in a resource.
func (r resource) eachReference(visit func(string)) { eachReference(r.Tree, visit) }

func eachReference(tree any, visit func(string)) {
	switch x := tree.(type) {
	case []any:
		for _, e := range x {
			eachReference(e, visit)
		}
	case map[string]any:
		for name, v := range x {
			if s, ok := v.(string); ok && name == "reference" {
				visit(s)
			}
			eachReference(v, visit)
		}
	}
}
