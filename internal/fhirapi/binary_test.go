package fhirapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/fhir/fhirjson"
)

// withScans has, beside what newClinic has, scans of p1 and one of p2, whose chart the requester has no view of.
func withScans(t testing.TB) *clinic {
	t.Helper()
	c := newClinic(t)
	c.charts["p1"] = c.chart("p1", patient("p1"), note("n1", "p1"), scan("s1", "p1", "application/pdf"), scan("s2", "p1", "text/html"), scan("s3", "p1", "application/json"))
	c.chart("p2", scan("s9", "p2", "application/pdf"))
	c.build(0)
	return c
}

// Native content goes out as it is, and nothing in it can run in a browser.
func TestABinaryIsGivenAsItIs(t *testing.T) {
	c := withScans(t)
	w := c.get("/fhir/Binary/b-s2")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), contentOf("b-s2")) {
		t.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
		"Content-Disposition": `attachment; filename="test-2026-11-20.html"`, "Accept-Ranges": "bytes", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
		"X-Security-Context": "DocumentReference/s2", "Last-Modified": "", "Content-Length": "60000",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if tag := w.Header().Get("ETag"); !strings.HasPrefix(tag, `"`) || c.get("/fhir/Binary/b-s2", "If-None-Match: "+tag).Code != http.StatusNotModified {
		t.Errorf("the tag is %s", tag)
	}
	head := c.ask("HEAD", "/fhir/Binary/b-s2", "", "Range: bytes=0-9")
	if head.Code != 200 || head.Body.Len() != 0 || cmp.Diff(head.Header(), w.Header()) != "" {
		t.Errorf("HEAD: %d %v", head.Code, head.Header())
	}
}

// Who names FHIR gets a resource, whoever else gets the content.
func TestTheFormOfABinaryIsNegotiated(t *testing.T) {
	c := withScans(t)
	const native, resource, refused = "native", "resource", "refused"
	for _, x := range []struct{ id, query, accept, want string }{
		{"s1", "", "", native},
		{"s1", "", "*/*", native},
		{"s1", "", "application/pdf", native},
		{"s1", "", "image/png", native},
		{"s1", "", "text/html,application/xhtml+xml,*/*;q=0.8", native},
		{"s1", "", "application/json, text/plain, */*", native},
		{"s1", "", "application/fhir+json", resource},
		{"s1", "", "application/fhir+json; fhirVersion=4.0", resource},
		{"s1", "", "application/fhir+json, */*;q=0.1", resource},
		{"s1", "", "application/fhir+json;q=0.5, application/pdf", native},
		{"s1", "", "application/fhir+json;q=0, */*", native},
		{"s1", "", "application/json", resource},
		{"s3", "", "application/json", native},
		{"s1", "?_format=json", "application/pdf", resource},
		{"s1", "?_format=application/fhir%2Bjson", "*/*", resource},
		{"s1", "?_format=xml", "*/*", refused},
		{"s1", "", "application/fhir+xml", refused},
		{"s1", "", "application/fhir+json; fhirVersion=3.0", refused},
		{"s1", "", "application/fhir+xml, application/pdf", native},
	} {
		w := c.get("/fhir/Binary/b-"+x.id+x.query, "Accept: "+x.accept)
		invented := c.get("/fhir/Binary/invented"+x.query, "Accept: "+x.accept)
		got := map[bool]string{true: native, false: "other"}[bytes.Equal(w.Body.Bytes(), contentOf("b-"+x.id))]
		if _, err := fhirjson.Parse(w.Body.Bytes()); err == nil && strings.Contains(w.Header().Get("Content-Type"), "json; ") {
			got = resource
		}
		wantInvented := 404
		if w.Code == http.StatusNotAcceptable {
			got, wantInvented = refused, w.Code
		}
		if got != x.want || invented.Code != wantInvented {
			t.Errorf("%s, Accept %q: %s (%d), an invented one %d", x.query, x.accept, got, w.Code, invented.Code)
		}
	}
}

// The entity tag is looked at before a range (RFC 9110 section 13.2.2); a date says nothing of a file, which may be replaced without a new one. FHIR JSON
// says its version where that is asked for.
func TestABinaryThatIsKnownIsNotGivenInParts(t *testing.T) {
	c := withScans(t)
	const since, json = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "Accept: application/fhir+json"
	tag := "If-None-Match: " + c.get("/fhir/Binary/b-s1").Header().Get("ETag")
	resource := c.get("/fhir/Binary/b-s1", json)
	if resource.Header().Get("Last-Modified") != "" {
		t.Errorf("a resource has the date %s", resource.Header().Get("Last-Modified"))
	}
	for _, x := range []struct {
		headers []string
		want    int
	}{
		{[]string{tag, "Range: bytes=0-9"}, 304}, {[]string{tag, "Range: bytes=99999999-"}, 304}, {[]string{`If-None-Match: "x"`, "Range: bytes=0-9"}, 206},
		{[]string{since}, 200}, {[]string{since, "Range: bytes=0-9"}, 206}, {[]string{since, json}, 200}, {[]string{"If-None-Match: " + resource.Header().Get("ETag"), json}, 304},
	} {
		if w := c.get("/fhir/Binary/b-s1", x.headers...); w.Code != x.want || w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") == "" || w.Header().Get("Content-Range") != "") {
			t.Errorf("%v: %d, want %d", x.headers, w.Code, x.want)
		}
	}
	if w := c.get("/fhir/Binary/b-s1", "Accept: application/fhir+json; fhirVersion=4.0"); w.Header().Get("Content-Type") != "application/fhir+json; fhirVersion=4.0; charset=utf-8" {
		t.Errorf("the version is not said: %s", w.Header().Get("Content-Type"))
	}
}

func TestABinaryAsAResource(t *testing.T) {
	c := withScans(t)
	w := c.get("/fhir/Binary/b-s1", "Accept: application/fhir+json")
	var b struct {
		ResourceType, ID, ContentType, Data string
		SecurityContext                     struct{ Reference string }
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &b))
	data, err := base64.StdEncoding.DecodeString(b.Data)
	must(t, err)
	if b.ResourceType != "Binary" || b.ID != "b-s1" || b.ContentType != "application/pdf" || b.SecurityContext.Reference != "DocumentReference/s1" || !bytes.Equal(data, contentOf("b-s1")) {
		t.Errorf("%+v", b)
	}
	native := c.get("/fhir/Binary/b-s1").Header().Get("ETag")
	if tag := w.Header().Get("ETag"); !strings.HasPrefix(tag, "W/") || strings.TrimPrefix(tag, "W/") == native || w.Header().Get("Accept-Ranges") != "" {
		t.Errorf("%s, and as it is %s", tag, native)
	}
}

// Unknown, tampered with, foreign and withheld are one answer, whatever form is asked for.
func TestABinaryThatIsNotThere(t *testing.T) {
	c := withScans(t)
	for _, headers := range [][]string{nil, {"Accept: application/fhir+json"}, {"Range: bytes=0-9"}, {"Range: bytes=99999999-"}, {"If-None-Match: *"}} {
		want := c.get("/fhir/Binary/invented", headers...)
		if want.Code != 404 || code(t, want) != "not-found" {
			t.Fatalf("%v: %d", headers, want.Code)
		}
		for _, id := range []string{"b-s9", "b-S1", "s1", "n1", "b-s1x", strings.Repeat("a", 64), "_search"} {
			got := c.get("/fhir/Binary/"+id, headers...)
			if got.Code != want.Code || got.Body.String() != want.Body.String() || cmp.Diff(got.Header(), want.Header()) != "" {
				t.Errorf("%s %v: %d %s", id, headers, got.Code, got.Body)
			}
		}
	}
	for _, target := range []string{"/fhir/Binary", "/fhir/Binary?_id=b-s1", "/fhir/Binary/"} {
		if w := c.get(target); w.Code != 404 || code(t, w) != "not-supported" {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// The scope of the document decides: content that stands in it needs no other either.
func TestABinaryIsReadUnderTheScopeOfItsDocument(t *testing.T) {
	c := withScans(t)
	for scopes, want := range map[string]int{
		"system/DocumentReference.r": 200, "system/DocumentReference.read": 200, "system/*.rs": 200,
		"system/Binary.r": 403, "system/DocumentReference.s": 403, "system/Binary.rs+system/Patient.rs": 403,
	} {
		if w := c.get("/fhir/Binary/b-s1", "Authorization: Bearer good.partner."+scopes); w.Code != want {
			t.Errorf("%s: %d, want %d", scopes, w.Code, want)
		}
	}
}

// Every answer is in the ledger before a byte of it leaves, each part by itself, and so is that there was nothing.
func TestEachPartOfABinaryIsRecorded(t *testing.T) {
	c := withScans(t)
	digests := map[[32]byte]bool{}
	for i, x := range []struct {
		id, header string
		status     int
	}{{"b-s1", "", 200}, {"b-s1", "Range: bytes=0-9", 206}, {"b-s1", "Range: bytes=10-19", 206}, {"b-s1", "Range: bytes=99999999-", 416}, {"b-s1", "If-None-Match: *", 304}, {"invented", "", 404}} {
		headers := []string{x.header}
		if x.header == "" {
			headers = nil
		}
		c.get("/fhir/Binary/"+x.id, headers...)
		r := c.ledger[i]
		names := []string{"Binary/" + x.id}
		if x.status == 404 {
			names = nil
		}
		if r.Status != x.status || !slices.Equal(r.Released, names) || r.Interaction != "GET /fhir/Binary/:id" || names != nil && r.Client != "Patient/p1" {
			t.Errorf("%+v: %+v", x, r)
		}
		digests[r.Digest] = true
	}
	if len(digests) != 4 { // the whole, each of two parts, nothing
		t.Errorf("%d digests", len(digests))
	}
	c.ledgerErr = http.ErrAbortHandler
	if w := c.get("/fhir/Binary/b-s1"); w.Code != 503 || bytes.Contains(w.Body.Bytes(), []byte("b-s1")) {
		t.Errorf("without a ledger: %d", w.Code)
	}
}

// A Binary is found by its id and by nothing else.
func TestNothingElseLeadsToABinary(t *testing.T) {
	c := withScans(t)
	b := page(t, c.get("/fhir/DocumentReference?patient=p1"))
	for _, e := range b.Entry {
		if e.Resource.ResourceType == "Binary" {
			t.Error("a search has a Binary")
		}
	}
	if w := c.get("/fhir/DocumentReference?patient=p1&_include=DocumentReference:content", "Prefer: handling=strict"); w.Code != 400 {
		t.Errorf("an _include of content: %d", w.Code)
	}
}

// What a read of content does not have is refused where that was asked for, whether there is such content or not.
func TestABinaryHasNoParametersOfItsOwn(t *testing.T) {
	c := withScans(t)
	for _, id := range []string{"b-s1", "b-s9", "invented"} {
		if w := c.get("/fhir/Binary/"+id+"?foo=1", "Prefer: handling=strict"); w.Code != 400 || !strings.Contains(w.Body.String(), `"foo`) {
			t.Errorf("%s, strictly: %d %s", id, w.Code, w.Body)
		}
		if lenient, plain := c.get("/fhir/Binary/"+id+"?foo=1"), c.get("/fhir/Binary/"+id); lenient.Code != plain.Code || lenient.Body.String() != plain.Body.String() {
			t.Errorf("%s, leniently: %d", id, lenient.Code)
		}
		if w := c.get("/fhir/Binary/"+id+"?_format=json", "Prefer: handling=strict"); w.Code == 400 {
			t.Errorf("%s: a parameter of the API itself is refused", id)
		}
	}
}
