package serving

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// Certificate is a certificate with its chain and key, in two PEM files that are read again when they change. What is shown is always a whole pair that
// belongs together: a new one that does not keeps the one before it. It does not matter how the files change, in place, by a rename or by a symbolic link
// above them that is moved, as certbot and Kubernetes do: they are known by what is in them.
type Certificate struct {
	files   files
	log     *slog.Logger
	now     func() time.Time
	current atomic.Pointer[pair]

	// Of the watch alone.
	seen   [sha256.Size]byte // what the last look found, if it was not the current pair
	told   [sha256.Size]byte // what was reported as unusable
	warned time.Time         // of the end that comes near
}

// files are the two files by their paths.
type files struct{ certificate, key string }

// pair is what the files held.
type pair struct {
	tls.Certificate
	digest [sha256.Size]byte
}

// OpenCertificate reads a certificate, its own first and then its chain, and its key. It fails for one that no client could use now.
func OpenCertificate(certificate, key string, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	c := &Certificate{files: files{certificate, key}, log: log, now: now}
	p, _, err := c.files.read(now())
	if err != nil {
		return nil, err
	}
	c.current.Store(p)
	return c, nil
}

// Leaf is the certificate itself.
func (c *Certificate) Leaf() *x509.Certificate { return c.current.Load().Leaf }

func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &c.current.Load().Certificate, nil
}

// watch looks at the files until the context ends.
func (c *Certificate) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look()
			c.warn()
		}
	}
}

// look takes a change that two looks have found alike: files that somebody is still writing are left alone.
func (c *Certificate) look() {
	p, digest, err := c.files.read(c.now())
	switch {
	case digest == c.current.Load().digest:
		c.seen, c.told = [sha256.Size]byte{}, [sha256.Size]byte{}
	case digest != c.seen:
		c.seen = digest
	case err == nil:
		c.current.Store(p)
		c.warned = time.Time{}
		c.log.Info("the TLS certificate has been replaced", "file", c.files.certificate, "until", p.Leaf.NotAfter)
	case digest != c.told:
		c.told = digest
		c.log.Error("the new TLS certificate is not used; the one before it is kept", "error", err.Error(), "until", c.Leaf().NotAfter)
	}
}

// Soon is how long before its end a certificate is reported: those who renew by themselves do so earlier.
const Soon = 14 * 24 * time.Hour

// warn says once a day that the end comes near.
func (c *Certificate) warn() {
	now, until := c.now(), c.Leaf().NotAfter
	if until.Sub(now) > Soon || now.Sub(c.warned) < 24*time.Hour {
		return
	}
	c.warned = now
	c.log.Warn("the TLS certificate is to be renewed", "file", c.files.certificate, "until", until)
}

const maxPEM = 1 << 20

// read reads both files. The digest says what they held, also where that is no pair.
func (f files) read(now time.Time) (_ *pair, digest [sha256.Size]byte, err error) {
	certificate, certErr := readPEM(f.certificate)
	key, keyErr := readPEM(f.key)
	if err = errors.Join(certErr, keyErr); err == nil {
		err = f.closed()
	}
	sum := sha256.New()
	for _, part := range [][]byte{certificate, key, []byte(fmt.Sprint(err))} {
		fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	sum.Sum(digest[:0])
	if err != nil {
		return nil, digest, err
	}
	p := &pair{digest: digest}
	if p.Certificate, err = tls.X509KeyPair(certificate, key); err != nil {
		return nil, digest, fmt.Errorf("%s and %s are no pair of a certificate and its key in PEM: %w", f.certificate, f.key, err)
	}
	if err := usable(p.Leaf, certificate, now); err != nil {
		return nil, digest, fmt.Errorf("%s: %w", f.certificate, err)
	}
	return p, digest, nil
}

func readPEM(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxPEM:
		return nil, fmt.Errorf("%s is no PEM file", path)
	}
	return os.ReadFile(path)
}

// closed sees to it that not everybody on the machine can read the key. Its group may: so Kubernetes gives a secret to a user that is not root.
func (f files) closed() error {
	info, err := os.Stat(f.key)
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("%s can be read by everybody on this machine: chmod o= it (of a Kubernetes secret: defaultMode 0440)", f.key)
	}
	return err
}

const minRSABits = 2048

// usable tells why no client could use a certificate now.
func usable(leaf *x509.Certificate, text []byte, now time.Time) error {
	rest := text
	for block, more := pem.Decode(rest); block != nil; block, more = pem.Decode(rest) {
		rest = more
	}
	key, isRSA := leaf.PublicKey.(*rsa.PublicKey)
	switch {
	case bytes.Contains(rest, []byte("-----BEGIN")):
		return errors.New("it ends within a certificate of its chain")
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it has ended on %s: renew it", leaf.NotAfter.UTC().Format(time.DateTime+" UTC"))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it begins on %s only: is the clock of this machine right?", leaf.NotBefore.UTC().Format(time.DateTime+" UTC"))
	case isRSA && key.N.BitLen() < minRSABits:
		return fmt.Errorf("its RSA key has %d bits: make one of %d or more, or an ECDSA key", key.N.BitLen(), minRSABits)
	case len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return errors.New("it is no certificate of a server (extended key usage)")
	}
	return nil
}
