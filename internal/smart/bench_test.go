package smart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// turn is how many of a thing are measured before as many of the other.
const turn = 200

// inTurns measures the processor time of a token against that of its signature alone, by the standard library, in turns. each makes what a turn begins with, which is not measured.
func inTurns(b *testing.B, alone func() bool, each func() func(int) error) {
	b.Helper()
	var own, bare time.Duration
	for b.Loop() {
		one := each()
		began := processorTime(b)
		for i := range turn {
			if err := one(i); err != nil {
				b.Fatal(err)
			}
		}
		own += processorTime(b) - began
		began = processorTime(b)
		for range turn {
			if !alone() {
				b.Fatal("the signature is not good")
			}
		}
		bare += processorTime(b) - began
	}
	b.ReportMetric(float64(own.Nanoseconds())/float64(b.N*turn), "ns/token")
	b.ReportMetric(float64(own)/float64(bare), "signatures/token")
}

// signatureAlone verifies the signature of a JWS, made with ES256 or RS256, and nothing else.
func signatureAlone(b *testing.B, key jose.JSONWebKey, raw string) func() bool {
	b.Helper()
	at := strings.LastIndexByte(raw, '.')
	signed := []byte(raw[:at])
	signature, err := base64.RawURLEncoding.DecodeString(raw[at+1:])
	if err != nil {
		b.Fatal(err)
	}
	switch public := key.Public().Key.(type) {
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return func() bool {
			sum := sha256.Sum256(signed)
			return ecdsa.Verify(public, sum[:], r, s)
		}
	case *rsa.PublicKey:
		return func() bool {
			sum := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
		}
	}
	b.Fatal("a key of another kind")
	return nil
}

// BenchmarkVerify is what a request pays for its token: cold, when it comes for the first time, and remembered; an opaque one only remembered, since cold it
// costs a question to its issuer.
func BenchmarkVerify(b *testing.B) {
	for _, name := range []string{"es256", "rs256"} {
		key := testKeys[name]
		raw := sign(b, key, nil, payload(nil))
		alone := signatureAlone(b, key, raw)
		b.Run("cold/"+key.Algorithm, func(b *testing.B) {
			i := newTestVerifier(b, testConfig(b)).issuers[testIssuer]
			inTurns(b, alone, func() func(int) error {
				return func(int) error { _, err := i.verify(b.Context(), raw); return err }
			})
		})
		b.Run("remembered/"+key.Algorithm, func(b *testing.B) {
			v := newTestVerifier(b, testConfig(b))
			inTurns(b, alone, func() func(int) error {
				return func(int) error { _, err := v.Verify(b.Context(), raw); return err }
			})
		})
	}
	b.Run("remembered/opaque", func(b *testing.B) {
		s, c := newIntrospector(b), newStepClock()
		s.says(nil)
		v := newTestVerifier(b, s.config(b, c))
		inTurns(b, signatureAlone(b, testKeys["es256"], sign(b, testKeys["es256"], nil, payload(nil))), func() func(int) error {
			return func(int) error { _, err := v.Verify(b.Context(), "opaque"); return err }
		})
	})
}

// BenchmarkProof is what a request pays besides for a token that is bound to a key. The proofs are made beforehand.
func BenchmarkProof(b *testing.B) {
	for _, name := range []string{"es256", "rs256"} {
		key := testKeys[name]
		b.Run(key.Algorithm, func(b *testing.B) {
			s := newSending(b, ClientCertificates{})
			s.key = key
			inTurns(b, signatureAlone(b, key, s.made(key, nil, nil)), func() func(int) error {
				requests := make([]*http.Request, turn)
				for i := range requests {
					requests[i] = s.request(s.made(key, nil, nil))
				}
				return func(i int) error { return s.check(requests[i]) }
			})
		})
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
