package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/practice"
)

// clinic is a running `gateway serve` on a synthetic practice of its own, with the demo's maps, partners and id key, and with a test issuer
// whose private key the test has: so it can also ask as a person who signed in.
type clinic struct {
	*process
	dir, root, base, metrics string
	practice                 *demo.Practice
	key                      jose.JSONWebKey
	ids                      map[practice.ClientKey]string
}

const issuer = "https://login.example.org"

// The demo's partners.
const (
	harbor    = "harbor-family-medicine"
	newDawn   = "new-dawn-recovery"
	blueriver = "blueriver-health-plan"
	northline = "northline-logistics"
	reyes     = "reyes-attorneys"
	myRecords = "my-records-app"
)

// patience is the line of the limits of a gateway whose tests are not about them: it waits for a slow machine, and counts no requests of a fast one.
const patience = "limits: {request-timeout: 40s, requests-per-minute: 0, tokens-per-minute: 0}"

var machines = []string{harbor, newDawn, blueriver, northline, reyes}

var theClinic = sync.OnceValues(func() (*clinic, error) {
	c, err := openClinic(filepath.Join(work, "clinic"), 40)
	if err == nil {
		keepShared(c.process)
	}
	return c, err
})

// sharedClinic gives the clinic that tests share which only read.
func sharedClinic(t testing.TB) *clinic {
	t.Helper()
	c, err := theClinic()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ownClinic gives a clinic whose records the test may change.
func ownClinic(t testing.TB) *clinic {
	t.Helper()
	c, err := openClinic(t.TempDir(), 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	return c
}

func openClinic(dir string, clients int) (*clinic, error) {
	c := &clinic{dir: dir}
	if err := c.lay(clients); err != nil {
		return nil, err
	}
	if err := c.open(); err != nil {
		return nil, err
	}
	return c, nil
}

// open starts the gateway, and stops it if it does not get ready.
func (c *clinic) open() (err error) {
	if c.process, err = start("serve", "--config", c.config()); err != nil {
		return err
	}
	if err := c.until("ready", func() bool { return isReady(c.root) }); err != nil {
		_ = c.stop()
		return err
	}
	return nil
}

// changedClinic gives a clinic of the test's own whose configuration has other words in place of some.
func changedClinic(t testing.TB, oldNew ...string) *clinic {
	t.Helper()
	c := &clinic{dir: t.TempDir()}
	if err := c.lay(20); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.config())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(string(text), oldNew[i]) {
			t.Fatalf("the configuration has no %q", oldNew[i])
		}
		text = []byte(strings.ReplaceAll(string(text), oldNew[i], oldNew[i+1]))
	}
	if err := os.WriteFile(c.config(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clinic) config() string { return filepath.Join(c.dir, "gateway.yaml") }

// lay writes the practice and everything that the gateway needs beside it, from the demo's folder.
func (c *clinic) lay(clients int) error {
	d, err := theDemo()
	if err != nil {
		return err
	}
	c.ids = map[practice.ClientKey]string{} // each its own: tests run beside each other
	for _, k := range d.Clients {
		c.ids[practice.ClientKey(k.Key)] = k.ID
	}
	for _, sub := range []string{"keys", "maps", "partners"} {
		if err := os.CopyFS(filepath.Join(c.dir, sub), os.DirFS(filepath.Join(d.dir, sub))); err != nil {
			return err
		}
	}
	keys, err := filepath.Glob(filepath.Join(c.dir, "keys", "*"))
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := os.Chmod(k, 0o600); err != nil {
			return err
		}
	}
	if c.practice, err = demo.Write(context.Background(), demo.Options{Clients: clients, Seed: 1, Now: time.Now(), Dir: c.dir}); err != nil {
		return err
	}
	register, err := os.ReadFile(filepath.Join(d.dir, "partners.yaml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.dir, "partners.yaml"), register, 0o600); err != nil {
		return err
	}
	if err := c.makeIssuer(); err != nil {
		return err
	}
	return c.writeConfig(issuerConfig{issuer: issuer, keys: "jwks-file: issuer.jwks.json", algorithms: "ES256"})
}

func (c *clinic) makeIssuer() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c.key = jose.JSONWebKey{Key: private, KeyID: "test", Algorithm: "ES256", Use: "sig"}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.key.Public()}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, "issuer.jwks.json"), text, 0o600)
}

// issuerConfig is whose tokens a clinic takes.
type issuerConfig struct{ issuer, keys, algorithms string }

// writeConfig writes gateway.yaml, on free ports if it has none yet.
func (c *clinic) writeConfig(i issuerConfig) error {
	if c.root == "" {
		ports, err := freePorts(2)
		if err != nil {
			return err
		}
		c.root, c.metrics = "http://"+ports[0], ports[1]
		c.base = c.root + "/fhir"
	}
	text := fmt.Sprintf(`listen: %s
metrics-listen: %s
base-url: %s
zone: %s
practice:
  sqlite: %s
  timeout: 20s
  identifiers: [{system: "http://hl7.org/fhir/sid/us-npi", value: "%s"}]
maps: maps
partners: partners.yaml
tokens:
  - issuer: %s
    audience: %s
    algorithms: [%s]
    %s
    token-endpoint: %s/token
keys: {id: keys/id.key, page: keys/page.key, etag: keys/etag.key, ledger: keys/ledger.key}
ledger: ledger.db
state: state.db
`+patience+`
`, strings.TrimPrefix(c.root, "http://"), c.metrics, c.base, demo.Zone, demo.DatabaseFile, demo.PracticeNPI(), i.issuer, c.base, i.algorithms, i.keys, i.issuer)
	return os.WriteFile(c.config(), []byte(text), 0o600)
}

// givenPorts are those that freePorts has given out: none is given twice, since who got one may not listen there yet.
var givenPorts sync.Map

func freePorts(n int) ([]string, error) {
	var out []string
	for len(out) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		if _, given := givenPorts.LoadOrStore(l.Addr().String(), true); !given {
			out = append(out, l.Addr().String())
		}
	}
	return out, nil
}

// claims are those of a good access token of the partner's software.
func (c *clinic) claims(partner string) map[string]any {
	scope := "system/*.rs"
	if partner == northline {
		scope = "system/Patient.rs system/Encounter.rs system/Procedure.rs system/Provenance.rs"
	}
	now := time.Now()
	return map[string]any{"iss": issuer, "aud": c.base, "sub": partner, "client_id": partner, "scope": scope, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
}

// with gives the claims with some changed; nil removes one.
func with(claims map[string]any, changes map[string]any) map[string]any {
	out := maps.Clone(claims)
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

func (c *clinic) mint(t testing.TB, claims map[string]any) *caller {
	t.Helper()
	return &caller{base: c.base, token: sign(t, c.key, "at+jwt", claims)}
}

// as asks as a partner's software.
func (c *clinic) as(t testing.TB, partner string) *caller {
	t.Helper()
	return c.mint(t, c.claims(partner))
}

// person asks as somebody who signed in to the clients' app: a client, or a representative ("RelatedPerson/x").
func (c *clinic) person(t testing.TB, patient, fhirUser string) *caller {
	t.Helper()
	return c.mint(t, with(c.claims(myRecords), map[string]any{"sub": "user-" + patient[:8], "scope": "launch/patient patient/*.rs", "patient": patient, "fhirUser": fhirUser}))
}

func (c *clinic) id(t testing.TB, client practice.ClientKey) string {
	t.Helper()
	id, ok := c.ids[client]
	if !ok || id == "" {
		t.Fatalf("no client %s", client)
	}
	return id
}

func (c *clinic) writer(t testing.TB) *demo.Writer {
	t.Helper()
	w, err := c.practice.Writer(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// stranger is an id of the right form that this gateway never made.
func stranger() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, 64)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b)
}

// scrape reads the metrics.
func (c *clinic) scrape(t testing.TB) *answer {
	t.Helper()
	a := (&caller{}).do(t, http.MethodGet, "http://"+c.metrics+"/metrics", nil, nil)
	if a.status != http.StatusOK {
		t.Fatalf("metrics: %d", a.status)
	}
	return a
}
