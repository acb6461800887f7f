package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// prover makes DPoP proofs with a key of its own (RFC 9449), as a client's software does.
type prover struct{ key jose.JSONWebKey }

func newProver(t testing.TB) prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return prover{jose.JSONWebKey{Key: key, Algorithm: "ES256"}}
}

// proof is for one request, and for a token if there is one.
func (p prover) proof(t testing.TB, method, target, token string) string {
	t.Helper()
	claims := map[string]any{"htm": method, "htu": target, "iat": time.Now().Unix(), "jti": rand.Text()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key.Key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return signWith(t, signer, claims)
}

// TestABoundTokenIsNoUseWithoutItsKey: a token that the demo's server has bound to a key opens nothing for somebody who only has the token, or a proof that
// was used, or one for something else.
func TestABoundTokenIsNoUseWithoutItsKey(t *testing.T) {
	d := sharedDemo(t)
	partner, owner, thief := d.client(t, harbor), newProver(t), newProver(t)
	endpoint, _, _ := d.endpoints(t)
	got := partner.post(t, endpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}}, http.Header{"Dpop": {owner.proof(t, http.MethodPost, endpoint, "")}}).object(t)
	token, _ := got["access_token"].(string)
	if got["token_type"] != "DPoP" || token == "" {
		t.Fatalf("the token endpoint answered %v %v", got["token_type"], got["error"])
	}
	ask := func(scheme, method, path, body string, proofs ...string) *answer {
		h := http.Header{"Authorization": {scheme + " " + token}, "Content-Type": {"application/fhir+json"}}
		if strings.HasSuffix(path, "_search") {
			h.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if len(proofs) > 0 {
			h["Dpop"] = proofs
		}
		return (&caller{base: d.FHIRBase}).do(t, method, path, strings.NewReader(body), h)
	}
	batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?_count=1"}}]}`
	for _, q := range [][3]string{{"GET", "Patient?_count=1", ""}, {"HEAD", "Patient?_count=1", ""}, {"POST", "Patient/_search", "_count=1"}, {"POST", "", batch}} {
		target, _, _ := strings.Cut(d.FHIRBase+"/"+q[1], "?")
		a := ask("DPoP", q[0], q[1], q[2], owner.proof(t, q[0], target, token))
		if a.status != http.StatusOK || q[2] == batch && !strings.Contains(string(a.body), `"fullUrl"`) {
			t.Errorf("%s %s with a proof: %d", q[0], q[1], a.status)
		}
	}
	target := d.FHIRBase + "/Patient"
	used := owner.proof(t, "GET", target, token)
	if a := ask("DPoP", "GET", "Patient?_count=1", "", used); a.status != http.StatusOK {
		t.Errorf("a proof the first time: %d", a.status)
	}
	for name, x := range map[string]struct {
		scheme string
		proofs []string
		code   string
	}{
		"as a bearer token":          {"Bearer", nil, "invalid_token"},
		"as a bearer token, proven":  {"Bearer", []string{owner.proof(t, "GET", target, token)}, "invalid_token"},
		"without a proof":            {"DPoP", nil, "invalid_dpop_proof"},
		"with a proof used before":   {"DPoP", []string{used}, "invalid_dpop_proof"},
		"with another's proof":       {"DPoP", []string{thief.proof(t, "GET", target, token)}, "invalid_dpop_proof"},
		"with a proof of a POST":     {"DPoP", []string{owner.proof(t, "POST", target, token)}, "invalid_dpop_proof"},
		"with a proof for elsewhere": {"DPoP", []string{owner.proof(t, "GET", "https://elsewhere.example/fhir/Patient", token)}, "invalid_dpop_proof"},
		"with a proof of no token":   {"DPoP", []string{owner.proof(t, "GET", target, "")}, "invalid_dpop_proof"},
	} {
		a := ask(x.scheme, "GET", "Patient?_count=1", "", x.proofs...)
		challenge := a.header.Get("Www-Authenticate")
		if a.status != http.StatusUnauthorized || !strings.HasPrefix(challenge, `DPoP realm="fhir", algs="`) || !strings.HasSuffix(challenge, `, error="`+x.code+`"`) {
			t.Errorf("%s: %d, %s", name, a.status, challenge)
		}
	}
}

// clientCertificate makes a certificate that signs itself, and its thumbprint (RFC 8705, 3.1).
func clientCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestACertificateInAHeaderIsAProxysWord: what a proxy says of a client's certificate counts, and what anybody else writes there does not.
func TestACertificateInAHeaderIsAProxysWord(t *testing.T) {
	t.Parallel()
	own, thumbprint := clientCertificate(t)
	other, _ := clientCertificate(t)
	header := func(c tls.Certificate) string {
		return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
	}
	for from, trusted := range map[string]bool{"127.0.0.1": true, "10.2.0.7": false} {
		c := changedClinic(t, "maps: maps\n", "maps: maps\ntrusted-proxies: {addresses: ["+from+"], header: X-Forwarded-For, client-certificate-header: Client-Cert}\n")
		if err := c.open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.stop() })
		token := c.mint(t, with(c.claims(harbor), map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint}})).token
		for name, x := range map[string]struct {
			shown []string
			good  bool
		}{
			"its own":   {[]string{header(own)}, trusted},
			"another's": {[]string{header(other)}, false},
			"two":       {[]string{header(own), header(other)}, false},
			"none":      {nil, false},
		} {
			got := (&caller{base: c.base, token: token, headers: http.Header{"Client-Cert": x.shown}}).get(t, "Patient?_count=1")
			if (got.status == http.StatusOK) != x.good || !x.good && got.status != http.StatusUnauthorized {
				t.Errorf("%s, where %s is trusted: %d", name, from, got.status)
			}
		}
	}
}

// TestAPartnerThatMustShowItsCertificate: with sender-constraint: mtls its token is good on its own connections alone. Others need none.
func TestAPartnerThatMustShowItsCertificate(t *testing.T) {
	t.Parallel()
	c := changedClinic(t, "base-url: http:", "base-url: https:", "audience: http:", "audience: https:", "maps: maps\n", "maps: maps\ntls: {certificate: tls.crt, key: tls.key, client-certificates: true}\n")
	c.root, c.base = strings.Replace(c.root, "http:", "https:", 1), strings.Replace(c.base, "http:", "https:", 1)
	register, err := os.ReadFile(filepath.Join(c.dir, "partners.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	constrained := strings.Replace(string(register), "- id: "+harbor+"\n", "- id: "+harbor+"\n      sender-constraint: mtls\n", 1)
	if err := os.WriteFile(filepath.Join(c.dir, "partners.yaml"), []byte(constrained), 0o600); err != nil || constrained == string(register) {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(layCertificate(t, c.dir, 1, time.Now().AddDate(0, 1, 0)))
	if c.process, err = start("serve", "--config", c.config()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	if err := c.until("ready", func() bool { return runGateway(t, "ready", "--config", c.config()).stdout == "ok\n" }); err != nil {
		t.Fatal(err)
	}
	own, thumbprint := clientCertificate(t)
	other, _ := clientCertificate(t)
	bound := with(c.claims(harbor), map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint}})
	for name, x := range map[string]struct {
		claims map[string]any
		shown  []tls.Certificate
		status int
	}{
		"its own certificate":                {bound, []tls.Certificate{own}, http.StatusOK},
		"another certificate":                {bound, []tls.Certificate{other}, http.StatusUnauthorized},
		"no certificate":                     {bound, nil, http.StatusUnauthorized},
		"a token that is not bound":          {c.claims(harbor), []tls.Certificate{own}, http.StatusUnauthorized},
		"another partner, nothing":           {c.claims(blueriver), nil, http.StatusOK},
		"another partner, a certificate":     {c.claims(blueriver), []tls.Certificate{other}, http.StatusOK},
		"another partner, a bound token":     {with(c.claims(blueriver), map[string]any{"cnf": bound["cnf"]}), []tls.Certificate{own}, http.StatusOK},
		"another partner, a token not bound": {with(c.claims(blueriver), map[string]any{"cnf": bound["cnf"]}), nil, http.StatusUnauthorized},
	} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: x.shown}, ForceAttemptHTTP2: true}
		r, err := http.NewRequest(http.MethodGet, c.base+"/Patient?_count=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.mint(t, x.claims).token)
		resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		tr.CloseIdleConnections()
		if challenge := resp.Header.Get("Www-Authenticate"); resp.StatusCode != x.status || x.status == http.StatusUnauthorized && challenge != `Bearer realm="fhir", error="invalid_token"` {
			t.Errorf("%s: %d %s", name, resp.StatusCode, challenge)
		}
	}
}
