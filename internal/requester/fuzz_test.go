package requester

import (
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
)

// FuzzLoad: a register is refused, each line with its place, or no partner of it has what no partner may have.
func FuzzLoad(f *testing.F) {
	f.Add(register)
	f.Add("partners:\n  - id: a\n    kind: payer\n    purposes: [TREAT, HPAYMT]\n    scopes: system/*.rs\n")
	f.Add("partners: [{id: a, kind: patient, scopes: 'user/*.rs'}, {id: a, kind: employer}]")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := load(t, text)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "conf/partners.yaml:") && !strings.HasPrefix(line, "requester: ") {
					t.Errorf("no place in %q", line)
				}
			}
			return
		}
		for _, id := range r.IDs() {
			p, _ := r.Partner(id)
			if p.Kind == KindPayer && slices.ContainsFunc(p.Purposes, treats) || p.ID == "" || p.Kind == "" {
				t.Errorf("%q is registered for what its kind cannot have", id)
			}
		}
	})
}

func treats(c fhir.Coding) bool { return c.Code == "TREAT" || c.Code == "COC" }
