package limits

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/consentry/gateway/internal/ephemeral"
)

// counting asks the store that the replicas share. One that does not answer is asked again by one request in a second, so that a store which hangs holds no
// other.
type counting struct {
	shared, own ephemeral.Store
	now         func() time.Time
	turned      func(away bool)
	retry       atomic.Int64 // when the shared store, which is away, may be asked again; 0 while it answers
}

const retryEvery = time.Second

// together counts for all replicas, or fails.
func (c *counting) together(ctx context.Context, limits ...ephemeral.Limit) (ephemeral.Verdict, error) {
	if c.own == nil {
		return c.shared.Admit(ctx, limits...)
	}
	now, retry := c.now().UnixNano(), c.retry.Load()
	next := now + int64(retryEvery)
	if retry != 0 && (now < retry || !c.retry.CompareAndSwap(retry, next)) {
		return ephemeral.Verdict{}, ephemeral.ErrUnavailable
	}
	v, err := c.shared.Admit(ctx, limits...)
	switch {
	case ctx.Err() != nil: // the request has ended; that says nothing of the store
		return ephemeral.Verdict{}, ephemeral.ErrUnavailable
	case err != nil:
		if c.retry.Swap(c.now().UnixNano()+int64(retryEvery)) == 0 {
			c.turned(true)
		}
	default:
		if c.retry.Swap(0) != 0 {
			c.turned(false)
		}
	}
	return v, err
}

// either counts for all replicas, or where that cannot be for this process.
func (c *counting) either(ctx context.Context, limits ...ephemeral.Limit) (ephemeral.Verdict, error) {
	v, err := c.together(ctx, limits...)
	if err != nil && c.own != nil && ctx.Err() == nil {
		return c.own.Admit(ctx, limits...)
	}
	return v, err
}
