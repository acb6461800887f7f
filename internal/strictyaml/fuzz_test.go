package strictyaml_test

import (
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/strictyaml"
)

// FuzzDecode: what is wrong with a file is said with a line that the file has, and never with what was written where a secret may stand.
func FuzzDecode(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nlimits: {requests: 3}\n")
	f.Add("listen: [a]\nlisten: b\nunknown: 1\n")
	f.Add("a: &x [*x]\n")
	f.Add("{}\n---\n{}\n")
	f.Add("limits: {requests: !!binary aaaa}\n? {a: b}\n: c\n")
	f.Fuzz(func(t *testing.T, text string) {
		var into struct {
			Listen string                 `yaml:"listen"`
			Limits struct{ Requests int } `yaml:"limits"`
			Kinds  map[string][]string    `yaml:"kinds"`
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 1
		for _, p := range strictyaml.Decode([]byte(text), &into) {
			if p.Line < 0 || p.Line > lines || p.Text == "" {
				t.Errorf("line %d of %d: %q", p.Line, lines, p.Text)
			}
		}
	})
}
