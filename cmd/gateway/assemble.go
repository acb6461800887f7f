package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/authserver"
	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/limits"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/egress"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/search"
	"github.com/consentry/gateway/internal/smart"
)

// version is what the CapabilityStatement says of the software, released its date.
const version = "0.1.0"

var released = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// gateway is the whole: views, ledger, what may be forgotten, and the FHIR API over them.
type gateway struct {
	*views
	ledger    *ledger.Chain
	ephemeral ephemeral.Store
	auth      *authserver.Server // nil where the configuration has no built-in one
	limits    *limits.Limits
	portal    http.Handler // where the people of the demo sign in; nil for everybody else
	verifier  *smart.Verifier
	api       *fhirapi.API
}

// openGateway opens the whole. A practice's database that does not answer may come back: until then nothing is released. One that does and
// that could be read too far, or that the maps do not fit, opens nothing.
func openGateway(ctx context.Context, cfg *Config, log *slog.Logger, now clock) (_ *gateway, err error) {
	r, err := openRecords(ctx, cfg)
	if err != nil {
		return nil, err
	}
	switch err := r.prove(ctx); {
	case errors.Is(err, practice.ErrUnavailable):
		log.Warn("nothing is released until the practice's records can be read", "records", cmp.Or(cfg.Practice.SQLite, cfg.Practice.Files), "error", err.Error())
	case err != nil:
		return nil, errors.Join(err, r.Close())
	}
	l, err := r.openLedger(ctx, now)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	v, err := r.release(log, now)
	if err != nil {
		return nil, err
	}
	g := &gateway{views: v, ledger: l}
	if err := g.open(ctx, now); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// open opens what serving needs besides the views.
func (g *gateway) open(ctx context.Context, now clock) (err error) {
	if err := g.alone(ctx); err != nil {
		return err
	}
	if g.ephemeral, err = openEphemeral(g.cfg, now); err != nil {
		return err
	}
	g.add(g.ephemeral)
	if g.limits, err = openLimits(g.cfg, g.ephemeral, g.metrics.Registry(), g.log, now); err != nil {
		return err
	}
	if g.auth, err = g.openAuthorizationServer(now); err != nil {
		return err
	}
	if g.verifier, err = newVerifier(g.cfg, g.auth, g.limits.Introspect, now); err != nil {
		return err
	}
	options, err := g.apiOptions(g.verifier, now)
	if err != nil {
		return err
	}
	g.api, err = fhirapi.New(options)
	return err
}

func (g *gateway) apiOptions(v *smart.Verifier, now clock) (o fhirapi.Options, err error) {
	pageKey, err := readKey(g.cfg.Keys.Page, ident.PageKeySize)
	if err != nil {
		return o, err
	}
	pages, err := ident.NewPages(pageKey)
	if err != nil {
		return o, err
	}
	parser, err := search.NewParser(search.Config{Base: g.cfg.BaseURL, Zone: g.zone})
	if err != nil {
		return o, err
	}
	told := g.discovery()
	capability, err := search.Capability{
		Base: g.cfg.BaseURL, Version: version, Released: released,
		Token: told.TokenEndpoint, Authorize: told.AuthorizationEndpoint, Introspect: told.IntrospectionEndpoint, Revoke: told.RevocationEndpoint,
		Types: g.types(), Profiles: g.supportedProfiles(),
	}.Statement()
	if err != nil {
		return o, err
	}
	senders, err := smart.NewSenders(g.cfg.BaseURL, g.ephemeral, g.cfg.clientCertificates(), now)
	if err != nil {
		return o, err
	}
	discovery, err := told.JSON()
	return fhirapi.Options{
		Base: g.cfg.BaseURL, Verifier: v, Senders: senders, Moment: moments(g.partners, g.service), Parser: parser, Pages: pages, Egress: g.egress,
		Ledger: g.ledger, Accountable: accountable, Gate: g.limits,
		Types: g.types(), CapabilityStatement: capability, SMARTConfiguration: discovery, Checks: g.checks(v), Metrics: g.metrics, Log: g.log, Now: now,
		Timeout: time.Duration(g.cfg.Limits.RequestTimeout),
	}, err
}

// types are the resource types that can be asked for: those that the maps make, or where the records are FHIR all that may be released. Consents
// there are in any case, and AuditEvents are made of the ledger.
func (g *gateway) types() []string {
	if g.maps == nil {
		return search.Types()
	}
	made := append(g.maps.Types(), "AuditEvent", "Consent")
	return slices.DeleteFunc(search.Types(), func(typ string) bool { return !slices.Contains(made, typ) })
}

// supportedProfiles are those that resources may name in meta.profile. What the resources of a folder name is the source's own, and is known
// only when they have been read.
func (g *gateway) supportedProfiles() map[string][]string {
	out := egress.Profiles()
	out[audit.Type] = audit.Profiles()
	if g.maps == nil {
		return out
	}
	for typ, urls := range g.maps.Profiles() {
		out[typ] = append(urls, out[typ]...)
	}
	return out
}

// accountable tells whether the accounting of disclosures lists an answer (45 CFR 164.528).
func accountable(r *requester.Requester, e release.Evidence) bool {
	purposes := make([]string, len(r.Purposes))
	for i, p := range r.Purposes {
		purposes[i] = p.Key()
	}
	return ledger.Accountable(purposes, e.SelfAccess, e.Authorization)
}
