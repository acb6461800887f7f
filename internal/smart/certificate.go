package smart

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ClientCertificates says where the certificate of a client is found. The zero value is the TLS connection itself.
type ClientCertificates struct {
	// Proxied tells whether a request comes over a proxy, whose own certificate is then that of the connection; nil for none that does.
	Proxied func(context.Context) bool
	// Header is where those proxies put the client's certificate, in the form of RFC 9440 or as PEM with percent-encoding. Without it nobody has one who comes
	// over a proxy. What anybody else writes there counts for nothing.
	Header string
}

var errCertificate = errors.New("smart: no client certificate")

const maxCertificate = 16 << 10

// thumbprint is that of the certificate. Who issued it does not matter: that its key is the client's, the handshake has proven, and that it is the
// right one, the token says.
func (c ClientCertificates) thumbprint(r *http.Request, now time.Time) (string, error) {
	certificate, err := c.certificate(r)
	if err != nil || now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return "", errCertificate
	}
	sum := sha256.Sum256(certificate.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

func (c ClientCertificates) certificate(r *http.Request) (*x509.Certificate, error) {
	if c.Proxied == nil || !c.Proxied(r.Context()) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return nil, errCertificate
		}
		return r.TLS.PeerCertificates[0], nil
	}
	if c.Header == "" {
		return nil, errCertificate
	}
	values := r.Header.Values(c.Header)
	if len(values) != 1 || len(values[0]) > maxCertificate {
		return nil, errCertificate
	}
	der, ok := certificateBytes(values[0])
	if !ok {
		return nil, errCertificate
	}
	return x509.ParseCertificate(der) // which refuses anything behind it
}

func certificateBytes(text string) ([]byte, bool) {
	if inner, ok := strings.CutPrefix(text, ":"); ok { // a byte sequence (RFC 9440, 2.1; RFC 8941, 3.3.5)
		inner, ok = strings.CutSuffix(inner, ":")
		der, err := base64.StdEncoding.DecodeString(inner)
		return der, ok && err == nil
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, false
	}
	block, rest := pem.Decode([]byte(plain))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, false
	}
	return block.Bytes, true
}
