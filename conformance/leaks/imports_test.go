package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNothingOfTheGatewayIsUsed: a suite that shared code with the gateway would share its mistakes.
func TestNothingOfTheGatewayIsUsed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if path, err := strconv.Unquote(i.Path.Value); err != nil || strings.Contains(path, "consentry/gateway") {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
