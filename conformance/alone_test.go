package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheIssuersUsedAssertionsAreNotForgottenByASecondProcess: one that shares the state, and no Redis, would take an assertion that the first has taken. It
// does not start beside the first, and does after it.
func TestTheIssuersUsedAssertionsAreNotForgottenByASecondProcess(t *testing.T) {
	t.Parallel()
	first := changedClinic(t)
	first.hostIssuer(t)
	must(t, first.open())
	text, err := os.ReadFile(first.config())
	must(t, err)
	ports, err := freePorts(2)
	must(t, err)
	beside := strings.NewReplacer("listen: "+strings.TrimPrefix(first.root, "http://"), "listen: "+ports[0], first.metrics, ports[1]).Replace(string(text))
	config := filepath.Join(first.dir, "beside.yaml")
	must(t, os.WriteFile(config, []byte(beside), 0o600))
	r := runGateway(t, "serve", "--config", config)
	if r.code != 1 || !strings.Contains(r.stderr, "another gateway serves from") {
		t.Errorf("beside the first: %d %s", r.code, r.stderr)
	}
	must(t, first.stop())
	must(t, first.open())
	must(t, first.stop())
}
