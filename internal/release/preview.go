package release

import (
	"context"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Preview is what a requester would get of one chart now, what not, and why. It is for the practice's own staff: reasons never leave.
type Preview struct {
	Patient fhir.Reference
	// Related says that the practice's own data tie the partner to the client.
	Related bool
	Lines   []PreviewLine
}

// PreviewLine is one resource of the chart.
type PreviewLine struct {
	Facts    *stage.Facts
	Labels   []fhir.Coding
	Decision consent.Decision
	// Shown says that it is in the view. It can be without being released by itself (the minimal Patient, the extract of a Consent), and can be
	// released and not shown (what would lose a required reference, a Consent by which nothing else is shown).
	Shown bool
}

// Preview decides over a whole chart, also where no Consent applies.
func (s *Service) Preview(ctx context.Context, r *requester.Requester, p smart.Permission, client practice.ClientKey) (*Preview, error) {
	patient, err := s.patient(client)
	if err != nil {
		return nil, err
	}
	var built lasting
	var c *chart
	var in consent.Input
	err = s.read(ctx, func(ctx context.Context, at state) error {
		var err error
		if c, err = s.chartOf(ctx, at, client); err != nil {
			return err
		}
		key := viewKey{client: client, requester: r.Digest(), permission: p}
		sets, err := s.setsOf(ctx, at, []practice.ClientKey{client})
		if err != nil {
			return err
		}
		if in, _, err = s.concern(ctx, at, s.input(r, key, patient, sets), client, c); err != nil {
			return err
		}
		built, err = s.build(ctx, at, key, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	res := consent.Decide(in)
	out := &Preview{Patient: patient, Related: in.Related[patient], Lines: make([]PreviewLine, len(c.labeled))}
	for i, l := range c.labeled {
		_, shown := built.view.Get(fhir.Reference{Type: l.Facts().Type, ID: l.Facts().ID})
		out.Lines[i] = PreviewLine{Facts: l.Facts(), Labels: l.Labels(), Decision: res.Decisions[i], Shown: shown}
	}
	return out, nil
}
