package missing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSkippedTestsAreNoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skipped")
	t.Setenv(File, path)
	var skipped []bool
	for _, what := range []string{"a server", "a browser", "a server"} {
		t.Run(what, func(t *testing.T) {
			t.Cleanup(func() { skipped = append(skipped, t.Skipped()) })
			Skip(t, what)
			t.Error("it went on")
		})
	}
	text, err := os.ReadFile(path)
	if want := "a server\na browser\na server\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v; want %q", text, err, want)
	}
	if len(skipped) != 3 || !skipped[0] || !skipped[1] || !skipped[2] {
		t.Errorf("skipped: %v", skipped)
	}
	if err := note(filepath.Join(path, "no folder"), "a server"); err == nil {
		t.Error("what cannot be noted is no error")
	}
}

// TestNothingIsSkippedUnnoted: a skip that goes past this package is one of which nobody hears.
func TestNothingIsSkippedUnnoted(t *testing.T) {
	known := map[string]int{
		"conformance/missing/missing.go": 1,
		"internal/demo/scale_test.go":    1, // make test runs it by itself, without -short
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || filepath.Base(path) == "missing_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		n := 0
		for _, call := range []string{"t.Skip(", "t.Skipf(", "t.SkipNow(", "b.Skip(", "tb.Skip("} {
			n += strings.Count(string(text), call)
		}
		if name = filepath.ToSlash(name); n != known[name] {
			t.Errorf("%s skips by itself: missing.Skip notes it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
