package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// runExplain runs `gateway explain` over the files of package explain.
func runExplain(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := explainCommand()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return stdout.String(), stderr.String(), err
}

func explainArgs(more ...string) []string {
	dir := filepath.Join("..", "..", "internal", "release", "explain", "testdata")
	return append([]string{
		"--consents", filepath.Join(dir, "consents.ndjson"), "--resources", filepath.Join(dir, "resources.ndjson"),
		"--requester", filepath.Join(dir, "clinic.json"),
	}, more...)
}

func TestExplainCommand(t *testing.T) {
	out, errOut, err := runExplain(t, explainArgs("--json", "--at", "2026-12-31", "--zone", "America/New_York", "--practice", "Organization/practice")...)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 8 || !strings.HasPrefix(lines[0], `{"resource":"Patient/anna","decision":"release"`) {
		t.Errorf("got %s", out)
	}
	if !strings.Contains(errOut, "consents.ndjson:3: its permits are silent: scope") {
		t.Errorf("remarks: %q", errOut)
	}
	out, _, err = runExplain(t, explainArgs("--at", "2027-01-01T05:00:00Z", "--zone", "America/New_York")...)
	if err != nil || !strings.Contains(out, "0 of 8 resources released") {
		t.Errorf("after the period: %v\n%s", err, out)
	}
}

func TestExplainReportsAllProblemsAtOnce(t *testing.T) {
	_, _, err := runExplain(t, "--consents", "missing-1", "--resources", "missing-2", "--requester", "missing-3", "--zone", "Nowhere/Town")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"missing-1", "missing-2", "missing-3", "--zone"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in: %v", want, err)
		}
	}
	if _, _, err := runExplain(t, "--json"); err == nil {
		t.Error("runs without files")
	}
}
