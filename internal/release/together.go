package release

import (
	"context"
	"sync"
)

// versions gives the version of the records as of an instant after it was asked for, "" for a source that has none.
type versions func(context.Context) (string, error)

// Together gives the same Service for what came in together: a request, or a batch of them. It reads the version of the records once, when a View is
// first asked for; so what it gives is never older than the call of Together.
func (s *Service) Together() *Service {
	together := *s
	together.now = once(s.now)
	return &together
}

// once is the first answer, for good. A read that panics is one that failed.
func once(now versions) versions {
	var first sync.Once
	version, err := "", ErrUnavailable
	return func(ctx context.Context) (string, error) {
		first.Do(func() { version, err = now(ctx) })
		return version, err
	}
}
