package smart

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/ephemeral"
)

// sending is a resource server, and a client with a key and a token.
type sending struct {
	*Senders
	t      testing.TB
	now    time.Time
	replay *ephemeral.Memory
	key    jose.JSONWebKey
	token  string
}

func newSending(t testing.TB, certificates ClientCertificates) *sending {
	t.Helper()
	s := &sending{t: t, now: testNow, key: testKeys["es256"], token: "abc.def.ghi"}
	s.replay = ephemeral.NewMemory(0, s.clock)
	var err error
	if s.Senders, err = NewSenders(testAudience, s.replay, certificates, s.clock); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSenders(t testing.TB, replay ephemeral.Store, clock func() time.Time) *Senders {
	t.Helper()
	s, err := NewSenders(testAudience, replay, ClientCertificates{}, clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sending) clock() time.Time { return s.now }

func thumbprint(t testing.TB, k jose.JSONWebKey) string {
	t.Helper()
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// made is a proof for GET .../Patient with a changed header, key or claim.
func (s *sending) made(key jose.JSONWebKey, header, changes object) string {
	s.t.Helper()
	h := object{"typ": "dpop+jwt", "jwk": key.Public()}
	for k, v := range header {
		h[k] = v
	}
	sum := sha256.Sum256([]byte(s.token))
	p := object{"htm": "GET", "htu": testAudience + "/Patient", "iat": s.now.Unix(), "jti": rand.Text(), "ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	for k, v := range changes {
		p[k] = v
		if v == nil {
			delete(p, k)
		}
	}
	key.KeyID = ""
	return sign(s.t, key, h, p)
}

func (s *sending) request(proofs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/fhir/Patient?_id=secret", nil)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return r
}

func (s *sending) bound() *Token {
	return &Token{Confirmation: Confirmation{JKT: thumbprint(s.t, s.key)}}
}

// check sends a token that is bound to the key.
func (s *sending) check(r *http.Request) error {
	return s.Check(s.t.Context(), r, Credentials{Token: s.token, DPoP: true}, s.bound(), "")
}

func TestATokenIsHeldToItsKey(t *testing.T) {
	s := newSending(t, ClientCertificates{})
	if err := s.check(s.request(s.made(s.key, nil, nil))); err != nil {
		t.Fatalf("a good proof: %v", err)
	}
	for name, change := range map[string]object{
		"a host in capitals": {"htu": "HTTPS://RECORDS.example.org/fhir/Patient"}, "the port written out": {"htu": "https://records.example.org:443/fhir/Patient"},
		"needless encoding": {"htu": "https://records.example.org/fhir/P%61tient"}, "a query": {"htu": testAudience + "/Patient?_id=secret"}, "a fragment": {"htu": testAudience + "/Patient#x"},
		"made a while ago": {"iat": s.now.Add(-proofAge).Unix()}, "a clock ahead": {"iat": s.now.Add(proofSkew).Unix()}, "a nonce": {"nonce": "n"},
	} {
		if err := s.check(s.request(s.made(s.key, nil, change))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []string{"rs256", "rs384", "es384"} {
		s.key = testKeys[key]
		if err := s.check(s.request(s.made(s.key, nil, nil))); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestAProofThatProvesNothingIsRefused(t *testing.T) {
	s := newSending(t, ClientCertificates{})
	stranger, private := testKeys["stranger"], testKeys["es256"]
	good := s.made(s.key, nil, nil)
	parts := strings.Split(good, ".")
	for name, proofs := range map[string][]string{
		"none":                        {},
		"two":                         {good, s.made(s.key, nil, nil)},
		"empty":                       {""},
		"oversized":                   {s.made(s.key, nil, object{"x": strings.Repeat("x", maxProofBytes)})},
		"junk":                        {"junk"},
		"alg none":                    {"eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ." + parts[1] + "."},
		"no signature":                {parts[0] + "." + parts[1] + "."},
		"another payload":             {parts[0] + "." + strings.Split(s.made(s.key, nil, object{"htm": "POST"}), ".")[1] + "." + parts[2]},
		"another's key":               {s.made(stranger, nil, nil)},
		"another's key, ours claimed": {s.made(stranger, object{"jwk": private.Public()}, nil)},
		"a private key in it":         {s.made(s.key, object{"jwk": private}, nil)},
		"a symmetric key in it":       {s.made(s.key, object{"jwk": jose.JSONWebKey{Key: []byte("0123456789abcdef")}}, nil)},
		"no key":                      {s.made(s.key, object{"jwk": nil}, nil)},
		"typ JWT":                     {s.made(s.key, object{"typ": "JWT"}, nil)},
		"no typ":                      {s.made(s.key, object{"typ": nil}, nil)},
		"typ of a token":              {s.made(s.key, object{"typ": "at+jwt"}, nil)},
		"crit":                        {s.made(s.key, object{"crit": []string{"x"}, "x": 1}, nil)},
		"another method":              {s.made(s.key, nil, object{"htm": "POST"})},
		"method in small letters":     {s.made(s.key, nil, object{"htm": "get"})},
		"no method":                   {s.made(s.key, nil, object{"htm": nil})},
		"another path":                {s.made(s.key, nil, object{"htu": testAudience + "/Patient/x"})},
		"a path encoded otherwise":    {s.made(s.key, nil, object{"htu": "https://records.example.org/fhir%2FPatient"})},
		"another host":                {s.made(s.key, nil, object{"htu": "https://evil.example.org/fhir/Patient"})},
		"another port":                {s.made(s.key, nil, object{"htu": "https://records.example.org:8443/fhir/Patient"})},
		"another scheme":              {s.made(s.key, nil, object{"htu": "http://records.example.org/fhir/Patient"})},
		"a user in the URL":           {s.made(s.key, nil, object{"htu": "https://records.example.org@evil.example.org/fhir/Patient"})},
		"a relative URL":              {s.made(s.key, nil, object{"htu": "/fhir/Patient"})},
		"no URL":                      {s.made(s.key, nil, object{"htu": nil})},
		"for another token":           {s.made(s.key, nil, object{"ath": base64.RawURLEncoding.EncodeToString(make([]byte, 32))})},
		"for no token":                {s.made(s.key, nil, object{"ath": nil})},
		"too old":                     {s.made(s.key, nil, object{"iat": s.now.Add(-proofAge - time.Second).Unix()})},
		"from the future":             {s.made(s.key, nil, object{"iat": s.now.Add(proofSkew + time.Second).Unix()})},
		"of no time":                  {s.made(s.key, nil, object{"iat": nil})},
		"a time that is text":         {s.made(s.key, nil, object{"iat": "now"})},
		"without an id":               {s.made(s.key, nil, object{"jti": nil})},
		"an id too long":              {s.made(s.key, nil, object{"jti": strings.Repeat("x", maxProofID+1)})},
		"names in capitals":           {s.made(s.key, nil, object{"htm": nil, "HTM": "GET"})},
	} {
		if err := s.check(s.request(proofs...)); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.check(s.request(good)); err != nil {
		t.Errorf("the good one, after all these: %v", err)
	}
}

func TestAProofIsGoodOnce(t *testing.T) {
	s := newSending(t, ClientCertificates{})
	proof := s.made(s.key, nil, object{"jti": "one"})
	if err := s.check(s.request(proof)); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(proofAge)
	for _, again := range []string{proof, s.made(s.key, nil, object{"jti": "one"})} {
		if err := s.check(s.request(again)); !errors.Is(err, ErrProof) {
			t.Errorf("again: %v", err)
		}
	}
	s.key = testKeys["next"] // an id is its key's: nobody uses up another's
	if err := s.check(s.request(s.made(s.key, nil, object{"jti": "one"}))); err != nil {
		t.Errorf("the same id with another key: %v", err)
	}
	s.replay.Close()
	if err := s.check(s.request(s.made(s.key, nil, nil))); !errors.Is(err, ErrReplay) {
		t.Errorf("when nobody knows: %v", err)
	}
}

func TestWhoMustProveWhat(t *testing.T) {
	s := newSending(t, ClientCertificates{})
	proof := func() *http.Request { return s.request(s.made(s.key, nil, nil)) }
	bound, free, shown := s.bound(), &Token{}, &Token{Confirmation: Confirmation{X5TS256: "thumb"}}
	var nobody *Senders
	for name, tt := range map[string]struct {
		senders  *Senders
		request  *http.Request
		dpop     bool
		token    *Token
		required Constraint
		want     error
	}{
		"a bearer token":                       {s.Senders, s.request(), false, free, "", nil},
		"a bearer token, nothing configured":   {nobody, s.request(), false, free, "", nil},
		"a bearer token with a proof":          {s.Senders, proof(), false, free, "", nil},
		"a bound token as a bearer token":      {s.Senders, s.request(), false, bound, "", ErrBearer},
		"the same with a proof":                {s.Senders, proof(), false, bound, "", ErrBearer},
		"a bound token, nothing configured":    {nobody, proof(), true, bound, "", ErrInvalid},
		"a shown one, nothing configured":      {nobody, s.request(), false, shown, "", ErrInvalid},
		"a free token by the scheme DPoP":      {s.Senders, proof(), true, free, "", ErrInvalid},
		"a partner with DPoP, bearer token":    {s.Senders, s.request(), false, free, DPoP, ErrBearer},
		"a partner with DPoP, free token":      {s.Senders, proof(), true, free, DPoP, ErrBearer},
		"a partner with DPoP, bound token":     {s.Senders, proof(), true, bound, DPoP, nil},
		"a partner with mTLS, bearer token":    {s.Senders, s.request(), false, free, MutualTLS, ErrInvalid},
		"a partner with mTLS, DPoP token":      {s.Senders, proof(), true, bound, MutualTLS, ErrInvalid},
		"a partner with mTLS, no certificate":  {s.Senders, s.request(), false, shown, MutualTLS, ErrInvalid},
		"a constraint that nobody knows":       {s.Senders, s.request(), false, free, "x", ErrInvalid},
		"a token bound to both, with a proof":  {s.Senders, proof(), true, &Token{Confirmation: Confirmation{JKT: bound.Confirmation.JKT, X5TS256: "thumb"}}, "", ErrInvalid},
		"a partner with DPoP, none configured": {nobody, s.request(), false, free, DPoP, ErrBearer},
	} {
		err := tt.senders.Check(t.Context(), tt.request, Credentials{Token: s.token, DPoP: tt.dpop}, tt.token, tt.required)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := nobody.Proof(context.Background(), proof()); !errors.Is(err, ErrProof) {
		t.Errorf("nobody reads a proof: %v", err)
	}
	if _, err := NewSenders("fhir", s.replay, ClientCertificates{}, nil); err == nil {
		t.Error("a server without a URL")
	}
	if _, err := NewSenders(testAudience, nil, ClientCertificates{}, nil); err == nil {
		t.Error("a server that forgets proofs")
	}
}

func selfSigned(t *testing.T, from, until time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATokenIsHeldToItsCertificate(t *testing.T) {
	own, other := selfSigned(t, testNow.Add(-time.Hour), testNow.Add(time.Hour)), selfSigned(t, testNow.Add(-time.Hour), testNow.Add(time.Hour))
	ended, later := selfSigned(t, testNow.Add(-2*time.Hour), testNow.Add(-time.Hour)), selfSigned(t, testNow.Add(time.Hour), testNow.Add(2*time.Hour))
	tokenOf := func(c *x509.Certificate) *Token {
		sum := sha256.Sum256(c.Raw)
		return &Token{Confirmation: Confirmation{X5TS256: base64.RawURLEncoding.EncodeToString(sum[:])}}
	}
	byTLS := func(c *x509.Certificate) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/fhir/Patient", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		return r
	}
	byHeader := func(values ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/fhir/Patient", nil)
		r.Header["Client-Cert"] = values
		return r
	}
	rfc9440 := func(c *x509.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":" }
	escaped := func(c *x509.Certificate) string {
		return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	comes := func(over bool) func(context.Context) bool { return func(context.Context) bool { return over } }
	direct, proxied := newSending(t, ClientCertificates{}), newSending(t, ClientCertificates{Proxied: comes(true), Header: "Client-Cert"})
	past, silent := newSending(t, ClientCertificates{Proxied: comes(false), Header: "Client-Cert"}), newSending(t, ClientCertificates{Proxied: comes(true)})
	for name, tt := range map[string]struct {
		senders *sending
		request *http.Request
		token   *Token
		good    bool
	}{
		"its own":                       {direct, byTLS(own), tokenOf(own), true},
		"another's":                     {direct, byTLS(other), tokenOf(own), false},
		"none":                          {direct, httptest.NewRequest(http.MethodGet, "/fhir/Patient", nil), tokenOf(own), false},
		"one that has ended":            {direct, byTLS(ended), tokenOf(ended), false},
		"one that has not begun":        {direct, byTLS(later), tokenOf(later), false},
		"a header that nobody reads":    {direct, byHeader(rfc9440(own)), tokenOf(own), false},
		"by RFC 9440":                   {proxied, byHeader(rfc9440(own)), tokenOf(own), true},
		"as PEM":                        {proxied, byHeader(escaped(own)), tokenOf(own), true},
		"another's in the header":       {proxied, byHeader(escaped(other)), tokenOf(own), false},
		"two headers":                   {proxied, byHeader(rfc9440(own), rfc9440(own)), tokenOf(own), false},
		"no header":                     {proxied, byHeader(), tokenOf(own), false},
		"no end":                        {proxied, byHeader(strings.TrimSuffix(rfc9440(own), ":")), tokenOf(own), false},
		"two certificates":              {proxied, byHeader(escaped(own) + escaped(other)), tokenOf(own), false},
		"something behind it":           {proxied, byHeader(":" + base64.StdEncoding.EncodeToString(append(own.Raw, 0)) + ":"), tokenOf(own), false},
		"no certificate":                {proxied, byHeader("junk"), tokenOf(own), false},
		"an escape that is none":        {proxied, byHeader("%zz"), tokenOf(own), false},
		"the proxy's own":               {proxied, byTLS(own), tokenOf(own), false},
		"the proxy's, which tells none": {silent, byTLS(own), tokenOf(own), false},
		"a header of nobody's":          {silent, byHeader(rfc9440(own)), tokenOf(own), false},
		"a header past the proxy":       {past, byHeader(rfc9440(own)), tokenOf(own), false},
		"its own past the proxy":        {past, byTLS(own), tokenOf(own), true},
	} {
		err := tt.senders.Check(t.Context(), tt.request, Credentials{Token: "x"}, tt.token, MutualTLS)
		if (err == nil) != tt.good || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfirmationsOfATokenAreReadOrRefuseIt(t *testing.T) {
	v := newTestVerifier(t, testConfig(t))
	for name, tt := range map[string]struct {
		changes object
		want    Confirmation
		good    bool
	}{
		"a key":                     {object{"cnf": object{"jkt": "a"}}, Confirmation{JKT: "a"}, true},
		"a certificate":             {object{"cnf": object{"x5t#S256": "a"}}, Confirmation{X5TS256: "a"}, true},
		"both":                      {object{"cnf": object{"jkt": "a", "x5t#S256": "b"}}, Confirmation{JKT: "a", X5TS256: "b"}, true},
		"what Keycloak adds":        {object{"typ": "DPoP", "cnf": object{"jkt": "a", "kc-jkt-type": "x"}}, Confirmation{JKT: "a"}, true},
		"typ DPoP and no key":       {object{"typ": "DPoP"}, Confirmation{}, false},
		"typ DPoP, a certificate":   {object{"typ": "DPoP", "cnf": object{"x5t#S256": "a"}}, Confirmation{}, false},
		"what nobody knows, alone":  {object{"cnf": object{"kc-jkt-type": "x"}}, Confirmation{}, false},
		"another method":            {object{"cnf": object{"jwk": object{}}}, Confirmation{}, false},
		"another method beside":     {object{"cnf": object{"jkt": "a", "kid": "x"}}, Confirmation{}, false},
		"an older thumbprint":       {object{"cnf": object{"jkt": "a", "x5t": "x"}}, Confirmation{}, false},
		"an empty key":              {object{"cnf": object{"jkt": ""}}, Confirmation{}, false},
		"a key that is no text":     {object{"cnf": object{"jkt": 7}}, Confirmation{}, false},
		"a confirmation of nothing": {object{"cnf": object{}}, Confirmation{}, false},
		"a confirmation as text":    {object{"cnf": "jkt"}, Confirmation{}, false},
	} {
		tok, err := v.Verify(t.Context(), sign(t, testKeys["es256"], nil, payload(tt.changes)))
		if (err == nil) != tt.good || err == nil && tok.Confirmation != tt.want {
			t.Errorf("%s: %+v, %v", name, tok, err)
		}
	}
}

// Two processes share what was used, and not their clocks: what one has taken the other refuses for as long as it would take it by its own.
func TestAProofIsForOneUseWhereClocksDiffer(t *testing.T) {
	ahead := newSending(t, ClientCertificates{})
	behind := *ahead
	behind.Senders = mustSenders(t, ahead.replay, func() time.Time { return ahead.now.Add(-proofSkew) })
	proof := ahead.made(ahead.key, nil, object{"iat": ahead.now.Add(-proofAge + time.Second).Unix()})
	if err := ahead.check(ahead.request(proof)); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		ahead.now = ahead.now.Add(time.Second)
		if err := behind.check(behind.request(proof)); !errors.Is(err, ErrProof) {
			t.Fatalf("a proof that was used: %v", err)
		}
	}
}

// FuzzProof: whatever a client sends, nothing but its own good proof passes.
func FuzzProof(f *testing.F) {
	f.Add("a.b.c", "https://records.example.org/fhir/Patient")
	f.Add("eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7fX0.e30.AAAA", "https://records.example.org/fhir%2fPatient")
	f.Fuzz(func(t *testing.T, proof, htu string) {
		s := newSending(t, ClientCertificates{})
		if err := s.check(s.request(proof)); err == nil {
			t.Error("taken")
		}
		if u, err := url.Parse(htu); err == nil && s.isURL(htu, &url.URL{Path: "/fhir/Patient"}) && (!strings.EqualFold(u.Hostname(), "records.example.org") || u.Path != "/fhir/Patient") {
			t.Errorf("%q is taken for the request's URL", htu)
		}
	})
}
