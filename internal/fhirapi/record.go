package fhirapi

import (
	"context"
	"maps"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/release/stage"
)

// guarded is the reason under which the ledger counts what the final guard withheld.
const guarded = "guard"

// record writes what is told into the ledger, before a byte of it is sent.
func (x *exchange) record(ctx context.Context, records []ledger.Record) error {
	defer x.took(stepLedger)
	err := x.api.Ledger.Append(ctx, records...)
	x.unrecorded = err != nil
	return err
}

// records are one for each client that the answer is about, or one without a client.
func (x *exchange) records(a *egress.Answer) []ledger.Record {
	d := &x.request.disclosure
	var clients []release.Evidence
	for _, e := range d.evidence {
		if e.Client != (fhir.Reference{}) {
			clients = append(clients, e)
		}
	}
	if len(clients) == 1 && !d.reach {
		return []ledger.Record{x.recordOf(a, clients[0], a.Released)}
	}
	var out []ledger.Record
	rest := a.Released
	for _, e := range clients {
		var his []stage.Released
		his, rest = partition(rest, e.Client)
		if len(his) > 0 || !d.reach { // of all whom a search over the reach passes by, none is told of
			out = append(out, x.recordOf(a, e, his))
		}
	}
	if len(rest) > 0 || len(out) == 0 {
		out = append(out, x.recordOf(a, release.Evidence{}, rest))
	}
	return out
}

// partition takes the resources of a client's chart out of all.
func partition(all []stage.Released, client fhir.Reference) (his, rest []stage.Released) {
	for _, r := range all {
		if r.Facts().Subject == client {
			his = append(his, r)
		} else {
			rest = append(rest, r)
		}
	}
	return his, rest
}

func (x *exchange) recordOf(a *egress.Answer, e release.Evidence, released []stage.Released) ledger.Record {
	who := x.request.Requester
	names, digest, part2 := a.Names, a.Digest, a.Part2
	if len(released) != len(a.Released) {
		names, digest, part2 = egress.NamesOf(released), egress.DigestOf(released), egress.HoldPart2(released)
	}
	r := ledger.Record{
		At: x.api.Now(), RequestID: x.id, Partner: who.PartnerID, Interaction: x.template, Status: a.Status,
		Client: e.Client.String(), ChartVersion: e.ChartVersion, Withheld: e.Withheld,
		Released: names, Digest: digest,
	}
	r.Purposes = make([]string, 0, len(who.Purposes))
	for _, p := range who.Purposes {
		r.Purposes = append(r.Purposes, p.Key())
	}
	r.Consents = make([]ledger.ConsentUse, 0, len(e.Consents))
	for _, c := range e.Consents {
		r.Consents = append(r.Consents, ledger.ConsentUse{Reference: c.Reference.String(), Version: c.Version})
	}
	if a.Guarded {
		r.Withheld = maps.Clone(e.Withheld)
		if r.Withheld == nil {
			r.Withheld = map[string]uint32{}
		}
		r.Withheld[guarded]++
	}
	if len(released) > 0 {
		r.Accountable, r.ToIndividual, r.Authorized = x.api.Accountable(who, e), e.SelfAccess, e.Authorization
		r.Part2 = part2
	}
	return r
}
