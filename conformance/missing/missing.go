// Package missing skips the tests that need something which a machine may not have (conformance/setup installs most of it), and notes them, so that `make test`
// ends with a list of what it has not tried.
package missing

import (
	"fmt"
	"os"
	"testing"
)

// File is the environment variable that names the file into which a line is written for each test that is skipped. Where it is empty nothing is noted.
const File = "CONSENTRY_SKIPPED"

// Skip skips the test for want of something. A test that cannot be noted fails: a list that is short of one would say that it was tried.
func Skip(t testing.TB, what string) {
	t.Helper()
	if err := note(os.Getenv(File), what); err != nil {
		t.Fatalf("missing: %s, and it cannot be noted: %v", what, err)
	}
	t.Skip(what)
}

// note adds a line. Lines of several processes stand one after the other: each is one short write at the end of the file.
func note(path, what string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("missing: %w", err)
	}
	_, err = f.WriteString(what + "\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
