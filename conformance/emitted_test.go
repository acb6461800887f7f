package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// sampleSeed picks which resources the npm validators see, who are slow. google/fhir sees all.
const sampleSeed = 61

// sample picks n of the resources at random, and first of all ten of each type with each set of profiles.
func sample(all []resource, n int) []resource {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b resource) int { return strings.Compare(string(a.Raw), string(b.Raw)) })
	random := rand.New(rand.NewPCG(sampleSeed, sampleSeed))
	random.Shuffle(len(sorted), func(i, j int) { sorted[i], sorted[j] = sorted[j], sorted[i] })
	seen := map[string]int{}
	rare := func(r resource) int {
		kind := r.Type + strings.Join(claims(r), " ")
		if seen[kind]++; seen[kind] <= 10 {
			return 0
		}
		return 1
	}
	var first, rest []resource
	for _, r := range sorted {
		if rare(r) == 0 {
			first = append(first, r)
		} else {
			rest = append(rest, r)
		}
	}
	return slices.Concat(first, rest)[:min(max(n, len(first)), len(all))]
}

// kind is one kind of answer: how it is asked for, and what it is.
type kind struct {
	method, path, body string
	header             http.Header
	status             int
	holds              string // what its Bundle holds; "" for one resource
	inPerson           bool   // asked by the client's own app
}

const formType = "application/x-www-form-urlencoded"

// kindsOfAnswer are all that the FHIR API can answer with, each once. ID is a client with Part 2 records, NOBODY an id that was never given; Binaries are
// added by askForEachKind, which has to find one.
var kindsOfAnswer = map[string]kind{
	"a searchset":            {path: "Encounter?patient=ID", status: 200, holds: "match"},
	"a searchset by POST":    {method: "POST", path: "Encounter/_search", body: "patient=ID", header: http.Header{"Content-Type": {formType}}, status: 200, holds: "match"},
	"with includes":          {path: "DocumentReference?patient=ID&_revinclude=Provenance:target", status: 200, holds: "match include outcome"},
	"a page":                 {path: "DocumentReference?patient=ID&_count=2", status: 200, holds: "match"},
	"with an outcome":        {path: "Encounter?patient=ID&shoe-size=42", status: 200, holds: "match outcome"},
	"an empty searchset":     {path: "Encounter?patient=NOBODY", status: 200, holds: "nothing"},
	"a count":                {path: "Encounter?patient=ID&_count=0", status: 200, holds: "nothing"},
	"the directory":          {path: "Practitioner", status: 200, holds: "match"},
	"the clients":            {path: "Patient", status: 200, holds: "match"},
	"$everything":            {path: "Patient/ID/$everything?_count=50", status: 200, holds: "match outcome"},
	"$everything by POST":    {method: "POST", path: "Patient/ID/$everything", body: `{"resourceType":"Parameters","parameter":[{"name":"_type","valueCode":"Encounter"}]}`, header: http.Header{"Content-Type": {"application/fhir+json"}}, status: 200, holds: "match"},
	"$docref":                {path: "DocumentReference/$docref?patient=ID", status: 200, holds: "match outcome"},
	"$docref of nobody":      {path: "DocumentReference/$docref?patient=NOBODY", status: 200, holds: "nothing"},
	"the compartment":        {path: "Patient/ID/Observation", status: 200, holds: "match"},
	"$everything of nobody":  {path: "Patient/NOBODY/$everything", status: 404},
	"with what it refers to": {path: "DocumentReference?patient=ID&_include=*&_include:iterate=Encounter:*&_revinclude=*", status: 200, holds: "match include outcome"},
	"some elements":          {path: "DocumentReference?patient=ID&_elements=type,date", status: 200, holds: "match outcome"},
	"no elements":            {path: "Condition?patient=ID&_elements=id", status: 200, holds: "match"},
	"elements of Consents":   {path: "Consent?patient=ID&_elements=status", status: 200, holds: "match"},
	"elements of a Patient":  {path: "Patient/ID?_elements=birthDate", status: 200},
	"a summary":              {path: "Observation?patient=ID&_summary=true", status: 200, holds: "match"},
	"a summary as text":      {path: "Encounter?patient=ID&_summary=text", status: 200, holds: "match"},
	"a summary of the data":  {path: "MedicationRequest?patient=ID&_summary=data", status: 200, holds: "match"},
	"a summary as a count":   {path: "Encounter?patient=ID&_summary=count", status: 200, holds: "nothing"},
	"the whole":              {path: "Goal?patient=ID&_summary=false", status: 200, holds: "match"},
	"both":                   {path: "Goal?patient=ID&_summary=true&_elements=id", status: 400},
	"a batch": {method: "POST", path: "", header: http.Header{"Content-Type": {"application/fhir+json"}}, status: 200, body: `{"resourceType":"Bundle","type":"batch","entry":[` +
		`{"request":{"method":"GET","url":"Patient/ID"}},{"request":{"method":"GET","url":"DocumentReference?patient=ID"}},{"request":{"method":"GET","url":"Patient/NOBODY"}},{"request":{"method":"PUT","url":"Patient/ID"}}]}`},
	"AuditEvents":           {path: "AuditEvent?patient=ID&_count=5", status: 200, holds: "match", inPerson: true},
	"AuditEvents, cut":      {path: "AuditEvent?patient=ID&_count=5&_summary=true", status: 200, holds: "match", inPerson: true},
	"AuditEvents of others": {path: "AuditEvent?patient=ID", status: 200, holds: "nothing"},
	"a batch of Bundles": {method: "POST", path: "", header: http.Header{"Content-Type": {"application/fhir+json"}}, status: 200, body: `{"resourceType":"Bundle","type":"batch","entry":[` +
		`{"request":{"method":"GET","url":"Patient/ID/$everything?_count=5"}},{"request":{"method":"GET","url":"DocumentReference/$docref?patient=ID"}},{"request":{"method":"HEAD","url":"Patient/ID"}}]}`},
	"Binaries":                 {path: "Binary", status: 404},
	"a batch of another kind":  {method: "POST", path: "", header: http.Header{"Content-Type": {"application/fhir+json"}}, status: 400, body: `{"resourceType":"Bundle","type":"transaction"}`},
	"capabilities":             {path: "metadata", status: 200},
	"a malformed parameter":    {path: "Encounter?patient=ID&date=yesterday", status: 400},
	"not found":                {path: "Encounter/NOBODY", status: 404},
	"a write":                  {method: "POST", path: "Encounter", body: "{}", status: 405},
	"XML":                      {path: "Encounter?patient=ID&_format=xml", status: 406},
	"a search in JSON":         {method: "POST", path: "Encounter/_search", body: "{}", header: http.Header{"Content-Type": {"application/json"}}, status: 415},
	"without a valid token":    {path: "Encounter?patient=ID", header: http.Header{"Authorization": {"Bearer x"}}, status: 401},
	"a query that is too long": {path: "Encounter?patient=ID&code=" + strings.Repeat("x", 17<<10), status: 414},
}

var answered struct {
	once sync.Once
	all  map[string]resource
}

// everyKindOfAnswer is an answer of each kind, and the resources in it that nobody gets elsewhere.
func everyKindOfAnswer(t *testing.T) map[string]resource {
	t.Helper()
	answered.once.Do(func() { answered.all = askForEachKind(t, sharedClinic(t)) })
	if len(answered.all) == 0 {
		t.Fatal("there are no answers: see the test that asked first")
	}
	return answered.all
}

// auditEvents are those among them, whole.
func auditEvents(t *testing.T) (out []resource) {
	t.Helper()
	for _, r := range everyKindOfAnswer(t) {
		if r.Type == "AuditEvent" && !slices.Contains(texts(r.Tree, "meta.tag.code"), "SUBSETTED") {
			out = append(out, r)
		}
	}
	return out
}

func askForEachKind(t *testing.T, c *clinic) map[string]resource {
	t.Helper()
	id := c.id(t, c.practice.Story.Referred)
	partner, client := c.as(t, newDawn), whoWasRead(t)
	fill := strings.NewReplacer("ID", id, "NOBODY", stranger())
	out := map[string]resource{}
	for name, k := range kindsOfAnswer {
		method := k.method
		if method == "" {
			method = http.MethodGet
		}
		ask := partner
		if k.inPerson {
			ask = client
		}
		a := ask.do(t, method, fill.Replace(k.path), strings.NewReader(fill.Replace(k.body)), k.header)
		if a.status != k.status {
			t.Errorf("%s: %d, want %d: %.300s", name, a.status, k.status, a.body)
			continue
		}
		r := parseResource(t, a.body)
		out[name] = r
		maps.Copy(out, entriesOf(t, name, r))
		modes := map[string]bool{}
		for _, m := range texts(r.Tree, "entry.search.mode") {
			modes[m] = true
		}
		for _, want := range strings.Fields(k.holds) {
			if want != "nothing" && !modes[want] || want == "nothing" && len(modes) > 0 {
				t.Errorf("%s: it holds entries of the modes %v, want %s", name, slices.Sorted(maps.Keys(modes)), k.holds)
			}
		}
	}
	ask, document := aDocumentWithABinary(t, c)
	binary := urlsOf(document)[0]
	fhirJSON := http.Header{"Accept": {"application/fhir+json"}}
	out["a Binary"] = ask.do(t, http.MethodGet, binary, nil, fhirJSON).resource(t)
	out["a document with a Binary"] = ask.get(t, document.ref()).resource(t)
	maps.Copy(out, entriesOf(t, "a Binary in a batch", ask.batch(t, "GET "+strings.TrimPrefix(binary, c.base+"/")).resource(t)))
	for name, r := range map[string]*answer{"a Binary of nobody": ask.get(t, "Binary/"+stranger()), "a Binary beyond its end": ask.do(t, http.MethodGet, binary, nil, http.Header{"Range": {"bytes=99999999-"}})} {
		if r.status < 400 {
			t.Errorf("%s: %d", name, r.status)
		}
		if len(r.body) > 0 {
			out[name] = parseResource(t, r.body)
		}
	}
	seen := map[string]int{}
	for _, r := range out {
		seen[r.Type]++
	}
	if seen["AuditEvent"] < 2 || seen["Binary"] < 2 {
		t.Errorf("there are %d AuditEvents and %d Binaries", seen["AuditEvent"], seen["Binary"])
	}
	return out
}

// whoWasRead is the same client of a gateway with a short ledger, of whom a partner has read: the shared one may have answered ten thousands of
// questions about them, and makes AuditEvents of each.
func whoWasRead(t *testing.T) *caller {
	t.Helper()
	c := ownClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	partner := c.as(t, newDawn)
	partner.get(t, "Patient/"+id)
	partner.get(t, "DocumentReference?patient="+id)
	return c.person(t, id, "Patient/"+id)
}

// urlsOf are those of a document's attachments.
func urlsOf(document resource) []string { return texts(document.Tree, "content.attachment.url") }

// aDocumentWithABinary is one whose content somebody gets by a URL, and who.
func aDocumentWithABinary(t *testing.T, c *clinic) (*caller, resource) {
	t.Helper()
	for _, p := range machines {
		ask := c.as(t, p)
		for _, k := range c.practice.Clients {
			a := ask.get(t, "DocumentReference?_count=200&patient="+c.id(t, k))
			if a.status != http.StatusOK {
				continue
			}
			for _, d := range a.bundle(t).Matches {
				if len(urlsOf(d)) > 0 {
					return ask, d
				}
			}
		}
	}
	t.Fatal("no document leads to a Binary")
	return nil, resource{}
}

// entriesOf are the resources in a Bundle that are not among what is released: outcomes, AuditEvents, Binaries, and those of which a part is shown.
func entriesOf(t *testing.T, name string, bundle resource) map[string]resource {
	t.Helper()
	out := map[string]resource{}
	for i, tree := range slices.Concat(at(bundle.Tree, "entry.resource"), at(bundle.Tree, "entry.response.outcome")) {
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if r := parseResource(t, raw); slices.Contains([]string{"OperationOutcome", "AuditEvent", "Binary"}, r.Type) || slices.Contains(texts(tree, "meta.tag.code"), "SUBSETTED") {
			out[fmt.Sprintf("%s, entry %d", name, i+1)] = r
		}
	}
	return out
}

// TestEverythingEmittedIsValidToGoogleFHIR reads every resource that anybody gets, and an answer of every kind, with google/fhir's own validation.
func TestEverythingEmittedIsValidToGoogleFHIR(t *testing.T) {
	t.Parallel()
	all := everythingReleased(t)
	for _, r := range all {
		if _, err := fhirjson.Parse(r.Raw); err != nil {
			t.Errorf("a %s: %v", r.Type, err)
		}
	}
	for name, r := range everyKindOfAnswer(t) {
		if _, err := fhirjson.Parse(r.Raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// validInPart validates 500 at most of what a folder releases with the npm validators, where they are installed. google/fhir has seen all of it.
func validInPart(t *testing.T, all []resource) {
	t.Helper()
	if !hasNode() {
		t.Log("the npm packages are not installed: what the folder releases is validated by google/fhir alone")
		return
	}
	part := sample(all, 500)
	for _, r := range part { // pd-1 of US Core, which no validator evaluates here
		if r.Type == "PractitionerRole" && len(at(r.Tree, "telecom"))+len(at(r.Tree, "endpoint")) == 0 {
			t.Error("a PractitionerRole has neither telecom nor endpoint")
		}
	}
	v := validate(t, ndjson(t, part))
	if v.count != len(part) || v.count < 200 {
		t.Errorf("%d of %d resources were validated", v.count, len(part))
	}
	for p, n := range v.problems {
		t.Errorf("%d times: %s", n, p)
	}
	t.Logf("of the folder, validated against the profiles: %v", v.checked)
}

// TestWhatIsReleasedIsValid validates a sample of what is released, and an answer of every kind, with two validators that nobody here wrote,
// against FHIR and the profiles that it claims.
func TestWhatIsReleasedIsValid(t *testing.T) {
	t.Parallel()
	needsNode(t)
	all := sample(everythingReleased(t), 2000)
	if len(all) != 2000 {
		t.Errorf("the sample is of %d resources", len(all))
	}
	answers := everyKindOfAnswer(t)
	all = slices.AppendSeq(all, maps.Values(answers))
	v := validate(t, ndjson(t, all))
	if v.count != len(all) {
		t.Errorf("%d of %d resources were validated", v.count, len(all))
	}
	for p, n := range v.problems {
		t.Errorf("%d times: %s", n, p)
	}
	for _, url := range []string{ours + "consent", ours + "consent-extract", ours + "documentreference", ours + "patient", ours + "provenance", ours + "auditevent", pcf + "Basic", pcf + "Intermediate", balp + "PatientRead"} {
		if v.checked[url] == 0 {
			t.Errorf("nothing was validated against %s", url)
		}
	}
	t.Logf("validated against the profiles: %v", v.checked)
}
