package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAFolderOfNotesThatCanBeReadStopsTheGateway(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	if err := unreadable([]string{notes}); err == nil || !strings.Contains(err.Error(), "proves nothing") {
		t.Errorf("what is not there: %v", err)
	}
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{notes, dir} {
		if err := unreadable([]string{path}); err == nil || !strings.Contains(err.Error(), "not proven to be apart") {
			t.Errorf("what can be read: %v", err)
		}
	}
	if os.Geteuid() == 0 {
		return // nothing is closed to root
	}
	if err := os.Chmod(notes, 0); err != nil {
		t.Fatal(err)
	}
	if err := unreadable([]string{notes}); err != nil {
		t.Errorf("what is closed to this process: %v", err)
	}
}

func TestTheBarIsForTerminalsOnly(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := progressOn(f)
	p.show(1, 2)
	p.clear()
	if info, err := f.Stat(); p != nil || err != nil || info.Size() != 0 {
		t.Error("a file got a bar")
	}
	p = &progress{out: f, next: time.Now().Add(-time.Second)}
	p.show(1<<20, 4<<20)
	p.show(2<<20, 4<<20) // too soon after the first
	p.clear()
	p.show(4<<20, 4<<20) // too late
	text, err := os.ReadFile(f.Name())
	if want := "\rreading [##########..............................]  25 % of 4 MB\r\x1b[K"; err != nil || string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
}
