package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentry/gateway/conformance/missing"
)

// The line finds its token from any folder, whatever the demo's own is called.
func TestACurlLineNamesItsTokenAsAShellTakesIt(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		missing.Skip(t, "a shell")
	}
	t.Chdir(t.TempDir())
	for _, dir := range []string{".demo", "my practice", `it's "$HOME" & more`, "a;b"} {
		p := demoPartner{}
		p.ID = "harbor"
		noError(t, os.MkdirAll(filepath.Join(dir, "partners"), 0o700))
		noError(t, os.WriteFile(p.tokenFile(dir), []byte("the token of "+dir), 0o600))
		d := &demonstration{dir: dir, address: "127.0.0.1:1"}
		shell := exec.Command("sh", "-c", strings.Replace(d.curl(p, "Patient?a=b&c=d"), "curl ", `printf '%s\n' `, 1))
		shell.Dir = t.TempDir()
		out, err := shell.Output()
		noError(t, err)
		if got, want := string(out), "-s\n-H\nAuthorization: Bearer the token of "+dir+"\nhttp://127.0.0.1:1/fhir/Patient?a=b&c=d\n"; got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}
