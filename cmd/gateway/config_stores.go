package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Tables of the gateway's own stores.
var (
	ledgerTables = []string{"schema_migrations", "commits", "tips", "checkpoints", "segments"}
	stateTables  = []string{"schema_migrations", "client_handles", "partners", "revoked", "standing", "app_grants"}
)

// checkStores sees to it that the gateway writes into files of its own and into no other: the practice's database, and whatever else a path may lead to
// by mistake, would have tables made in it.
func (c *Config) checkStores(ctx context.Context, p *problems) {
	taken := c.checkPairs(p)
	for _, s := range []struct {
		key, path string
		tables    []string
	}{{"ledger", c.Ledger, ledgerTables}, {"state", c.State, stateTables}} {
		switch {
		case s.path == "" || taken[s.key]:
		case within(s.path, c.Practice.Files):
			p.add(c.line(s.key), "%s: %s lies in practice.files, where the gateway writes nothing", s.key, s.path)
		default:
			c.checkStore(ctx, p, s.key, s.path, s.tables)
		}
	}
}

// checkPairs sees to it that no two of the files are one, however they are spelled, and that none is a file that SQLite keeps beside another. It gives
// the keys of those that are.
func (c *Config) checkPairs(p *problems) map[string]bool {
	taken := map[string]bool{}
	type named struct{ key, path string }
	files := []named{
		{"", c.path}, {"practice.sqlite", c.Practice.SQLite}, {"practice.notes", c.Practice.Notes}, {"partners", c.Partners},
		{"keys.id", c.Keys.ID}, {"keys.page", c.Keys.Page}, {"keys.etag", c.Keys.ETag}, {"keys.ledger", c.Keys.Ledger}, {"ledger", c.Ledger}, {"state", c.State}, {"store.password-file", c.Store.PasswordFile},
	}
	for i, t := range c.Tokens {
		files = append(files, named{issuerKey(i, "jwks-file"), t.JWKSFile})
		if o := t.Opaque; o != nil {
			files = append(files, named{issuerKey(i, "opaque.key-file"), o.KeyFile}, named{issuerKey(i, "opaque.secret-file"), o.SecretFile})
		}
	}
	if a := c.AuthorizationServer; a != nil {
		for i, r := range a.ResourceServers {
			files = append(files, named{fmt.Sprintf("authorization-server.resource-servers.%d.jwks-file", i), r.JWKSFile})
		}
	}
	for i, one := range files {
		for _, other := range files[:i] {
			if one.path == "" || other.path == "" {
				continue
			}
			how := ""
			switch {
			case sameFile(one.path, other.path):
				how = "is the file of %s as well"
			case besides(one.path, other.path):
				how = "is a file that SQLite keeps beside %s"
			default:
				continue
			}
			taken[one.key] = true
			p.add(c.line(one.key), "%s: %s "+how, plainKey(one.key), one.path, cmp.Or(plainKey(other.key), "this configuration"))
			break
		}
	}
	return taken
}

// besides tells whether SQLite may write the file as part of the database.
func besides(path, database string) bool {
	return slices.ContainsFunc([]string{"-journal", "-wal", "-shm"}, func(end string) bool { return sameFile(path, database+end) })
}

// within tells whether a path leads into a folder or below it. An empty folder is none.
func within(path, folder string) bool {
	if folder == "" {
		return false
	}
	rest, err := filepath.Rel(target(folder), target(path))
	return err == nil && rest != ".." && !strings.HasPrefix(rest, ".."+string(filepath.Separator))
}

// sameFile tells whether two paths lead to one file, also where it is not there yet.
func sameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	if errOne == nil && errTwo == nil {
		return os.SameFile(one, two)
	}
	return target(a) == target(b)
}

// maxLinks is how many symbolic links are followed, as the system does.
const maxLinks = 40

// target is where a path leads, through links of the file and its folders. Nothing has to be there.
func target(path string) string {
	for range maxLinks {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		next, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return filepath.Clean(path)
}

// checkStore sees to it that a store is the gateway's own, or can be made.
func (c *Config) checkStore(ctx context.Context, p *problems, key, path string, tables []string) {
	info, err := os.Stat(path)
	switch {
	case err != nil && !c.checkFolder(p, key, target(path)) || errors.Is(err, fs.ErrNotExist):
		return
	case err == nil && !isFile(info):
		err = fmt.Errorf("%s is no file", path)
	case err == nil && info.Size() > 0:
		err = ownTables(ctx, path, key, tables)
	}
	if err != nil {
		p.add(c.line(key), "%s: %v", key, err)
	}
}

// ownTables fails for a database that has a table which is none of the store's. It reads the names of the tables and writes nothing: without a write-ahead
// log nobody has a store open, and SQLite is kept from making one.
func ownTables(ctx context.Context, path, store string, tables []string) error {
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) {
		u.RawQuery += "&immutable=1"
	}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table'`)
	if err != nil {
		return fmt.Errorf("%s cannot be read as SQLite: %w", path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		if !slices.Contains(tables, name) && !strings.HasPrefix(name, "sqlite_") {
			return fmt.Errorf("%s is another database: it has tables that are not the %s's", path, store)
		}
	}
	return rows.Err()
}
