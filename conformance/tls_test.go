package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// layCertificate writes a certificate for loopback, known by its serial number, and its key.
func layCertificate(t testing.TB, dir string, serial int64, until time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true}
	text, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: text}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = x509.ParseCertificate(text); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTLSWithACertificateThatIsReplaced serves HTTPS, replaces the certificate as Kubernetes does while it serves, and breaks it.
func TestTLSWithACertificateThatIsReplaced(t *testing.T) {
	t.Parallel()
	c := changedClinic(t, "base-url: http:", "base-url: https:", "audience: http:", "audience: https:", "maps: maps\n", "maps: maps\ntls: {certificate: secret/tls.crt, key: secret/tls.key}\n")
	c.root, c.base = strings.Replace(c.root, "http:", "https:", 1), strings.Replace(c.base, "http:", "https:", 1)
	roots := x509.NewCertPool()
	version := func(name string, serial int64, until time.Time) {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		roots.AddCert(layCertificate(t, filepath.Join(c.dir, name), serial, until))
		if err := os.Symlink(name, filepath.Join(c.dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(c.dir, "next"), filepath.Join(c.dir, "secret")); err != nil {
			t.Fatal(err)
		}
	}
	version("v1", 1, time.Now().AddDate(0, 1, 0))
	var err error
	if c.process, err = start("serve", "--config", c.config()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	ready := func() ran { return runGateway(t, "ready", "--config", c.config()) }
	if err := c.until("ready", func() bool { return ready().stdout == "ok\n" }); err != nil {
		t.Fatal(err)
	}
	ask := func() (serial int64, resp *http.Response) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots.Clone()}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		r, err := http.NewRequest("GET", c.base+"/Patient/"+c.id(t, c.practice.Story.Referred), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.as(t, harbor).token)
		resp, err = (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), resp
	}
	serial, resp := ask()
	if serial != 1 || resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("serial %d, %d, HTTP/%d, HSTS %q", serial, resp.StatusCode, resp.ProtoMajor, resp.Header.Get("Strict-Transport-Security"))
	}
	version("v2", 2, time.Now().AddDate(0, 0, 5))
	if err := c.until("showing the new certificate", func() bool { serial, _ := ask(); return serial == 2 }); err != nil {
		t.Error(err)
	}
	version("v3", 3, time.Now().Add(-time.Minute))
	if err := c.until("saying that the certificate has ended", func() bool { return bytes.Contains(c.stderr.Bytes(), []byte("renew it")) }); err != nil {
		t.Error(err)
	}
	if serial, resp := ask(); serial != 2 || resp.StatusCode != 200 {
		t.Errorf("a certificate that has ended: serial %d is shown, %d", serial, resp.StatusCode)
	}
	if a, err := plainClient.Get(strings.Replace(c.root, "https:", "http:", 1) + "/fhir/metadata"); err == nil {
		a.Body.Close()
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("plain HTTP: %d", a.StatusCode)
		}
	}
	version("v4", 4, time.Now().AddDate(0, 0, 5))
	if r := runGateway(t, "check", "--config", c.config()); r.code != 1 || !strings.Contains(r.stdout, "4 days from now\n  it is to be renewed") {
		t.Errorf("check: %d %.300s %s", r.code, r.stdout, r.stderr)
	}
	if bytes.Contains(c.stderr.Bytes(), []byte("PRIVATE KEY")) {
		t.Error("a key is in the log")
	}
}
