package release

import (
	"context"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
)

// build makes the View of one chart: Consents first, and no chart unless one of them may permit something.
func (s *Service) build(ctx context.Context, at state, key viewKey, r *requester.Requester) (lasting, error) {
	patient, err := s.patient(key.client)
	if err != nil {
		return lasting{}, err
	}
	sets, err := s.setsOf(ctx, at, []practice.ClientKey{key.client})
	if err != nil {
		return lasting{}, err
	}
	in := s.input(r, key, patient, sets)
	applies, until, err := s.applies(ctx, at, key.client, in)
	if err != nil {
		return lasting{}, err
	}
	if !applies {
		return lasting{validity{at.version, in.Now, earlier(until, nextChange(in))}, newView(nil, Evidence{})}, nil
	}
	c, err := s.chartOf(ctx, at, key.client)
	if err != nil {
		return lasting{}, err
	}
	if in, until, err = s.concern(ctx, at, in, key.client, c); err != nil {
		return lasting{}, err
	}
	staff, err := s.staffAt(ctx, at, r, key.permission)
	if err != nil {
		return lasting{}, err
	}
	res := consent.Decide(in)
	resources := s.settle(in, res, staff)
	under, changes := s.grounds(in, res, resources)
	resources = append(resources, s.extracts(in, res, under)...)
	view := newView(resources, s.evidence(in, c, res, resources, under))
	view.terms = under.terms
	return lasting{validity{at.version, in.Now, earlier(until, changes)}, view}, nil
}

func (s *Service) input(r *requester.Requester, key viewKey, patient fhir.Reference, sets map[fhir.Reference]policy.Set) consent.Input {
	return consent.Input{
		Requester: r, Permission: key.permission, Client: patient, Policies: sets, Practice: s.opts.Practice,
		Now: s.opts.Now(), Zone: s.opts.Zone, Rules: s.opts.Rules, Granular: s.opts.Granular,
	}
}

// applies tells whether a Consent of the client's may permit something to the requester now, or these are the client's own records. A permit
// that names no recipient is for those whom the practice's own data tie to the client (rule 13): that is found out without the chart. until is
// when a tie begins or ends.
func (s *Service) applies(ctx context.Context, at state, client practice.ClientKey, in consent.Input) (is bool, until time.Time, err error) {
	if consent.Applies(in) {
		return true, consent.Forever, nil
	}
	// Also where no tie could help: whoever is nobody's partner learns nothing from how long it takes.
	ties, err := at.Ties(ctx, []practice.ClientKey{client})
	if err != nil {
		return false, time.Time{}, unavailable(err)
	}
	is, until = tied(ties[client], in)
	return is && anyTie(in), until, nil
}

// anyTie tells whether a Consent would apply to whom the practice's own data tie to the client.
func anyTie(in consent.Input) bool {
	in.Related = map[fhir.Reference]bool{in.Client: true}
	return consent.Applies(in)
}

// nextChange is the next instant at which a Consent may begin to apply.
func nextChange(in consent.Input) time.Time {
	until := consent.Forever
	for _, p := range in.Policies[in.Client].Policies() {
		if t, ok := p.NextAfter(in.Now); ok {
			until = earlier(until, t)
		}
	}
	return until
}

// tied tells whether the practice's own data tie the partner to the client now (rule 13), and when the next of such ties begins or ends.
func tied(ties []mapping.Tie, in consent.Input) (is bool, until time.Time) {
	until = consent.Forever
	for _, t := range ties {
		if t.To.System == "" || t.To.Value == "" || !slices.Contains(in.Requester.Organization.Identifiers, t.To) {
			continue
		}
		is = is || t.During.Contains(in.Now)
		for _, turn := range []time.Time{t.During.Start, t.During.End} {
			if turn.After(in.Now) {
				until = earlier(until, turn)
			}
		}
	}
	return is, until
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// settle goes from what was decided to what is shown, but for extracts of Consents: the minimal Patient beside whatever else of the client is
// visible, no whole Consent but to the client, no reference to what is not there, no resource that would lose a required element by it, and no
// other people's and organisations' names but where something refers to them. What refers to a Consent speaks of the whole: a Provenance that
// says who agreed when is not shown beside an extract, which does not say that.
func (s *Service) settle(in consent.Input, res consent.Result, staff func(fhir.Reference) bool) []stage.Released {
	resources := slices.DeleteFunc(slices.Clone(res.Released), func(r stage.Released) bool {
		// Of a Consent a partner may see an extract only (rule 22), and the whole is no extract.
		return r.Facts().Type == consentType && r.Grant().Reason != string(consent.SelfAccess)
	})
	minimal, isMinimal := s.minimalPatient(in, res)
	if isMinimal {
		resources = append(resources, minimal)
	}
	for {
		there := make(map[fhir.Reference]bool, len(resources))
		for _, r := range resources {
			there[fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}] = true
			for _, b := range r.Binaries() {
				there[fhir.Reference{Type: b.Facts().Type, ID: b.Facts().ID}] = true
			}
		}
		gone := func(ref fhir.Reference) bool { return !there[ref] && ref != in.Client && !staff(ref) }
		goneFromConsent := fromConsent(in, gone)
		kept := make([]stage.Released, 0, len(resources))
		for _, r := range resources {
			ask := gone
			if r.Facts().Type == consentType {
				ask = goneFromConsent
			}
			if r, ok := s.opts.Projector.Without(r, ask); ok {
				kept = append(kept, r)
			}
		}
		kept = referredTo(kept)
		if isMinimal && len(kept) == 1 {
			return nil // nothing else of the client is left to show it with
		}
		if len(kept) == len(resources) {
			return kept
		}
		resources = kept
	}
}

// fromConsent tells what is gone from a Consent that is shown whole. The client sees their own as it stands, also where it names a record that they do
// not see: that it is there is what they signed (rule 22). From who represents them it keeps what they do not see, but not whom it names by an
// identifier or in words.
func fromConsent(in consent.Input, gone func(fhir.Reference) bool) func(fhir.Reference) bool {
	own := in.Requester.Person == in.Client
	return func(ref fhir.Reference) bool { return !own && ref != (fhir.Reference{}) && gone(ref) }
}

// outside are the types of which a chart holds others than the practice's own: who refers, who pays, who is written to.
var outside = map[string]bool{"Organization": true, "Practitioner": true, "PractitionerRole": true, "Location": true}

// referredTo leaves out the people and organisations that nothing else of the client's refers to, directly or through another of them: they
// appear only inside a view that refers to them (rule 22).
func referredTo(resources []stage.Released) []stage.Released {
	others := map[fhir.Reference]stage.Released{}
	var reached []stage.Released
	for _, r := range resources {
		if f := r.Facts(); outside[f.Type] {
			others[fhir.Reference{Type: f.Type, ID: f.ID}] = r
		} else {
			reached = append(reached, r)
		}
	}
	for i := 0; i < len(reached) && len(others) > 0; i++ {
		for _, ref := range reached[i].Facts().References {
			if other, ok := others[ref.Value]; ok {
				delete(others, ref.Value)
				reached = append(reached, other)
			}
		}
	}
	return reached
}

func (s *Service) minimalPatient(in consent.Input, res consent.Result) (stage.Released, bool) {
	for _, l := range in.Chart {
		if f := l.Facts(); f.Type == "Patient" && f.ID == in.Client.ID {
			if whole, ok := consent.Minimal(l, res); ok {
				return s.opts.Projector.MinimalPatient(whole)
			}
		}
	}
	return stage.Released{}, false
}
