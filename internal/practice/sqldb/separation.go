package sqldb

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentry/gateway/internal/practice"
)

// ProveSeparation shows on the gateway's own connection that it cannot read the separated psychotherapy store (45 CFR 164.501): each
// probe must be refused because its table is not there or may not be read, and where files are to be separate, no other database file
// can be attached. Success of a probe, an error of any other kind, and having nothing to try are all failures.
func (s *Source) ProveSeparation(ctx context.Context) error {
	if len(s.config.Separation.Probes) == 0 {
		return errors.New("sqldb: separation cannot be proven: no probes are configured")
	}
	var unproven []error
	var gone error
	try := func(what, statement string, rightReason func(error) bool) {
		switch err := s.refuses(ctx, statement, rightReason); {
		case errors.Is(err, practice.ErrUnavailable):
			gone = fmt.Errorf("sqldb: separation, %s: %w", what, err)
		case err != nil:
			unproven = append(unproven, fmt.Errorf("sqldb: separation, %s: %w", what, err))
		}
	}
	for i, probe := range s.config.Separation.Probes {
		try(fmt.Sprintf("probe %d", i+1), probe, s.dialect.noTable)
	}
	if s.config.Separation.Files {
		statement, refused := s.dialect.attach()
		try("another database file", statement, refused)
	}
	if len(unproven) > 0 {
		return errors.Join(unproven...)
	}
	return gone
}

var (
	errReadable = errors.New("it can be read")
	errUnclear  = errors.New("it cannot be told whether it can be read")
)

// refuses runs a statement that must be refused for the right reason. A statement that can be prepared could be read, empty or not.
func (s *Source) refuses(ctx context.Context, statement string, rightReason func(error) bool) error {
	return s.with(ctx, func(ctx context.Context, one *session) error {
		_, err := one.conn.ExecContext(ctx, statement)
		switch {
		case err == nil:
			return errReadable
		case ctx.Err() != nil || !s.dialect.mistake(err):
			return s.unavailable(err)
		case rightReason(err):
			return nil // as it should be: nothing has run, and the session is as good as before
		}
		return fmt.Errorf("%w (%s)", errUnclear, s.dialect.code(err))
	})
}
