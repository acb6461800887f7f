package release

import "context"

// versions gives the version of the records as of an instant after it was asked for, "" for a source that has none.
type versions func(context.Context) (string, error)

// Version reads the version of the records as they are now, "" for a source that has none. An error wraps ErrUnavailable.
func (s *Service) Version(ctx context.Context) (string, error) {
	return named(s.opts.Records.Version(ctx))
}

// At gives the same Service for what came in together, a request or a batch of them, before Version gave this: what it gives is of that state of the
// records or of newer ones, and is nothing where the version could not be read.
func (s *Service) At(version string, err error) *Service {
	at := *s
	at.now = func(context.Context) (string, error) { return version, err }
	return &at
}
