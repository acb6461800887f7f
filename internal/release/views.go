package release

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// Views gives what View gives of each of the resources, in their order, reduced to what shows says: of a search over a whole reach no more is held
// at once than it can show, and as many whole charts as there are processors. The first error withholds them
// all.
func (s *Service) Views(ctx context.Context, r *requester.Requester, p smart.Permission, refs []fhir.Reference, shows func(*stage.Facts) bool) ([]*View, error) {
	views := make([]*View, len(refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var panicked atomic.Pointer[any]
	for i, ref := range refs {
		group.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					panicked.CompareAndSwap(nil, &p)
					err = ErrUnavailable
				}
			}()
			if err := ctx.Err(); err != nil {
				return unavailable(err)
			}
			v, err := s.View(ctx, r, p, ref)
			if err == nil {
				views[i] = v.only(shows)
			}
			return err
		})
	}
	err := group.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p) // here it ends the request, there it would have ended the process
	}
	if err != nil {
		return nil, err
	}
	return views, nil
}
