package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
	"github.com/consentry/gateway/internal/release/audit"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/store"
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

// records is the practice's side: its database with the maps, or its folder, the rules and who may ask. Nothing may be read of it before prove has proven it.
type records struct {
	closers
	cfg      *Config
	zone     *time.Location
	profiles fs.FS
	handles  *handles
	sealer   *ident.Sealer
	source   practice.Snapshotter
	maps     *mapping.Maps
	folder   *folder      // instead of source and maps
	fits     *atomic.Bool // whether the maps did, once: a statement that no longer runs is an error by itself
	labels   *label.Rules
	rules    *consent.Rules
	types    *facts.Types
	declared *requester.Register // nil where the register is in the store
	entries  *requester.Rules    // what the store's are read by
	state    *store.State
	partners *partners.Register
	log      *atomic.Pointer[slog.Logger] // nil until there is one
	audit    *audit.Source                // what clients see of the ledger; nil until that is open
}

// handles is the table of the clients' handles. It is opened after everything that the configuration names has been read and found good.
type handles struct{ ident.Handles }

// openRecords opens the practice's side. It does not ask the database yet.
func openRecords(ctx context.Context, cfg *Config) (_ *records, err error) {
	r, err := loadRecords(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	state, err := store.OpenState(ctx, cfg.statePlace())
	if err != nil {
		return nil, err
	}
	r.add(state)
	r.handles.Handles = store.NewMemo(state, 0)
	r.state = state
	r.partners = partners.New(partners.Options{Store: state, Declared: r.declared, Rules: r.entries, Report: r.reportEntry})
	if r.folder != nil {
		return r, nil
	}
	if r.source, err = sqldb.Open(sqldb.Config{
		Database: "sqlite",
		Path:     cfg.Practice.SQLite, Zone: r.zone, Timeout: time.Duration(cfg.Practice.Timeout), Separation: r.maps.Proofs(),
	}); err != nil {
		return nil, err
	}
	r.add(r.source)
	return r, nil
}

// openProven opens the practice's side for a command that reads it at once.
func openProven(ctx context.Context, config string) (*records, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	r, err := openRecords(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := r.prove(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// discloser is this practice as a Consent may name it: by its identifiers, or by the resource that is made of it.
func (r *records) discloser() []requester.Party {
	p := requester.Party{}
	if r.folder != nil {
		p.Reference = r.folder.house
	} else {
		p.Reference = r.maps.Practice()
	}
	for _, i := range r.cfg.Practice.Identifiers {
		p.Identifiers = append(p.Identifiers, fhir.Identifier{System: i.System, Value: i.Value})
	}
	return []requester.Party{p}
}
