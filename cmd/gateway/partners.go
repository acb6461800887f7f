package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/spelling"
)

func loadPartners(cfg *Config, profiles fs.FS) (*requester.Register, error) {
	return requester.Load(os.DirFS(filepath.Dir(cfg.Partners)), filepath.Base(cfg.Partners), profiles)
}

// registered is the partner that somebody has named on the command line.
func registered(r *requester.Register, flag, id string) (*requester.Partner, error) {
	if p, ok := r.Partner(id); ok {
		return p, nil
	}
	ids := r.IDs()
	return nil, fmt.Errorf("%s: no partner %q in the register%s (registered: %s)", flag, id, spelling.DidYouMean(id, ids), strings.Join(ids, ", "))
}
