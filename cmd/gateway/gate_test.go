package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/consentry/gateway/internal/outcome"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/smart"
)

func TestTheGate(t *testing.T) {
	server := miniredis.RunT(t)
	for name, cfg := range map[string]*Config{"memory": {}, "redis": {Ephemeral: EphemeralConfig{Redis: "redis://" + server.Addr()}}} {
		t.Run(name, func(t *testing.T) {
			store, err := openEphemeral(cfg, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			g := gate{store: store, perMinute: 3}
			kind := func(token *smart.Token) string {
				err := g.Admit(t.Context(), token)
				if err == nil {
					return "admitted"
				}
				return http.StatusText(outcome.Of(err).Kind().Status())
			}
			clinic, insurer := &smart.Token{ID: "1", ClientID: "clinic"}, &smart.Token{ClientID: "insurer"}
			expectKind := func(what string, token *smart.Token, want string) {
				t.Helper()
				if got := kind(token); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
			for _, number := range []string{"first", "second", "third"} {
				expectKind("its "+number+" request", clinic, "admitted")
			}
			expectKind("its fourth request", clinic, "Too Many Requests")
			expectKind("another partner", insurer, "admitted")
			succeed(t, store.Close())
			expectKind("a store that is gone", insurer, "Service Unavailable")
			expectKind("a store that is gone", clinic, "Service Unavailable")
		})
	}
}

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
