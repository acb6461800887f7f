package oracle_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNothingIsSharedWithTheEngine: an oracle that used the engine's code would repeat its mistakes.
func TestNothingIsSharedWithTheEngine(t *testing.T) {
	here, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.go")
	if err != nil || len(here) < 10 || len(below) < 5 {
		t.Fatalf("found %d and %d files: %v", len(here), len(below), err)
	}
	farther, err := filepath.Glob("*/*/*.go")
	if err != nil || len(farther) < 3 {
		t.Fatalf("found %d files: %v", len(farther), err)
	}
	for _, file := range slices.Concat(here, below, farther) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil || strings.Contains(path, "gateway/internal") {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
