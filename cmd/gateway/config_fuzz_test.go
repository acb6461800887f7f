package main

import (
	"os"
	"strings"
	"testing"
)

// FuzzConfig: a configuration is read whole, or every problem is told with its line.
func FuzzConfig(f *testing.F) {
	text, err := os.ReadFile("../../docker/gateway.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("practice: {sqlite: a, files: b}\nlimits: {request-timeout: -1s}\n")
	f.Add("practice: &p {files: *p}\n")
	f.Add("listen: 0.0.0.0:80\ntokens: [{algorithms: [none, ES256]}, {issuer: a}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parseConfig("gateway.yaml", []byte(text))
		if err == nil {
			err = cfg.problems.err()
		}
		if err == nil && (cfg.Practice.SQLite == "") == (cfg.Practice.Files == "") {
			t.Error("a configuration without a practice, or with two, is taken")
		}
		if err != nil && !strings.Contains(err.Error(), "gateway.yaml:") {
			t.Errorf("no place in %q", err)
		}
	})
}
