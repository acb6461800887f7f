package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/store"
)

// runPreview runs `gateway preview` on the demo's folder.
func runPreview(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := rootCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"preview", "--config", filepath.Join(dir, demoConfigFile)}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestPreviewOfAMistypedClientKeepsNothingOfIt(t *testing.T) {
	d := preparedDemo(t)
	for _, key := range []string{"a client's key that is too long for an id", "99999", "1001 ", ""} {
		out, err := runPreview(t, d.dir, "--client", key, "--as", storyProvider)
		if err == nil || !strings.Contains(err.Error(), "no such client") || key != "" && strings.Contains(err.Error(), key) || out != "" {
			t.Errorf("%q: %v %s", key, err, out)
		}
		state, err := store.OpenState(t.Context(), store.Place{SQLite: filepath.Join(d.dir, "state.db")})
		noError(t, err)
		if _, err := state.Find(t.Context(), key); err == nil {
			t.Errorf("%q has a handle", key)
		}
		noError(t, state.Close())
	}
	out, err := runPreview(t, d.dir, "--client", string(d.practice.Story.Referred), "--as", storyProvider)
	if err != nil || !regexp.MustCompile(`^[1-9][0-9]* of [0-9]+ resources would leave`).MatchString(out) {
		t.Errorf("%v %.200s", err, out)
	}
}

func TestPreviewNamesWhatCouldHaveBeenMeant(t *testing.T) {
	d := preparedDemo(t)
	client := string(d.practice.Story.Referred)
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"a mistyped partner": {[]string{"--as", "harbor-family-medecine"}, []string{`did you mean "harbor-family-medicine"?`, "reyes-attorneys"}},
		"an unknown purpose": {[]string{"--as", storyProvider, "--purpose", "NOPE"}, []string{"--purpose", "registered for: TREAT", "HPAYMT", "HOPERAT"}},
		"a mistyped purpose": {[]string{"--as", storyProvider, "--purpose", "TRAET"}, []string{`did you mean "TREAT"?`}},
	} {
		out, err := runPreview(t, d.dir, append(c.args, "--client", client)...)
		if err == nil || out != "" {
			t.Errorf("%s: %v, %.200s", name, err, out)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %s in: %v", name, w, err)
			}
		}
	}
	out, err := runPreview(t, d.dir, "--client", client, "--as", storyProvider, "--purpose", "HPAYMT") // known, and not this partner's
	if err != nil || !strings.HasPrefix(out, "0 of ") {
		t.Errorf("%v %.200s", err, out)
	}
}

// An app of clients is previewed as the client's own, who has launched it: without anybody behind it an app gets nothing, whoever asks.
func TestPreviewOfAnAppIsWhatTheClientSeesThemself(t *testing.T) {
	d := preparedDemo(t)
	out, err := runPreview(t, d.dir, "--client", string(d.practice.Story.Referred), "--as", "my-records-app")
	noError(t, err)
	if !regexp.MustCompile(`^[1-9][0-9]* of [0-9]+ resources would leave\. The client themself has launched the app`).MatchString(out) {
		t.Errorf("%.200s", out)
	}
	if !regexp.MustCompile(`released +DocumentReference/\S+ +\S+ +\S+ +self-access`).MatchString(out) || !regexp.MustCompile(`released +Consent/`).MatchString(out) {
		t.Error("no note and no Consent of the client's own")
	}
}

// What leaves in part, and what is permitted and stays, is called so: "denied" beside a plain "it leaves" could be read by nobody.
func TestPreviewSaysWhatLeavesInPart(t *testing.T) {
	d := preparedDemo(t)
	out, err := runPreview(t, d.dir, "--client", string(d.practice.Story.Referred), "--as", storyInsurer)
	noError(t, err)
	for _, want := range []string{`^\d+ of \d+ resources would leave, 2 of them in part`, `(?m)^in part +Patient/`, `(?m)^in part +Consent/`, `(?m)^withheld +Consent/`, `(?m)^released +Encounter/`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %s in %.300s", want, out)
		}
	}
	if wrong := regexp.MustCompile(`(?m)^released .* (denied|no-consent) .*$`).FindString(out); wrong != "" {
		t.Error(wrong)
	}
	out, err = runPreview(t, d.dir, "--client", string(d.practice.Story.Referred), "--as", storyProvider)
	noError(t, err)
	if !regexp.MustCompile(`(?m)^kept back +\S+ +\S+ +\S+ +permitted`).MatchString(out) {
		t.Errorf("nothing is kept back: %.300s", out)
	}
}

// A letter which says that nothing was given out is never made of a mistyped number: only of a client of the practice, or of one whom the ledger knows.
func TestAnAccountingIsMadeOfNobodyUnknown(t *testing.T) {
	d := preparedDemo(t)
	config := filepath.Join(d.dir, demoConfigFile)
	for _, format := range []string{"text", "csv"} {
		for _, key := range []string{"99999", "1001 "} {
			out, err := runCommand(t, "ledger", "disclosures", "--config", config, "--client", key, "--format", format)
			if err == nil || out != "" {
				t.Errorf("%s of %q: %v %.200s", format, key, err, out)
			}
		}
		out, err := runCommand(t, "ledger", "disclosures", "--config", config, "--client", string(d.practice.Story.Referred), "--format", format)
		if err != nil || out == "" {
			t.Errorf("%s of a client of whom nothing was given out: %v %q", format, err, out)
		}
	}
	out, err := runCommand(t, "grant", "list", "--config", config)
	if err != nil || !strings.Contains(out, "no such grants") {
		t.Errorf("%v %s", err, out)
	}
}

// preparedDemo is the demo's folder, with a gateway that serves nobody.
func preparedDemo(t *testing.T) *demonstration {
	t.Helper()
	d, err := prepareDemo(t.Context(), demoOptions{dir: t.TempDir(), clients: minDemoClients, seed: 1}, "127.0.0.1:1")
	noError(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Nothing that the demo writes is readable by others, whatever the process's umask lets through.
func TestTheDemosFilesAreItsOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	held, err := lockFolder(t.Context(), dir)
	noError(t, err)
	d, err := prepareDemo(t.Context(), demoOptions{dir: dir, clients: minDemoClients, seed: 1}, "127.0.0.1:1")
	noError(t, err)
	defer d.Close()
	defer func() { _ = held.Close() }()
	files := 0
	noError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		noError(t, err)
		info, err := entry.Info()
		noError(t, err)
		want := os.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", strings.TrimPrefix(path, dir), info.Mode().Perm())
		}
		files++
		return nil
	}))
	for _, name := range []string{demoLockFile, "ledger.db", "state.db", "demo.json", "practice.db", "psychotherapy.db", "keys/id.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%d files, and no %s", files, name)
		}
	}
}
