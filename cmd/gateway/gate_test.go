package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/partners"
)

func succeed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The whole gateway asks its gate: a partner who is suspended while it holds a good token gets nothing more.
func TestASuspendedPartnerGetsNothing(t *testing.T) {
	d := servedDemo(t, minDemoClients)
	p := d.partner(storyProvider)
	token, err := d.fetchToken(t.Context(), p)
	succeed(t, err)
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/fhir/Patient", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		d.api.Handler().ServeHTTP(w, r)
		return w
	}
	if w := ask(); w.Code != 200 || !strings.Contains(w.Body.String(), "fullUrl") {
		t.Fatalf("%d before it was suspended", w.Code)
	}
	succeed(t, d.state.Revoke(t.Context(), partners.PartnerMark(p.ID), time.Now().Add(time.Hour), time.Now()))
	if w := ask(); w.Code != 401 || strings.Contains(w.Body.String(), "fullUrl") {
		t.Errorf("%d after it was suspended", w.Code)
	}
	succeed(t, d.state.Close())
	if w := ask(); w.Code != 503 || strings.Contains(w.Body.String(), "fullUrl") {
		t.Errorf("%d when nobody knows", w.Code)
	}
	w := httptest.NewRecorder()
	d.api.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != 503 {
		t.Errorf("/readyz says %d", w.Code)
	}
}
