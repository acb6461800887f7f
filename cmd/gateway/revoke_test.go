package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/consentry/gateway/internal/smart"
)

// revocable is a configuration with two partners, and what is to follow in it.
func revocable(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	register := `partners:
  - {id: clinic, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], scopes: system/*.rs}
  - {id: insurer, kind: payer, organization: {npi: "1999999992"}, purposes: [HPAYMT], scopes: system/*.rs}
`
	for name, text := range map[string]string{"gateway.yaml": goodConfig + more, "partners.yaml": register} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gateway.yaml")
}

func TestRevokeReachesEveryGateway(t *testing.T) {
	server := miniredis.RunT(t)
	config := revocable(t, "ephemeral: {redis: \"redis://"+server.Addr()+"\"}\n")
	store, err := openEphemeral(&Config{Ephemeral: EphemeralConfig{Redis: "redis://" + server.Addr()}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g := gate{store: store}
	run := func(args ...string) error {
		cmd := rootCommand()
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetArgs(append([]string{"revoke", "--config", config}, args...))
		return cmd.ExecuteContext(t.Context())
	}
	token := &smart.Token{ID: "t1", ClientID: "clinic"}
	for _, step := range []struct {
		args     []string
		token    *smart.Token
		admitted bool
	}{
		{[]string{"--token", "t1"}, token, false},
		{[]string{"--partner", "insurer"}, &smart.Token{ID: "t2", ClientID: "clinic"}, true},
		{[]string{"--partner", "clinic", "--for", "1h"}, &smart.Token{ID: "t2", ClientID: "clinic"}, false},
	} {
		if err := run(step.args...); err != nil {
			t.Fatal(err)
		}
		if err := g.Admit(t.Context(), step.token); (err == nil) != step.admitted {
			t.Errorf("after %v: %v", step.args, err)
		}
	}
	for name, args := range map[string][]string{"nobody": {}, "both": {"--token", "x", "--partner", "clinic"}, "a partner unknown": {"--partner", "clinnic"}, "no time": {"--token", "x", "--for", "0s"},
		"an empty token": {"--token", ""}, "an empty partner": {"--partner", ""}, "a whole token": {"--token", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln"}} {
		if run(args...) == nil {
			t.Errorf("%s was revoked", name)
		}
	}
	server.Close()
	if run("--token", "t3") == nil {
		t.Error("it was revoked where nobody can know")
	}
}

func TestRevokeWithoutRedisSaysSo(t *testing.T) {
	cmd := rootCommand()
	cmd.SetArgs([]string{"revoke", "--config", revocable(t, ""), "--token", "t1"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "names no Redis") {
		t.Errorf("%v", err)
	}
}
