package fhirapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

func encounter(id, client string) string {
	return fmt.Sprintf(`{"resourceType":"Encounter","id":%q,%s,"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/%s"}}`, id, meta, client)
}

// visitNote is a note of an encounter, written by somebody.
func visitNote(id, client, encounter, author string) string {
	return strings.TrimSuffix(note(id, client), "}") + fmt.Sprintf(`,"context":{"encounter":[{"reference":"Encounter/%s"}]},"author":[{"reference":"Practitioner/%s"}]}`, encounter, author)
}

// visits are two clients with a note each, of an encounter that may be seen and of one that may not, and a third of whom nothing may.
func visits(t testing.TB) *clinic {
	t.Helper()
	c := newClinic(t)
	c.charts["p3"] = c.chart("p3", patient("p3"), visitNote("o1", "p3", "f1", "d1"), visitNote("o2", "p3", "gone", "outside3"), encounter("f1", "p3"), practitioner("outside3"), provenance("w1", "DocumentReference/o1"))
	c.charts["p1"] = c.chart("p1", patient("p1"), visitNote("n1", "p1", "e1", "d1"), note("n2", "p1"), encounter("e1", "p1"), provenance("v1", "DocumentReference/n1"))
	c.charts["p2"] = c.chart("p2", encounter("gone", "p2"))
	c.owners[fhir.Reference{Type: "Encounter", ID: "gone"}] = ""
	c.reach = append(c.reach, fhir.Reference{Type: "Patient", ID: "p3"})
	return c
}

func TestWhatGoesWithASearch(t *testing.T) {
	for target, want := range map[string]string{
		"DocumentReference?patient=p1&_include=DocumentReference:encounter":                          "match DocumentReference/n1, match DocumentReference/n2, include Encounter/e1",
		"DocumentReference?patient=p1&_include=*&_count=1":                                           "match DocumentReference/n1, include Encounter/e1, include Patient/p1, include Practitioner/d1",
		"DocumentReference?patient=p1&_include=DocumentReference:author":                             "match DocumentReference/n1, match DocumentReference/n2, include Practitioner/d1",
		"DocumentReference?patient=p1&_include=DocumentReference:author&_summary=count":              "",
		"DocumentReference?patient=p3&_include=*":                                                    "match DocumentReference/o1, match DocumentReference/o2, include Encounter/f1, include Patient/p3, include Practitioner/d1, include Practitioner/outside3",
		"DocumentReference?_id=n1,o1,o2&_include=DocumentReference:encounter":                        "match DocumentReference/n1, match DocumentReference/o1, match DocumentReference/o2, include Encounter/e1, include Encounter/f1",
		"DocumentReference?_id=n1,o1&_include=DocumentReference:author&_revinclude=*":                "match DocumentReference/n1, match DocumentReference/o1, include Practitioner/d1, include Provenance/v1, include Provenance/w1",
		"Patient?_revinclude=DocumentReference:patient&_include:iterate=DocumentReference:encounter": "match Patient/p1, match Patient/p3, include DocumentReference/n1, include DocumentReference/n2, include DocumentReference/o1, include DocumentReference/o2, include Encounter/e1, include Encounter/f1",
		"Patient?_id=p2&_revinclude=*":                                                               "",
		"Patient?_id=nobody&_revinclude=*":                                                           "",
		"Encounter?_id=gone&_revinclude=*&_include=*":                                                "",
		"Practitioner?_id=d1&_include=*":                                                             "match Practitioner/d1",
		"Encounter?patient=p1&_include=Encounter:nothing":                                            "match Encounter/e1, outcome OperationOutcome",
		"Encounter?patient=p1&_elements=nothing":                                                     "match Encounter/e1, outcome OperationOutcome",
	} {
		t.Run(target, func(t *testing.T) {
			c := visits(t)
			w := c.get("/fhir/" + target)
			got := page(t, w)
			if d := cmp.Diff(want, strings.Join(got.entries(), ", ")); d != "" {
				t.Error(d)
			}
			if again := c.get("/fhir/" + target); again.Body.String() != w.Body.String() {
				t.Error("asked again, it is another answer")
			}
			matches := strings.Count(want, "match ")
			if got.Total == nil || *got.Total < matches || *got.Total != matches && got.link("next") == "" && matches > 0 {
				t.Errorf("total %v", got.Total)
			}
			typ, query, _ := strings.Cut(target, "?")
			if posted := c.ask("POST", "/fhir/"+typ+"/_search", query, "Content-Type: application/x-www-form-urlencoded"); posted.Body.String() != w.Body.String() {
				t.Error("a POST gives something else")
			}
		})
	}
}

// What is included is recorded with the matches, for the client whose it is.
func TestWhatIsIncludedIsRecorded(t *testing.T) {
	c := visits(t)
	c.get("/fhir/DocumentReference?patient=p1&_include=*&_count=1")
	c.get("/fhir/DocumentReference?_id=n1,o1&_include=DocumentReference:encounter")
	var got []string
	for _, r := range c.ledger {
		got = append(got, r.Client+": "+strings.Join(r.Released, " "))
	}
	want := []string{"Patient/p1: DocumentReference/n1 Encounter/e1 Patient/p1 Practitioner/d1", "Patient/p1: DocumentReference/n1 Encounter/e1",
		"Patient/p3: DocumentReference/o1 Encounter/f1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPagesIncludeTheirOwn(t *testing.T) {
	c := visits(t)
	next := "/fhir/DocumentReference?patient=p3&_include=DocumentReference:encounter&_count=1&_elements=status"
	var all []string
	for next != "" {
		w := c.get(next)
		got := page(t, w)
		all = append(all, got.entries()...)
		if strings.Contains(got.link("next"), "_include") || strings.Count(w.Body.String(), "SUBSETTED") != 1 {
			t.Errorf("%s", w.Body)
		}
		next = strings.TrimPrefix(got.link("next"), "https://gateway.example")
	}
	if want := []string{"match DocumentReference/o1", "include Encounter/f1", "match DocumentReference/o2"}; !slices.Equal(all, want) {
		t.Errorf("%q", all)
	}
}

// An answer that needs the directory is no answer without it, and a search that does not need it does not ask.
func TestTheDirectoryIsAskedForWhatMayStandThere(t *testing.T) {
	c := visits(t)
	c.directory = nil
	if w := c.get("/fhir/DocumentReference?patient=p1&_include=DocumentReference:encounter"); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
}

func TestAPageThatIncludesTooMuch(t *testing.T) {
	c := newClinic(t)
	one := released(t, encounter("e", "p1"))
	chart := c.chart("p1", patient("p1"))
	for i := range 1001 {
		f := *one.Facts()
		f.ID = fmt.Sprint("e", i)
		chart.all = append(chart.all, released(t, strings.Replace(encounter("e", "p1"), `"id":"e"`, `"id":"`+f.ID+`"`, 1)))
	}
	c.charts["p1"] = chart
	w := c.get("/fhir/Patient?_id=p1&_revinclude=Encounter:patient")
	if w.Code != http.StatusBadRequest || code(t, w) != "too-costly" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// It tells that there is that much of the client: it is recorded, as a release of nothing.
	if len(c.ledger) != 1 || c.ledger[0].Client != "Patient/p1" || c.ledger[0].Status != http.StatusBadRequest || len(c.ledger[0].Released) > 0 || c.ledger[0].Accountable {
		t.Errorf("%+v", c.ledger)
	}
}

// A subset is a subset of the whole: every element of it stands there too, but for the tag that says so.
func TestASubsetIsASubset(t *testing.T) {
	c := visits(t)
	for _, ref := range []string{"DocumentReference/n1", "Patient/p1", "Provenance/v1", "Practitioner/d1", "Encounter/e1"} {
		whole := c.get("/fhir/" + ref)
		for _, query := range []string{"_elements=status", "_elements=content,author,recorded,name", "_elements=nothing", "_summary=true", "_summary=text", "_summary=data", "_summary=false"} {
			w := c.get("/fhir/" + ref + "?" + query)
			if w.Code != http.StatusOK {
				t.Errorf("%s %s: %d %s", ref, query, w.Code, w.Body)
				continue
			}
			if _, err := fhirjson.Parse(w.Body.Bytes()); err != nil {
				t.Errorf("%s %s: %v", ref, query, err)
			}
			same := w.Header().Get("ETag") == whole.Header().Get("ETag")
			if query == "_summary=false" {
				if !same || w.Body.String() != whole.Body.String() {
					t.Errorf("%s: the whole is %s", ref, w.Body)
				}
				continue
			}
			if same || !strings.Contains(w.Body.String(), `"code":"SUBSETTED"`) || !isSubset(t, w.Body.Bytes(), whole.Body.Bytes()) {
				t.Errorf("%s %s: %s", ref, query, w.Body)
			}
			if again := c.get("/fhir/"+ref, "If-None-Match: "+w.Header().Get("ETag")); again.Code != http.StatusOK {
				t.Errorf("%s %s: the part vouches for the whole", ref, query)
			}
			if again := c.get("/fhir/"+ref+"?"+query, "If-None-Match: "+w.Header().Get("ETag")); again.Code != http.StatusNotModified {
				t.Errorf("%s %s: %d", ref, query, again.Code)
			}
			typ, id, _ := strings.Cut(ref, "/")
			if found := c.get("/fhir/" + typ + "?_id=" + id + "&" + query); !strings.Contains(found.Body.String(), w.Body.String()) {
				t.Errorf("%s %s: a search finds %s", ref, query, found.Body)
			}
		}
	}
}

// What the ledger keeps is a digest of the bytes that left.
func TestTheDigestOfASubsetIsItsOwn(t *testing.T) {
	c := visits(t)
	digests := map[[32]byte]string{}
	for _, query := range []string{"", "_summary=data", "_summary=true", "_elements=subject"} {
		c.get("/fhir/DocumentReference/n1?" + query)
		read := c.ledger[len(c.ledger)-1].Digest
		c.get("/fhir/DocumentReference?_id=n1&" + query)
		if found := c.ledger[len(c.ledger)-1].Digest; found != read || digests[read] != "" {
			t.Errorf("%q has the digest of another answer", query)
		}
		digests[read] = "another"
	}
}

func isSubset(t *testing.T, part, whole []byte) bool {
	t.Helper()
	var a, b map[string]any
	if json.Unmarshal(part, &a) != nil || json.Unmarshal(whole, &b) != nil {
		t.Fatal("no JSON")
	}
	delete(a["meta"].(map[string]any), "tag")
	return within(a, b)
}

// within tells whether all of a stands in b, at the same place.
func within(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		for key, v := range a {
			ok = ok && m[key] != nil && within(v, m[key])
		}
		return ok
	case []any:
		l, ok := b.([]any)
		ok = ok && len(l) == len(a)
		for i := range a {
			ok = ok && within(a[i], l[i])
		}
		return ok
	}
	return a == b
}

func TestReadsThatAskForWhatIsNot(t *testing.T) {
	c := visits(t)
	for target, want := range map[string]int{
		"Encounter/e1?_elements=status&_summary=true": 400, "Encounter/e1?_summary=count": 400, "Encounter/e1?_summary=x": 400,
		"Encounter/e1?_elements=x": 200, "Encounter/gone?_elements=status": 404, "Encounter/nowhere?_elements=status": 404,
	} {
		if w := c.get("/fhir/" + target); w.Code != want {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	for _, target := range []string{"Encounter/e1?_elements=x", "Encounter?patient=p1&_elements=x", "Encounter?patient=p1&_include=x", "Encounter?patient=p1&_revinclude=Condition:x"} {
		if w := c.get("/fhir/"+target, "Prefer: handling=strict"); w.Code != 400 || code(t, w) != "invalid" {
			t.Errorf("%s, strict: %d", target, w.Code)
		}
	}
}

// The guard examines what a subset is cut from: a part of a note that must not leave must not leave.
func TestASubsetOfWhatMustNotLeaveDoesNotLeave(t *testing.T) {
	c := newClinic(t)
	marked := strings.TrimSuffix(note("x1", "p1"), "}") + `,"extension":[{"url":"https://example.org/x","valueCode":"PSYTHPN"}]}`
	c.charts["p1"] = c.chart("p1", patient("p1"), marked)
	for _, query := range []string{"_elements=status", "_summary=true", "_summary=text"} {
		if w := c.get("/fhir/DocumentReference/x1?" + query); w.Code != 404 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
		if got := page(t, c.get("/fhir/DocumentReference?patient=p1&"+query)); len(got.Entry) != 0 || *got.Total != 0 {
			t.Errorf("%s: %q", query, got.entries())
		}
	}
	if c.alarms != 6 {
		t.Errorf("%d alarms", c.alarms)
	}
}
