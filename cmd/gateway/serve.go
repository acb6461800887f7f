package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/consentry/gateway/internal/serving"
)

func serveCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Serve a practice's records over FHIR R4",
		Long: `Serves what the configuration describes, until SIGTERM, SIGHUP or Ctrl-C; requests under way are then answered first, for half a minute at most.

It does not start before it has loaded keys, maps and rules, has proven that it cannot read the psychotherapy notes, and has seen that every statement of the
maps runs. All problems of the configuration and of the files that it names are one report, each with its file and line. The files that it writes, ledger and
state, must be its own. A practice's database that does not answer, or is not there, may come back: then it starts, answers 503, names "practice" under
/readyz, and proves the same before it releases anything.

With a certificate under "tls" it serves HTTPS, TLS 1.2 and later, HTTP/1.1 and HTTP/2. The certificate's files are looked at every two seconds: a new pair
is taken without a restart, one that is broken, half written or at its end is reported in the log, and the one before it stays. Without a certificate it
serves plain HTTP, on loopback only unless "insecure-plain-http: true" says that a proxy in front of it ends TLS. "limits" bounds what clients can hold:
connections, requests at once, sizes and times.

An attachment of up to 32 KB stands in its document, a longer one goes by the URL of a Binary: "practice.inline-attachment-bytes" says otherwise, 0 to 1048576.

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
			s, err := g.listen(cmd.Context(), l)
			if err != nil {
				return errors.Join(err, l.Close())
			}
			logger.Info("serving", "listen", s.addr(), "base", cfg.BaseURL, "tls", cfg.TLS.Certificate != "")
			return s.run(cmd.Context())
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// drainTimeout is how long requests under way are waited for.
const drainTimeout = 30 * time.Second

// metricsLimits bound the metrics server, which is on loopback.
var metricsLimits = serving.Limits{
	Connections: 64, ConnectionsPerAddress: 64, Requests: 16, RequestsPerAddress: 16, Streams: 16, HeaderBytes: 8 << 10, BodyBytes: 1,
	HeaderTimeout: 5 * time.Second, RequestTimeout: 10 * time.Second, AnswerTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
}

// servers are the FHIR server and the metrics server, both listening.
type servers struct {
	gateway       *gateway
	fhir, metrics *serving.Server
	fhirListener  net.Listener
	metricsListen net.Listener
}

// listen makes the servers, the FHIR server on a listener that is open already, so that whatever is wrong is known before anything is served.
func (g *gateway) listen(ctx context.Context, l net.Listener) (*servers, error) {
	certificate, err := g.cfg.certificate(g.log)
	if err != nil {
		return nil, err
	}
	m, err := (&net.ListenConfig{}).Listen(ctx, "tcp", g.cfg.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("metrics-listen: %w", err)
	}
	registry := g.metrics.Registry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &servers{
		gateway:      g,
		fhirListener: l, metricsListen: m,
		fhir:    serving.New(serving.Options{Handler: g.handler(), Limits: g.cfg.Limits.serving(), Proxies: g.cfg.proxies(), Certificate: certificate, AskClients: g.cfg.TLS.ClientCertificates, Alive: "/livez", Refuse: g.refuse, Metrics: registry}),
		metrics: serving.New(serving.Options{Handler: g.metrics.Handler(), Limits: metricsLimits}),
	}, nil
}

func (s *servers) addr() string { return s.fhirListener.Addr().String() }

// run serves until the context ends, then answers what is under way and stops.
func (s *servers) run(ctx context.Context) error {
	var background sync.WaitGroup
	defer background.Wait()
	refresh, stop := context.WithCancel(ctx)
	defer stop()
	background.Go(func() { s.gateway.verifier.Refresh(refresh, s.gateway.issuerAway) })
	failed := make(chan error, 2)
	go func() { failed <- s.fhir.Serve(s.fhirListener) }()
	go func() { failed <- s.metrics.Serve(s.metricsListen) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.gateway.log.Info("stopping: requests under way are answered first", "at most", drainTimeout.String())
	s.gateway.api.Drain()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return errors.Join(err, s.fhir.Shutdown(drain), s.metrics.Shutdown(drain))
}
