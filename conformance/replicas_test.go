package conformance

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/conformance/missing"
	"github.com/consentry/gateway/internal/store/postgrestest"
)

// replicas are several gateway processes behind one base URL, on one PostgreSQL and one Redis, with a built-in authorization server and a portal at which
// the practice's clients sign in.
type replicas struct {
	*clinic
	database  postgrestest.Database
	auth      string // the issuer's URL
	processes []*process
	configs   []string
	bases     []string
}

// startRedis starts a server that stops with the test, or before.
func startRedis(t *testing.T) (address string, stop func()) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing.Skip(t, "redis-server")
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(ports[0], ":")
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	return ports[0], stop
}

// startReplicas starts n processes, with the demo's partners in the register of the store.
func startReplicas(t *testing.T, n int) *replicas {
	t.Helper()
	r := &replicas{database: postgrestest.Own(t), clinic: &clinic{dir: t.TempDir()}}
	redis, _ := startRedis(t)
	if err := r.lay(20); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.config())
	if err != nil {
		t.Fatal(err)
	}
	portal := r.openPortal(t)
	shared := strings.NewReplacer("partners: partners.yaml\n", portal, "    token-endpoint: "+issuer+"/token\n", "", "ledger: keys/ledger.key", "ledger: keys/ledger.key, launch: keys/launch.key", "ledger: ledger.db\nstate: state.db\n",
		fmt.Sprintf("store: {postgres: %q, password-file: %q}\nephemeral: {redis: \"redis://%s\"}\n", r.database.URL, r.database.PasswordFile, redis)).Replace(string(text))
	for i := range n {
		ports, err := freePorts(2)
		if err != nil {
			t.Fatal(err)
		}
		own := strings.NewReplacer("listen: "+strings.TrimPrefix(r.root, "http://")+"\n", "listen: "+ports[0]+"\n", "metrics-listen: "+r.metrics+"\n", "metrics-listen: "+ports[1]+"\n").Replace(shared)
		path := filepath.Join(r.dir, fmt.Sprintf("gateway-%d.yaml", i))
		if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		r.configs, r.bases = append(r.configs, path), append(r.bases, "http://"+ports[0]+"/fhir")
	}
	for _, algorithm := range []string{"ES256", "RS256"} { // of access tokens, of ID tokens
		if got := runGateway(t, "keys", "rotate", "--dir", r.signing(), "--algorithm", algorithm); got.code != 0 {
			t.Fatal(got.stderr)
		}
	}
	r.register(t)
	for i := range n {
		p, err := start("serve", "--config", r.configs[i])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.stop() })
		r.processes = append(r.processes, p)
	}
	for i, p := range r.processes {
		if err := p.until("ready", func() bool { return isReady(strings.TrimSuffix(r.bases[i], "/fhir")) }); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// register puts the demo's partners into the store, each by a file of its own.
func (r *replicas) register(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "partners.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Partners []map[string]any `yaml:"partners"`
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for i, p := range all.Partners {
		p["issuer"] = issuer
		if p["id"] == newDawn || p["id"] == diary {
			p["issuer"] = r.auth
		}
		entry, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(r.dir, "partner.yaml")
		if err := os.WriteFile(path, entry, 0o600); err != nil {
			t.Fatal(err)
		}
		r.run(t, i, "partner", "add", "--file", path)
	}
}

// run runs a command with the configuration of one of the processes, in turns.
func (r *replicas) run(t *testing.T, i int, args ...string) ran {
	t.Helper()
	got := runGateway(t, append(args, "--config", r.configs[i%len(r.configs)])...)
	if got.code != 0 {
		t.Fatalf("gateway %s: %d %s%s", args[0], got.code, got.stdout, got.stderr)
	}
	return got
}

// each asks every process, with the same token.
func (r *replicas) each(t *testing.T, when string, token, path string, want int) {
	t.Helper()
	for i, base := range r.bases {
		a := (&caller{base: base, token: token}).get(t, path)
		if a.status != want {
			t.Errorf("%s, process %d: %d, want %d", when, i, a.status, want)
		}
		if want != http.StatusOK && strings.Contains(string(a.body), `"Patient"`) {
			t.Errorf("%s, process %d: something is released", when, i)
		}
	}
}

// TestReplicasAgree: what one process, or a command, writes into the store holds for all of them from the next request on.
func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	r := startReplicas(t, 3)
	path := "Patient/" + r.id(t, r.practice.Story.Referred)
	token, other := r.as(t, harbor).token, r.as(t, blueriver).token
	r.each(t, "at first", token, path, http.StatusOK)
	for round := range 3 {
		r.run(t, round, "partner", "disable", harbor)
		r.each(t, "disabled", token, path, http.StatusUnauthorized)
		r.each(t, "another one is disabled", other, path, http.StatusOK)
		r.run(t, round+1, "partner", "enable", harbor)
		r.each(t, "enabled", token, path, http.StatusOK)
	}
	claims := r.claims(harbor)
	lost := r.mint(t, claims).token
	r.each(t, "before it is revoked", lost, path, http.StatusOK)
	r.run(t, 2, "revoke", "--token", claims["jti"].(string))
	r.each(t, "revoked", lost, path, http.StatusUnauthorized)
	r.each(t, "another token", token, path, http.StatusOK)
	r.run(t, 0, "revoke", "--partner", blueriver, "--for", "1h")
	r.each(t, "a partner revoked", other, path, http.StatusUnauthorized)

	if got := r.run(t, 1, "ledger", "verify"); !strings.Contains(got.stdout, "chains: 3,") {
		t.Errorf("while they run: %s", got.stdout)
	}
	t.Run("an app is launched across them", r.launched)
	t.Run("signing keys are rotated", r.rotated)
	r.withoutDatabase(t, token, path)
	for i, p := range r.processes {
		if err := p.stop(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	if got := r.run(t, 0, "ledger", "verify"); !strings.Contains(got.stdout, "chains: 3,") || !strings.Contains(got.stdout, "the ledger is whole") {
		t.Errorf("at last: %s", got.stdout)
	}
}

// withoutDatabase takes the server away: nothing is released, and what was revoked is revoked when it is back.
func (r *replicas) withoutDatabase(t *testing.T, token, path string) {
	t.Helper()
	r.run(t, 0, "partner", "disable", harbor)
	r.database.Server.Stop()
	r.each(t, "without the database", token, path, http.StatusServiceUnavailable)
	if err := r.database.Server.Start(); err != nil {
		t.Fatal(err)
	}
	r.each(t, "disabled, after the database was away", token, path, http.StatusUnauthorized)
	r.run(t, 1, "partner", "enable", harbor)
	for i, base := range r.bases { // the ledger's connection is made anew by its next commit
		c := &caller{base: base, token: token}
		eventually(t, fmt.Sprintf("process %d answers again", i), func() bool { a, err := c.try("GET", path, nil, nil); return err == nil && a.status == http.StatusOK })
	}
}
