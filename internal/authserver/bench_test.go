package authserver

import (
	"crypto/rand"
	"net/http"
	"testing"
	"time"
)

// BenchmarkToken is what a token costs the token endpoint, by how its client signs: an assertion verified, a token signed. The assertions are made
// beforehand.
func BenchmarkToken(b *testing.B) {
	for _, key := range []string{"rsa", "ec"} {
		b.Run(testKeys[key].Algorithm, func(b *testing.B) {
			w := newWorld(b)
			forms := make([]string, b.N)
			for i := range forms {
				forms[i] = forge(b, w.keys[key], nil, w.payload(map[string]any{"jti": rand.Text()}))
			}
			began := time.Now()
			b.ResetTimer()
			for _, assertion := range forms {
				if rec := w.post(w.form(assertion)); rec.Code != http.StatusOK {
					b.Fatal(rec.Code)
				}
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "tokens/s")
		})
	}
}
