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

// Describe prepares the query and reads no row. Its error may repeat the statement's own words: they are the map's, not the data's.
func (s *Source) Describe(ctx context.Context, q practice.Query) error {
	return s.with(ctx, func(ctx context.Context, one *session) error {
		stmt, err := one.conn.PrepareContext(ctx, statement(s.dialect, q, 1)+" LIMIT 0")
		switch {
		case err == nil:
			return stmt.Close()
		case ctx.Err() != nil || !s.dialect.mistake(err):
			return s.unavailable(err)
		}
		yielded, bare := s.yields(ctx, one, q)
		if bare == nil {
			if missing := missingColumns(q.Columns, yielded); len(missing) > 0 {
				return errors.New(strings.Join(missing, "; "))
			}
		}
		return fmt.Errorf("the statement cannot run: %w", err)
	})
}

// yields names the columns of the map's own statement.
func (s *Source) yields(ctx context.Context, one *session, q practice.Query) ([]string, error) {
	text := "SELECT * FROM (" + ownStatement(q) + "\n) AS r LIMIT 0"
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
