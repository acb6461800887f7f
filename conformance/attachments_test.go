package conformance

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// scanned is a client's scan that is too long to stand in its document, released to the referring clinic alone.
type scanned struct {
	*clinic
	writer *demo.Writer
	client practice.ClientKey
	raw    []byte
	ask    *caller
	at     string // its URL
	doc    map[string]any
}

func aScan(t *testing.T) *scanned {
	t.Helper()
	c := ownClinic(t)
	s := &scanned{clinic: c, writer: c.writer(t), raw: noise(200_000, 1), ask: c.as(t, harbor)}
	s.replace(t, s.raw, "application/pdf")
	for _, client := range c.practice.Clients {
		for _, d := range s.ask.get(t, "DocumentReference?_count=200&patient="+c.id(t, client)).bundle(t).Matches {
			for _, a := range at(d.Tree, "content.attachment") {
				attachment, _ := a.(map[string]any)
				if url, ok := attachment["url"].(string); ok && attachment["size"] == 200_000.0 {
					s.client, s.at, s.doc = client, url, attachment
					return s
				}
			}
		}
	}
	t.Fatal("no document leads to a Binary")
	return nil
}

// noise is the same bytes for the same seed.
func noise(n int, seed uint64) []byte {
	r, b := rand.New(rand.NewPCG(seed, 9)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// replace puts other content into every signed form of the practice.
func (s *scanned) replace(t *testing.T, raw []byte, mime string) {
	t.Helper()
	if _, err := s.writer.Exec(context.Background(), "UPDATE documents SET content=?, mime=? WHERE category='release_form'", raw, mime); err != nil {
		t.Fatal(err)
	}
}

func (s *scanned) part(t *testing.T, c *caller, header ...string) *answer {
	t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return c.do(t, http.MethodGet, s.at, nil, h)
}

// TestAPartnerReadsAScanAsThePracticeHasIt: whole, as a resource, and in parts; while the practice changes it, no part of the new is put behind the old.
func TestAPartnerReadsAScanAsThePracticeHasIt(t *testing.T) {
	t.Parallel()
	s := aScan(t)
	if !strings.HasPrefix(s.at, s.base+"/Binary/") || s.doc["data"] != nil || s.doc["contentType"] != "application/pdf" || s.doc["size"] != 200_000.0 || s.doc["creation"] == nil {
		t.Errorf("the attachment is %v", s.doc)
	}
	if sum := sha1.Sum(s.raw); s.doc["hash"] != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("the hash is %v", s.doc["hash"])
	}
	whole := s.part(t, s.ask)
	if whole.status != 200 || !bytes.Equal(whole.body, s.raw) || whole.header.Get("Content-Type") != "application/pdf" {
		t.Fatalf("%d, %d bytes of %s", whole.status, len(whole.body), whole.header.Get("Content-Type"))
	}
	r := s.part(t, s.ask, "Accept", "application/fhir+json").resource(t)
	if data, err := base64.StdEncoding.DecodeString(fmt.Sprint(r.Tree["data"])); err != nil || !bytes.Equal(data, s.raw) || r.Type != "Binary" || len(r.labels()) == 0 {
		t.Errorf("as a resource: %v, %d bytes, labels %v", err, len(data), r.labels())
	}
	tag := whole.header.Get("Etag")
	var got []byte
	for from := 0; from < len(s.raw); from += 65536 {
		a := s.part(t, s.ask, "Range", fmt.Sprintf("bytes=%d-%d", from, from+65535), "If-Range", tag)
		if a.status != http.StatusPartialContent {
			t.Fatalf("part at %d: %d", from, a.status)
		}
		got = append(got, a.body...)
	}
	if !bytes.Equal(got, s.raw) {
		t.Error("the parts are not the whole")
	}
	if a := s.part(t, s.ask, "Range", "bytes=200000-"); a.status != http.StatusRequestedRangeNotSatisfiable || a.header.Get("Content-Range") != "bytes */200000" {
		t.Errorf("beyond the end: %d %v", a.status, a.header)
	}
	if a := s.part(t, s.ask, "If-None-Match", tag); a.status != http.StatusNotModified || len(a.body) > 0 {
		t.Errorf("what is known already: %d", a.status)
	}

	page := []byte("<html><script>alert(1)</script>" + strings.Repeat(" ", 40_000))
	s.replace(t, page, "text/html")
	for _, form := range []string{"*/*", "application/fhir+json"} { // it was replaced without a new date
		if a := s.part(t, s.ask, "Accept", form, "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"); a.status != http.StatusOK || a.header.Get("Last-Modified") != "" {
			t.Errorf("as %s, asked for by its date: %d, changed %s", form, a.status, a.header.Get("Last-Modified"))
		}
	}
	a := s.part(t, s.ask, "Range", "bytes=0-9", "If-Range", tag)
	if a.status != 200 || !bytes.Equal(a.body, page) {
		t.Errorf("a part of what was replaced: %d, %d bytes", a.status, len(a.body))
	}
	if h := a.header; !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox;") || !strings.HasPrefix(h.Get("Content-Disposition"), `attachment; filename="scan-`) || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("HTML may run: %v", h)
	}
}

// TestTheClientSeesWhoReadAScan: whole or in part, it is a disclosure like the read of a resource. An app that may not read documents is told no more than
// that there was one.
func TestTheClientSeesWhoReadAScan(t *testing.T) {
	t.Parallel()
	s := aScan(t)
	s.part(t, s.ask)
	s.part(t, s.ask, "Range", "bytes=0-9")
	id := s.id(t, s.client)
	ref := strings.TrimPrefix(s.at, s.base+"/")
	claims := with(s.claims(myRecords), map[string]any{"sub": "u", "patient": id, "fhirUser": "Patient/" + id})
	for scope, named := range map[string]bool{"patient/*.rs": true, "patient/AuditEvent.rs patient/Patient.r": false} {
		found := s.mint(t, with(claims, map[string]any{"scope": scope})).get(t, "AuditEvent?subtype=read&patient="+id).bundle(t).Matches
		if len(found) != 2 {
			t.Fatalf("%s: %d reads are seen, want 2", scope, len(found))
		}
		for _, e := range found {
			if slices.Contains(texts(e.Tree, "entity.what.reference"), ref) != named || !slices.Contains(texts(e.Tree, "agent.name"), "Harbor Family Medicine") {
				t.Errorf("%s: it tells of %v", scope, texts(e.Tree, "entity.what.reference"))
			}
		}
	}
}

// TestABinaryGoesWithItsDocument: for whom the document is not released there is no Binary, in any form, and after a revocation for nobody; the
// answer is that to an invented id. A scope for Binary opens nothing.
func TestABinaryGoesWithItsDocument(t *testing.T) {
	t.Parallel()
	s := aScan(t)
	forms := [][]string{nil, {"Accept", "application/fhir+json"}, {"Range", "bytes=0-99"}, {"Range", "bytes=200000-"}, {"If-None-Match", "*"}, {"If-None-Match", s.part(t, s.ask).header.Get("Etag")}}
	gone := func(when string, c *caller) {
		t.Helper()
		for _, form := range forms {
			h := http.Header{}
			for i := 0; i+1 < len(form); i += 2 {
				h.Set(form[i], form[i+1])
			}
			want := c.do(t, http.MethodGet, "Binary/"+stranger(), nil, h)
			if diff := sameAnswer(want, s.part(t, c, form...)); diff != "" || want.status != http.StatusNotFound {
				t.Errorf("%s, %v: %d\n%s", when, form, want.status, diff)
			}
		}
	}
	gone("to the insurer", s.as(t, blueriver))
	for scope, want := range map[string]int{"system/Binary.rs": 403, "system/DocumentReference.s": 403, "system/Binary.rs system/Patient.rs": 403, "system/DocumentReference.r": 200} {
		if a := s.part(t, s.mint(t, with(s.claims(harbor), map[string]any{"scope": scope}))); a.status != want {
			t.Errorf("scope %s: %d, want %d", scope, a.status, want)
		}
	}
	gone("a scope that reaches other documents", s.mint(t, with(s.claims(harbor), map[string]any{"scope": "system/DocumentReference.rs?type=http://loinc.org|11488-4"})))
	if a := s.part(t, s.ask, "Range", "bytes=0-99"); a.status != http.StatusPartialContent {
		t.Fatalf("before the revocation: %d", a.status)
	}
	if err := s.writer.RevokeTo(context.Background(), s.client, demo.ReferringClinic.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	gone("after the revocation", s.ask)
}

// TestOnlyItsOwnIDLeadsToABinary: it is not searched, listed or included.
func TestOnlyItsOwnIDLeadsToABinary(t *testing.T) {
	t.Parallel()
	s := aScan(t)
	id := s.id(t, s.client)
	for _, path := range []string{"Binary", "Binary?_id=" + strings.TrimPrefix(s.at, s.base+"/Binary/"), "Binary?patient=" + id, "Patient/" + id + "/Binary"} {
		if a := s.ask.get(t, path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", withoutQuery(path), a.status)
		}
	}
	for _, more := range []string{"", "&_include=*", "&_include=DocumentReference:*", "&_include=DocumentReference:relatesto", "&_revinclude=*"} {
		a := s.ask.get(t, "DocumentReference?patient="+id+more)
		if a.status != http.StatusOK {
			continue
		}
		if b := a.bundle(t); slices.ContainsFunc(append(b.Matches, b.Includes...), func(r resource) bool { return r.Type == "Binary" }) {
			t.Errorf("a search%s has a Binary", more)
		}
	}
}
