package authserver

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

// closed is a store that does not answer.
func closed(t *testing.T) ephemeral.Store {
	t.Helper()
	m := ephemeral.NewMemory(0, nil)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}

// constrain registers the clinic with a constraint.
func (w *world) constrain(t *testing.T, constraint smart.Constraint) {
	t.Helper()
	set, err := PublicKeys(testKeys["ec"])
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"clinic.json": {Data: set}, "p.yaml": {Data: []byte("partners:\n  - {id: clinic, kind: provider, organization: {npi: \"1234567893\"}, purposes: [TREAT], scopes: system/*.rs, jwks-file: clinic.json, sender-constraint: \"" + string(constraint) + "\"}\n")}}
	if w.parties, err = requester.Load(files, "p.yaml", profiles.FS, issuer); err != nil {
		t.Fatal(err)
	}
	w.server.config.Partners = fixed{w.parties}
}

func (w *world) proof(t *testing.T, key jose.JSONWebKey, changes map[string]any) string {
	t.Helper()
	p := map[string]any{"htm": "POST", "htu": issuer + "/token", "iat": w.now.Unix(), "jti": rand.Text()}
	for k, v := range changes {
		p[k] = v
	}
	return forge(t, key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": key.Public()}, p)
}

// asksFor asks for a token with a fresh assertion.
func (w *world) asksFor(t *testing.T, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	form := w.form(forge(t, w.keys["ec"], nil, w.payload(map[string]any{"jti": rand.Text()})))
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	change(r)
	return w.serve(r)
}

func nothing(*http.Request) {}

func TestATokenIsBoundToTheKeyOfItsProof(t *testing.T) {
	for _, constraint := range []smart.Constraint{"", smart.DPoP} {
		w := newWorld(t)
		w.constrain(t, constraint)
		key := testKeys["stranger"]
		sum, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		proof := w.proof(t, key, nil)
		body := granted(t, w.asksFor(t, func(r *http.Request) { r.Header.Set("DPoP", proof) }))
		tok, err := w.verifier(t).Verify(t.Context(), body.AccessToken)
		if err != nil || body.TokenType != "DPoP" || tok.Confirmation != (smart.Confirmation{JKT: base64.RawURLEncoding.EncodeToString(sum)}) {
			t.Errorf("%q: %s, %+v, %v", constraint, body.TokenType, tok, err)
		}
		said := answered(t, w.asks(t, introspectionPath, "clinic", "ec", body.AccessToken))
		if cnf, _ := said["cnf"].(map[string]any); said["token_type"] != "DPoP" || cnf["jkt"] != tok.Confirmation.JKT {
			t.Errorf("introspection says %v", said)
		}
		for name, bad := range map[string]string{
			"used before": proof, "another URL": w.proof(t, key, map[string]any{"htu": audience + "/token"}), "another method": w.proof(t, key, map[string]any{"htm": "GET"}), "junk": "junk", "empty": "",
		} {
			rec := w.asksFor(t, func(r *http.Request) { r.Header["Dpop"] = []string{bad} })
			refused(t, rec, http.StatusBadRequest, "invalid_dpop_proof")
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
}

func TestAPartnerWhoMustProveItsKeyGetsNoBearerToken(t *testing.T) {
	w := newWorld(t)
	w.constrain(t, smart.DPoP)
	refused(t, w.asksFor(t, nothing), http.StatusBadRequest, "invalid_dpop_proof")
	w.constrain(t, smart.MutualTLS)
	refused(t, w.asksFor(t, nothing), http.StatusBadRequest, "invalid_request")
	proof := w.proof(t, testKeys["stranger"], nil)
	refused(t, w.asksFor(t, func(r *http.Request) { r.Header.Set("DPoP", proof) }), http.StatusBadRequest, "invalid_request")
}

func TestATokenIsBoundToTheClientCertificate(t *testing.T) {
	w := newWorld(t)
	w.constrain(t, smart.MutualTLS)
	key, ok := testKeys["ec"].Key.(crypto.Signer)
	if !ok {
		t.Fatal("no signer")
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(time.Hour)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	show := func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}
	}
	body := granted(t, w.asksFor(t, show))
	tok, err := w.verifier(t).Verify(t.Context(), body.AccessToken)
	if err != nil || tok.Confirmation != (smart.Confirmation{X5TS256: base64.RawURLEncoding.EncodeToString(sum[:])}) {
		t.Errorf("%+v, %v", tok, err)
	}
	w.now = w.now.Add(2 * time.Hour)
	refused(t, w.asksFor(t, show), http.StatusBadRequest, "invalid_request")
}

func TestWithoutAStoreOfUsedProofsThereIsNoToken(t *testing.T) {
	w := newWorld(t)
	broken := *w.server
	senders, err := smart.NewSenders(issuer, closed(t), smart.ClientCertificates{}, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	broken.senders = senders
	w.server = &broken
	proof := w.proof(t, testKeys["stranger"], nil)
	refused(t, w.asksFor(t, func(r *http.Request) { r.Header.Set("DPoP", proof) }), http.StatusServiceUnavailable, "temporarily_unavailable")
}
