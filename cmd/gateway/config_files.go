package main

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/consentry/gateway/internal/ident"
	"github.com/consentry/gateway/internal/smart"
)

// checkFiles looks at the files that the configuration names and reports those that cannot be read. The practice's database may be away for a while.
// Profiles, maps and partners are looked at when they are loaded.
func (c *Config) checkFiles(p *problems) {
	for _, k := range []struct {
		key, path string
		size      int
	}{
		{"keys.id", c.Keys.ID, ident.KeySize}, {"keys.page", c.Keys.Page, ident.PageKeySize}, {"keys.etag", c.Keys.ETag, tagKeySize},
		{"keys.ledger", c.Keys.Ledger, ed25519.SeedSize},
	} {
		if k.path == "" {
			continue
		}
		if _, err := readKey(k.path, k.size); err != nil {
			p.add(c.line(k.key), "%s: %v", k.key, err)
		}
	}
	for i, t := range c.Tokens {
		if key := issuerKey(i, "jwks-file"); c.checkPath(p, key, t.JWKSFile, hasText, "is no file, or empty") {
			c.checkKeySet(p, key, t.JWKSFile)
		}
		if _, err := t.Opaque.introspection(); err != nil {
			p.addAll(c.line(issuerKey(i, "opaque")), "tokens.opaque", err)
		}
	}
	c.checkAuthorizationServer(p)
	c.checkPassword(p)
	c.checkTLS(p)
	c.checkPractice(p)
}

// checkPractice tells a database that is away for a while, which is worth a note, from a path at which there can be none: its folder is not there.
func (c *Config) checkPractice(p *problems) {
	const key = "practice.sqlite"
	path := c.Practice.SQLite
	if c.Practice.Files != "" {
		if _, err := os.Stat(c.Practice.Files); err == nil {
			c.checkPath(p, "practice.files", c.Practice.Files, fs.FileInfo.IsDir, "is no folder")
		} else if c.checkFolder(p, "practice.files", c.Practice.Files) {
			p.note(c.line("practice.files"), "practice.files: %v", err)
		}
	}
	switch _, err := os.Stat(path); {
	case path == "":
	case err == nil:
		c.checkPath(p, key, path, isFile, "is no file")
	case c.checkFolder(p, key, path) && errors.Is(err, fs.ErrNotExist):
		p.note(c.line(key), "%s: there is no such file: %s", key, path)
	}
}

// checkFolder looks at the folder of a file that may not be there yet.
func (c *Config) checkFolder(p *problems, key, path string) bool {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		p.add(c.line(key), "%s: there is no such folder: %s", key, dir)
		return false
	}
	return true
}

func isFile(i fs.FileInfo) bool  { return i.Mode().IsRegular() }
func hasText(i fs.FileInfo) bool { return isFile(i) && i.Size() > 0 }

// checkPath looks at one path and tells whether it can be used. An empty one names nothing.
func (c *Config) checkPath(p *problems, key, path string, fits func(fs.FileInfo) bool, wrong string) bool {
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		p.add(c.line(key), "%s: %v", plainKey(key), err)
	case !fits(info):
		p.add(c.line(key), "%s: %s %s", plainKey(key), path, wrong)
	default:
		return true
	}
	return false
}

// checkKeySet reads the issuer's key set.
func (c *Config) checkKeySet(p *problems, key, path string) {
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = smart.ParseJWKS(text)
	}
	p.addAll(c.line(key), plainKey(key), err)
}
