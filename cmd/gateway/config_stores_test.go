package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentry/gateway/internal/store"
)

func link(old, name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) { noError(t, os.Symlink(old, filepath.Join(dir, name))) }
}

func TestNoStoreIsAnotherFileOfTheConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		change  []string
		prepare func(t *testing.T, dir string)
		want    []string
	}{
		"the ledger in the practice's database": {[]string{"ledger: ledger.db", "ledger: practice.db"}, nil, []string{"gateway.yaml:18: ledger: practice.db is the file of practice.sqlite as well"}},
		"the state in it":                       {[]string{"state: state.db", "state: practice.db"}, nil, []string{"gateway.yaml:19: state: practice.db is the file of practice.sqlite as well"}},
		"by another spelling":                   {[]string{"ledger: ledger.db", "ledger: ./maps/../practice.db"}, nil, []string{"gateway.yaml:18: ledger: practice.db is the file of practice.sqlite"}},
		"through a symbolic link":               {[]string{"ledger: ledger.db", "ledger: linked.db"}, link("practice.db", "linked.db"), []string{"gateway.yaml:18: ledger: linked.db is the file of practice.sqlite"}},
		"through a link to the folder":          {[]string{"ledger: ledger.db", "ledger: here/practice.db"}, link(".", "here"), []string{"gateway.yaml:18: ledger: here/practice.db is the file of practice.sqlite"}},
		"through a hard link": {[]string{"state: state.db", "state: hard.db"}, func(t *testing.T, dir string) {
			noError(t, os.Link(filepath.Join(dir, "practice.db"), filepath.Join(dir, "hard.db")))
		}, []string{"gateway.yaml:19: state: hard.db is the file of practice.sqlite"}},
		"ledger and state in one new file": {[]string{"state: state.db", "state: ledger.db"}, nil, []string{"gateway.yaml:19: state: ledger.db is the file of ledger"}},
		"in one new file, by a link":       {[]string{"state: state.db", "state: later.db"}, link("ledger.db", "later.db"), []string{"gateway.yaml:19: state: later.db is the file of ledger"}},
		"a chain of links": {[]string{"state: state.db", "state: a.db"}, func(t *testing.T, dir string) {
			link("b.db", "a.db")(t, dir)
			link("maps/../ledger.db", "b.db")(t, dir)
		}, []string{"gateway.yaml:19: state: a.db is the file of ledger"}},
		"a practice that is away":       {[]string{"sqlite: practice.db", "sqlite: away.db", "ledger: ledger.db", "ledger: away.db"}, nil, []string{"gateway.yaml:7: practice.sqlite: there is no such file", "gateway.yaml:18: ledger: away.db is the file of practice.sqlite"}},
		"the journal of the practice's": {[]string{"ledger: ledger.db", "ledger: practice.db-journal"}, nil, []string{"gateway.yaml:18: ledger: practice.db-journal is a file that SQLite keeps beside practice.sqlite"}},
		"the log of the ledger":         {[]string{"state: state.db", "state: ledger.db-wal"}, nil, []string{"gateway.yaml:19: state: ledger.db-wal is a file that SQLite keeps beside ledger"}},
		"all three in one":              {[]string{"ledger: ledger.db", "ledger: practice.db", "state: state.db", "state: practice.db"}, nil, []string{"gateway.yaml:18: ledger", "gateway.yaml:19: state"}},
		"a key for a store":             {[]string{"state: state.db", "state: keys/id.key"}, nil, []string{"gateway.yaml:19: state: keys/id.key is the file of keys.id"}},
		"the register for a store":      {[]string{"state: state.db", "state: partners.yaml"}, nil, []string{"gateway.yaml:19: state: partners.yaml is the file of partners"}},
		"one key for two uses":          {[]string{"etag: keys/etag.key", "etag: keys/ledger.key"}, nil, []string{"gateway.yaml:17: keys.ledger: keys/ledger.key is the file of keys.etag"}},
		"the psychotherapy notes":       {[]string{"ledger: ledger.db", "ledger: psychotherapy.db"}, nil, []string{"gateway.yaml:18: ledger: psychotherapy.db is another database: it has tables that are not the ledger's"}},
		"the notes for the state":       {[]string{"state: state.db", "state: notes.db"}, link("psychotherapy.db", "notes.db"), []string{"gateway.yaml:19: state: notes.db is another database: it has tables that are not the state's"}},
		"the ledger of another gateway for the state": {[]string{"state: state.db", "state: other.db"}, func(t *testing.T, dir string) {
			db, err := store.Open(t.Context(), store.Place{SQLite: filepath.Join(dir, "other.db")})
			noError(t, err)
			_, err = db.Exec("CREATE TABLE commits (a); CREATE TABLE schema_migrations (b)")
			noError(t, err)
			noError(t, db.Close())
		}, []string{"gateway.yaml:19: state: other.db is another database"}},
		"a text for a store": {[]string{"state: state.db", "state: demo.txt"}, func(t *testing.T, dir string) {
			noError(t, os.WriteFile(dir+"/demo.txt", []byte("no database at all"), 0o600))
		}, []string{"gateway.yaml:19: state: demo.txt cannot be read as SQLite"}},
		"a folder for a store":   {[]string{"state: state.db", "state: maps"}, nil, []string{"gateway.yaml:19: state: maps is no file"}},
		"a store in no folder":   {[]string{"ledger: ledger.db", "ledger: var/ledger.db"}, nil, []string{"gateway.yaml:18: ledger: there is no such folder: var"}},
		"a store below a file":   {[]string{"ledger: ledger.db", "ledger: practice.db/ledger.db"}, nil, []string{"gateway.yaml:18: ledger: there is no such folder: practice.db"}},
		"a link to no folder":    {[]string{"ledger: ledger.db", "ledger: linked.db"}, link("var/ledger.db", "linked.db"), []string{"gateway.yaml:18: ledger: there is no such folder: var"}},
		"a link to itself":       {[]string{"ledger: ledger.db", "ledger: a.db"}, link("a.db", "a.db"), []string{"gateway.yaml:18: ledger: "}},
		"links to one another":   {[]string{"ledger: ledger.db", "ledger: a.db"}, func(t *testing.T, dir string) { link("b.db", "a.db")(t, dir); link("a.db", "b.db")(t, dir) }, []string{"gateway.yaml:18: ledger: "}},
		"an empty file is taken": {[]string{"ledger: ledger.db", "ledger: new.db"}, func(t *testing.T, dir string) { noError(t, os.WriteFile(dir+"/new.db", nil, 0o600)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			config := practiceFolder(t)
			dir := filepath.Dir(config)
			edit(t, config, c.change...)
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			before := contents(t, dir)
			got := report(t, config)
			if len(got) != len(c.want) {
				t.Fatalf("%d lines, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("%s\nwant %s", got[i], want)
				}
			}
			if c.want == nil {
				return
			}
			if _, err := runLedger(t, "disclosures", "--config", config, "--client", "1001"); err == nil {
				t.Error("the ledger is read")
			}
			after := contents(t, dir)
			for name, text := range before {
				if !bytes.Equal(text, after[name]) {
					t.Errorf("%s was changed", name)
				}
				delete(after, name)
			}
			for name := range after {
				t.Errorf("%s was written", name)
			}
		})
	}
}

// contents reads all files of a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	noError(t, err)
	all := map[string][]byte{}
	for _, e := range entries {
		if text, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			all[e.Name()] = text
		}
	}
	return all
}

// A store that is in use, and one whose process died with all of it in the write-ahead log, is the gateway's own all the same.
func TestTheGatewaysOwnStoresAreTaken(t *testing.T) {
	config := practiceFolder(t)
	dir := filepath.Dir(config)
	first, err := readConfig(config)
	noError(t, err)
	g, err := openGateway(t.Context(), first, slog.New(slog.DiscardHandler), time.Now)
	noError(t, err)
	defer g.Close()
	if got := report(t, config); got != nil {
		t.Errorf("while another process has them:\n%s", strings.Join(got, "\n"))
	}
	crashed := practiceFolder(t)
	for _, name := range []string{"keys/id.key", "keys/ledger.key", "ledger.db", "ledger.db-wal", "state.db", "state.db-wal"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		noError(t, err)
		noError(t, os.WriteFile(filepath.Join(filepath.Dir(crashed), name), text, 0o600))
	}
	if got := report(t, crashed); got != nil {
		t.Errorf("after a crash:\n%s", strings.Join(got, "\n"))
	}
	second, err := readConfig(crashed)
	noError(t, err)
	h, err := openGateway(t.Context(), second, slog.New(slog.DiscardHandler), time.Now)
	noError(t, err)
	noError(t, h.Close())
}

func TestNoStoreLiesInTheFolderOfThePracticesRecords(t *testing.T) {
	config := practiceFolder(t)
	dir := filepath.Dir(config)
	edit(t, config, "sqlite: practice.db", "files: records\n  notes: notes.yaml\n  separated: []", "maps: maps\n", "", "ledger: ledger.db", "ledger: records/ledger.db", "state: state.db", "state: linked/state.db")
	noError(t, os.Mkdir(filepath.Join(dir, "records"), 0o700))
	noError(t, os.Mkdir(filepath.Join(dir, "records-too"), 0o700))
	link("records", "linked")(t, dir)
	stores := func() string {
		cfg, err := readConfig(config)
		noError(t, err)
		cfg.checkStores(t.Context(), cfg.problems)
		if err := cfg.problems.err(); err != nil {
			return strings.ReplaceAll(err.Error(), dir+"/", "")
		}
		return ""
	}
	want := "gateway.yaml:19: ledger: records/ledger.db lies in practice.files, where the gateway writes nothing\n" +
		"gateway.yaml:20: state: linked/state.db lies in practice.files, where the gateway writes nothing"
	if got := stores(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	edit(t, config, "ledger: records/", "ledger: records-too/", "state: linked/", "state: ")
	if got := stores(); got != "" {
		t.Error(got)
	}
	edit(t, config, "files: records", "files: nowhere/records")
	cfg, err := readConfig(config)
	noError(t, err)
	cfg.checkFiles(cfg.problems)
	if err := cfg.problems.err(); err == nil || !strings.Contains(err.Error(), "gateway.yaml:7: practice.files: there is no such folder: ") {
		t.Errorf("a folder in no folder: %v", err)
	}
}
