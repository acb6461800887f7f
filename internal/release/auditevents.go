package release

import (
	"context"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// audited is a View of AuditEvents and what it follows from: they change with each answer to anybody, and are no part of a chart.
type audited struct {
	lasting
	of     *View           // of the chart
	events int             // how many there were in all: the ledger only grows
	made   map[string]told // by the key of the event
}

// told is an AuditEvent and what it was made of, besides an event that never changes. Nothing is made where there is nothing to tell of.
type told struct {
	recipient audit.Partner
	of        []fhir.Reference
	labeled   stage.Labeled
}

// still tells whether it would be made of the same now.
func (t *told) still(recipient audit.Partner, of []fhir.Reference) bool {
	return t.recipient.Name == recipient.Name && slices.Equal(t.recipient.Identifiers, recipient.Identifiers) && slices.Equal(t.of, of)
}

// allOfThePatient are the scopes of an app that may see whatever the person may see.
var allOfThePatient = smart.ParseScopes("patient/*.rs")

// AuditEvents gives what the ledger says of the disclosures about a client, to that client or to who represents the client, through patient/ scopes (rule 22). To
// anybody else it gives the empty View of a client who does not exist, and looks at nothing.
func (s *Service) AuditEvents(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (*View, error) {
	nothing := newView(nil, Evidence{})
	key, ok := s.opts.Sealer.Open(ref.Type, ref.ID)
	if !ok || key == "" || r == nil || s.opts.Audit == nil {
		return nothing, nil
	}
	client := practice.ClientKey(key)
	patient, err := s.patient(client)
	if err != nil {
		return nil, err
	}
	if _, own := r.SelfAccess(); !own || r.Patient != patient {
		return nothing, nil
	}
	// Of the disclosures those are shown of which the person may know that there was something to disclose. The scopes of the app have no say in
	// that; to what they do not reach no reference is left.
	whole := r.Through(allOfThePatient)
	chart, err := s.kept(ctx, viewKey{client: client, requester: whole.Digest(), permission: smart.Read}, whole, s.build)
	if err != nil {
		return nil, err
	}
	if !chart.Evidence().SelfAccess {
		return nothing, nil // no person of this client's, or one without authority
	}
	events, all, err := s.opts.Audit.Events(ctx, patient)
	if err != nil {
		return nil, unavailable(err)
	}
	return s.auditView(ctx, viewKey{client: client, requester: r.Digest(), permission: r.Scopes.Canonical(p)}, r, chart, events, all)
}

// auditView gives the View that was made of the same chart and events, or makes it.
func (s *Service) auditView(ctx context.Context, key viewKey, r *requester.Requester, chart *View, events []audit.Event, all int) (*View, error) {
	kept, ok := s.audits.GetIfPresent(key)
	if ok && kept.of == chart && kept.events == all && kept.fits(s.opts.Now()) {
		return kept.view, nil
	}
	var made audited
	err := s.read(ctx, func(ctx context.Context, at state) error {
		in, err := s.auditInput(ctx, at, key, r)
		if err == nil {
			made, err = s.buildAudit(in, key.client, chart, events, kept.made)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	made.of, made.events = chart, all
	s.audits.Set(key, made)
	return made.view, nil
}

// auditInput is what decides over AuditEvents: the client's Consents, and the chart for whom it tells to have authority.
func (s *Service) auditInput(ctx context.Context, at state, key viewKey, r *requester.Requester) (consent.Input, error) {
	patient, err := s.patient(key.client)
	if err != nil {
		return consent.Input{}, err
	}
	c, err := s.chartOf(ctx, at, key.client)
	if err != nil {
		return consent.Input{}, err
	}
	sets, err := s.setsOf(ctx, at, []practice.ClientKey{key.client})
	in := s.input(r, key, patient, sets)
	in.People = c.labeled
	return in, err
}

// buildAudit makes AuditEvents of events and decides over them like over any record. Those that were made before of the same are not made again.
func (s *Service) buildAudit(in consent.Input, client practice.ClientKey, chart *View, events []audit.Event, before map[string]told) (audited, error) {
	made := make(map[string]told, len(events))
	for _, e := range events {
		t, err := s.tell(e, client, in.Client, chart, before[e.Key()])
		if err != nil {
			return audited{}, err
		}
		if made[e.Key()] = t; t.labeled.Facts() != nil {
			in.Chart = append(in.Chart, t.labeled)
		}
	}
	res := consent.Decide(in)
	gone := func(ref fhir.Reference) bool {
		if ref == (fhir.Reference{}) || ref == in.Client { // organisations stand there by their identifiers
			return false
		}
		of, there := chart.whole(ref)
		return !there || !consent.InScope(in, of.Facts())
	}
	resources := make([]stage.Released, 0, len(res.Released))
	for _, r := range res.Released {
		if r.Grant().Reason != string(consent.SelfAccess) {
			continue
		}
		if r, ok := s.opts.Projector.Without(r, gone); ok {
			resources = append(resources, r)
		}
	}
	slices.SortFunc(resources, func(a, b stage.Released) int { return strings.Compare(a.Facts().ID, b.Facts().ID) })
	e := Evidence{Client: in.Client, SelfAccess: true}
	return audited{lasting: lasting{validity{"", in.Now, res.ValidUntil}, newView(resources, e)}, made: made}, nil
}

// tell makes the AuditEvent of an event, of what of it the chart shows; unless it was made of the same before.
func (s *Service) tell(e audit.Event, client practice.ClientKey, patient fhir.Reference, chart *View, before told) (told, error) {
	t := told{recipient: s.opts.Audit.Recipient(e), of: slices.DeleteFunc(e.Released(), func(ref fhir.Reference) bool { _, there := chart.whole(ref); return !there })}
	switch {
	case len(t.of) == 0:
		return t, nil
	case before.still(t.recipient, t.of):
		return before, nil
	}
	c, err := s.opts.Audit.Candidate(e, string(client), patient, t.of)
	if err != nil {
		return told{}, unavailable(err)
	}
	t.labeled = s.opts.Labels.Apply([]stage.Candidate{c})[0] // an AuditEvent takes no label from another
	return t, nil
}
