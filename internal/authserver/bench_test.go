package authserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// BenchmarkToken is the processor time of a token at the token endpoint, by how its client signs, in turns with the two signatures alone that it takes, by the standard
// library: the assertion's verified, the token's made. The assertions are made beforehand.
func BenchmarkToken(b *testing.B) {
	const turn = 50
	for _, name := range []string{"rsa", "ec"} {
		b.Run(testKeys[name].Algorithm, func(b *testing.B) {
			w := newWorld(b)
			bare := signaturesAlone(b, name)
			var own, alone time.Duration
			for b.Loop() {
				forms := make([]string, turn)
				for i := range forms {
					forms[i] = forge(b, w.keys[name], nil, w.payload(map[string]any{"jti": rand.Text()}))
				}
				began := processorTime(b)
				for _, assertion := range forms {
					if rec := w.post(w.form(assertion)); rec.Code != http.StatusOK {
						b.Fatal(rec.Code)
					}
				}
				own += processorTime(b) - began
				began = processorTime(b)
				for range turn {
					bare()
				}
				alone += processorTime(b) - began
			}
			b.ReportMetric(float64(b.N*turn)/own.Seconds(), "tokens/cpu-s")
			b.ReportMetric(float64(own)/float64(alone), "bare/token")
		})
	}
}

// signaturesAlone verifies one signature of a client's and makes one of the server's.
func signaturesAlone(b *testing.B, client string) func() {
	b.Helper()
	text := make([]byte, 512)
	server, _ := testKeys["server"].Key.(*ecdsa.PrivateKey)
	sum := sha512.Sum384(text)
	var verified func() bool
	switch key := testKeys[client].Key.(type) {
	case *ecdsa.PrivateKey:
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		verified = func() bool { return ecdsa.VerifyASN1(&key.PublicKey, sum[:], signature) }
	case *rsa.PrivateKey:
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA384, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		verified = func() bool {
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA384, sum[:], signature) == nil
		}
	}
	return func() {
		own := sha256.Sum256(text)
		if _, err := ecdsa.SignASN1(rand.Reader, server, own[:]); err != nil || !verified() {
			b.Fatal("a signature is not good")
		}
	}
}

// processorTime is what this process has used: unlike the time of day it does not depend on what else the machine does.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
