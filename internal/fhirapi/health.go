package fhirapi

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Check is one thing that must hold before requests are served: keys, maps, rules, the separation of the psychotherapy store, the ledger.
type Check struct {
	Name string // a fixed word
	Func func(context.Context) error
}

// checkTimeout bounds all checks of one /readyz together.
const checkTimeout = 3 * time.Second

// livez says that the process runs.
func (a *API) livez(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

// readyz says whether requests can be served, and what is missing by name alone.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	if a.draining.Load() {
		plain(w, http.StatusServiceUnavailable, "draining\n")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	for _, c := range a.Checks {
		if err := passes(ctx, c); err != nil {
			plain(w, http.StatusServiceUnavailable, "not ready: "+c.Name+"\n")
			return
		}
	}
	plain(w, http.StatusOK, "ok\n")
}

// passes runs a check. One that panics has failed.
func passes(ctx context.Context, c Check) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return c.Func(ctx)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // nobody is left to tell
}
