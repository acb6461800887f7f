package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/practice"
)

// TestRefusalsAreFixed checks status, issue code, text and headers of each refusal.
func TestRefusalsAreFixed(t *testing.T) {
	c := sharedClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	good, narrow := c.as(t, harbor), c.mint(t, with(c.claims(harbor), map[string]any{"scope": "system/Observation.r"}))
	nobody := &caller{base: c.base}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	big := strings.Repeat("x", 70<<10)
	for name, x := range map[string]struct {
		caller       *caller
		method, path string
		body         string
		header       http.Header
		status       int
		code, text   string
		want         http.Header
	}{
		"no token":               {nobody, "GET", "Patient/" + id, "", nil, 401, "login", "An access token is required.", http.Header{"Www-Authenticate": {`Bearer realm="fhir"`}}},
		"another scheme":         {nobody, "GET", "Patient/" + id, "", http.Header{"Authorization": {"Basic YTpi"}}, 401, "unknown", "The access token is not valid here.", http.Header{"Www-Authenticate": {`Bearer realm="fhir", error="invalid_token"`}}},
		"token in the query":     {nobody, "GET", "Patient/" + id + "?access_token=" + good.token, "", nil, 401, "login", "An access token is required.", nil},
		"token twice":            {nobody, "GET", "Patient/" + id, "", http.Header{"Authorization": {"Bearer " + good.token, "Bearer " + good.token}}, 401, "", "", nil},
		"bad token":              {nobody, "GET", "Patient/" + id, "", http.Header{"Authorization": {"Bearer x"}}, 401, "unknown", "The access token is not valid here.", http.Header{"Www-Authenticate": {`Bearer realm="fhir", error="invalid_token"`}}},
		"scope of another type":  {narrow, "GET", "Patient/" + id, "", nil, 403, "forbidden", "The scopes of the access token do not allow this.", http.Header{"Www-Authenticate": {`Bearer realm="fhir", error="insufficient_scope"`}}},
		"scope to read, search":  {narrow, "GET", "Observation?patient=" + id, "", nil, 403, "forbidden", "The scopes of the access token do not allow this.", nil},
		"no client named":        {good, "GET", "DocumentReference?type=http://loinc.org|11506-3", "", nil, 400, "required", "A search must name its client, by patient, subject or _id.", nil},
		"no client named, POST":  {good, "POST", "Observation/_search", "code=x", form, 400, "required", "A search must name its client, by patient, subject or _id.", nil},
		"two clients named":      {good, "GET", "Observation?patient=" + id + "," + stranger(), "", nil, 400, "invalid", "A parameter is malformed or not supported.", nil},
		"malformed date":         {good, "GET", "Observation?patient=" + id + "&date=yesterday", "", nil, 400, "invalid", "A parameter is malformed or not supported.", nil},
		"unknown, strictly":      {good, "GET", "Observation?patient=" + id + "&shoe-size=42", "", http.Header{"Prefer": {"handling=strict"}}, 400, "invalid", "A parameter is malformed or not supported.", nil},
		"query not decodable":    {good, "GET", "Observation?patient=%zz", "", nil, 400, "structure", "The request cannot be read.", nil},
		"semicolon in the query": {good, "GET", "Observation?patient=" + id + ";code=x", "", nil, 400, "structure", "The request cannot be read.", nil},
		"foreign page token":     {good, "GET", "Observation?_page=AAAA", "", nil, 400, "invalid", "A parameter is malformed or not supported.", nil},
		"unknown type":           {good, "GET", "Appointment?patient=" + id, "", nil, 404, "not-supported", "This server has no such resource type or operation.", nil},
		"unknown operation":      {good, "GET", "Patient/" + id + "/$match", "", nil, 404, "not-supported", "This server has no such resource type or operation.", nil},
		"create":                 {good, "POST", "DocumentReference", "{}", http.Header{"Content-Type": {"application/fhir+json"}}, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"GET, HEAD"}}},
		"update":                 {good, "PUT", "Patient/" + id, "{}", nil, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"GET, HEAD"}}},
		"patch":                  {good, "PATCH", "Patient/" + id, "{}", nil, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"GET, HEAD"}}},
		"a batch that is none":   {good, "POST", "", `{"resourceType":"Bundle","type":"transaction"}`, http.Header{"Content-Type": {"application/fhir+json"}}, 400, "structure", "The request cannot be read.", nil},
		"a batch as a form":      {good, "POST", "", "a=b", form, 415, "not-supported", "The body must be a form, application/x-www-form-urlencoded, or application/fhir+json for an operation or a batch.", nil},
		"a batch of nobody":      {nobody, "POST", "", "{}", http.Header{"Content-Type": {"application/fhir+json"}}, 401, "login", "An access token is required.", nil},
		"update of no type":      {good, "PUT", "Nothing/x", "{}", nil, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"GET, HEAD"}}},
		"delete without a type":  {good, "DELETE", "", "", nil, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"POST"}}},
		"delete":                 {good, "DELETE", "Patient/" + id, "", nil, 405, "not-supported", "This server is read only, and does not answer this method here.", http.Header{"Allow": {"GET, HEAD"}}},
		"GET of _search":         {good, "GET", "Patient/_search", "", nil, 404, "not-found", "There is no such resource, or it is not available to you.", nil},
		"XML":                    {good, "GET", "Patient/" + id, "", http.Header{"Accept": {"application/fhir+xml"}}, 406, "not-supported", "This server answers in application/fhir+json only.", nil},
		"XML by _format":         {good, "GET", "Patient/" + id + "?_format=xml", "", nil, 406, "not-supported", "This server answers in application/fhir+json only.", nil},
		"FHIR R5":                {good, "GET", "Patient/" + id, "", http.Header{"Accept": {"application/fhir+json; fhirVersion=5.0"}}, 406, "not-supported", "This server answers in application/fhir+json only.", nil},
		"query too long":         {good, "GET", "Observation?patient=" + id + "&code=" + big[:17<<10], "", nil, 414, "too-long", "The query of the request is too long. A search may be posted as a form.", nil},
		"form too long":          {good, "POST", "Observation/_search", "patient=" + id + "&code=" + big, form, 413, "too-long", "The body of the request is too long.", nil},
		"JSON to _search":        {good, "POST", "Observation/_search", `{"patient":"x"}`, http.Header{"Content-Type": {"application/json"}}, 415, "not-supported", "The body must be a form, application/x-www-form-urlencoded, or application/fhir+json for an operation or a batch.", nil},
		"no type to _search":     {good, "POST", "Observation/_search", "patient=" + id, nil, 415, "not-supported", "The body must be a form, application/x-www-form-urlencoded, or application/fhir+json for an operation or a batch.", nil},
		"gzip to _search":        {good, "POST", "Observation/_search", "patient=" + id, http.Header{"Content-Type": form["Content-Type"], "Content-Encoding": {"gzip"}}, 415, "not-supported", "The body must be a form, application/x-www-form-urlencoded, or application/fhir+json for an operation or a batch.", nil},
	} {
		a := x.caller.do(t, x.method, x.path, strings.NewReader(x.body), x.header)
		if a.status != x.status || a.header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || a.header.Get("Cache-Control") == "" {
			t.Errorf("%s: status %d, headers %v; want %d", name, a.status, a.header, x.status)
			continue
		}
		outcome := parseResource(t, a.body)
		if x.code != "" && (outcome.Type != "OperationOutcome" || issueCode(t, a) != x.code || !slices.Equal(texts(outcome.Tree, "issue.details.text"), []string{x.text})) {
			t.Errorf("%s: %s", name, a.body)
		}
		for h := range x.want {
			if a.header.Get(h) != x.want.Get(h) {
				t.Errorf("%s: %s is %q, want %q", name, h, a.header.Get(h), x.want.Get(h))
			}
		}
		if strings.Contains(string(a.body), id) {
			t.Errorf("%s: the answer repeats the id", name)
		}
	}
}

// sameAnswer compares answers to the byte, but for the date.
func sameAnswer(want, got *answer) string {
	a, b := want.header.Clone(), got.header.Clone()
	a.Del("Date")
	b.Del("Date")
	if want.status != got.status {
		return fmt.Sprintf("status %d, want %d", got.status, want.status)
	}
	return cmp.Diff(a, b) + cmp.Diff(string(want.body), string(got.body))
}

// withheldIDs are ids of resources of a client that newDawn or the client sees and the insurer does not.
func withheldIDs(t *testing.T, c *clinic, client practice.ClientKey) []string {
	t.Helper()
	id := c.id(t, client)
	seen := refs(c.as(t, blueriver).chart(t, id))
	var out []string
	for _, r := range append(c.as(t, newDawn).chart(t, id), c.person(t, id, "Patient/"+id).chart(t, id)...) {
		if !slices.Contains(seen, r.ref()) && r.Type != "Consent" {
			out = append(out, r.ref())
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d resources are withheld from the insurer", len(out))
	}
	return out
}

// TestUnknownTamperedForeignAndWithheldAreOneAnswer compares the 404 of each kind of id that a requester may not see, headers and all.
func TestUnknownTamperedForeignAndWithheldAreOneAnswer(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, blueriver)
	want := caller.get(t, "Encounter/"+stranger())
	if want.status != http.StatusNotFound || issueCode(t, want) != "not-found" {
		t.Fatalf("an unknown id: %d %s", want.status, want.body)
	}
	story := c.practice.Story
	ids := withheldIDs(t, c, story.Referred)
	own := caller.chart(t, c.id(t, story.Referred))
	for _, r := range own[:3] {
		flipped := flip(r.ID)
		ids = append(ids, r.Type+"/"+flipped, r.Type+"/"+r.ID[:63], r.Type+"/"+r.ID+"a", r.Type+"/"+strings.ToUpper(r.ID), "Goal/"+r.ID)
	}
	for _, client := range []practice.ClientKey{story.Unreleased, story.HalfCouple[1], "1007"} {
		ids = append(ids, "Patient/"+c.id(t, client), "Encounter/"+c.id(t, client))
	}
	ids = append(ids, "Patient/"+stranger(), "Patient/1", "Patient/1001", "Encounter/"+strings.Repeat("a", 64), "DocumentReference/.", "Provenance/A-.1", "Consent/"+stranger(),
		"RelatedPerson/"+stranger(), "Practitioner/"+stranger(), "Organization/"+stranger())
	for _, p := range ids {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := caller.do(t, method, p, nil, http.Header{"If-None-Match": {"*"}})
			expect := *want
			if method == http.MethodHead {
				expect.body = []byte{}
			}
			if diff := sameAnswer(&expect, a); diff != "" {
				t.Errorf("%s of a %s differs from the answer for an unknown id:\n%s", method, strings.SplitN(p, "/", 2)[0], diff)
			}
		}
	}
}

// flip changes one character of an id to another of its alphabet.
func flip(id string) string {
	c := byte('a')
	if id[30] == c {
		c = 'b'
	}
	return id[:30] + string(c) + id[31:]
}

// TestAClientWithoutReleaseIsNobody compares every answer about a client who released nothing with that about a client who never was.
func TestAClientWithoutReleaseIsNobody(t *testing.T) {
	c := sharedClinic(t)
	real := c.id(t, c.practice.Story.Unreleased)
	for _, partner := range machines {
		caller := c.as(t, partner)
		for _, r := range readCapability(t, c.base).Rest[0].Resource {
			for _, query := range []string{"?patient=ID", "?patient=ID&_count=1&_total=accurate&_revinclude=Provenance:target", "?_id=ID", "/ID", "?subject=Patient/ID", "?patient=ID&_sort=-_lastUpdated", "?patient=ID&_lastUpdated=gt2000"} {
				if r.Type == "Patient" && !strings.Contains(query, "_id") && query != "/ID" {
					continue // a Patient is not searched by patient: that parameter is ignored, and the answer is the partner's reach
				}
				invented := stranger()
				want := caller.get(t, r.Type+strings.ReplaceAll(query, "ID", invented))
				got := caller.get(t, r.Type+strings.ReplaceAll(query, "ID", real))
				if diff := sameAnswer(replaced(want, invented), replaced(got, real)); diff != "" {
					t.Errorf("%s: %s%s tells a client without release from nobody:\n%s", partner, r.Type, query, diff)
				}
				if len(got.body) > 0 && got.status == http.StatusOK && strings.Contains(string(got.body), `"entry":[{"fullUrl"`) && !inDirectory(r.Type) {
					t.Errorf("%s: %s%s gives a resource", partner, r.Type, query)
				}
			}
		}
		for _, target := range []string{"Patient/ID/$everything", "Patient/ID/$everything?_count=1&_since=2000-01-01T00:00:00Z", "Patient/ID/Encounter", "Patient/ID/Consent?_count=1",
			"DocumentReference/$docref?patient=ID", "DocumentReference/$docref?patient=ID&start=2000&_count=1"} {
			invented := stranger()
			want, got := caller.get(t, strings.ReplaceAll(target, "ID", invented)), caller.get(t, strings.ReplaceAll(target, "ID", real))
			if diff := sameAnswer(replaced(want, invented), replaced(got, real)); diff != "" {
				t.Errorf("%s: %s tells a client without release from nobody:\n%s", partner, target, diff)
			}
		}
	}
}

// replaced takes the id out of an answer: the self link repeats it. The ETag covers the self link.
func replaced(a *answer, id string) *answer {
	b := &answer{status: a.status, header: a.header.Clone(), body: []byte(strings.ReplaceAll(string(a.body), id, "ID"))}
	b.header.Del("Etag")
	return b
}

// TestHeadIsGetWithoutABody compares the headers.
func TestHeadIsGetWithoutABody(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, newDawn)
	id := c.id(t, c.practice.Story.Referred)
	paths := []string{"metadata", ".well-known/smart-configuration", "Patient/" + id, "Patient?_id=" + id, "DocumentReference?_count=2&patient=" + id, "Patient/x", "Nothing/x", "DocumentReference", "Practitioner?name=a",
		"Patient/" + id + "/$everything", "Patient/" + id + "/$everything?_count=3", "DocumentReference/$docref?patient=" + id, "Patient/" + id + "/Encounter", "Patient/x/$everything"}
	for _, r := range caller.chart(t, id)[:20] {
		paths = append(paths, r.ref())
	}
	for _, p := range paths {
		get, head := caller.get(t, p), caller.do(t, http.MethodHead, p, nil, nil)
		get.body = []byte{}
		if p == paths[4] {
			// The next link is sealed anew each time, in as many characters.
			if get.header.Get("Content-Length") != head.header.Get("Content-Length") {
				t.Error("a page with a next link has another length by HEAD")
			}
		}
		if diff := sameAnswer(get, head); diff != "" {
			t.Errorf("HEAD of %s:\n%s", withoutQuery(p)[:min(20, len(withoutQuery(p)))], diff)
		}
		if head.header.Get("Content-Length") == "" || head.header.Get("Content-Length") == "0" {
			t.Errorf("HEAD of %.20s has the length %q", p, head.header.Get("Content-Length"))
		}
	}
}

// TestEveryTaggedAnswerRevalidates asks again with the ETag, weak or strong, among others.
func TestEveryTaggedAnswerRevalidates(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, newDawn)
	id := c.id(t, c.practice.Story.Referred)
	for _, p := range []string{"Patient/" + id, "DocumentReference?patient=" + id, "metadata", caller.chart(t, id)[30].ref()} {
		first := caller.get(t, p)
		tag := first.header.Get("Etag")
		if first.status != 200 || !strings.HasPrefix(tag, `W/"`) {
			t.Fatalf("%.20s: %d with the tag %q", p, first.status, tag)
		}
		for _, ask := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
			again := caller.do(t, http.MethodGet, p, nil, http.Header{"If-None-Match": {ask}})
			if again.status != http.StatusNotModified || len(again.body) > 0 || again.header.Get("Etag") != tag {
				t.Errorf("%.20s with its own tag: %d, %d bytes", p, again.status, len(again.body))
			}
		}
		if other := caller.do(t, http.MethodGet, p, nil, http.Header{"If-None-Match": {`W/"x"`}}); other.status != 200 || string(other.body) != string(first.body) {
			t.Errorf("%.20s with another tag: %d", p, other.status)
		}
	}
}

// TestPagesBelongToWhoBeganThem takes one partner's page token to another partner, purpose, scope and type, and pages are whole.
func TestPagesBelongToWhoBeganThem(t *testing.T) {
	c := sharedClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	a := c.as(t, newDawn)
	whole, _ := a.all(t, "DocumentReference?_count=200&patient="+id)
	for _, sort := range []string{"", "&_sort=date", "&_sort=-type,date", "&_sort=-_lastUpdated"} {
		for _, count := range []string{"1", "3", "7"} {
			paged, _ := a.all(t, "DocumentReference?_count="+count+sort+"&patient="+id)
			if diff := cmp.Diff(refs(whole), refs(paged)); diff != "" {
				t.Errorf("pages of %s%s are not the whole (-want +got):\n%s", count, sort, diff)
			}
		}
	}
	next := a.get(t, "DocumentReference?_count=2&patient="+id).bundle(t).Next
	token, err := url.Parse(next)
	if err != nil || token.Query().Get("_page") == "" || strings.Contains(next, id) {
		t.Fatal("the next link is none, or names the client")
	}
	page := token.Query().Get("_page")
	again := c.as(t, newDawn) // the same partner with another token
	if got := again.get(t, next); got.status != 200 {
		t.Errorf("the same partner's next token: %d", got.status)
	}
	for name, other := range map[string]*caller{
		"another partner": c.as(t, harbor), "the insurer": c.as(t, blueriver), "the client": c.person(t, id, "Patient/"+id),
		"narrower scopes": c.mint(t, with(c.claims(newDawn), map[string]any{"scope": "system/DocumentReference.rs"})),
		"another purpose": c.mint(t, with(c.claims(newDawn), map[string]any{"purpose_of_use": "HPAYMT"})),
	} {
		if got := other.get(t, next); got.status != 400 || len(got.body) > 1000 {
			t.Errorf("%s with the page token: %d", name, got.status)
		}
	}
	for name, path := range map[string]string{"another type": "Encounter?_page=" + page, "tampered": "DocumentReference?_page=" + tamperedPage(page), "with a client": next + "&patient=" + id, "cut": "DocumentReference?_page=" + page[:len(page)-4]} {
		if got := a.get(t, path); got.status != 400 {
			t.Errorf("a page token, %s: %d", name, got.status)
		}
	}
}

func tamperedPage(p string) string {
	c := "A"
	if p[10:11] == c {
		c = "B"
	}
	return p[:10] + c + p[11:]
}

// TestAnswersCarryTheRequestID repeats a UUID and nothing else.
func TestAnswersCarryTheRequestID(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, harbor)
	const id = "3F2504E0-4F89-11D3-9A0C-0305E82C3301"
	if got := caller.do(t, "GET", "Patient/x", nil, http.Header{"X-Request-Id": {id}}); got.header.Get("X-Request-Id") != id {
		t.Error("a UUID was not repeated")
	}
	if got := caller.do(t, "GET", "Patient/x", nil, http.Header{"X-Request-Id": {"<script>"}}); got.header.Get("X-Request-Id") != "" {
		t.Error("something else was repeated")
	}
}

// TestPublicDocuments reads the two documents without a token, from any origin.
func TestPublicDocuments(t *testing.T) {
	c := sharedClinic(t)
	nobody := &caller{base: c.base}
	for path, content := range map[string]string{"metadata": "application/json; charset=utf-8", "metadata?_format=json": "application/fhir+json; charset=utf-8", ".well-known/smart-configuration": "application/json; charset=utf-8"} {
		a := nobody.do(t, "GET", path, nil, http.Header{"Origin": {"https://app.example"}, "Accept": {"application/json"}})
		if a.status != 200 || a.header.Get("Content-Type") != content || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if pre := nobody.do(t, "OPTIONS", path, nil, http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"GET"}}); pre.status != 204 {
			t.Errorf("%s: preflight %d", path, pre.status)
		}
	}
	var smart struct {
		TokenEndpoint string   `json:"token_endpoint"`
		Grants        []string `json:"grant_types_supported"`
		Challenges    []string `json:"code_challenge_methods_supported"`
		Capabilities  []string `json:"capabilities"`
		Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	}
	a := nobody.do(t, "GET", ".well-known/smart-configuration", nil, http.Header{"Accept": {"text/html"}})
	if err := json.Unmarshal(a.body, &smart); err != nil || smart.TokenEndpoint == "" || !slices.Contains(smart.Grants, "client_credentials") || !slices.Contains(smart.Challenges, "S256") ||
		slices.Contains(smart.Challenges, "plain") || !slices.Contains(smart.Capabilities, "permission-v2") || !slices.Contains(smart.Algorithms, "ES384") && !slices.Contains(smart.Algorithms, "RS384") {
		t.Errorf("the SMART configuration: %v %+v", err, smart)
	}
	if got := endpointOfStatement(t, nobody.get(t, "metadata").body); got != smart.TokenEndpoint {
		t.Error("the CapabilityStatement and the SMART configuration name different token endpoints")
	}
	for _, path := range []string{c.root + "/livez", c.root + "/readyz"} {
		if a := nobody.get(t, path); a.status != 200 || string(a.body) != "ok\n" {
			t.Errorf("%s: %d %q", path[len(c.root):], a.status, a.body)
		}
	}
}

// endpointOfStatement gives the token endpoint that a CapabilityStatement names: clients in use take this or the SMART configuration,
// whichever is there first.
func endpointOfStatement(t *testing.T, body []byte) (token string) {
	t.Helper()
	type extension struct{ URL, ValueURI string }
	var s struct {
		Rest []struct {
			Security struct {
				Extension []struct {
					URL       string
					Extension []extension
				}
			}
		}
	}
	if err := json.Unmarshal(body, &s); err != nil || len(s.Rest) != 1 {
		t.Fatalf("the CapabilityStatement: %v", err)
	}
	for _, e := range s.Rest[0].Security.Extension {
		for _, inner := range e.Extension {
			if e.URL == "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris" && inner.URL == "token" {
				token = inner.ValueURI
			}
		}
	}
	return token
}
