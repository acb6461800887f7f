package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
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

// rules are what the register of this configuration is read by.
func (c *Config) rules(profiles fs.FS) (*requester.Rules, error) {
	r, err := requester.LoadRules(profiles, c.issuers()...)
	if err == nil {
		r.NoCertificates = !c.seesCertificates()
	}
	return r, err
}

// currentRegister is the register as it is now, declared or in the store, for a command.
func currentRegister(ctx context.Context, cfg *Config, state *store.State) (*requester.Register, error) {
	if cfg.Partners != "" {
		return loadPartners(cfg, profilesOf(cfg))
	}
	rules, err := cfg.rules(profilesOf(cfg))
	if err != nil {
		return nil, err
	}
	return partners.New(partners.Options{Store: state, Rules: rules}).Current(ctx)
}

// printPartners prints what is wrong with entries of the store's register, and tells whether nothing is. A declared register has been read already.
func (r *records) printPartners(ctx context.Context, out io.Writer) (good bool, err error) {
	if r.entries == nil {
		return true, nil
	}
	kept, err := r.state.Standing(ctx)
	if err != nil {
		return false, err
	}
	good = true
	for _, k := range kept.Partners {
		_, problems := r.entries.Register([]requester.Entry{{ID: k.ID, Text: k.Entry}})
		for _, problem := range problems {
			good = false
			fmt.Fprintf(out, "the partner %q gets nothing: its entry in the register cannot be read: %v\n", k.ID, problem)
		}
	}
	return good, nil
}

// reportEntry tells of an entry of the store that cannot be read. Its text has an id and what is wrong, as the report of a declared register has.
func (r *records) reportEntry(err error) {
	if log := r.log.Load(); log != nil {
		log.Error("an entry of the partner register cannot be read: its partner gets nothing", "error", err.Error())
	}
}
