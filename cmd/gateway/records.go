package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/store"
	"github.com/consentry/gateway/profiles"
)

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

// records is the practice's side: its database, the maps and the rules. Nothing may be read of it before prove has proven it.
type records struct {
	closers
	cfg      *Config
	zone     *time.Location
	profiles fs.FS
	sealer   *ident.Sealer
	source   practice.Snapshotter
	maps     *mapping.Maps
	fits     *atomic.Bool // whether the maps did, once: a statement that no longer runs is an error by itself
	labels   *label.Rules
	rules    *consent.Rules
	types    *facts.Types
}

// openRecords opens the practice's side. It does not ask the database yet.
func openRecords(ctx context.Context, cfg *Config) (_ *records, err error) {
	if err := cfg.checkFiles(); err != nil {
		return nil, err
	}
	r := &records{cfg: cfg, profiles: profilesOf(cfg), fits: &atomic.Bool{}}
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
	if err := r.openSource(); err != nil {
		return nil, err
	}
	return r, nil
}

// openProven opens the practice's side for a command that reads it at once.
func openProven(ctx context.Context, cfg *Config) (*records, error) {
	r, err := openRecords(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := r.prove(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
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

func (r *records) openSource() (err error) {
	if r.maps, err = mapping.Load(mapsFS(r.profiles, r.cfg.Maps), mapsDir, mapping.Options{Sealer: r.sealer, Zone: r.zone}); err != nil {
		return located(err, r.cfg.Maps)
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
