package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/consentry/gateway/internal/outcome"
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
			first, second := &smart.Token{ID: "1", ClientID: "clinic"}, &smart.Token{ID: "2", ClientID: "clinic"}
			insurer, without := &smart.Token{ID: "3", ClientID: "insurer"}, &smart.Token{ClientID: "lawyer"}
			expectKind := func(what string, token *smart.Token, want string) {
				t.Helper()
				if got := kind(token); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
			expectKind("a good token", first, "admitted")
			succeed(t, store.Mark(t.Context(), tokenMark("1"), time.Hour))
			expectKind("a revoked token", first, "Unauthorized")
			expectKind("another token of the partner", second, "admitted")
			expectKind("its third request", second, "admitted")
			expectKind("its fourth request", second, "Too Many Requests")
			expectKind("another partner", insurer, "admitted")
			succeed(t, store.Mark(t.Context(), partnerMark("insurer"), time.Hour))
			expectKind("a suspended partner", insurer, "Unauthorized")
			expectKind("a token without an id", without, "admitted")
			succeed(t, store.Close())
			expectKind("a store that is gone", without, "Service Unavailable")
			expectKind("a store that is gone", second, "Service Unavailable")
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
	succeed(t, d.ephemeral.Mark(t.Context(), partnerMark(p.ID), time.Hour))
	if w := ask(); w.Code != 401 || strings.Contains(w.Body.String(), "fullUrl") {
		t.Errorf("%d after it was suspended", w.Code)
	}
	succeed(t, d.ephemeral.Close())
	if w := ask(); w.Code != 503 || strings.Contains(w.Body.String(), "fullUrl") {
		t.Errorf("%d when nobody knows", w.Code)
	}
	w := httptest.NewRecorder()
	d.api.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != 503 {
		t.Errorf("/readyz says %d", w.Code)
	}
}
