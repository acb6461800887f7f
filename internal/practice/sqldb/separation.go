package sqldb

import (
	"context"
	"errors"
	"fmt"
)

// ProveSeparation shows on the gateway's own connection that it cannot read the separated psychotherapy store (45 CFR 164.501): each
// probe must be refused because its table is not there or may not be read, and where files are to be separate, no other database file
// can be attached. Success of a probe, an error of any other kind, and having nothing to try are all failures.
func (s *Source) ProveSeparation(ctx context.Context) error {
	if len(s.config.Separation.Probes) == 0 {
		return errors.New("sqldb: separation cannot be proven: no probes are configured")
	}
	var unproven []error
	for i, probe := range s.config.Separation.Probes {
		if err := s.refuses(ctx, probe, s.dialect.noTable); err != nil {
			unproven = append(unproven, fmt.Errorf("sqldb: separation, probe %d: %w", i+1, err))
		}
	}
	if s.config.Separation.Files {
		statement, refused := s.dialect.attach()
		if err := s.refuses(ctx, statement, refused); err != nil {
			unproven = append(unproven, fmt.Errorf("sqldb: separation, another database file: %w", err))
		}
	}
	return errors.Join(unproven...)
}

var (
	errReadable = errors.New("it can be read")
	errUnclear  = errors.New("it cannot be told whether it can be read")
)

// refuses runs a statement that must be refused for the right reason. A statement that can be prepared could be read, empty or not.
func (s *Source) refuses(ctx context.Context, statement string, rightReason func(error) bool) error {
	proven := errors.New("refused as it should be")
	err := s.with(ctx, func(ctx context.Context, one *session) error {
		_, err := one.conn.ExecContext(ctx, statement)
		switch {
		case err == nil:
			return errReadable
		case ctx.Err() != nil:
			return s.unavailable(err)
		case rightReason(err):
			return proven
		}
		return fmt.Errorf("%w (%s)", errUnclear, s.dialect.code(err))
	})
	if errors.Is(err, proven) {
		return nil
	}
	return err
}
