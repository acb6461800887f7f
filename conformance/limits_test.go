package conformance

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limited is a gateway with the built-in issuer, narrow limits and a Redis, behind a proxy on this machine that says for whom it asks.
type limited struct {
	*clinic
	stopRedis func()
}

func startLimited(t *testing.T) *limited {
	t.Helper()
	redis, stop := startRedis(t)
	c := changedClinic(t, patience, fmt.Sprintf(`limits: {request-timeout: 40s, requests-per-minute: 20, tokens-per-minute: 4, failures-per-minute-per-address: 5, requests-per-minute-per-address: 30}
ephemeral: {redis: "redis://%s"}
trusted-proxies: {addresses: [127.0.0.1], header: X-Forwarded-For}`, redis))
	c.hostIssuer(t)
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	return &limited{clinic: c, stopRedis: stop}
}

// hostIssuer puts the built-in issuer in place of the one that the configuration names.
func (c *clinic) hostIssuer(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), "tokens:\n")
	_, after, _ := strings.Cut(rest, "\nkeys:")
	own := fmt.Sprintf("authorization-server: {issuer: %s/auth, keys: keys/own}\nkeys:", c.root)
	if err := os.WriteFile(c.config(), []byte(before+own+after), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runGateway(t, "keys", "rotate", "--dir", filepath.Join(c.dir, "keys", "own")); got.code != 0 {
		t.Fatal(got.stderr)
	}
}

// from asks through the proxy, which has written the last address; what is before it the client wrote.
func (l *limited) from(addresses, token string) *caller {
	return &caller{base: l.base, token: token, headers: http.Header{"X-Forwarded-For": {addresses}}}
}

// token asks for an access token, with an assertion for that audience.
func (l *limited) token(t *testing.T, addresses, partner, audience string) (int, string) {
	t.Helper()
	p := sharedDemo(t).partner(t, partner)
	assertion := sign(t, readKey(t, p.PrivateJWK), "JWT", map[string]any{
		"iss": partner, "sub": partner, "aud": audience, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text(),
	})
	a := l.from(addresses, "").post(t, l.root+"/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {p.Scopes}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		mustWaitForOAuth(t, a)
	}
	var granted struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(a.body, &granted) // a refusal has none
	return a.status, granted.Token
}

// mustWaitForOAuth sees to it that a client of OAuth is told in its own words when to come back, and nothing else.
func mustWaitForOAuth(t *testing.T, a *answer) {
	t.Helper()
	var said map[string]string
	if json.Unmarshal(a.body, &said) != nil || said["error"] != "temporarily_unavailable" || said["error_description"] == "" || len(said) != 2 {
		t.Errorf("%d: the body is %s", a.status, a.body)
	}
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 || after > 60 || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d: %v", a.status, a.header)
	}
}

// mustWait sees to it that an answer says when to come back, and nothing else.
func mustWait(t *testing.T, a *answer) {
	t.Helper()
	if after, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != http.StatusTooManyRequests || err != nil || after < 1 || after > 60 {
		t.Errorf("%d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if !strings.Contains(string(a.body), `"throttled"`) || strings.Contains(string(a.body), "Patient") {
		t.Errorf("the body of a 429 is %s", a.body)
	}
}

// TestLimits asks too often in each way, within one minute; then Redis goes away.
func TestLimits(t *testing.T) {
	t.Parallel()
	l := startLimited(t)
	endpoint := l.root + "/auth/token"
	path := "Patient/" + l.id(t, l.practice.Story.Referred)
	var tokens []string
	for i := range 6 {
		status, token := l.token(t, fmt.Sprintf("198.51.100.%d", 10+i), harbor, endpoint)
		if (status == http.StatusOK) != (i < 4) {
			t.Errorf("token %d of 4: %d", i+1, status)
		}
		tokens = append(tokens, token)
	}
	_, other := l.token(t, "198.51.100.10", blueriver, endpoint)
	good := tokens[0]

	l.fails(t, path, good)
	asked := 0
	for asked < 50 {
		if a := l.from(fmt.Sprintf("198.51.100.%d", 100+asked), good).get(t, path); a.status != http.StatusOK {
			mustWait(t, a)
			break
		}
		asked++
	}
	if asked > 20 {
		t.Errorf("a partner has asked %d times in a minute", asked)
	}
	if a := l.from("198.51.100.10", other).get(t, path); a.status != http.StatusOK {
		t.Errorf("another partner: %d", a.status)
	}
	asked = 0
	for asked < 70 {
		if a := l.from("2001:db8::"+strconv.Itoa(1+asked), "").get(t, path); a.status != http.StatusUnauthorized {
			mustWait(t, a)
			break
		}
		asked++
	}
	if asked > 30 {
		t.Errorf("one network has asked %d times in a minute", asked)
	}
	l.preflights(t, path)
	l.withoutRedis(t, path, other)
	l.saysNothing(t, append(tokens, other))
}

// fails comes with what proves nobody: after five times nothing of the address is looked at any more, whatever it writes of itself.
func (l *limited) fails(t *testing.T, path, good string) {
	t.Helper()
	const bad, worse = "198.51.100.1", "198.51.100.2"
	for i := range 5 {
		if a := l.from(bad, good+"x").get(t, path); a.status != http.StatusUnauthorized {
			t.Errorf("bad token %d: %d", i+1, a.status)
		}
		if status, _ := l.token(t, worse, blueriver, "https://elsewhere.example.org"); status != http.StatusUnauthorized {
			t.Errorf("bad assertion %d: %d", i+1, status)
		}
	}
	for _, addresses := range []string{bad, worse, "203.0.113.7, " + bad, "127.0.0.1, " + worse, bad + ", 127.0.0.1"} {
		c := l.from(addresses, good)
		c.headers["Forwarded"] = []string{"for=203.0.113.8"}
		mustWait(t, c.get(t, path))
		if status, _ := l.token(t, addresses, blueriver, l.root+"/auth/token"); status != http.StatusTooManyRequests {
			t.Errorf("a token for %s: %d", addresses, status)
		}
	}
	if a := l.from(bad+", 198.51.100.3", good).get(t, path); a.status != http.StatusOK {
		t.Errorf("another address, after one that it wrote itself: %d", a.status)
	}
	scraped := string(l.scrape(t).body)
	for _, want := range []string{`gateway_failed_authentications_total{at="api"} 5`, `gateway_failed_authentications_total{at="issuer"} 5`, `gateway_limited_total{limit="failures"} `, `gateway_shared_limits 1`} {
		if !strings.Contains(scraped, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
}

// preflights count like whatever else comes from an address, and one that is refused lets no page in.
func (l *limited) preflights(t *testing.T, path string) {
	t.Helper()
	asks := func(address, target string) *answer {
		return l.from(address, "").do(t, http.MethodOptions, target, nil, http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"GET"}})
	}
	targets := []string{path, "metadata", l.root + "/auth/token", l.root + "/auth/jwks.json"}
	asked := 0
	for asked < 70 {
		a := asks("198.51.100.50", targets[asked%len(targets)])
		if a.status != http.StatusNoContent {
			break
		}
		asked++
	}
	if asked > 30 {
		t.Errorf("an address has asked %d times in a minute whether a page may", asked)
	}
	for _, target := range targets {
		a := asks("198.51.100.50", target)
		if a.header.Get("Access-Control-Allow-Origin") != "" || a.status != http.StatusTooManyRequests {
			t.Errorf("a preflight that is refused: %d %v", a.status, a.header)
		}
		if strings.Contains(target, "/auth/") {
			mustWaitForOAuth(t, a)
		} else {
			mustWait(t, a)
		}
	}
	mustWait(t, l.from("198.51.100.50", "").get(t, path))
	if a := asks("198.51.100.51", path); a.status != http.StatusNoContent {
		t.Errorf("another address: %d", a.status)
	}
}

// withoutRedis: whoever has a token goes on, counted by the process; nobody gets a new one.
func (l *limited) withoutRedis(t *testing.T, path, token string) {
	t.Helper()
	l.stopRedis()
	asked := 0
	for asked < 50 {
		a := l.from(fmt.Sprintf("198.51.100.%d", 100+asked), token).get(t, path)
		if a.status != http.StatusOK {
			mustWait(t, a)
			break
		}
		asked++
	}
	if asked == 0 || asked > 20 {
		t.Errorf("without Redis a partner has asked %d times", asked)
	}
	if a := l.from("198.51.100.4", token+"x").get(t, path); a.status != http.StatusUnauthorized {
		t.Errorf("a bad token without Redis: %d", a.status)
	}
	if status, token := l.token(t, "198.51.100.5", blueriver, l.root+"/auth/token"); status != http.StatusServiceUnavailable || token != "" {
		t.Errorf("a token without Redis: %d", status)
	}
	if !isReady(l.root) {
		t.Error("the gateway is not ready without Redis")
	}
	if !strings.Contains(string(l.scrape(t).body), "gateway_shared_limits 0") {
		t.Error("the metrics do not say that Redis is away")
	}
}

// saysNothing looks for addresses and tokens in what the process has said of all this.
func (l *limited) saysNothing(t *testing.T, tokens []string) {
	t.Helper()
	said := string(l.stderr.Bytes()) + string(l.scrape(t).body)
	if !strings.Contains(said, `"msg":"failed authentication","at":"api"}`) || !strings.Contains(said, `"msg":"failed authentication","at":"issuer"}`) {
		t.Error("the log does not say that somebody failed")
	}
	for _, value := range append(tokens, "198.51.100", "203.0.113", "2001:db8") {
		if value != "" && strings.Contains(said, value) {
			t.Error("the log or the metrics have an address or a token")
		}
	}
}
