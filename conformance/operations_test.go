package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEverythingIsTheUnionOfAllSearches compares Patient/[id]/$everything with the searches of each type, to the byte, for each partner and for clients
// in person: nothing less, and beyond them only whom the records name and a read gives.
func TestEverythingIsTheUnionOfAllSearches(t *testing.T) {
	c := sharedClinic(t)
	story := c.practice.Story
	seen := 0
	for _, client := range slices.Concat(c.practice.Clients[:12], story.Couple[:], story.HalfCouple[:]) {
		id := c.id(t, client)
		callers := map[string]*caller{myRecords: c.person(t, id, "Patient/"+id)}
		for _, p := range machines {
			callers[p] = c.as(t, p)
		}
		for who, caller := range callers {
			chart := caller.chart(t, id)
			a := caller.get(t, "Patient/"+id+"/$everything")
			if len(chart) == 0 || len(ofType(chart, "Patient")) == 0 {
				if a.status != http.StatusNotFound && a.status != http.StatusForbidden {
					t.Errorf("%s: of a client without anything: %d", who, a.status)
				}
				continue
			}
			all := a.bundle(t)
			seen += len(all.Matches)
			if all.Next != "" || all.Total == nil || *all.Total != len(all.Matches) || len(all.Includes) > 0 || all.Matches[0].ref() != "Patient/"+id {
				t.Errorf("%s: %d entries of %v, %d includes, the first is a %s", who, len(all.Matches), all.Total, len(all.Includes), all.Matches[0].Type)
			}
			whole(t, who, caller, chart, all.Matches)
			paged, _ := caller.all(t, "Patient/"+id+"/$everything?_count=7")
			if diff := cmp.Diff(bodies(all.Matches), bodies(paged)); diff != "" {
				t.Errorf("%s: its pages are another whole", who)
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d resources were seen", seen)
	}
}

// whole holds the answer against what was found by searching and reading.
func whole(t *testing.T, who string, caller *caller, chart, all []resource) {
	t.Helper()
	named := map[string]bool{}
	for _, r := range all {
		r.eachReference(func(ref string) { named[ref] = true })
	}
	var ofTheChart, others []resource
	for _, r := range all {
		if slices.Contains(chartTypes, r.Type) {
			ofTheChart = append(ofTheChart, r)
		} else {
			others = append(others, r)
		}
	}
	if diff := cmp.Diff(sorted(bodies(chart)), sorted(bodies(ofTheChart))); diff != "" {
		t.Errorf("%s: $everything has %d resources of the chart, the searches %d", who, len(ofTheChart), len(chart))
	}
	for _, r := range others {
		if read := caller.get(t, r.ref()); read.status != http.StatusOK || string(read.body) != string(r.Raw) || !named[r.ref()] {
			t.Errorf("%s: a %s is there that a read does not give alike (%d), or that nothing names", who, r.Type, read.status)
		}
	}
	for ref := range named {
		if typ, _, _ := strings.Cut(ref, "/"); !slices.Contains(directoryTypes, typ) || slices.Contains(refs(others), ref) {
			continue
		}
		if caller.get(t, ref).status == http.StatusOK && who != myRecords { // whose scopes end with the chart
			t.Errorf("%s: something names a %s that a read gives, and it is not there", who, strings.SplitN(ref, "/", 2)[0])
		}
	}
}

func bodies(all []resource) (out []string) {
	for _, r := range all {
		out = append(out, string(r.Raw))
	}
	return out
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// TestWhatIsWithheldIsInNoOperation looks for what others see of a client in every operation's answer to the insurer, by every parameter.
func TestWhatIsWithheldIsInNoOperation(t *testing.T) {
	c := sharedClinic(t)
	story := c.practice.Story
	id := c.id(t, story.Referred)
	withheld := withheldIDs(t, c, story.Referred)
	caller := c.as(t, blueriver)
	for _, target := range []string{"Patient/ID/$everything", "Patient/ID/%24everything", "Patient/ID/$everything?_type=DocumentReference,Encounter,Observation", "Patient/ID/$everything?start=1900&end=2100",
		"Patient/ID/$everything?_since=2000-01-01T00:00:00Z", "Patient/ID/$everything?_count=1000", "DocumentReference/$docref?patient=ID", "DocumentReference/$docref?patient=ID&start=1900", "DocumentReference/$docref?patient=ID&type=http://loinc.org|11506-3",
		"Patient/ID/DocumentReference", "Patient/ID/Encounter?_revinclude=Provenance:target", "Patient/ID/Observation", "Patient/ID/Provenance", "Patient/ID/Consent", "Patient/ID/Goal"} {
		target = strings.ReplaceAll(target, "ID", id)
		get := caller.get(t, target)
		if get.status != http.StatusOK && get.status != http.StatusForbidden {
			t.Errorf("%s: %d", withoutQuery(target)[:8], get.status)
		}
		for _, ref := range withheld {
			if _, id, _ := strings.Cut(ref, "/"); strings.Contains(string(get.body), id) {
				t.Errorf("a withheld %s is in the answer", strings.SplitN(ref, "/", 2)[0])
			}
		}
	}
}

// TestCompartmentsAreSearches compares Patient/[id]/[type] with the search of the type, headers and all.
func TestCompartmentsAreSearches(t *testing.T) {
	c := sharedClinic(t)
	id := c.id(t, c.practice.Story.Referred)
	for _, partner := range machines {
		caller := c.as(t, partner)
		for _, r := range readCapability(t, c.base).Rest[0].Resource {
			inCompartment := slices.ContainsFunc(r.SearchParam, func(p struct{ Name, Type string }) bool { return p.Name == "patient" })
			for _, query := range []string{"", "&_count=2", "&_sort=-_lastUpdated&_total=none", "&nothing=x"} {
				got := caller.get(t, "Patient/"+id+"/"+r.Type+"?"+strings.TrimPrefix(query, "&"))
				if !inCompartment {
					if got.status != http.StatusNotFound {
						t.Errorf("%s is in no compartment: %d", r.Type, got.status)
					}
					continue
				}
				if diff := sameAnswer(caller.get(t, r.Type+"?patient="+id+query), got); diff != "" {
					t.Errorf("%s: the compartment of %s is not its search%s:\n%s", partner, r.Type, query, diff)
				}
			}
		}
	}
}

// TestDocref does what US Core 6.1 says of the operation: a patient is required, an unknown one gives an empty Bundle, dates are of the care.
func TestDocref(t *testing.T) {
	c := sharedClinic(t)
	caller := c.as(t, newDawn)
	id := c.id(t, c.practice.Story.Referred)
	const progress = "http://loinc.org|11506-3"
	current, _ := caller.all(t, "DocumentReference?_count=200&status=current&patient="+id)
	if len(current) < 5 {
		t.Fatalf("only %d documents", len(current))
	}
	all := func(query string) []string {
		found, _ := caller.all(t, "DocumentReference/$docref?"+query)
		return refs(found)
	}
	for _, query := range []string{"patient=" + id, "patient=Patient/" + id, "patient=" + id + "&_count=2", "patient=" + id + "&on-demand=false"} {
		if diff := cmp.Diff(refs(current), all(query)); diff != "" {
			t.Errorf("all that are current: %s", diff)
		}
	}
	byType, _ := caller.all(t, "DocumentReference?_count=200&patient="+id+"&type="+url.QueryEscape(progress))
	if diff := cmp.Diff(refs(byType), all("patient="+id+"&type="+url.QueryEscape(progress)+"&type=http://loinc.org|0-0")); diff != "" || len(byType) == 0 {
		t.Errorf("by type: %s", diff)
	}
	if got := all("patient=" + id + "&on-demand=true"); len(got) > 0 {
		t.Errorf("%d documents are made on demand", len(got))
	}
	for _, d := range current {
		written := texts(d.Tree, "date")[0]
		day := url.QueryEscape(written)
		after, _ := time.Parse("2006-01-02", written[:10])
		if !slices.Contains(all("patient="+id+"&start="+day), d.ref()) || !slices.Contains(all("patient="+id+"&start="+day+"&end="+day), d.ref()) {
			t.Error("a document is not found at its own time")
		}
		outside := "patient=" + id + "&start=" + after.AddDate(50, 0, 0).Format("2006-01-02")
		if got := all(outside); len(got) > 0 {
			t.Errorf("%d documents are of 50 years later", len(got))
		}
	}
	parameters := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueId":"` + id + `"},{"name":"type","valueCoding":{"system":"http://loinc.org","code":"11506-3"}}]}`
	posted := caller.do(t, http.MethodPost, "DocumentReference/$docref", strings.NewReader(parameters), http.Header{"Content-Type": {"application/fhir+json"}})
	if diff := cmp.Diff(all("_count=50&patient="+id+"&type="+url.QueryEscape(progress)), refs(posted.bundle(t).Matches)); diff != "" && posted.bundle(t).Next == "" {
		t.Errorf("by POST of Parameters: %s", diff)
	}
	if form := caller.post(t, "DocumentReference/$docref", url.Values{"patient": {id}, "type": {progress}}); sameAnswer(form, posted) != "" {
		t.Error("a form and a Parameters resource have two answers")
	}
	if b := caller.get(t, "DocumentReference/$docref?patient="+stranger()).bundle(t); len(b.Matches) > 0 || *b.Total != 0 {
		t.Error("an unknown patient has documents")
	}
	if a := caller.get(t, "DocumentReference/$docref"); a.status != http.StatusBadRequest || issueCode(t, a) != "required" {
		t.Errorf("no patient: %d", a.status)
	}
}
