package sqldb_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/sqldb"
)

var chicago = func() *time.Location {
	z, err := time.LoadLocation("America/Chicago")
	if err != nil {
		panic(err)
	}
	return z
}()

const schema = `
CREATE TABLE notes (id INTEGER PRIMARY KEY, client INTEGER, at DATETIME, day DATE, body TEXT, score REAL, done INTEGER, file BLOB, tags TEXT);
INSERT INTO notes VALUES
 (1, 7, '2026-03-08 09:30:00', '2026-03-08', 'first', 1.5, 1, x'00ff', '["a","b"]'),
 (2, 7, '2026-07-01T10:00', '2026-07', NULL, 3, 0, NULL, '[]'),
 (3, 8, '2026-07-02 10:00:00', '2026', 'other', NULL, NULL, NULL, '[]');
CREATE TABLE kept_apart (id INTEGER);`

// write makes or changes a database from outside, as the practice's own software does.
func write(t testing.TB, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func database(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "practice with #odd? name.db")
	write(t, strings.NewReplacer("?", "%3f", "#", "%23").Replace("file:"+path), schema)
	return path
}

func open(t testing.TB, path string, probes ...string) *sqldb.Source {
	t.Helper()
	s, err := sqldb.Open(sqldb.Config{Database: "sqlite", Path: path, Zone: chicago, Timeout: 2 * time.Second,
		Separation: practice.Separation{Probes: probes, Files: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var notes = practice.Query{Map: "note", Key: "id", Client: "client", SQL: "SELECT * FROM notes WHERE client IN (:clients) -- all of them",
	Columns: []practice.Column{{Name: "id", Type: practice.Int}, {Name: "client", Type: practice.Int}, {Name: "at", Type: practice.LocalTime},
		{Name: "day", Type: practice.Date}, {Name: "body", Type: practice.Text, Nullable: true}, {Name: "score", Type: practice.Decimal, Nullable: true},
		{Name: "done", Type: practice.Bool, Nullable: true}, {Name: "file", Type: practice.Bytes, Nullable: true}, {Name: "tags", Type: practice.List}}}

func rows(t testing.TB, s *sqldb.Source, q practice.Query, clients ...practice.ClientKey) ([]practice.Row, []practice.BrokenRow, error) {
	t.Helper()
	var got []practice.Row
	var broken []practice.BrokenRow
	err := s.Rows(context.Background(), q, clients, func(r practice.Row) error {
		got = append(got, append(practice.Row{}, r...))
		return nil
	}, func(b *practice.BrokenRow) { broken = append(broken, *b) })
	return got, broken, err
}

func TestRowsHaveTheDeclaredTypes(t *testing.T) {
	got, broken, err := rows(t, open(t, database(t)), notes, "7", "8")
	if err != nil || len(broken) > 0 {
		t.Fatal(err, broken)
	}
	integer := func(n int64) practice.Value { return practice.Value{Type: practice.Int, Int: n} }
	at := func(s string) practice.Value {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return practice.Value{Type: practice.LocalTime, Time: when.UTC()}
	}
	of := func(typ practice.ColumnType, text string) practice.Value {
		return practice.Value{Type: typ, Text: text}
	}
	want := []practice.Row{
		{integer(1), integer(7), at("2026-03-08T14:30:00Z"), of(practice.Date, "2026-03-08"), of(practice.Text, "first"), of(practice.Decimal, "1.5"),
			{Type: practice.Bool, Bool: true}, {Type: practice.Bytes, Bytes: []byte{0, 255}}, {Type: practice.List, List: []string{"a", "b"}}},
		{integer(2), integer(7), at("2026-07-01T15:00:00Z"), of(practice.Date, "2026-07"), {}, of(practice.Decimal, "3"),
			{Type: practice.Bool}, {}, {Type: practice.List, List: []string{}}},
		{integer(3), integer(8), at("2026-07-02T15:00:00Z"), of(practice.Date, "2026"), of(practice.Text, "other"), {}, {}, {},
			{Type: practice.List, List: []string{}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got)\n%s", d)
	}
}

func TestOnlyTheClientsThatAreNamedAreRead(t *testing.T) {
	s := open(t, database(t))
	for _, c := range []struct {
		clients []practice.ClientKey
		want    int
	}{{[]practice.ClientKey{"7"}, 2}, {[]practice.ClientKey{"8"}, 1}, {[]practice.ClientKey{"9"}, 0}, {[]practice.ClientKey{"not-a-number"}, 0},
		{[]practice.ClientKey{"7 OR 1=1"}, 0}, {[]practice.ClientKey{}, 0}, {many(600, "7", "8"), 3}} {
		got, _, err := rows(t, s, notes, c.clients...)
		if c.clients != nil && len(c.clients) == 0 {
			err = s.Rows(context.Background(), notes, c.clients, func(practice.Row) error { t.Error("a row without a client"); return nil }, nil)
		}
		if err != nil || len(got) != c.want {
			t.Errorf("%d clients: %d rows (%v), want %d", len(c.clients), len(got), err, c.want)
		}
	}
}

func many(n int, and ...practice.ClientKey) []practice.ClientKey {
	var keys []practice.ClientKey
	for i := range n {
		keys = append(keys, practice.ClientKey(fmt.Sprint(100000+i)))
	}
	return append(keys, and...)
}

func TestABrokenRowIsReportedWithoutItsValueAndTheOthersAreRead(t *testing.T) {
	cases := map[string]struct{ change, column string }{
		"text in a number":   {"UPDATE notes SET score = 'secret' WHERE id = 1", "score"},
		"no such day":        {"UPDATE notes SET day = '2026-02-30' WHERE id = 1", "day"},
		"no time":            {"UPDATE notes SET at = 'secret' WHERE id = 1", "at"},
		"null where none is": {"UPDATE notes SET at = NULL WHERE id = 1", "at"},
		"not UTF-8":          {"UPDATE notes SET body = CAST(x'ff73656372657463' AS TEXT) WHERE id = 1", "body"},
		"neither yes nor no": {"UPDATE notes SET done = 2 WHERE id = 1", "done"},
		"not a list":         {`UPDATE notes SET tags = '{"secret":1}' WHERE id = 1`, "tags"},
		"an unknown element": {`UPDATE notes SET tags = '["a",null]' WHERE id = 1`, "tags"},
		"only an unknown":    {`UPDATE notes SET tags = '[null]' WHERE id = 1`, "tags"},
		"a list of objects":  {`UPDATE notes SET tags = '[{"secret":1}]' WHERE id = 1`, "tags"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.db")
			write(t, path, schema+c.change)
			got, broken, err := rows(t, open(t, path), notes, "7")
			if err != nil || len(got) != 1 {
				t.Fatalf("%d rows, %v", len(got), err)
			}
			want := []practice.BrokenRow{{Map: "note", Column: c.column, Key: "1", Client: "7"}}
			if d := cmp.Diff(want, broken); d != "" {
				t.Errorf("broken (-want +got)\n%s", d)
			}
			if strings.Contains(broken[0].Error(), "secret") {
				t.Error("the value is in the error")
			}
		})
	}
}

func TestNothingSticksWhenTheDatabaseGoesAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.db")
	s := open(t, path)
	gone := func(when string) {
		t.Helper()
		if _, _, err := rows(t, s, notes, "7"); !errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", when, err)
		}
		if _, err := s.Version(t.Context()); !errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: version: %v, want ErrUnavailable", when, err)
		}
	}
	there := func(when string, n int) {
		t.Helper()
		if got, _, err := rows(t, s, notes, "7"); err != nil || len(got) != n {
			t.Errorf("%s: %d rows, %v", when, len(got), err)
		}
		if _, err := s.Version(t.Context()); err != nil {
			t.Errorf("%s: version: %v", when, err)
		}
	}
	gone("never there")
	write(t, path, schema)
	there("created", 2)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	gone("renamed")
	if err := os.WriteFile(path, []byte("not a database, but long enough to look at it as one, which it is not at all, and so on and on.........."), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rows(t, s, notes, "7"); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("garbage: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	there("back", 2)
	write(t, path+".new", schema+"DELETE FROM notes WHERE id = 1")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	there("replaced by another file", 1)
}

func TestTheVersionChangesWithEveryChange(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.db")
			write(t, path, "PRAGMA journal_mode="+mode+";"+schema)
			s := open(t, path)
			seen := map[string]bool{}
			next := func(what string) {
				t.Helper()
				v, err := s.Version(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if seen[v] {
					t.Errorf("%s: the version is an old one", what)
				}
				seen[v] = true
				again, err := s.Version(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				seen[again] = true
			}
			next("first")
			for i := range 5 {
				write(t, path, fmt.Sprintf("INSERT INTO notes (id, client) VALUES (%d, 1)", 100+i))
				next("insert")
				write(t, path, fmt.Sprintf("UPDATE notes SET body = 'x%d' WHERE id = 1", i))
				next("update of equal length")
			}
			write(t, path, "DELETE FROM notes WHERE id > 50")
			next("delete")
			write(t, path+".new", "PRAGMA journal_mode="+mode+";"+schema)
			for _, tail := range []string{"-wal", "-shm"} {
				os.Remove(path + tail)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			next("replaced")
		})
	}
}

func TestAnOverwrittenFileIsReadAnew(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "p.db"), filepath.Join(dir, "other.db")
	write(t, path, schema)
	write(t, other, strings.ReplaceAll(schema, "'first'", "'FIRST'"))
	s := open(t, path)
	before, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := rows(t, s, notes, "7"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond) // beyond the resolution of the file's time
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := s.Version(t.Context())
	if err != nil || after == before {
		t.Errorf("version %v (%v): a file overwritten in its place looks the same", after == before, err)
	}
	got, _, err := rows(t, s, notes, "7")
	if err != nil || got[0][4].Text != "FIRST" {
		t.Errorf("the old content is read (%v)", err)
	}
}

func TestNothingCanBeWritten(t *testing.T) {
	s := open(t, database(t), "SELECT 1 FROM nowhere")
	for _, q := range []string{"DELETE FROM notes", "UPDATE notes SET body='x' RETURNING id", "SELECT 1 AS id; DELETE FROM notes"} {
		query := practice.Query{Map: "w", SQL: q, Columns: []practice.Column{{Name: "id", Type: practice.Int}}}
		if err := s.Rows(t.Context(), query, nil, func(practice.Row) error { return nil }, nil); err == nil {
			t.Errorf("%q ran", q)
		}
	}
	if got, _, err := rows(t, s, notes, "7", "8"); err != nil || len(got) != 3 {
		t.Errorf("%d rows left, %v", len(got), err)
	}
}

func TestSeparationIsProvenOrFails(t *testing.T) {
	path := database(t)
	cases := []struct {
		name   string
		probes []string
		proven bool
	}{
		{"no such table", []string{"SELECT 1 FROM psychotherapy_notes LIMIT 1"}, true},
		{"a table that is there", []string{"SELECT 1 FROM kept_apart LIMIT 1"}, false},
		{"one of two", []string{"SELECT 1 FROM psychotherapy_notes", "SELECT 1 FROM notes"}, false},
		{"no such column: the table is there", []string{"SELECT nothing FROM kept_apart"}, false},
		{"no SQL", []string{"SELEC 1"}, false},
		{"nothing to try", nil, false},
		{"an empty probe", []string{""}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := open(t, path, c.probes...).ProveSeparation(t.Context())
			if (err == nil) != c.proven {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("a database that is not there", func(t *testing.T) {
		if open(t, path+".no", "SELECT 1 FROM psychotherapy_notes").ProveSeparation(t.Context()) == nil {
			t.Error("proven without a database")
		}
	})
	t.Run("no other file can be attached", func(t *testing.T) {
		s := open(t, path)
		q := practice.Query{Map: "a", SQL: "SELECT 1 AS id", Columns: []practice.Column{{Name: "id", Type: practice.Int}}}
		if err := s.Rows(t.Context(), q, nil, func(practice.Row) error { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		err := open(t, path, "ATTACH DATABASE ':memory:' AS x").ProveSeparation(t.Context())
		if err == nil || !strings.Contains(err.Error(), "probe 1") {
			t.Errorf("an ATTACH as a probe is unclear, not proven: %v", err)
		}
	})
}

func TestASlowStatementIsUnavailable(t *testing.T) {
	s, err := sqldb.Open(sqldb.Config{Database: "sqlite", Path: database(t), Zone: chicago, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endless := practice.Query{Map: "slow", SQL: "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id+1 FROM n) SELECT COUNT(*) AS id FROM n",
		Columns: []practice.Column{{Name: "id", Type: practice.Int}}}
	begin := time.Now()
	if _, _, err := rows(t, s, endless); !errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if got, _, err := rows(t, s, notes, "7"); err != nil || len(got) != 2 {
		t.Errorf("afterwards: %d rows, %v", len(got), err)
	}
}

func TestDescribeTellsWhatDoesNotFit(t *testing.T) {
	path := database(t)
	s := open(t, path)
	if err := s.Describe(t.Context(), notes); err != nil {
		t.Error(err)
	}
	text := func(names ...string) (list []practice.Column) {
		for _, n := range names {
			list = append(list, practice.Column{Name: n, Type: practice.Text})
		}
		return list
	}
	for name, c := range map[string]struct {
		sql     string
		columns []practice.Column
		want    []string
	}{
		"misspelt columns":     {notes.SQL, append(text("bodi", "shoe_size"), notes.Columns...), []string{`no column "bodi", did you mean "body"?`, `no column "shoe_size"`}},
		"without :clients":     {"SELECT 1 AS id", text("idd"), []string{`no column "idd", did you mean "id"?`}},
		"no such table":        {"SELECT 1 AS id FROM nots", text("id"), []string{"no such table: nots"}},
		"a column of the rows": {"SELECT bodi AS id FROM notes", text("id"), []string{"no such column: bodi"}},
		"no SQL":               {"SELEC 1 AS id", text("id"), []string{"syntax error"}},
	} {
		err := s.Describe(t.Context(), practice.Query{Map: "m", SQL: c.sql, Columns: c.columns})
		if err == nil || errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %s in: %v", name, w, err)
			}
		}
	}
}

func TestDescribeSeesAChangeOfTheSchema(t *testing.T) {
	path := database(t)
	s := open(t, path)
	if err := s.Describe(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	write(t, strings.NewReplacer("?", "%3f", "#", "%23").Replace("file:"+path), "ALTER TABLE notes RENAME COLUMN body TO content")
	if err := s.Describe(t.Context(), notes); err == nil || errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("on a connection that knew the column: %v", err)
	}
}

// A database that does not answer says nothing about the maps or the separation.
func TestADatabaseThatDoesNotAnswerIsUnavailable(t *testing.T) {
	path := database(t)
	locked := open(t, path, "SELECT 1 FROM psychotherapy_notes")
	writer, err := sql.Open("sqlite", strings.NewReplacer("?", "%3f", "#", "%23").Replace("file:"+path)+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	tx, err := writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(t.TempDir(), "half.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("half a copy "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*sqldb.Source{
		"locked": locked, "not there": open(t, path+".no", "SELECT 1 FROM psychotherapy_notes"), "half a copy": open(t, garbage, "SELECT 1 FROM psychotherapy_notes"),
	} {
		if err := s.Describe(t.Context(), notes); !errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: Describe: %v", name, err)
		}
		if err := s.ProveSeparation(t.Context()); !errors.Is(err, practice.ErrUnavailable) {
			t.Errorf("%s: ProveSeparation: %v", name, err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(locked.Describe(t.Context(), notes), locked.ProveSeparation(t.Context())); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
}

func TestACallersErrorStopsTheReadAndIsGivenBack(t *testing.T) {
	mine := errors.New("enough")
	err := open(t, database(t)).Rows(t.Context(), notes, []practice.ClientKey{"7"}, func(practice.Row) error { return mine }, nil)
	if !errors.Is(err, mine) || errors.Is(err, practice.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestOpenNeedsAllOfItsConfiguration(t *testing.T) {
	for name, c := range map[string]sqldb.Config{"zero": {}, "dialect": {Database: "oracle", Path: "x", Zone: chicago}, "path": {Database: "sqlite", Zone: chicago},
		"zone": {Database: "sqlite", Path: "x"}} {
		if _, err := sqldb.Open(c); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func BenchmarkVersion(b *testing.B) {
	s := open(b, database(b))
	for b.Loop() {
		if _, err := s.Version(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
