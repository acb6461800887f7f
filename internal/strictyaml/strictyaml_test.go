package strictyaml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type file struct {
	Listen  string            `yaml:"listen"`
	Strict  bool              `yaml:"strict"`
	Limits  limits            `yaml:"limits"`
	Parties []*party          `yaml:"parties"`
	Named   map[string]limits `yaml:"named"`
	Any     any               `yaml:"any"`
	own     limits
}

type limits struct {
	Requests int    `yaml:"requests"`
	Bytes    uint64 `yaml:"bytes,omitempty"`
}

type party struct {
	System string   `yaml:"system"`
	Codes  []string `yaml:"codes"`
	Within *party   `yaml:"within"`
}

func TestEveryProblemIsNamedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Problem
	}{
		"nothing wrong":         {"listen: a\nlimits: {requests: 1}\nany: {what: ever}\n", nil},
		"an empty file":         {"", nil},
		"nothing but a comment": {"# later\n", nil},
		"a mistyped key":        {"lissen: a\n", []Problem{{1, `unknown key lissen, did you mean "listen"?`}}},
		"a key of nothing":      {"certificate: a\n", []Problem{{1, "unknown key certificate"}}},
		"a key with blanks":     {"lis ten: a\n", []Problem{{1, `unknown key lis ten, did you mean "listen"?`}}},
		"a key further down":    {"limits:\n  request: 1\n", []Problem{{2, `unknown key request, did you mean "requests"?`}}},
		"in a list":             {"parties:\n- {sistem: a}\n- {within: {code: [a]}}\n", []Problem{{2, `unknown key sistem, did you mean "system"?`}, {3, `unknown key code, did you mean "codes"?`}}},
		"in a map":              {"named: {a: {byte: 1}}\n", []Problem{{1, `unknown key byte, did you mean "bytes"?`}}},
		"a key of another room": {"requests: 1\n", []Problem{{1, "unknown key requests"}}},
		"twice":                 {"listen: a\nlisten: b\n", []Problem{{2, `mapping key "listen" already defined at line 1`}}},
		"several at once":       {"lissen: a\nstrict: perhaps\n", []Problem{{1, `unknown key lissen, did you mean "listen"?`}, {2, "this must be true or false"}}},
		"no number":             {"limits: {requests: many}\n", []Problem{{1, "this must be a whole number"}}},
		"a number below zero":   {"limits: {bytes: -1}\n", []Problem{{1, "this must be a whole number, not below zero"}}},
		"no list":               {"parties: [{codes: a}]\n", []Problem{{1, "this must be a list"}}},
		"no mapping":            {"limits: 5\n", []Problem{{1, "this must be a mapping of keys to values"}}},
		"a list for a text":     {"listen: [a]\n", []Problem{{1, "this must be a text"}}},
		"no YAML":               {"listen: [\n", []Problem{{1, "not YAML: did not find expected node content"}}},
		"a second document":     {"listen: a\n---\nlisten: b\n", []Problem{{2, "a second YAML document would be ignored"}}},
		"an empty second one":   {"listen: a\n---\n", []Problem{{2, "a second YAML document would be ignored"}}},
		"broken behind it":      {"listen: a\n---\n[", []Problem{{1, "a second YAML document would be ignored"}}},
	} {
		if d := cmp.Diff(c.want, Decode([]byte(c.text), &file{})); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

func TestWhatIsRightIsReadBesideWhatIsWrong(t *testing.T) {
	var f file
	if p := Decode([]byte("lissen: a\nstrict: true\n"), &f); len(p) != 1 || !f.Strict || f.own.Bytes != 0 {
		t.Errorf("%+v, %v", f, p)
	}
}

// A value can be a password: whatever stands where it does not belong, no problem repeats it.
func TestNoProblemRepeatsAValue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.StringMatching(`hunter2[a-z]{0,12}`).Draw(rt, "secret")
		key := rapid.SampledFrom([]string{"strict", "limits", "parties", "named"}).Draw(rt, "key")
		text := fmt.Sprintf(rapid.SampledFrom([]string{"%s: %s\n", "%s: '%s\n into string'\n", "%s: |\n  %s\n"}).Draw(rt, "form"), key, secret)
		found := Decode([]byte(text), &file{})
		if len(found) != 1 || strings.Contains(fmt.Sprint(found), "hunt") {
			rt.Errorf("%q: %v", text, found)
		}
	})
}

func TestAFileIsReadWithItsName(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "rules.yaml: the file is empty",
		"# later\n":                  "rules.yaml: the file is empty",
		"lissen: a\nstrict: maybe\n": "rules.yaml:1: unknown key lissen, did you mean \"listen\"?\nrules.yaml:2: this must be true or false",
		"listen: a\n":                "",
	} {
		got := ""
		if err := Read("rules.yaml", []byte(text), &file{}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
