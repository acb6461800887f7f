package ledger

import (
	"context"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/store"
)

// tamper changes what the ledger's database holds, as somebody could who can write to it. Statements are SQLite's.
func tamper(t *testing.T, path store.Place, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if n := run(t, path, s); n == 0 && !strings.HasPrefix(s, "CREATE") && !strings.HasPrefix(s, "DROP") {
			t.Fatalf("%q changes nothing", s)
		}
	}
}

// inPostgres are the words of SQLite that PostgreSQL has others for.
var inPostgres = strings.NewReplacer("AS BLOB", "AS BYTEA", "x'", `BYTEA '\x`, "zeroblob(32)", "decode(repeat('00',32),'hex')", "zeroblob(64)", "decode(repeat('00',64),'hex')",
	"zeroblob(10)", "decode(repeat('00',10),'hex')")

// run gives the number of rows that a statement has changed.
func run(t *testing.T, path store.Place, statement string) int64 {
	t.Helper()
	if path.Postgres != "" {
		statement = inPostgres.Replace(statement)
	}
	db, err := store.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	done, err := db.ExecContext(context.Background(), statement)
	if err != nil {
		t.Fatal(err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
