package serving

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// issued is a certificate of gateway.example, with the certificate of who issued it behind it, and its key, in PEM.
type issued struct{ certificate, key []byte }

// issue makes a certificate with a serial number to know it by, for 30 days from a day before noon. change may make it a worse one.
func issue(t testing.TB, serial int64, change func(*x509.Certificate)) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return issueFor(t, serial, key, &key.PublicKey, change)
}

func issueFor(t testing.TB, serial int64, key, public any, change func(*x509.Certificate)) issued {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, NotBefore: noon.Add(-time.Hour), NotAfter: noon.AddDate(1, 0, 0)}
	caText, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"gateway.example"}, NotBefore: noon.AddDate(0, 0, -1), NotAfter: noon.AddDate(0, 0, 30),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(leaf)
	}
	text, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, caKey)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	block := func(typ string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b}) }
	return issued{append(block("CERTIFICATE", text), block("CERTIFICATE", caText)...), block("PRIVATE KEY", private)}
}

// lay writes a pair into a folder.
func (i issued) lay(t testing.TB, dir string) (certificate, key string) {
	t.Helper()
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	must(t, os.WriteFile(certificate, i.certificate, 0o644))
	must(t, os.WriteFile(key, i.key, 0o600))
	return certificate, key
}

func TestACertificateThatNoClientCouldUseIsRefused(t *testing.T) {
	good := issue(t, 1, nil)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	for name, c := range map[string]struct {
		pair issued
		want string
	}{
		"another's key":  {issued{good.certificate, issue(t, 2, nil).key}, "no pair"},
		"no PEM":         {issued{[]byte("certificate"), good.key}, "no pair"},
		"empty":          {issued{nil, nil}, "no pair"},
		"half a chain":   {issued{good.certificate[:len(good.certificate)-40], good.key}, "ends within a certificate"},
		"ended":          {issue(t, 1, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) }), "renew it"},
		"not yet":        {issue(t, 1, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) }), "clock"},
		"of a client":    {issue(t, 1, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "no certificate of a server"},
		"a small key":    {issueFor(t, 1, small, &small.PublicKey, nil), "1024 bits"},
		"nothing at all": {good, ""},
	} {
		certificate, key := c.pair.lay(t, t.TempDir())
		_, err := OpenCertificate(certificate, key, slog.New(slog.DiscardHandler), func() time.Time { return noon })
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), certificate)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyThatEverybodyCanReadIsRefused(t *testing.T) {
	certificate, key := issue(t, 1, nil).lay(t, t.TempDir())
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o440: true, 0o644: false, 0o606: false} {
		must(t, os.Chmod(key, mode))
		_, err := OpenCertificate(certificate, key, slog.New(slog.DiscardHandler), func() time.Time { return noon })
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

// TestWhatIsShownIsAlwaysAWholePair changes the files in the ways in which they change, and in those in which they break. What is shown is known by its
// serial number.
func TestWhatIsShownIsAlwaysAWholePair(t *testing.T) {
	first, second, third, fourth := issue(t, 1, nil), issue(t, 2, nil), issue(t, 3, nil), issue(t, 4, nil)
	ended := issue(t, 9, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	dir := t.TempDir()
	// As Kubernetes lays a secret out: tls.crt -> ..data/tls.crt, and ..data -> the version that holds.
	version := func(name string, i issued) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		i.lay(t, filepath.Join(dir, name))
	}
	point := func(name string) {
		must(t, os.Symlink(name, filepath.Join(dir, "..next")))
		must(t, os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
	}
	version("..1", first)
	point("..1")
	certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	must(t, os.Symlink("..data/tls.crt", certificate))
	must(t, os.Symlink("..data/tls.key", key))
	in := filepath.Join(dir, "..data")
	var log bytes.Buffer
	c, err := OpenCertificate(certificate, key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return noon })
	must(t, err)
	for _, step := range []struct {
		name   string
		change func()
		serial int64
		logged string
	}{
		{"nothing", func() {}, 1, ""},
		{"the folder is exchanged", func() { version("..2", second); point("..2") }, 2, "has been replaced"},
		{"a new certificate, its key not yet", func() { must(t, os.WriteFile(filepath.Join(in, "tls.crt"), third.certificate, 0o644)) }, 2, "is not used"},
		{"its key", func() { must(t, os.WriteFile(filepath.Join(in, "tls.key"), third.key, 0o600)) }, 3, "has been replaced"},
		{"one that has ended", func() { ended.lay(t, in) }, 3, "renew it"},
		{"half of it", func() { fourth.lay(t, in); must(t, os.Truncate(filepath.Join(in, "tls.crt"), 900)) }, 3, "is not used"},
		{"none", func() { must(t, os.Remove(filepath.Join(in, "tls.key"))) }, 3, "no such file"},
		{"the old one again", func() { third.lay(t, in) }, 3, ""},
		{"in place", func() { fourth.lay(t, in) }, 4, "has been replaced"},
	} {
		log.Reset()
		step.change()
		for range 4 { // the first look only sees that something changes, the third and fourth have nothing to add
			c.look()
		}
		if got := c.Leaf().SerialNumber.Int64(); got != step.serial {
			t.Errorf("%s: shows %d, want %d", step.name, got, step.serial)
		}
		if lines := strings.Count(log.String(), "\n"); (step.logged == "") != (lines == 0) || lines > 1 || !strings.Contains(log.String(), step.logged) {
			t.Errorf("%s: %q is logged", step.name, log.String())
		}
		if strings.Contains(log.String(), "PRIVATE") {
			t.Errorf("%s: a key is logged", step.name)
		}
	}
}

func TestAChangeThatGoesOnIsLeftAlone(t *testing.T) {
	certificate, key := issue(t, 1, nil).lay(t, t.TempDir())
	c, err := OpenCertificate(certificate, key, slog.New(slog.DiscardHandler), func() time.Time { return noon })
	must(t, err)
	for serial := int64(2); serial < 5; serial++ {
		issue(t, serial, nil).lay(t, filepath.Dir(certificate))
		c.look()
	}
	if got := c.Leaf().SerialNumber.Int64(); got != 1 {
		t.Errorf("shows %d while the files still change", got)
	}
	c.look()
	if got := c.Leaf().SerialNumber.Int64(); got != 4 {
		t.Errorf("shows %d", got)
	}
}

func TestTheEndIsReportedOnceADay(t *testing.T) {
	certificate, key := issue(t, 1, nil).lay(t, t.TempDir())
	var log bytes.Buffer
	now := noon
	c, err := OpenCertificate(certificate, key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	must(t, err)
	for ; now.Before(noon.AddDate(0, 0, 20)); now = now.Add(time.Hour) {
		c.warn()
	}
	if got := strings.Count(log.String(), "to be renewed"); got != 4 { // on the days 16 to 19 of 30
		t.Errorf("%d times in 20 days", got)
	}
}
