package smart

import (
	"context"
	"sync"
	"time"
)

// Refresh fetches the keys of every issuer now, and again before they are due, until the context ends: each issuer's in its own time, so that
// hardly a request has to wait for keys, and none for those of another issuer. report hears, with the issuer's URL, when its keys cannot be
// had, and with nil when they can be had again.
func (v *Verifier) Refresh(ctx context.Context, report func(issuer string, err error)) {
	var all sync.WaitGroup
	for _, i := range v.issuers {
		if i.keys.fetch != nil {
			all.Go(func() { i.keys.refresh(ctx, func(err error) { report(i.config.Issuer, err) }) })
		}
	}
	all.Wait()
}

func (r *keyRing) refresh(ctx context.Context, report func(error)) {
	away := false
	for ctx.Err() == nil {
		if done := r.refetch(); done != nil {
			select {
			case <-done:
			case <-ctx.Done():
				return
			}
		}
		err := r.failed()
		if away != (err != nil) {
			away = err != nil
			report(err)
		}
		pause(ctx, r.nextAttempt(err))
	}
}

// nextAttempt is how long to wait until the keys are fetched again.
func (r *keyRing) nextAttempt(failure error) time.Duration {
	switch {
	case failure == nil:
		return refreshAhead
	case r.set.Load() == nil:
		return firstInterval
	}
	return refetchInterval
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
