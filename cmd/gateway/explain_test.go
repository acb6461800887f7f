package main

import (
	"bytes"
	"os"
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

func TestExplainTakesNoOddSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a time that is none":         {explainArgs("--at", "yesterday"), "--at: no FHIR dateTime"},
		"the beginning of time":       {explainArgs("--at", "0001"), "--at: no FHIR dateTime"},
		"a year before it":            {explainArgs("--at", "0000"), "--at: no FHIR dateTime"},
		"a practice that is a client": {explainArgs("--practice", "Patient/anna"), "--practice: no reference of the form Organization/x"},
		"the machine's zone":          {explainArgs("--zone", "Local"), "--zone: no IANA time zone"},
		"a path for a zone":           {explainArgs("--zone", "../../etc/passwd"), "--zone: no IANA time zone"},
		"nobody who asks":             {explainArgs()[:4], `required flag(s) "requester" not set`},
		"an empty requester":          {explainArgs("--requester", empty), empty + ":1: the file is empty"},
		"a folder":                    {explainArgs("--consents", filepath.Dir(empty)), "is a folder"},
		"an argument too many":        {explainArgs("SECRET"), "unknown command"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := runExplain(t, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("no %q in %v", c.want, err)
			}
			if out != "" {
				t.Error("an answer, although the question cannot be read")
			}
		})
	}
}
