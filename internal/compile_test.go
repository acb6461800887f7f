package internal_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each program below testdata/mustnotcompile tries a way around the stages. The first line says what the compiler must answer.
func TestWaysAroundTheStagesDoNotCompile(t *testing.T) {
	cases, err := filepath.Glob("testdata/mustnotcompile/*/main.go")
	if err != nil || len(cases) < 7 {
		t.Fatalf("found %d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		t.Run(filepath.Base(filepath.Dir(c)), func(t *testing.T) {
			text, err := os.ReadFile(c)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := bytes.Cut(text, []byte("\n"))
			want, ok := strings.CutPrefix(string(first), "// want: ")
			if !ok {
				t.Fatal("no want line")
			}
			out, err := exec.Command("go", "build", "-o", os.DevNull, "./"+filepath.Dir(c)).CombinedOutput()
			if err == nil {
				t.Fatal("it compiles")
			}
			if !strings.Contains(string(out), want) {
				t.Fatalf("the compiler does not say %q:\n%s", want, out)
			}
		})
	}
}
