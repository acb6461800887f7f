package release

import (
	"context"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// concern adds to an input the chart, and what decides of every client whom its records are about (rule 20): their Consents, whether the
// practice's own data tie the requester to that very client (rule 13), and who may have signed for them (rule 7). until is when a tie begins or ends.
func (s *Service) concern(ctx context.Context, at state, in consent.Input, client practice.ClientKey, c *chart) (_ consent.Input, until time.Time, err error) {
	is, until := tied(c.ties, in)
	in.Chart, in.Related = c.labeled, map[fhir.Reference]bool{in.Client: is}
	if len(c.others) == 0 {
		return in, until, nil
	}
	if in.Policies, err = s.setsOf(ctx, at, append([]practice.ClientKey{client}, c.others...)); err != nil {
		return in, until, err
	}
	ties, err := at.Ties(ctx, c.others)
	if err != nil {
		return in, until, unavailable(err)
	}
	for _, other := range c.others {
		patient, err := s.patient(other)
		if err != nil {
			return in, until, err
		}
		is, turn := tied(ties[other], in)
		in.Related[patient], until = is, earlier(until, turn)
		if !signedForThem(in.Policies[patient]) {
			continue
		}
		theirs, err := s.chartOf(ctx, at, other)
		if err != nil {
			return in, until, err
		}
		in.People = append(in.People, family(theirs.labeled)...)
	}
	return in, until, nil
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
