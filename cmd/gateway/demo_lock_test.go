package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestOneDemoRunsOnAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	held, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "another demo runs on "+dir) {
		t.Errorf("a second demo on the folder: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
