package main

import (
	"context"
	"strconv"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// auditSample is one of how many pairs is asked for AuditEvents: each is made of all that was answered before.
const auditSample = 8

// log is a ledger in memory. Nothing is kept unless it is begun.
type log struct {
	begun   bool
	first   uint64
	entries []ledger.Entry
}

// begin forgets everything. Numbers go on from those of a pair, so that no two pairs have events of one name.
func (l *log) begin(seed uint64) {
	*l = log{begun: seed%auditSample == 0, first: seed << 20}
}

// add takes records. Under which number a request was made is chance, and here it is counted.
func (l *log) add(records []ledger.Record) {
	if !l.begun {
		return
	}
	for _, r := range records {
		seq := l.first + uint64(len(l.entries)) + 1
		r.RequestID = strconv.FormatUint(seq, 16)
		l.entries = append(l.entries, ledger.Entry{Record: r, Seq: seq})
	}
}

// Of gives what there is about a client, as ledger.Reader does.
func (l *log) Of(_ context.Context, client string) (found []ledger.Entry, _ error) {
	for _, e := range l.entries {
		if e.Record.Client == client {
			found = append(found, e)
		}
	}
	return found, nil
}

// auditOf makes AuditEvents of what a house has answered.
func (h *house) auditOf() (*audit.Source, error) {
	return audit.New(audit.Options{
		Records: &h.log, Sealer: h.sealer, Partner: func(id string) audit.Partner { return audit.Partner{Name: id} },
		Practice: fhir.Identifier{System: fhir.SystemNPI, Value: practiceNPI}, Base: nonintBase, Types: h.types, Zone: nonintNow.Location(),
	})
}

// audited asks both houses, as the client, who got what: of what was withheld from somebody else nothing may show there either, though the client's own
// chart has it.
func (x *asking) audited() string {
	if !x.left.log.begun {
		return ""
	}
	p := x.patient(nonintClient)
	for _, h := range []*house{x.left, x.right} {
		was := h.who
		defer func() { h.who = was }()
		h.who = &requester.Requester{PartnerID: "app", Kind: requester.KindPatient, Scopes: smart.ParseScopes("patient/*.rs"), Patient: p, Person: p}
	}
	if !x.seesAlike(p) {
		return ""
	}
	search := "AuditEvent?patient=" + p.ID
	x.seen.audited += len(x.left.log.entries)
	for _, q := range []inquiry{
		{method: "GET", target: search + "&_count=200", kind: "search of AuditEvent"},
		{method: "GET", target: search + "&_sort=-date&_count=3", kind: "paged search of AuditEvent"},
		{method: "GET", target: search + "&_summary=count&subtype=" + pick(x.clinic, "read", "search-type", "operation"), kind: "count of AuditEvents"},
	} {
		if d := x.compare(q); d != "" {
			return q.kind + ": " + d
		}
	}
	return ""
}

// seesAlike tells whether the client has, in both charts, what the requester was shown. A Provenance is shown with its targets: where in one chart one of
// those that are withheld from the requester is the client's to see and in the other none is, the client rightly sees it in one chart only.
func (x *asking) seesAlike(p fhir.Reference) bool {
	var views [2]*release.View
	for i, h := range []*house{x.left, x.right} {
		v, err := h.service.View(context.Background(), h.who, smart.Read, p)
		if err != nil {
			panic(err)
		}
		views[i] = v
	}
	shown := func(v *release.View, ref fhir.Reference) bool { _, is := v.Get(ref); return is }
	for ref := range x.shown {
		if shown(views[0], ref) != shown(views[1], ref) {
			return false
		}
	}
	return true
}

// recordsEverything is a mutant's: the ledger has what was found, and not what was released.
func recordsEverything(h *house, r *ledger.Record) {
	if r.Client != h.patient(nonintClient).String() || len(r.Released) == 0 {
		return
	}
	r.Released = nil
	for _, c := range h.records.charts[nonintClient].Candidates {
		r.Released = append(r.Released, fhir.Reference{Type: c.Facts().Type, ID: c.Facts().ID}.String())
	}
}

var _ fhirapi.Ledger = (*house)(nil)
