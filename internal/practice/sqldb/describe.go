package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/spelling"
)

// Describe runs the query for no row. (To prepare it is not enough: SQLite would do so by what the connection remembers of the schema.) Its error
// may repeat the statement's own words: they are the map's, not the data's.
func (s *Source) Describe(ctx context.Context, q practice.Query) error {
	return s.with(ctx, func(ctx context.Context, one *session) error {
		_, err := s.noRow(ctx, one, s.dialect.selects(ownStatement(q), q.Columns))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil || !s.dialect.mistake(err):
			return s.unavailable(err)
		}
		yielded, bare := s.noRow(ctx, one, "SELECT * FROM ("+ownStatement(q)+"\n) AS r")
		if missing := missingColumns(q.Columns, yielded); bare == nil && len(missing) > 0 {
			return errors.New(strings.Join(missing, "; "))
		}
		return fmt.Errorf("the statement cannot run: %w", err)
	})
}

// noRow runs a statement up to its first row and names its columns.
func (s *Source) noRow(ctx context.Context, one *session, text string) ([]string, error) {
	text += " LIMIT 0"
	var args []any
	if strings.Contains(text, clientsHere) {
		text, args = strings.ReplaceAll(text, clientsHere, s.dialect.placeholders(1)), []any{nil}
	}
	rows, err := one.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	rows.Next()
	return names, errors.Join(err, rows.Err())
}

func missingColumns(declared []practice.Column, yielded []string) []string {
	var missing []string
	for _, c := range declared {
		if !slices.ContainsFunc(yielded, func(name string) bool { return strings.EqualFold(name, c.Name) }) {
			missing = append(missing, fmt.Sprintf("the statement yields no column %q%s", c.Name, spelling.DidYouMean(c.Name, yielded)))
		}
	}
	return missing
}
