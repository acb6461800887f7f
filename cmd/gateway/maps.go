package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/mapping"
)

// mapsDir is where the configured maps appear in the profiles.
const mapsDir = "maps/practice"

// mapsFS shows a folder of maps, from anywhere on this machine, as mapsDir of the profiles.
func mapsFS(profiles fs.FS, folder string) fs.FS { return overlay{profiles, os.DirFS(folder)} }

// located gives the problems of the maps with their files as they lie on this machine. What is shipped in the gateway lies nowhere else.
func located(err error, cfg *Config) error {
	var found mapping.Problems
	if !errors.As(err, &found) {
		return err
	}
	found = slices.Clone(found)
	for i, p := range found {
		if name, ours := strings.CutPrefix(p.File, mapsDir); ours {
			found[i].File = filepath.Join(cfg.Maps, filepath.FromSlash(name))
		} else if cfg.Profiles != "" {
			found[i].File = filepath.Join(cfg.Profiles, filepath.FromSlash(p.File))
		}
	}
	return found
}

type overlay struct{ base, maps fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	switch {
	case name == mapsDir:
		return o.maps.Open(".")
	case strings.HasPrefix(name, mapsDir+"/"):
		return o.maps.Open(path.Clean(strings.TrimPrefix(name, mapsDir+"/")))
	}
	return o.base.Open(name)
}
