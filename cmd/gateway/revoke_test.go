package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/store"
)

// withPartners is a configuration whose register, with two partners, is a file or in the store.
func withPartners(t *testing.T, declared bool) string {
	t.Helper()
	dir := t.TempDir()
	entries := map[string]string{
		"clinic":  `{id: clinic, name: Clinic by the lake, kind: provider, organization: {npi: "1234567893"}, purposes: [TREAT], scopes: system/*.rs}`,
		"insurer": `{id: insurer, kind: payer, organization: {npi: "1999999992"}, purposes: [HPAYMT], scopes: system/*.rs}`,
	}
	config := filepath.Join(dir, "gateway.yaml")
	files := map[string]string{"gateway.yaml": goodConfig, "partners.yaml": "partners:\n  - " + entries["clinic"] + "\n  - " + entries["insurer"] + "\n"}
	if !declared {
		files = map[string]string{"gateway.yaml": strings.Replace(goodConfig, "partners: partners.yaml\n", "", 1), "clinic.yaml": entries["clinic"], "insurer.yaml": entries["insurer"]}
	}
	for name, text := range files {
		noError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if !declared {
		for _, id := range []string{"clinic", "insurer"} {
			if out, err := runCommand(t, "partner", "add", "--config", config, "--file", filepath.Join(dir, id+".yaml")); err != nil || out != "registered "+id+"\n" {
				t.Fatal(out, err)
			}
		}
	}
	return config
}

func runCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := rootCommand()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// standingOf reads the state of a configuration.
func standingOf(t *testing.T, config string) store.Standing {
	t.Helper()
	cfg, err := loadConfig(config)
	noError(t, err)
	state, err := store.OpenState(t.Context(), cfg.statePlace())
	noError(t, err)
	defer state.Close()
	standing, err := state.Standing(t.Context())
	noError(t, err)
	return standing
}

func TestRevokeMarksInTheState(t *testing.T) {
	for name, declared := range map[string]bool{"a register in a file": true, "a register in the store": false} {
		t.Run(name, func(t *testing.T) {
			config := withPartners(t, declared)
			for _, args := range [][]string{{"--token", "t1"}, {"--partner", "insurer", "--for", "1h"}} {
				if out, err := runCommand(t, append([]string{"revoke", "--config", config}, args...)...); err != nil || !strings.HasPrefix(out, "revoked until ") {
					t.Fatal(out, err)
				}
			}
			marks := standingOf(t, config).Revoked
			token, partner := marks[partners.TokenMark("t1")], marks[partners.PartnerMark("insurer")]
			if len(marks) != 2 || token.Before(time.Now().Add(24*time.Hour)) || partner.Before(time.Now()) || partner.After(time.Now().Add(time.Hour)) {
				t.Errorf("%d marks", len(marks))
			}
			for name, args := range map[string][]string{"nobody": {}, "both": {"--token", "x", "--partner", "clinic"}, "a partner unknown": {"--partner", "clinnic"}, "no time": {"--token", "x", "--for", "0s"},
				"an empty token": {"--token", ""}, "an empty partner": {"--partner", ""}, "a whole token": {"--token", "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ4In0.c2ln"}} {
				if _, err := runCommand(t, append([]string{"revoke", "--config", config}, args...)...); err == nil {
					t.Errorf("%s was revoked", name)
				}
			}
			if n := len(standingOf(t, config).Revoked); n != 2 {
				t.Errorf("%d marks", n)
			}
		})
	}
}
