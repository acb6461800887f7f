package release

import (
	"context"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// concern adds to an input the chart, and what decides of every client whom its records are about (rule 20): their Consents, whether the
// practice's own data tie the requester to that very client (rule 13), and who may have signed for them (rule 7).
func (s *Service) concern(ctx context.Context, at state, in consent.Input, client practice.ClientKey, c *chart) (consent.Input, error) {
	in.Chart, in.Related = c.labeled, map[fhir.Reference]bool{in.Client: tied(c.ties, in.Requester)}
	if len(c.others) == 0 {
		return in, nil
	}
	var err error
	if in.Policies, err = s.setsOf(ctx, at, append([]practice.ClientKey{client}, c.others...)); err != nil {
		return in, err
	}
	ties, err := at.Ties(ctx, c.others)
	if err != nil {
		return in, unavailable(err)
	}
	for _, other := range c.others {
		patient, err := s.patient(other)
		if err != nil {
			return in, err
		}
		in.Related[patient] = tied(ties[other], in.Requester)
		if !signedForThem(in.Policies[patient]) {
			continue
		}
		theirs, err := s.chartOf(ctx, at, other)
		if err != nil {
			return in, err
		}
		in.People = append(in.People, family(theirs.labeled)...)
	}
	return in, nil
}

// signedForThem tells whether a representative may have signed one of the Consents.
func signedForThem(set policy.Set) bool {
	return slices.ContainsFunc(set.Policies(), func(p *policy.Policy) bool {
		return slices.ContainsFunc(p.Performers, func(who policy.Party) bool { return who.Reference.Type == "RelatedPerson" })
	})
}

// family picks of a chart its client and those who may represent the client.
func family(chart []stage.Labeled) (people []stage.Labeled) {
	for _, l := range chart {
		if f := l.Facts(); f != nil && (f.Type == "Patient" || f.Type == "RelatedPerson") {
			people = append(people, l)
		}
	}
	return people
}
