package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve a practice's records over FHIR R4",
		Long: `Serves what the configuration describes, until SIGTERM or Ctrl-C; requests under way are then answered first.

It does not start before it has loaded keys, maps and rules, has proven that it cannot read the psychotherapy notes, and has seen that every statement of the
maps runs. All problems of the configuration and of the files that it names are one report, each with its file and line. The files that it writes, ledger and
state, must be its own. A practice's database that does not answer, or is not there, may come back: then it starts, answers 503, names "practice" under
/readyz, and proves the same before it releases anything.

docker/gateway.yaml, in the repository, is a commented configuration. "gateway check" tells how well the maps fit the practice's rows.`,
		Example: "  gateway serve --config /etc/consentry/gateway.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := readConfig(config)
			if err != nil {
				return err
			}
			logger := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			g, err := openGateway(cmd.Context(), cfg, logger, time.Now)
			if err != nil {
				return err
			}
			defer g.Close()
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", cfg.Listen)
			if err != nil {
				return fmt.Errorf("listen: %w", err)
			}
			s, err := g.listen(cmd.Context(), l, g.api.Handler())
			if err != nil {
				return errors.Join(err, l.Close())
			}
			logger.Info("serving", "listen", s.addr(), "base", cfg.BaseURL)
			return s.run(cmd.Context())
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// Limits of a connection. A request's own limit is the configuration's request-timeout.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	drainTimeout  = 30 * time.Second
)

// servers are the FHIR server and the metrics server, both listening.
type servers struct {
	gateway       *gateway
	fhir, metrics *http.Server
	fhirListener  net.Listener
	metricsListen net.Listener
}

// listen makes the servers, the FHIR server on a listener that is open already, so that whatever is wrong is known before anything is served.
func (g *gateway) listen(ctx context.Context, l net.Listener, handler http.Handler) (*servers, error) {
	m, err := (&net.ListenConfig{}).Listen(ctx, "tcp", g.cfg.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("metrics-listen: %w", err)
	}
	timeout := time.Duration(g.cfg.Limits.RequestTimeout)
	return &servers{
		gateway:      g,
		fhirListener: l, metricsListen: m,
		fhir:    &http.Server{Handler: closingAmbiguous(handler), ReadHeaderTimeout: headerTimeout, ReadTimeout: timeout, WriteTimeout: 2 * timeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: silent()},
		metrics: &http.Server{Handler: g.metrics.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: timeout, WriteTimeout: timeout, ErrorLog: silent()},
	}, nil
}

func (s *servers) addr() string { return s.fhirListener.Addr().String() }

// run serves until the context ends, then answers what is under way and stops.
func (s *servers) run(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.fhir.Serve(s.fhirListener) }()
	go func() { failed <- s.metrics.Serve(s.metricsListen) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.gateway.api.Drain()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return errors.Join(err, s.fhir.Shutdown(drain), s.metrics.Shutdown(drain))
}

// silent drops the server's own messages, which could repeat what a client sent.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
