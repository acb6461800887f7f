package fhirapi_test

import (
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/requester"
)

// late is a body of which nothing comes before something has happened.
type late struct {
	io.Reader
	meanwhile func()
}

func (l *late) Read(p []byte) (int, error) {
	if l.meanwhile != nil {
		l.meanwhile()
		l.meanwhile = nil
	}
	return l.Reader.Read(p)
}

// TestWhoKeepsTheBodyBackGetsNothingByIt: what is revoked between the head of a request and its body is revoked for it.
func TestWhoKeepsTheBodyBackGetsNothingByIt(t *testing.T) {
	for name, q := range map[string]struct{ target, kind, body string }{
		"a batch":       {"/fhir", "application/fhir+json", batchOf("GET DocumentReference/n1", "GET DocumentReference?patient=p1")},
		"a search":      {"/fhir/DocumentReference/_search", "application/x-www-form-urlencoded", "patient=p1"},
		"an operation":  {"/fhir/DocumentReference/$docref", "application/fhir+json", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueId":"p1"}]}`},
		"of no length":  {"/fhir/DocumentReference/_search", "application/x-www-form-urlencoded", "patient=p1"},
		"the token too": {"/fhir/DocumentReference/_search", "application/x-www-form-urlencoded", "patient=p1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t)
			before := 0
			r := httptest.NewRequest("POST", q.target, &late{strings.NewReader(q.body), func() {
				before = c.arrivals
				if name == "the token too" {
					c.whoErr = requester.ErrRevoked
				}
			}})
			if r.ContentLength = int64(len(q.body)); name == "of no length" {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", q.kind)
			r.Header.Set("Authorization", "Bearer "+all)
			w := httptest.NewRecorder()
			c.Handler().ServeHTTP(w, r)
			if name == "the token too" {
				if w.Code != 401 || len(c.seenAt) > 0 {
					t.Errorf("status %d, views %v", w.Code, c.seenAt)
				}
				return
			}
			if w.Code != 200 || len(c.seenAt) == 0 || slices.Min(c.seenAt) <= before {
				t.Errorf("status %d; of the moments %v, where %d had been before the body", w.Code, c.seenAt, before)
			}
		})
	}
}
