package serving

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what a Server is made of.
type Options struct {
	Handler http.Handler
	Limits  Limits
	// Proxies may say for whom they ask.
	Proxies Proxies
	// Certificate is what the server shows over TLS; nil for InsecurePlainHTTP, which belongs on loopback or behind a proxy that ends TLS.
	Certificate *Certificate
	// AskClients has clients asked for a certificate. Any will do, and none: what it is good for others decide.
	AskClients bool
	// Alive is the path that is answered whatever the load, so that nobody takes a busy process for a dead one.
	Alive string
	// Refuse answers whoever is not let in; nil for Refuse.
	Refuse func(http.ResponseWriter, *http.Request, error)
	// Metrics takes the counts of connections; nil for none.
	Metrics prometheus.Registerer
}

// Server is an http.Server within bounds.
type Server struct {
	http        *http.Server
	certificate *Certificate
	limits      Limits
	proxies     Proxies
	metrics     *metrics
	listening   atomic.Pointer[listener]
}

// New makes a Server.
func New(o Options) *Server {
	m := newMetrics(o.Metrics)
	if o.Refuse == nil {
		o.Refuse = Refuse
	}
	s := &Server{certificate: o.Certificate, limits: o.Limits, proxies: o.Proxies, metrics: m}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.Certificate != nil) // never without TLS
	s.http = &http.Server{
		Handler:           &bounded{next: o.Handler, limits: o.Limits, proxies: o.Proxies, secure: o.Certificate != nil, alive: o.Alive, refuse: o.Refuse, metrics: m},
		ReadHeaderTimeout: o.Limits.HeaderTimeout,
		ReadTimeout:       o.Limits.RequestTimeout,
		WriteTimeout:      o.Limits.AnswerTimeout,
		IdleTimeout:       o.Limits.IdleTimeout,
		MaxHeaderBytes:    o.Limits.HeaderBytes,
		ConnContext:       withConn,
		Protocols:         protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: o.Limits.Streams, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 64 << 10,
			SendPingTimeout: o.Limits.IdleTimeout / 2, PingTimeout: o.Limits.HeaderTimeout, WriteByteTimeout: o.Limits.HeaderTimeout,
		},
		ErrorLog: log.New(io.Discard, "", 0), // the server's own messages could repeat what a client sent
	}
	if o.Certificate != nil {
		s.http.TLSConfig = tlsConfig(o.Certificate)
		if o.AskClients {
			s.http.TLSConfig.ClientAuth = tls.RequestClientCert
		}
	}
	return s
}

// lookEvery is how often the certificate's files are looked at. A change is taken when it was seen twice.
const lookEvery = 2 * time.Second

// Serve serves on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	within := newListener(l, s.limits, s.proxies, s.metrics)
	s.listening.Store(within)
	if s.certificate == nil {
		return s.http.Serve(within)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.certificate.watch(ctx, lookEvery)
	return s.http.ServeTLS(within, "", "")
}

// Shutdown answers what is under way and stops.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// tlsConfig takes TLS 1.3, and 1.2 with forward secrecy and authenticated encryption only (RFC 9325, 4.2).
func tlsConfig(c *Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: c.get,
	}
}
