package fhirapi_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gin-gonic/gin"
)

// discard is a connection that keeps nothing.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkSearchPage is a warm page of 50 notes from the token to the bytes, with fakes for token, view and ledger; BenchmarkBarePage is
// a bare Gin handler that writes the same bytes.
func BenchmarkSearchPage(b *testing.B) {
	c, target := busyClinic(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Authorization", "Bearer "+all)
		c.Handler().ServeHTTP(&discard{h: http.Header{}}, r)
		c.ledger = c.ledger[:0]
	}
}

func BenchmarkBarePage(b *testing.B) {
	c, target := busyClinic(b)
	body := c.get(target).Body.Bytes()
	e := gin.New()
	e.GET("/fhir/DocumentReference", func(g *gin.Context) { g.Data(200, "application/fhir+json; charset=utf-8", body) })
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Authorization", "Bearer "+all)
		e.ServeHTTP(&discard{h: http.Header{}}, r)
	}
}

func BenchmarkRead(b *testing.B) {
	c, _ := busyClinic(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", "/fhir/DocumentReference/n7", nil)
		r.Header.Set("Authorization", "Bearer "+all)
		c.Handler().ServeHTTP(&discard{h: http.Header{}}, r)
		c.ledger = c.ledger[:0]
	}
}

func busyClinic(b *testing.B) (*clinic, string) {
	c := newClinic(b)
	c.sink = slog.New(slog.NewJSONHandler(io.Discard, nil))
	c.build(0)
	bodies := []string{patient("p1")}
	for i := range 50 {
		bodies = append(bodies, note("n"+strconv.Itoa(i), "p1"))
	}
	c.charts["p1"] = c.chart("p1", bodies...)
	return c, "/fhir/DocumentReference?patient=p1&_count=50"
}
