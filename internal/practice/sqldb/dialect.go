package sqldb

import (
	"context"
	"database/sql"
	"os"
	"strings"

	"github.com/consentry/gateway/internal/practice"
)

// dialect is what differs between databases.
type dialect interface {
	// open gives a pool of connections. It does not connect.
	open(path string) (*sql.DB, error)
	// restrict takes from a new connection every right that it does not need, and fails if it cannot.
	restrict(ctx context.Context, c *sql.Conn) error
	// selects puts the declared columns around a map's statement, in their order and as the database keeps them.
	selects(statement string, columns []practice.Column) string
	// placeholders stands for n clients.
	placeholders(n int) string
	// identity tells one database from its replacement; an error where there is none.
	identity(path string) (os.FileInfo, error)
	// counter reads a number that changes on this connection with every commit of another one.
	counter() string
	// attach is a statement that would open another database file, and whether an error refuses exactly that.
	attach() (statement string, refused func(error) bool)
	// noTable tells the error of a table that is not there or may not be read.
	noTable(err error) bool
	// mistake tells the error of a statement that this database will never take from that of a database that does not answer now.
	mistake(err error) bool
	// code says what an error is without any text that could hold a value.
	code(err error) string
}

var dialects = map[string]dialect{"sqlite": sqlite{}}

// sizes are the numbers of clients that a statement is prepared for: a few statements serve all requests.
var sizes = []int{1, 4, 32, 256}

func sizeFor(n int) int {
	for _, s := range sizes {
		if n <= s {
			return s
		}
	}
	return sizes[len(sizes)-1]
}

// clientsHere is the placeholder of a map's statement.
const clientsHere = ":clients"

// statement is a map's statement as it is run for n clients. The line break keeps a closing comment from taking our part with it.
func statement(d dialect, q practice.Query, n int) string {
	return strings.ReplaceAll(d.selects(ownStatement(q), q.Columns), clientsHere, d.placeholders(n))
}

func ownStatement(q practice.Query) string { return strings.TrimRight(q.SQL, "; \t\r\n") }
