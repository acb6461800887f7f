package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twoProviders serves a clinic that takes JWTs of one oidc-provider and opaque tokens of another. Every partner has its tokens of the first, but for one.
func twoProviders(t *testing.T) (c *clinic, jwts, opaque *externalIssuer) {
	t.Helper()
	c = changedClinic(t)
	asks := &introspector{ID: "records-gateway", Secret: "a secret of some length, for a test alone"}
	jwts, opaque = startIssuer(t, c.base, nil), startIssuer(t, c.base, asks)
	must(t, c.writeConfig(issuerConfig{issuer: jwts.Issuer, keys: "insecure-plain-http: false", algorithms: "RS256, ES384"}))
	for name, change := range map[string]func(string) string{
		"gateway.yaml": func(text string) string {
			return strings.Replace(text, "\nkeys: {", "\n  - issuer: "+opaque.Issuer+"\n    audience: "+c.base+"\n    algorithms: [RS256, ES384]\n    opaque: {endpoint: "+opaque.Issuer+
				"/token/introspection, client-id: "+asks.ID+", secret-file: keys/asks.secret}\nkeys: {", 1)
		},
		"partners.yaml": func(text string) string {
			text = partnerID.ReplaceAllString(text, "$0\n$1  issuer: "+jwts.Issuer)
			before, after, _ := strings.Cut(text, "id: "+blueriver+"\n")
			return before + "id: " + blueriver + "\n" + strings.Replace(after, jwts.Issuer, opaque.Issuer, 1)
		},
	} {
		file := filepath.Join(c.dir, name)
		text, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, []byte(change(string(text))), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(c.dir, "keys", "asks.secret"), []byte(asks.Secret+"\n"), 0o600))
	must(t, c.open())
	t.Cleanup(func() { _ = c.stop() })
	return c, jwts, opaque
}

// TestServeWithTwoExternalIssuers asks with tokens of both, while one of them is away, and after each has come back with other keys.
func TestServeWithTwoExternalIssuers(t *testing.T) {
	t.Parallel() // it waits for a minute
	c, jwts, opaque := twoProviders(t)
	id := c.id(t, c.practice.Story.Referred)
	status := func(token string) int {
		return (&caller{base: c.base, token: token}).get(t, "Patient/"+id).status
	}
	jwt, reference := jwts.token(t, harbor, c.base), opaque.token(t, blueriver, c.base)
	if strings.Contains(reference, ".") {
		t.Fatal("the second issuer's tokens are not opaque")
	}
	for name, x := range map[string]struct {
		token string
		want  int
	}{
		"a JWT":                                     {jwt, 200},
		"an opaque token":                           {reference, 200},
		"a JWT of who has opaque tokens":            {jwts.token(t, blueriver, c.base), 401},
		"an opaque token of who has JWTs":           {opaque.token(t, harbor, c.base), 401},
		"an opaque token for another server":        {opaque.token(t, blueriver, "https://elsewhere.example/fhir"), 401},
		"an opaque token that nobody issued":        {strings.ToUpper(reference), 401},
		"a JWT that the second issuer signs itself": {opaque.signed(t, "RS256", "at+jwt", with(c.claims(harbor), map[string]any{"iss": jwts.Issuer})), 401},
	} {
		if got := status(x.token); got != x.want {
			t.Errorf("%s: %d", name, got)
		}
	}

	unseen := opaque.token(t, blueriver, c.base)
	opaque.stop()
	if got := status(unseen); got == http.StatusOK {
		t.Error("a token about which nobody can be asked opens something")
	}
	if got := status(jwt); got != http.StatusOK || !isReady(c.root) {
		t.Errorf("while the other issuer is away: %d", got)
	}
	opaque.run(t)
	jwts.stop()
	if got := status(jwt); got != http.StatusOK {
		t.Errorf("the keys of an issuer that is away are forgotten: %d", got)
	}
	if got := status(opaque.token(t, blueriver, c.base)); got != http.StatusOK {
		t.Errorf("an opaque token, now that its issuer is back: %d", got)
	}
	jwts.run(t)
	rotated := jwts.token(t, harbor, c.base)
	deadline := time.Now().Add(90 * time.Second) // unknown keys are fetched once a minute
	for status(rotated) != http.StatusOK {
		if time.Now().After(deadline) {
			t.Fatal("the issuer's new key is not taken")
		}
		time.Sleep(200 * time.Millisecond)
	}
}
