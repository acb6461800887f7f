package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/consentry/gateway/internal/serving"
	"github.com/consentry/gateway/internal/smart"
)

// TLSConfig names the certificate's files, in PEM. They are read again when they change.
type TLSConfig struct {
	// Certificate is the certificate and behind it its chain, what certbot calls fullchain.pem and Kubernetes tls.crt.
	Certificate string `yaml:"certificate"`
	// Key is its private key, which not everybody on the machine may read.
	Key string `yaml:"key"`
	// ClientCertificates asks clients for a certificate, as partners need that are registered with sender-constraint: mtls. A browser then asks its user.
	ClientCertificates bool `yaml:"client-certificates"`
}

// validateTLS leaves three ways: TLS; plain HTTP on loopback; plain HTTP elsewhere by a name that says what it is.
func (c *Config) validateTLS(p *problems) {
	t := c.TLS
	if (t.Certificate == "") != (t.Key == "") {
		p.add(c.line("tls"), "tls needs both, certificate and key")
	}
	if t.ClientCertificates && t.Certificate == "" {
		p.add(c.line("tls.client-certificates"), "tls.client-certificates needs a certificate of this server: who does not end TLS sees no client's")
	}
	u, err := url.Parse(c.BaseURL)
	switch secure := t.Certificate != ""; {
	case secure && c.InsecurePlainHTTP:
		p.add(c.line("insecure-plain-http"), "tls and insecure-plain-http exclude each other")
	case secure && err == nil && u.Scheme == "http":
		p.add(c.line("base-url"), "base-url is plain HTTP, but tls is set: partners would be sent to an address that does not answer")
	case !secure && c.Listen != "" && !isLoopback(c.Listen) && !c.InsecurePlainHTTP:
		p.add(c.line("listen"), "listen is not on loopback, and without tls tokens and records would go over the network in the clear: "+
			"set tls.certificate and tls.key, or listen on 127.0.0.1, or, behind a proxy that ends TLS in a network of its own, say insecure-plain-http: true")
	}
}

// clientCertificates says where the certificates of clients are found.
func (c *Config) clientCertificates() smart.ClientCertificates {
	return smart.ClientCertificates{Proxied: serving.Proxied, Header: c.TrustedProxies.ClientCertificateHeader}
}

// seesCertificates tells whether clients can show a certificate at all.
func (c *Config) seesCertificates() bool {
	return c.TLS.ClientCertificates || c.TrustedProxies.ClientCertificateHeader != ""
}

// certificate opens what tls names, nil for plain HTTP.
func (c *Config) certificate(log *slog.Logger) (*serving.Certificate, error) {
	if c.TLS.Certificate == "" || c.TLS.Key == "" {
		return nil, nil
	}
	return serving.OpenCertificate(c.TLS.Certificate, c.TLS.Key, log, time.Now)
}

// checkTLS looks at the certificate's files.
func (c *Config) checkTLS(p *problems) {
	_, err := c.certificate(slog.New(slog.DiscardHandler))
	for _, text := range texts(err) {
		p.add(c.line("tls"), "tls: %s", text)
	}
}

// printCertificate says until when the certificate can be used, and tells whether there is something to look at.
func printCertificate(out io.Writer, c *Config, now time.Time) (good bool, err error) {
	certificate, err := c.certificate(slog.New(slog.DiscardHandler))
	if err != nil || certificate == nil {
		return err == nil, err
	}
	good = true
	leaf := certificate.Leaf()
	left := leaf.NotAfter.Sub(now)
	fmt.Fprintf(out, "TLS certificate %s: until %s, %d days from now\n", c.TLS.Certificate, leaf.NotAfter.UTC().Format(time.DateTime+" UTC"), int(left.Hours()/24))
	if left < serving.Soon {
		good = false
		fmt.Fprintln(out, "  it is to be renewed: after that day no partner gets an answer")
	}
	if u, err := url.Parse(c.BaseURL); err == nil && leaf.VerifyHostname(u.Hostname()) != nil {
		good = false
		fmt.Fprintf(out, "  it does not name %s, the host of base-url: partners who come here directly will refuse it\n", u.Hostname())
	}
	fmt.Fprintln(out)
	return good, nil
}
