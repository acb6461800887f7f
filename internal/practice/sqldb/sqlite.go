package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/consentry/gateway/internal/practice"
)

// sqlite is SQLite 3, by modernc.org/sqlite.
type sqlite struct{}

// open opens the file read only: by its mode, and once more by query_only. Schema functions are not trusted: a view of the practice's
// must not run what has side effects.
func (sqlite) open(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=trusted_schema(0)&_pragma=busy_timeout(2000)"}
	return sql.Open("sqlite", u.String())
}

func (sqlite) restrict(ctx context.Context, c *sql.Conn) error {
	if _, err := sqlitedriver.Limit(c, sqlite3.SQLITE_LIMIT_ATTACHED, 0); err != nil {
		return err
	}
	if now, err := sqlitedriver.Limit(c, sqlite3.SQLITE_LIMIT_ATTACHED, -1); err != nil || now != 0 {
		return errors.New("sqldb: other database files could be attached")
	}
	var only int
	if err := c.QueryRowContext(ctx, "PRAGMA query_only").Scan(&only); err != nil || only != 1 {
		return errors.New("sqldb: the connection could write")
	}
	return nil
}

// selects names each column behind a unary plus: that keeps the driver from reading a time zone into a column declared DATETIME, and
// changes nothing else. [brackets] never turn a misspelt name into a text, as "quotes" would.
func (sqlite) selects(statement string, columns []practice.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = "+r.[" + c.Name + "]"
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM (" + statement + "\n) AS r"
}

func (sqlite) placeholders(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		b.WriteByte('?')
		b.WriteString(strconv.Itoa(i))
	}
	return b.String()
}

func (sqlite) identity(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("sqldb: not a file")
	}
	return info, err
}

func (sqlite) counter() string { return "PRAGMA data_version" }

func (sqlite) attach() (string, func(error) bool) {
	return "ATTACH DATABASE ':memory:' AS probe", func(err error) bool {
		return primary(err) == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "too many attached databases")
	}
}

func (sqlite) noTable(err error) bool {
	switch primary(err) {
	case sqlite3.SQLITE_AUTH:
		return true
	case sqlite3.SQLITE_ERROR:
		return strings.Contains(err.Error(), "no such table:")
	}
	return false
}

func (sqlite) mistake(err error) bool {
	switch primary(err) {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_TOOBIG:
		return true
	}
	return false
}

func (sqlite) code(err error) string {
	if code := primary(err); code >= 0 {
		return fmt.Sprintf("SQLite code %d", code)
	}
	return "no answer"
}

// primary is the primary result code of an SQLite error, -1 for another one.
func primary(err error) int {
	var e *sqlitedriver.Error
	if !errors.As(err, &e) {
		return -1
	}
	return e.Code() & 0xff
}
