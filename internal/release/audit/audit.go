// Package audit makes AuditEvents of the disclosure ledger's records about a client, in the patterns of IHE BALP (Basic Audit Log Patterns), for the
// client to read (design rule 22). They say who got what kinds of record, when and for what purpose; nothing of what was withheld, and
// nothing of an answer that held nothing.
//
// It must not import practice, smart or requester: an AuditEvent is what the ledger says, whoever asks.
package audit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/stage"
)

// Type is the resource type.
const Type = "AuditEvent"

// Partner is a recipient as its register has it.
type Partner struct {
	Name        string
	Identifiers []fhir.Identifier
}

// Options are what a Source is made of. All are required.
type Options struct {
	// Records are those of the ledger about a client, "Patient/x" (ledger.Reader). An error gives no AuditEvent.
	Records interface {
		Of(ctx context.Context, client string) ([]ledger.Entry, error)
	}
	// Sealer makes ids of the ledger's own numbers (package ident).
	Sealer interface {
		Seal(resourceType, client, kind, key string) (string, error)
	}
	// Partner finds a recipient by its id in the register.
	Partner func(id string) Partner
	// Practice is this practice's own identifier, Base the URL of the gateway.
	Practice fhir.Identifier
	Base     string
	Types    *facts.Types
	Zone     *time.Location
}

// Source gives the AuditEvents of a client. It is safe for concurrent use.
type Source struct{ o Options }

// New makes a Source.
func New(o Options) (*Source, error) {
	if o.Records == nil || o.Sealer == nil || o.Partner == nil || o.Practice.Value == "" || o.Base == "" || o.Types == nil || o.Zone == nil {
		return nil, errors.New("audit: records, sealer, partners, practice, base, types and zone are required")
	}
	return &Source{o}, nil
}

// Event is one record of the ledger that told something about the client.
type Event struct{ entry ledger.Entry }

// maxEvents bounds the events of one client. What is older stands in the accounting that the practice prints.
const maxEvents = 2_000

// Events gives what the ledger has of a client that released something, the newest, oldest first; and how many there are in all: the ledger only grows, so
// where there are as many they are the same. That somebody looked at AuditEvents is none: no AuditEvent tells of it, and those who look often would not
// see what else there is.
func (s *Source) Events(ctx context.Context, patient fhir.Reference) (newest []Event, all int, err error) {
	entries, err := s.o.Records.Of(ctx, patient.String())
	if err != nil {
		return nil, 0, err
	}
	events := make([]Event, 0, len(entries))
	for _, e := range entries {
		if e.Record.Status < 400 && e.Record.Client == patient.String() && slices.ContainsFunc(e.Record.Released, isOther) {
			events = append(events, Event{e})
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.entry.Record.At.Compare(b.entry.Record.At) })
	return events[max(0, len(events)-maxEvents):], len(events), nil
}

func isOther(released string) bool { return !strings.HasPrefix(released, Type+"/") }

// Key names the event among all.
func (e Event) Key() string {
	return e.entry.Writer.String() + ":" + strconv.FormatUint(e.entry.Seq, 10)
}

// Released are the resources that were in the answer.
func (e Event) Released() []fhir.Reference {
	refs := make([]fhir.Reference, 0, len(e.entry.Record.Released))
	for _, text := range e.entry.Record.Released {
		if ref, ok := fhir.ParseReference(text); ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Recipient is who got it, as the register has it now.
func (s *Source) Recipient(e Event) Partner { return s.o.Partner(e.entry.Record.Partner) }

// Candidate makes the AuditEvent of an event. Of what was released it tells only of the given resources: those whose existence the reader may know of.
func (s *Source) Candidate(e Event, client string, patient fhir.Reference, told []fhir.Reference) (stage.Candidate, error) {
	id, err := s.o.Sealer.Seal(Type, client, "disclosure", e.Key())
	if err != nil {
		return stage.Candidate{}, err
	}
	msg := s.build(e, id, patient, told)
	if err := fhirjson.Validate(msg); err != nil {
		return stage.Candidate{}, err
	}
	f, err := facts.Extract(msg, facts.Options{
		Zone: s.o.Zone, Types: s.o.Types, Subject: patient, Origin: stage.Origin{Map: "ledger", Table: "commits", Listed: true},
	})
	if err != nil {
		return stage.Candidate{}, err
	}
	body, at, err := fhirjson.AppendUnlabeled(nil, msg)
	if err != nil {
		return stage.Candidate{}, err
	}
	return stage.New(body, at, f)
}

// interaction says what kind of request it was, of the codes of http://hl7.org/fhir/restful-interaction, by the ledger's name of the route: a
// method and a path in which ":id" stands for a logical id.
func interaction(route string) string {
	switch {
	case strings.Contains(route, "$"):
		return "operation"
	case strings.HasSuffix(route, "/:id"):
		return "read"
	}
	return "search-type"
}
