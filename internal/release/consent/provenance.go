package consent

import (
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// Provenances releases each Provenance of the chart that no Consent reaches by itself, where one of its targets is released: a Provenance is
// visible with its targets (rule 22). What denies it, and rules 1 to 5, hold; the references to targets that are not visible are taken out
// where the view is made.
func Provenances(in Input, res Result) []stage.Released {
	if len(res.Decisions) != len(in.Chart) {
		return nil
	}
	grants := make(map[fhir.Reference]stage.Grant, len(res.Released))
	for _, r := range res.Released {
		grants[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = r.Grant()
	}
	var companions []stage.Released
	for i, l := range in.Chart {
		f := l.Facts()
		if f == nil || f.Type != "Provenance" || res.Decisions[i].Reason != NoConsent && res.Decisions[i].Reason != PurposeRule {
			continue
		}
		for _, at := range f.References {
			if g, ok := grants[at.Value]; ok && at.Path == "target" {
				companions = append(companions, sealed.Release(l, g))
				break
			}
		}
	}
	return companions
}
