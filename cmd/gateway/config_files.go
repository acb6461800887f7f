package main

import (
	"crypto/ed25519"
	"io/fs"
	"os"

	"github.com/consentry/gateway/internal/ident"
)

// checkFiles looks at every file and folder that the configuration names, so that all that is missing is reported at once, each with its place.
// The practice's database may be away for a while.
func (c *Config) checkFiles() error {
	p := &problems{path: c.path}
	for _, k := range []struct {
		key, path string
		size      int
	}{
		{"keys.id", c.Keys.ID, ident.KeySize}, {"keys.page", c.Keys.Page, ident.PageKeySize}, {"keys.etag", c.Keys.ETag, tagKeySize},
		{"keys.ledger", c.Keys.Ledger, ed25519.SeedSize},
	} {
		if _, err := readKey(k.path, k.size); err != nil {
			p.add(c.line(k.key), "%s: %v", k.key, err)
		}
	}
	c.checkPath(p, "maps", c.Maps, fs.FileInfo.IsDir, "is no folder")
	c.checkPath(p, "profiles", c.Profiles, fs.FileInfo.IsDir, "is no folder")
	c.checkPath(p, "partners", c.Partners, hasText, "is no file, or empty")
	c.checkPath(p, "tokens.jwks-file", c.Tokens.JWKSFile, hasText, "is no file, or empty")
	if _, err := os.Stat(c.Practice.SQLite); err == nil {
		c.checkPath(p, "practice.sqlite", c.Practice.SQLite, func(i fs.FileInfo) bool { return i.Mode().IsRegular() }, "is no file")
	}
	return p.err()
}

func hasText(i fs.FileInfo) bool { return i.Mode().IsRegular() && i.Size() > 0 }

// checkPath looks at one path; an empty one names nothing.
func (c *Config) checkPath(p *problems, key, path string, fits func(fs.FileInfo) bool, wrong string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err != nil {
		p.add(c.line(key), "%s: %v", key, err)
	} else if !fits(info) {
		p.add(c.line(key), "%s: %s %s", key, path, wrong)
	}
}
