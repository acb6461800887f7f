package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/profiles"
)

// loadRecords reads everything that the configuration names and opens nothing. All that is wrong with any of it is one report: a part that cannot be
// used does not keep the others from being looked at.
func loadRecords(ctx context.Context, cfg *Config) (_ *records, err error) {
	p := cfg.problems
	cfg.checkFiles(p)
	cfg.checkStores(ctx, p)
	r := &records{cfg: cfg, profiles: profilesOf(cfg), fits: &atomic.Bool{}, handles: &handles{}, log: &atomic.Pointer[slog.Logger]{}}
	if r.zone, err = time.LoadLocation(cfg.Zone); err != nil {
		r.zone = time.UTC // the zone is in the report already, and the maps need one to be looked at
	}
	if cfg.Profiles != "" && !cfg.checkPath(p, "profiles", cfg.Profiles, fs.FileInfo.IsDir, "is no folder") {
		r.profiles = profiles.FS // only so that maps and partners can be looked at
	}
	r.loadRules(p)
	cfg.checkClaims(p, r.profiles)
	r.loadSealer(p)
	r.loadMaps(p)
	r.loadPartners(p)
	if err := p.err(); err != nil {
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

func (r *records) loadRules(p *problems) {
	var err error
	report := func() { p.addAll(r.cfg.line("profiles"), "profiles", err) }
	r.rules, err = policy.LoadReading(r.profiles)
	report()
	r.labels, err = label.Load(r.profiles)
	report()
	r.types, err = facts.LoadTypes(r.profiles)
	report()
}

// loadSealer makes the sealer. A key that cannot be read has been reported: then the sealer is only there to look at the maps.
func (r *records) loadSealer(p *problems) {
	key, err := readKey(r.cfg.Keys.ID, ident.KeySize)
	if err != nil {
		key = make([]byte, ident.KeySize)
	}
	r.sealer, err = ident.NewSealer(key, r.handles)
	p.addAll(r.cfg.line("keys.id"), "keys.id", err)
}

func (r *records) loadMaps(p *problems) {
	if r.cfg.Practice.Files != "" {
		r.loadFolder(p)
		return
	}
	if !r.cfg.checkPath(p, "maps", r.cfg.Maps, fs.FileInfo.IsDir, "is no folder") {
		return
	}
	var err error
	r.maps, err = mapping.Load(mapsFS(r.profiles, r.cfg.Maps), mapsDir, mapping.Options{Sealer: r.sealer, Zone: r.zone,
		Base: r.cfg.BaseURL, InlineBytes: r.cfg.Practice.InlineAttachmentBytes})
	p.follow(located(err, r.cfg))
}

func (r *records) loadPartners(p *problems) {
	var err error
	if r.cfg.Partners == "" { // the register is in the store
		r.entries, err = r.cfg.rules(r.profiles)
		p.addAll(r.cfg.line("profiles"), "profiles", err)
		return
	}
	if !r.cfg.checkPath(p, "partners", r.cfg.Partners, hasText, "is no file, or empty") {
		return
	}
	r.declared, err = loadPartners(r.cfg, r.profiles)
	for _, text := range texts(err) {
		if strings.HasPrefix(text, r.cfg.Partners+":") {
			p.named = append(p.named, text)
		} else {
			p.add(r.cfg.line("partners"), "partners: %s", packageName.ReplaceAllLiteralString(text, ""))
		}
	}
}

// loadPartners reads the register. Its problems name the file as it lies on this machine.
func loadPartners(cfg *Config, profiles fs.FS) (*requester.Register, error) {
	rules, err := cfg.rules(profiles)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Split(cfg.Partners)
	r, err := rules.Load(os.DirFS(filepath.Clean(dir)), name)
	if err == nil {
		return r, nil
	}
	lines := texts(err)
	for i, text := range lines {
		if strings.HasPrefix(text, name+":") {
			lines[i] = dir + text
		}
	}
	return nil, errors.New(strings.Join(lines, "\n"))
}
