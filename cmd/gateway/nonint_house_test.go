package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

// nonintBase and nonintNow are fixed: nothing in an answer may come from elsewhere.
const nonintBase = "https://gateway.example/fhir"

var nonintNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// The two clients: the chart under test is the first's, and records of a couple are about both.
const (
	nonintClient  = practice.ClientKey("1")
	nonintPartner = practice.ClientKey("2")
)

// ruleset is what the profiles say, loaded once for all houses.
type ruleset struct {
	rules  *consent.Rules
	labels *label.Rules
	types  *facts.Types
	sealer *ident.Sealer
}

var nonintRules = sync.OnceValues(func() (r ruleset, err error) {
	if r.rules, err = policy.LoadReading(profiles.FS); err != nil {
		return r, err
	}
	if r.labels, err = label.Load(profiles.FS); err != nil {
		return r, err
	}
	if r.types, err = facts.LoadTypes(profiles.FS); err != nil {
		return r, err
	}
	r.sealer, err = ident.NewSealer(bytes.Repeat([]byte{3}, ident.KeySize), nil)
	return r, err
})

// sealed is the reference to the resource of a kind and key in a client's chart; kinds are types in lower case, as far as it matters.
func (r ruleset) sealed(typ string, client practice.ClientKey, kind, key string) fhir.Reference {
	id, err := r.sealer.Seal(typ, string(client), kind, key)
	if err != nil {
		panic(err)
	}
	return fhir.Reference{Type: typ, ID: id}
}

func (r ruleset) patient(client practice.ClientKey) fhir.Reference {
	return r.sealed("Patient", client, "patient", string(client))
}

// charts are Records in memory. They change between requests only.
type charts struct {
	version   int
	charts    map[practice.ClientKey]*mapping.Chart
	documents map[practice.ClientKey][]mapping.ConsentDocument
	directory []stage.Candidate
}

func (c *charts) Version(context.Context) (string, error) { return strconv.Itoa(c.version), nil }

func (c *charts) Snapshot(ctx context.Context, f func(context.Context, release.State) error) error {
	return f(ctx, c)
}

func (c *charts) Chart(_ context.Context, client practice.ClientKey) (*mapping.Chart, error) {
	if found := c.charts[client]; found != nil {
		return found, nil
	}
	return &mapping.Chart{}, nil
}

func (c *charts) Ties(_ context.Context, clients []practice.ClientKey) (map[practice.ClientKey][]mapping.Tie, error) {
	ties := map[practice.ClientKey][]mapping.Tie{}
	for _, k := range clients {
		if found := c.charts[k]; found != nil {
			ties[k] = found.Ties
		}
	}
	return ties, nil
}

func (c *charts) Consents(_ context.Context, clients []practice.ClientKey) (all []mapping.ConsentDocument, _ error) {
	for _, k := range clients {
		all = append(all, c.documents[k]...)
	}
	return all, nil
}

func (c *charts) ConsentClients(context.Context) (all []practice.ClientKey, _ error) {
	for k, documents := range c.documents {
		if len(documents) > 0 {
			all = append(all, k)
		}
	}
	return all, nil
}

func (c *charts) Directory(context.Context) ([]stage.Candidate, error) { return c.directory, nil }

// house is a gateway without network, tokens and files: everything from the request to the bytes is real but the verifier, the register,
// the records and the ledger, which remembers.
type house struct {
	ruleset
	records  *charts
	service  *release.Service
	handler  http.Handler
	who      *requester.Requester
	recorded []ledger.Record
	log      log
	mutation mutation
}

// mutation is what a mutant does otherwise. The zero mutation is the gateway as it is.
type mutation struct {
	name      string
	projector func(release.Projector) release.Projector
	views     func(*house, fhirapi.Views) fhirapi.Views
	handler   func(h *house, real, whole http.Handler) http.Handler
	ledger    func(*house, *ledger.Record)
}

func newHouse(t testing.TB, m mutation) *house {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rules, err := nonintRules()
	must(err)
	h := &house{ruleset: rules, records: &charts{charts: map[practice.ClientKey]*mapping.Chart{}, documents: map[practice.ClientKey][]mapping.ConsentDocument{}}, mutation: m}
	out, err := egress.New(egress.Options{Base: nonintBase, TagKey: bytes.Repeat([]byte{5}, 32), Zone: time.UTC, Types: rules.types})
	must(err)
	var projector release.Projector = out
	if m.projector != nil {
		projector = m.projector(out)
	}
	now := func() time.Time { return nonintNow }
	events, err := h.auditOf()
	must(err)
	h.service, err = release.New(release.Options{
		Records: h.records, Sealer: rules.sealer, Labels: rules.labels, Rules: rules.rules, Projector: projector, Zone: time.UTC, Now: now,
		Practice: []requester.Party{{Reference: rules.sealed("Organization", "", "practice", "practice"), Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: practiceNPI}}}},
		Granular: granular, CacheBytes: 4 << 20, Audit: events,
	})
	must(err)
	parser, err := search.NewParser(search.Config{Base: nonintBase, Zone: time.UTC})
	must(err)
	pages, err := ident.NewPages(bytes.Repeat([]byte{4}, ident.PageKeySize))
	must(err)
	api := func(v fhirapi.Views, l fhirapi.Ledger) http.Handler {
		a, err := fhirapi.New(fhirapi.Options{
			Base: nonintBase, Verifier: h, Moment: h.at(v), Parser: parser, Pages: pages, Egress: out, Ledger: l,
			Types: search.Types(), CapabilityStatement: []byte(`{"resourceType":"CapabilityStatement"}`), SMARTConfiguration: []byte(`{}`),
			Metrics: fhirapi.NewMetrics(), Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1})), Now: now, Timeout: time.Minute,
		})
		must(err)
		return a.Handler()
	}
	real := fhirapi.Release(h.service)
	if m.views != nil {
		real = m.views(h, real)
	}
	h.handler = api(real, h)
	if m.handler != nil {
		h.handler = m.handler(h, h.handler, api(wholeCharts{h}, unrecorded{}))
	}
	return h
}

// Verify implements fhirapi.Verifier.
func (h *house) Verify(context.Context, string) (*smart.Token, error) { return &smart.Token{}, nil }

// occasion is a moment at which the house's requester asks.
type occasion struct {
	h     *house
	views fhirapi.Views
}

func (h *house) at(v fhirapi.Views) func(context.Context) (fhirapi.Moment, error) {
	return func(context.Context) (fhirapi.Moment, error) { return occasion{h, v}, nil }
}

// Requester implements fhirapi.Moment.
func (o occasion) Requester(*smart.Token) (*requester.Requester, error) { return o.h.who, nil }

// Views implements fhirapi.Moment.
func (o occasion) Views() fhirapi.Views { return o.views }

// Append implements fhirapi.Ledger.
func (h *house) Append(_ context.Context, answer ...ledger.Record) error {
	h.recorded = append(h.recorded, answer...)
	if h.mutation.ledger != nil {
		for i := range answer {
			h.mutation.ledger(h, &answer[i])
		}
	}
	h.log.add(answer)
	return nil
}

// unrecorded is the ledger of what a mutant asks behind the gateway's back: nobody got that, and the client's AuditEvents must not tell of it.
type unrecorded struct{}

func (unrecorded) Append(context.Context, ...ledger.Record) error { return nil }

// wholeCharts are views of nearly everything, for mutants: what the client sees of the own chart, whoever asks.
type wholeCharts struct{ h *house }

func (w wholeCharts) client() *requester.Requester {
	p := w.h.patient(nonintClient)
	return &requester.Requester{PartnerID: "whole", Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs"), Patient: p, Person: p}
}

func (w wholeCharts) View(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	if client, ok := w.h.sealer.Open(ref.Type, ref.ID); ok && client == string(nonintClient) {
		return fhirapi.Release(w.h.service).View(ctx, w.client(), p, ref)
	}
	return fhirapi.Release(w.h.service).View(ctx, r, p, ref)
}

func (w wholeCharts) Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, _ func(*stage.Facts) bool) (views []fhirapi.View, err error) {
	for _, ref := range refs {
		v, err := w.View(ctx, r, p, ref)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (w wholeCharts) Directory(ctx context.Context, r *requester.Requester, p smart.Permission) (fhirapi.View, error) {
	return fhirapi.Release(w.h.service).Directory(ctx, r, p)
}

func (w wholeCharts) AuditEvents(ctx context.Context, r *requester.Requester, p smart.Permission, ref fhir.Reference) (fhirapi.View, error) {
	return fhirapi.Release(w.h.service).AuditEvents(ctx, r, p, ref)
}

func (w wholeCharts) Reach(ctx context.Context, r *requester.Requester, p smart.Permission) ([]fhir.Reference, error) {
	return w.h.service.Reach(ctx, r, p)
}
