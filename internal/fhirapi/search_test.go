package fhirapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir"
)

func TestSearch(t *testing.T) {
	c := newClinic(t)
	c.charts["p3"] = c.chart("p3", patient("p3"), note("o1", "p3"))
	c.reach = append(c.reach, fhir.Reference{Type: "Patient", ID: "p3"})
	match := func(refs ...string) (all []string) {
		for _, r := range refs {
			all = append(all, "match "+r)
		}
		return all
	}
	notes := match("DocumentReference/n1", "DocumentReference/n2", "DocumentReference/n3")
	for name, x := range map[string]struct {
		target string
		want   []string
	}{
		"by patient":                  {"DocumentReference?patient=p1", notes},
		"by a typed patient":          {"DocumentReference?patient=Patient/p1", notes},
		"by subject":                  {"DocumentReference?subject=Patient/p1", notes},
		"by _id":                      {"DocumentReference?_id=n2", match("DocumentReference/n2")},
		"by ids of two clients":       {"DocumentReference?_id=n2,o1", match("DocumentReference/n2", "DocumentReference/o1")},
		"by several ids of one":       {"DocumentReference?_id=n2,n1", match("DocumentReference/n1", "DocumentReference/n2")},
		"of a client without Consent": {"DocumentReference?patient=p2", nil},
		"of nobody":                   {"DocumentReference?patient=invented", nil},
		"of a withheld id":            {"DocumentReference?_id=m1", nil},
		"with its Provenance":         {"DocumentReference?patient=p1&_revinclude=Provenance:target", append(notes[:3:3], "include Provenance/v1")},
		"two notes, one Provenance":   {"DocumentReference?_id=n1,o1&_revinclude=Provenance:target", append(match("DocumentReference/n1", "DocumentReference/o1"), "include Provenance/v1")},
		"Patients in reach":           {"Patient?name=roe", match("Patient/p1", "Patient/p3")},
		"all Patients in reach":       {"Patient", match("Patient/p1", "Patient/p3")},
		"a Patient by id":             {"Patient?_id=p1", match("Patient/p1")},
		"a Patient out of reach":      {"Patient?_id=p2", nil},
		"an outside one by its id":    {"Practitioner?_id=outside,d1", match("Practitioner/d1", "Practitioner/outside")},
		"an outside one by its name":  {"Practitioner?name=doe&_id:not=x", match("Practitioner/d1")},
		"the directory":               {"Practitioner?name=doe", match("Practitioner/d1")},
	} {
		t.Run(name, func(t *testing.T) {
			got := page(t, c.get("/fhir/"+x.target))
			if diff := cmp.Diff(x.want, got.entries()); diff != "" {
				t.Error(diff)
			}
			matches := len(x.want)
			for _, e := range x.want {
				if strings.HasPrefix(e, "include") {
					matches--
				}
			}
			if got.Total == nil || *got.Total != matches {
				t.Errorf("total is %v", got.Total)
			}
			typ, query, _ := strings.Cut(x.target, "?")
			posted := c.ask("POST", "/fhir/"+typ+"/_search", query, "Content-Type: application/x-www-form-urlencoded")
			if asked := c.get("/fhir/" + x.target); posted.Body.String() != asked.Body.String() || !cmp.Equal(posted.Result().Header, asked.Result().Header) {
				t.Errorf("a POST gives %s", posted.Body)
			}
		})
	}
}

// TestASearchForARealClientWithoutConsentIsOneForNobody compares the answers but for the client that the request itself names.
func TestASearchForARealClientWithoutConsentIsOneForNobody(t *testing.T) {
	c := newClinic(t)
	for _, query := range []string{"DocumentReference?patient=%s", "Observation?patient=%s&_total=accurate&_count=0", "DocumentReference?patient=%s&_revinclude=Provenance:target&_sort=-date",
		"Patient?_id=%s", "Encounter?patient=%s&foo=1"} {
		real, invented := c.get("/fhir/"+fmt.Sprintf(query, "p2")), c.get("/fhir/"+fmt.Sprintf(query, "zz"))
		if real.Code != 200 || strings.ReplaceAll(real.Body.String(), "p2", "zz") != invented.Body.String() || real.Header().Get("Content-Length") != invented.Header().Get("Content-Length") {
			t.Errorf("%s: %d %s for %s", query, real.Code, real.Body, invented.Body)
		}
	}
}

func TestASearchThatCannotBeAnswered(t *testing.T) {
	c := newClinic(t)
	for target, want := range map[string]struct {
		status int
		code   string
	}{
		"DocumentReference":                                            {400, "required"},
		"DocumentReference?type=11506-3":                               {400, "required"},
		"DocumentReference?patient=p1&patient=p2":                      {400, "invalid"},
		"DocumentReference?patient=p1&date=yesterday":                  {400, "invalid"},
		"DocumentReference?patient=p1&_count=-1":                       {400, "invalid"},
		"DocumentReference?patient=p1&_elements=type&_summary=data":    {400, "invalid"},
		"Practitioner?_revinclude=Provenance:target":                   {400, "invalid"},
		"DocumentReference?patient=p1&_page=abc":                       {400, "invalid"},
		"DocumentReference?_page=abc":                                  {400, "invalid"},
		"DocumentReference?patient=%zz":                                {400, "structure"},
		"DocumentReference?patient=p1;b=2":                             {400, "structure"},
		"DocumentReference?patient=p1&x=" + strings.Repeat("a", 17000): {414, "too-long"},
		"DocumentReference?patient=p1&_format=xml":                     {406, "not-supported"},
		"DocumentReference?patient=p1&_format=application/fhir%2Bxml":  {406, "not-supported"},
	} {
		w := c.get("/fhir/" + target)
		if got := code(t, w); w.Code != want.status || got != want.code {
			t.Errorf("%.80s: %d %s, want %d %s", target, w.Code, got, want.status, want.code)
		}
		if strings.Contains(w.Body.String(), "yesterday") {
			t.Errorf("a value is repeated: %s", w.Body)
		}
	}
	if len(c.ledger) != 0 {
		t.Errorf("the ledger has %+v", c.ledger)
	}
	strict := c.get("/fhir/DocumentReference?patient=p1&foo=1", "Prefer: return=minimal, handling=strict")
	if strict.Code != 400 || !strings.Contains(strict.Body.String(), `"foo: there is no such parameter`) {
		t.Errorf("strict handling gives %d", strict.Code)
	}
	lenient := page(t, c.get("/fhir/DocumentReference?patient=p1&foo=1", "Prefer: handling=lenient"))
	if n := len(lenient.Entry); n != 4 || lenient.Entry[3].Search.Mode != "outcome" || strings.Contains(lenient.link("self"), "foo") {
		t.Errorf("lenient handling gives %v, %s", lenient.entries(), lenient.link("self"))
	}
}

// query is what stands behind the base in a link.
func query(t *testing.T, link string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(link, base)
	if !ok {
		t.Fatalf("the link %q is not to us", link)
	}
	return "/fhir" + rest
}

func TestPagesFollowEachOther(t *testing.T) {
	c := newClinic(t)
	target := "/fhir/DocumentReference?patient=p1&_count=1&_sort=-_id&_revinclude=Provenance:target"
	var seen []string
	for n := 0; target != ""; n++ {
		if n > 5 {
			t.Fatal("the pages have no end")
		}
		got := page(t, c.get(target))
		seen = append(seen, got.entries()...)
		if n > 0 && strings.Contains(got.link("self"), "p1") {
			t.Error("the link of a page names the client")
		}
		if *got.Total != 3 {
			t.Errorf("page %d has the total %d", n, *got.Total)
		}
		if target = ""; got.link("next") != "" {
			target = query(t, got.link("next"))
		}
	}
	if diff := cmp.Diff([]string{"match DocumentReference/n3", "match DocumentReference/n2", "match DocumentReference/n1", "include Provenance/v1"}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestAPageTokenIsNoProofOfAccess(t *testing.T) {
	c := newClinic(t)
	next := query(t, page(t, c.get("/fhir/DocumentReference?patient=p1&_count=1")).link("next"))
	u, err := url.Parse(next)
	must(t, err)
	token := u.Query().Get("_page")
	for name, w := range map[string]struct {
		status int
		got    int
	}{
		"another partner": {400, c.get(next, "Authorization: Bearer good.other.system/*.rs").Code},
		"other scopes":    {400, c.get(next, "Authorization: Bearer good.partner.system/DocumentReference.rs").Code},
		"another type":    {400, c.get("/fhir/Observation?_page=" + token).Code},
		"a changed token": {400, c.get(next[:len(next)-1] + "A").Code},
		"more parameters": {400, c.get(next + "&patient=p2").Code},
	} {
		if w.got != w.status {
			t.Errorf("%s: %d", name, w.got)
		}
	}
	c.charts["p1"].all = nil // the client revokes between two pages
	c.charts["p1"] = c.chart("p1")
	if got := page(t, c.get(next)); len(got.Entry) != 0 || *got.Total != 0 || got.link("next") != "" {
		t.Errorf("after the revocation: %v", got.entries())
	}
}

func TestTheLedgerOfASearch(t *testing.T) {
	c := newClinic(t)
	c.charts["p3"] = c.chart("p3", patient("p3"), note("o1", "p3"))
	c.charts["p4"] = c.chart("p4")
	c.owners[fhir.Reference{Type: "Patient", ID: "p4"}] = "p4"
	c.reach = append(c.reach, fhir.Reference{Type: "Patient", ID: "p3"}, fhir.Reference{Type: "Patient", ID: "p4"})
	for target, want := range map[string][]string{
		"DocumentReference?patient=p1&_revinclude=Provenance:target": {"Patient/p1: DocumentReference/n1,DocumentReference/n2,DocumentReference/n3,Provenance/v1"},
		"DocumentReference?patient=zz":                               {": "},
		"DocumentReference?patient=p4":                               {"Patient/p4: "},
		"DocumentReference?_id=n1,o1":                                {"Patient/p1: DocumentReference/n1", "Patient/p3: DocumentReference/o1"},
		"Patient?name=roe":                                           {"Patient/p1: Patient/p1", "Patient/p3: Patient/p3"},
		"Patient?name=nobody":                                        {": "},
		"Practitioner":                                               {": Practitioner/d1"},
		"DocumentReference?patient=p1&_count=0":                      {"Patient/p1: "},
	} {
		c.ledger = nil
		c.get("/fhir/" + target)
		var got []string
		for _, r := range c.ledger {
			got = append(got, r.Client+": "+strings.Join(r.Released, ","))
			if r.Interaction != "GET /fhir/"+strings.SplitN(target, "?", 2)[0] || r.Accountable != (len(r.Released) > 0) {
				t.Errorf("%s: %+v", target, r)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
}

func TestTheFormOfAPost(t *testing.T) {
	c := newClinic(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for name, x := range map[string]struct {
		target, body string
		headers      []string
		want         int
	}{
		"a form":                   {"", "patient=p1", []string{form}, 200},
		"with a charset":           {"", "patient=p1", []string{form + "; charset=UTF-8"}, 200},
		"another charset":          {"", "patient=p1", []string{form + "; charset=utf-16"}, 415},
		"form and query":           {"?patient=p1", "_count=1", []string{form}, 200},
		"contradicting each other": {"?patient=p1", "patient=p2", []string{form}, 400},
		"only a query":             {"?patient=p1", "", []string{form}, 200},
		"a query and no body":      {"?patient=p1", "", nil, 200},
		"neither":                  {"", "", nil, 400},
		"JSON":                     {"", `{"patient":"p1"}`, []string{"Content-Type: application/json"}, 415},
		"no content type":          {"", "patient=p1", nil, 415},
		"compressed":               {"", "patient=p1", []string{form, "Content-Encoding: gzip"}, 415},
		"a bad escape":             {"", "patient=%zz", []string{form}, 400},
		"too long":                 {"", "patient=p1&x=" + strings.Repeat("a", 65<<10), []string{form}, 413},
		"a method override":        {"", "patient=p1", []string{form, "X-Http-Method-Override: DELETE"}, 200},
		"_format in the form":      {"", "patient=p1&_format=xml", []string{form}, 406},
	} {
		if w := c.ask("POST", "/fhir/DocumentReference/_search"+x.target, x.body, x.headers...); w.Code != x.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
