package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/authserver"
)

func TestThePartnersOfTheStore(t *testing.T) {
	config := withPartners(t, false)
	dir := filepath.Dir(config)
	public, err := authserver.GenerateKey("ES256")
	noError(t, err)
	keys, err := authserver.PublicKeys(public)
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(dir, "new.jwks.json"), keys, 0o600))
	clinic, err := os.ReadFile(filepath.Join(dir, "clinic.yaml"))
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(dir, "mtls.yaml"), []byte(strings.Replace(string(clinic), "kind: provider", "kind: provider, sender-constraint: mtls", 1)), 0o600))
	noError(t, os.WriteFile(filepath.Join(dir, "wrong.yaml"), []byte("id: wrong\nkind: spy\n"), 0o600))
	for _, step := range []struct {
		args string
		want string // part of what is printed, or of the error
		fail bool
	}{
		{"list", "clinic   provider  enabled  Clinic by the lake", false},
		{"disable clinic", "disabled clinic", false},
		{"list", "clinic   provider  disabled  Clinic by the lake", false},
		{"disable nobody", `no partner "nobody"`, true},
		{"add --file clinic.yaml", "is registered already", true},
		{"add --replace --file clinic.yaml", "registered clinic", false},
		{"list", "clinic   provider  disabled", false},
		{"enable clinic", "enabled clinic", false},
		{"list", "clinic   provider  enabled", false},
		{"rotate --jwks new.jwks.json clinic", "rotated the keys of clinic", false},
		{"rotate --jwks-uri http://clinic.example.org/k clinic", "jwks-uri is not https", true},
		{"rotate --jwks clinic.yaml clinic", "--jwks: the file is no JSON Web Key Set of public keys", true},
		{"rotate --jwks new.jwks.json nobody", `no partner "nobody"`, true},
		{"rotate clinic", "jwks", true},
		{"add --file wrong.yaml", "wrong.yaml:2: kind is not one of", true},
		{"add --file absent.yaml", "absent.yaml", true},
		{"disable insurer", "disabled insurer", false},
		{"add --replace --file mtls.yaml", "no client can show a certificate here", true},
		{"list", "insurer  payer     disabled", false},
		{"enable insurer", "enabled insurer", false},
	} {
		args := strings.Fields(step.args)
		for i, a := range args {
			if strings.Contains(a, ".yaml") || strings.Contains(a, ".json") {
				args[i] = filepath.Join(dir, a)
			}
		}
		out, err := runCommand(t, append([]string{"partner", args[0], "--config", config}, args[1:]...)...)
		if err != nil {
			out += err.Error()
		}
		if (err != nil) != step.fail || !strings.Contains(out, step.want) {
			t.Errorf("%s: %v\n%s", step.args, err, out)
		}
	}
	if entry := standingOf(t, config).Partners[0].Entry; !strings.Contains(entry, public.KeyID) || strings.Contains(entry, "spy") {
		t.Errorf("the entry is\n%s", entry)
	}
}

// A register that is kept in version control is not changed behind its back.
func TestADeclaredRegisterIsNotChangedByCommands(t *testing.T) {
	config := withPartners(t, true)
	for _, args := range [][]string{{"list"}, {"disable", "clinic"}, {"enable", "clinic"}, {"add", "--file", config}, {"rotate", "--jwks", config, "clinic"}} {
		if _, err := runCommand(t, append([]string{"partner", args[0], "--config", config}, args[1:]...)...); err == nil || !strings.Contains(err.Error(), "names a register under partners") {
			t.Errorf("%s: %v", args[0], err)
		}
	}
}

func TestAnEmptyRegisterIsSaidToBeEmpty(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gateway.yaml")
	noError(t, os.WriteFile(config, []byte(strings.Replace(goodConfig, "partners: partners.yaml\n", "", 1)), 0o600))
	if out, err := runCommand(t, "partner", "list", "--config", config); err != nil || !strings.Contains(out, "nobody gets anything") {
		t.Errorf("%v %s", err, out)
	}
}
