package facts_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/profiles"
)

func TestAFileThatCannotBeRightIsNotLoaded(t *testing.T) {
	good, err := profiles.FS.ReadFile("policies/resources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, old, new string }{
		{"a misspelt key", "timeless: true", "timeles: true"},
		{"a misspelt type", "Encounter:", "Encountr:"},
		{"a misspelt element", "time: [context.period, date]", "time: [context.perod, date]"},
		{"neither timeless nor a time", "{timeless: true, authors: []}", "{authors: []}"},
		{"a state without a status", "state: true, status: status, ongoing: [active]", "state: true, ongoing: [active]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(good), c.old, c.new, 1)
			if text == string(good) {
				t.Fatal("the file has changed under the test")
			}
			if _, err := facts.LoadTypes(fstest.MapFS{"policies/resources.yaml": {Data: []byte(text)}}); err == nil {
				t.Error("loaded")
			}
		})
	}
	for name, fsys := range map[string]fstest.MapFS{"missing": {}, "empty": {"policies/resources.yaml": {}}, "without types": {"policies/resources.yaml": {Data: []byte("types: {}\nacting: [author]")}},
		"without who acts": {"policies/resources.yaml": {Data: []byte("types: {Patient: {timeless: true, authors: []}}")}}} {
		if _, err := facts.LoadTypes(fsys); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	var none *facts.Types
	if none.Lists("Patient") {
		t.Error("no file lists Patient")
	}
}
