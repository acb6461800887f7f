package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/consentry/gateway/internal/partners"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/spelling"
	"github.com/consentry/gateway/internal/store"
)

// registered is the partner that somebody has named on the command line.
func registered(r *requester.Register, flag, id string) (*requester.Partner, error) {
	if p, ok := r.Named(id); ok {
		return p, nil
	}
	ids := r.IDs()
	return nil, fmt.Errorf("%s: no partner %q in the register%s (registered: %s)", flag, id, spelling.DidYouMean(id, ids), strings.Join(ids, ", "))
}

// currentRegister is the register as it is now, declared or in the store, for a command.
func currentRegister(ctx context.Context, cfg *Config, state *store.State) (*requester.Register, error) {
	if cfg.Partners != "" {
		return loadPartners(cfg, profilesOf(cfg))
	}
	rules, err := requester.LoadRules(profilesOf(cfg), cfg.issuers()...)
	if err != nil {
		return nil, err
	}
	return partners.New(partners.Options{Store: state, Rules: rules}).Current(ctx)
}

// reportEntry tells of an entry of the store that cannot be read. Its text has an id and what is wrong, as the report of a declared register has.
func (r *records) reportEntry(err error) {
	if log := r.log.Load(); log != nil {
		log.Error("an entry of the partner register cannot be read: its partner gets nothing", "error", err.Error())
	}
}
