package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhirapi"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/ledger"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
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
	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/profiles"
)

// version is what the CapabilityStatement says of the software.
const version = "0.1.0"

// closers are closed in reverse order.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

func (c closers) Close() error {
	var errs []error
	for i := len(c) - 1; i >= 0; i-- {
		errs = append(errs, c[i].Close())
	}
	return errors.Join(errs...)
}

// records is the practice's side: its source, proven to be apart from the psychotherapy notes, the maps and the rules.
type records struct {
	closers
	cfg      *Config
	zone     *time.Location
	profiles fs.FS
	sealer   *ident.Sealer
	source   practice.Snapshotter
	maps     *mapping.Maps
	labels   *label.Rules
	rules    *consent.Rules
	types    *facts.Types
}

// openRecords opens the practice's side. The separation of the psychotherapy store is proven here: without the proof nothing opens.
func openRecords(ctx context.Context, cfg *Config) (_ *records, err error) {
	r := &records{cfg: cfg, profiles: profilesOf(cfg)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.zone, err = time.LoadLocation(cfg.Zone); err != nil {
		return nil, err
	}
	if err := r.loadRules(); err != nil {
		return nil, err
	}
	if err := r.openSealer(ctx); err != nil {
		return nil, err
	}
	if err := r.openSource(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// profilesOf is the folder of profiles that the configuration names, or the shipped one.
func profilesOf(cfg *Config) fs.FS {
	if cfg.Profiles == "" {
		return profiles.FS
	}
	return os.DirFS(cfg.Profiles)
}

func (r *records) loadRules() (err error) {
	if r.rules, err = policy.LoadReading(r.profiles); err != nil {
		return err
	}
	if r.labels, err = label.Load(r.profiles); err != nil {
		return err
	}
	r.types, err = facts.LoadTypes(r.profiles)
	return err
}

func (r *records) openSealer(ctx context.Context) error {
	key, err := readKey(r.cfg.Keys.ID, ident.KeySize)
	if err != nil {
		return err
	}
	state, err := store.OpenState(ctx, r.cfg.State)
	if err != nil {
		return err
	}
	r.add(state)
	r.sealer, err = ident.NewSealer(key, store.NewMemo(state, 0))
	return err
}

func (r *records) openSource(ctx context.Context) (err error) {
	if r.maps, err = mapping.Load(mapsFS(r.profiles, r.cfg.Maps), mapsDir, mapping.Options{Sealer: r.sealer, Zone: r.zone}); err != nil {
		return err
	}
	source, err := sqldb.Open(sqldb.Config{
		Database: "sqlite",
		Path:     r.cfg.Practice.SQLite, Zone: r.zone, Timeout: time.Duration(r.cfg.Practice.Timeout), Separation: r.maps.Proofs(),
	})
	if err != nil {
		return err
	}
	r.source = source
	r.add(r.source)
	if err := r.source.ProveSeparation(ctx); err != nil {
		return fmt.Errorf("the psychotherapy notes are not proven to be apart: %w", err)
	}
	return nil
}

// discloser is this practice as a Consent may name it: by its identifiers, or by the resource that its maps make of it.
func (r *records) discloser() []requester.Party {
	p := requester.Party{Reference: r.maps.Practice()}
	for _, i := range r.cfg.Practice.Identifiers {
		p.Identifiers = append(p.Identifiers, fhir.Identifier{System: i.System, Value: i.Value})
	}
	return []requester.Party{p}
}

// gateway is the whole: records, rules, partners, ledger and the FHIR API.
type gateway struct {
	*records
	partners *requester.Register
	service  *release.Service
	egress   *egress.Egress
	ledger   *ledger.SQLite
	metrics  *fhirapi.Metrics
	api      *fhirapi.API
	log      *slog.Logger // nil where nothing is served
	// ephemeral is nil where nothing is served.
	ephemeral ephemeral.Store
}

// clock is what a gateway tells the time by.
type clock = func() time.Time

// openRelease opens everything up to the views: what `preview` needs and `serve` goes on from.
func openRelease(ctx context.Context, cfg *Config, now clock) (*gateway, error) {
	r, err := openRecords(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return r.release(now)
}

// release makes the views of the records. The records are closed with the gateway, and if there is an error.
func (r *records) release(now clock) (_ *gateway, err error) {
	cfg, g := r.cfg, &gateway{records: r, metrics: fhirapi.NewMetrics()}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	if g.partners, err = loadPartners(cfg, r.profiles); err != nil {
		return nil, err
	}
	tagKey, err := readKey(cfg.Keys.ETag, 32)
	if err != nil {
		return nil, err
	}
	g.egress, err = egress.New(egress.Options{Base: cfg.BaseURL, TagKey: tagKey, Zone: r.zone, Types: r.types, Alarm: g.alarm})
	if err != nil {
		return nil, err
	}
	g.service, err = release.New(release.Options{
		Records: release.Mapped{Source: r.source, Maps: r.maps}, Sealer: r.sealer, Labels: r.labels, Rules: r.rules, Projector: g.egress,
		Practice: r.discloser(), Zone: r.zone, Now: now, Granular: granular, CacheBytes: cfg.Limits.CacheBytes,
	})
	return g, err
}

// openGateway opens the whole.
func openGateway(ctx context.Context, cfg *Config, log *slog.Logger, now clock) (_ *gateway, err error) {
	g, err := openRelease(ctx, cfg, now)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	g.log = log
	seed, err := readKey(cfg.Keys.Ledger, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	if g.ledger, err = ledger.Open(ctx, cfg.Ledger, ledger.Options{Key: ed25519.NewKeyFromSeed(seed), Now: now}); err != nil {
		return nil, err
	}
	g.add(g.ledger)
	if g.ephemeral, err = openEphemeral(cfg, now); err != nil {
		return nil, err
	}
	g.add(g.ephemeral)
	tokens, err := tokensOf(cfg, now)
	if err != nil {
		return nil, err
	}
	verifier, err := smart.NewVerifier(tokens)
	if err != nil {
		return nil, err
	}
	options, err := g.apiOptions(cfg, verifier, log, now)
	if err != nil {
		return nil, err
	}
	g.api, err = fhirapi.New(options)
	return g, err
}

func (g *gateway) apiOptions(cfg *Config, v *smart.Verifier, log *slog.Logger, now clock) (o fhirapi.Options, err error) {
	pageKey, err := readKey(cfg.Keys.Page, ident.PageKeySize)
	if err != nil {
		return o, err
	}
	pages, err := ident.NewPages(pageKey)
	if err != nil {
		return o, err
	}
	parser, err := search.NewParser(search.Config{Base: cfg.BaseURL, Zone: g.zone})
	if err != nil {
		return o, err
	}
	capability, err := search.Capability{Base: cfg.BaseURL, Version: version, Released: released, CORS: true, Token: cfg.Tokens.Endpoint}.Statement()
	if err != nil {
		return o, err
	}
	discovery, err := smart.BackendServices(cfg.Tokens.Endpoint).JSON()
	return fhirapi.Options{
		Base: cfg.BaseURL, Verifier: v, Register: g.partners, Views: fhirapi.Release(g.service), Parser: parser, Pages: pages, Egress: g.egress, Ledger: g.ledger,
		Gate:                gate{store: g.ephemeral, perMinute: cfg.Limits.RequestsPerMinute},
		CapabilityStatement: capability, SMARTConfiguration: discovery, Checks: g.checks(v), Accountable: accountable, Metrics: g.metrics, Log: log, Now: now,
		Timeout: time.Duration(cfg.Limits.RequestTimeout),
	}, err
}

// alarm is told when the final guard has kept something back: a fault upstream that a person has to look at. It names no client.
func (g *gateway) alarm(a egress.Alarm) {
	g.metrics.GuardAlarm(a)
	if g.log != nil {
		g.log.Error("the final guard withheld an answer", "type", a.Type, "map", a.Map, "table", a.Table, "wall", a.Wall)
	}
}

// released is the date of the software, as the CapabilityStatement gives it.
var released = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// checks are what must hold for /readyz, each time anew. Maps and rules are proven by their having been loaded: without them nothing opens.
func (g *gateway) checks(v *smart.Verifier) []fhirapi.Check {
	return []fhirapi.Check{
		{Name: "keys", Func: v.Ready},
		{Name: "practice", Func: func(ctx context.Context) error {
			_, err := g.source.Version(ctx)
			if errors.Is(err, practice.ErrNoVersion) {
				return nil
			}
			return err
		}},
		{Name: "separation", Func: g.source.ProveSeparation},
		{Name: "maps", Func: func(ctx context.Context) error { return g.maps.Describe(ctx, g.source) }},
		{Name: "ledger", Func: g.ledger.Ready},
		{Name: "ephemeral", Func: g.ephemeral.Ready},
	}
}

func tokensOf(cfg *Config, now clock) (c smart.Config, err error) {
	c = smart.Config{
		Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience, FHIRBase: cfg.BaseURL, Algorithms: cfg.Tokens.Algorithms,
		JWKSURI: cfg.Tokens.JWKSURI, InsecurePlainHTTP: cfg.Tokens.InsecurePlainHTTP, Now: now,
	}
	if cfg.Tokens.JWKSFile == "" {
		return c, nil
	}
	if c.JWKS, err = os.ReadFile(cfg.Tokens.JWKSFile); err == nil && len(c.JWKS) == 0 {
		err = fmt.Errorf("%s is empty", cfg.Tokens.JWKSFile)
	}
	return c, err
}

func loadPartners(cfg *Config, profiles fs.FS) (*requester.Register, error) {
	return requester.Load(os.DirFS(filepath.Dir(cfg.Partners)), filepath.Base(cfg.Partners), profiles)
}

// granular tells whether a record matches a parameter of a granular scope. One that cannot be evaluated matches nothing.
func granular(f *stage.Facts, p smart.Param) bool {
	ok, err := search.Matches(f, p.Name, p.Value)
	return err == nil && ok
}

// accountable tells whether the accounting of disclosures lists an answer (45 CFR 164.528).
func accountable(r *requester.Requester, e release.Evidence) bool {
	purposes := make([]string, len(r.Purposes))
	for i, p := range r.Purposes {
		purposes[i] = p.Key()
	}
	return ledger.Accountable(purposes, e.SelfAccess, e.Authorization)
}
