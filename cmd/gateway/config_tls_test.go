package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for the host, by itself, and its key.
func writeCertificate(t testing.TB, dir, host string, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{host}, NotBefore: time.Now().AddDate(0, -3, 0), NotAfter: until}
	text, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	noError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), 0o644))
	noError(t, os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

const withTLS = "maps: maps\ntls: {certificate: tls.crt, key: tls.key}"

func TestPlainHTTPLeavesTheMachineOnlyByName(t *testing.T) {
	everywhere := strings.Replace(goodConfig, "listen: 127.0.0.1:8080", "listen: 0.0.0.0:8443", 1)
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"loopback":               {goodConfig, true},
		"everywhere":             {everywhere, false},
		"everywhere, by name":    {everywhere + "insecure-plain-http: true\n", true},
		"everywhere, over TLS":   {strings.Replace(everywhere, "maps: maps", withTLS, 1), true},
		"all addresses":          {strings.Replace(everywhere, "0.0.0.0:8443", `":8443"`, 1), false},
		"a name of this machine": {strings.Replace(everywhere, "0.0.0.0:8443", "records.example.org:8443", 1), false},
	} {
		if _, err := loadText("g.yaml", c.text); (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "g.yaml:1: listen is not on loopback") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClientCertificatesAreAskedForByWhoEndsTLS(t *testing.T) {
	over := strings.Replace(goodConfig, "maps: maps", withTLS, 1)
	for name, c := range map[string]struct{ text, want string }{
		"over TLS":                {strings.Replace(over, "key: tls.key}", "key: tls.key, client-certificates: true}", 1), ""},
		"in plain HTTP":           {goodConfig + "tls: {client-certificates: true}\n", "tls.client-certificates needs a certificate of this server"},
		"behind a proxy":          {goodConfig + "trusted-proxies: {addresses: [10.2.0.7], header: Forwarded, client-certificate-header: Client-Cert}\n", ""},
		"a proxy and TLS as well": {over + "trusted-proxies: {addresses: [10.2.0.7], header: Forwarded, client-certificate-header: Client-Cert}\n", ""},
		"a header of anybody's":   {goodConfig + "trusted-proxies: {client-certificate-header: Client-Cert}\n", "trusted-proxies.addresses is missing"},
		"a header without a name": {goodConfig + "trusted-proxies: {addresses: [10.2.0.7], header: Forwarded, client-certificate-header: \"a b\"}\n", "is no name of a header"},
	} {
		if _, err := loadText("g.yaml", c.text); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPerAddressBoundsAreForWhereClientsComeFrom(t *testing.T) {
	const proxies = "maps: maps\ntrusted-proxies: {header: Forwarded, addresses: [10.2.0.7, 10.3.0.0/16]}"
	for name, c := range map[string]struct {
		change, with string
		want         LimitsConfig // of which those per address count
	}{
		"behind a proxy": {"", "", LimitsConfig{ConnectionsPerAddress: 4096, RequestsPerAddress: 1024}},
		"over TLS": {"maps: maps", withTLS, LimitsConfig{ConnectionsPerAddress: 512, RequestsPerAddress: 256,
			RequestsPerMinutePerAddress: 24_000, FailuresPerMinutePerAddress: 60, IntrospectionsPerMinutePerAddress: 600}},
		"behind a proxy that says for whom it asks": {"maps: maps", proxies, LimitsConfig{ConnectionsPerAddress: 512, RequestsPerAddress: 256,
			RequestsPerMinutePerAddress: 24_000, FailuresPerMinutePerAddress: 60, IntrospectionsPerMinutePerAddress: 600}},
		"over TLS, a small machine": {"maps: maps", withTLS + "\nlimits: {connections: 100, requests: 50, requests-per-minute-per-address: 0}",
			LimitsConfig{ConnectionsPerAddress: 100, RequestsPerAddress: 50, FailuresPerMinutePerAddress: 60, IntrospectionsPerMinutePerAddress: 600}},
		"stated": {"maps: maps", "maps: maps\nlimits: {connections-per-address: 7, requests-per-address: 3, failures-per-minute-per-address: 5}",
			LimitsConfig{ConnectionsPerAddress: 7, RequestsPerAddress: 3, FailuresPerMinutePerAddress: 5}},
	} {
		cfg, err := loadText("g.yaml", strings.Replace(goodConfig, c.change, c.with, 1))
		noError(t, err)
		l := cfg.Limits
		got := LimitsConfig{ConnectionsPerAddress: l.ConnectionsPerAddress, RequestsPerAddress: l.RequestsPerAddress,
			RequestsPerMinutePerAddress: l.RequestsPerMinutePerAddress, FailuresPerMinutePerAddress: l.FailuresPerMinutePerAddress,
			IntrospectionsPerMinutePerAddress: l.IntrospectionsPerMinutePerAddress}
		if got != c.want || l.AnswerTimeout != 2*l.RequestTimeout {
			t.Errorf("%s: %+v", name, l)
		}
		if want := strings.Count(c.with, "10."); len(cfg.proxies().Addresses) != want {
			t.Errorf("%s: the proxies are %v", name, cfg.proxies())
		}
	}
}

func TestTheReportNamesABadCertificate(t *testing.T) {
	config := practiceFolder(t)
	edit(t, config, "maps: maps\n", withTLS+"\n", "base-url: http://127.0.0.1:8080/fhir", "base-url: https://records.example.org/fhir")
	if got := strings.Join(report(t, config), "\n"); !strings.Contains(got, "gateway.yaml:10: tls: ") || !strings.Contains(got, "tls.crt: no such file") || !strings.Contains(got, "tls.key: no such file") {
		t.Errorf("without the files: %s", got)
	}
	dir := filepath.Dir(config)
	writeCertificate(t, dir, "records.example.org", time.Now().Add(-time.Hour))
	if got := strings.Join(report(t, config), "\n"); !strings.Contains(got, "gateway.yaml:10: tls: tls.crt: it has ended on") {
		t.Errorf("after its end: %s", got)
	}
	writeCertificate(t, dir, "records.example.org", time.Now().AddDate(0, 3, 0))
	if got := report(t, config); got != nil {
		t.Errorf("a good one: %s", got)
	}
}

func TestCheckSaysUntilWhenTheCertificateHolds(t *testing.T) {
	dir := t.TempDir()
	cfg, err := loadText(filepath.Join(dir, "g.yaml"), strings.Replace(goodConfig, "maps: maps", withTLS, 1))
	noError(t, err)
	for name, c := range map[string]struct {
		host string
		days int
		good bool
		want string
	}{
		"long":         {"records.example.org", 60, true, "60 days from now"},
		"soon":         {"records.example.org", 13, false, "to be renewed"},
		"another host": {"login.example.org", 60, false, "does not name records.example.org"},
	} {
		var out bytes.Buffer
		writeCertificate(t, dir, c.host, time.Now().Add(time.Duration(c.days)*24*time.Hour+time.Minute))
		good, err := printCertificate(&out, cfg, time.Now())
		noError(t, err)
		if good != c.good || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %t, %s", name, good, out.String())
		}
	}
}
