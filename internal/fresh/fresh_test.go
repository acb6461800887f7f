package fresh

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever asks gets a read that began after they asked, however many ask at once.
func TestAReadIsSharedOnlyIfItBeganAfterTheRequest(t *testing.T) {
	var begun atomic.Int64
	f := Of(func(context.Context) (string, error) {
		return strconv.FormatInt(begun.Add(1), 10), nil
	})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				before := begun.Load()
				version, err := f.Get(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				if n, _ := strconv.ParseInt(version, 10, 64); n <= before {
					t.Errorf("got read %d, though %d had begun before", n, before)
				}
			}
		})
	}
	wg.Wait()
	if n := begun.Load(); n >= 16*200 {
		t.Logf("no read was shared: %d", n)
	}
}

func TestAWaiterGivesUpWithItsContext(t *testing.T) {
	block, started := make(chan struct{}), make(chan struct{}, 2)
	f := Of(func(context.Context) (string, error) {
		started <- struct{}{}
		<-block
		return "1", nil
	})
	go f.Get(context.Background()) //nolint:errcheck // only keeps the read running
	<-started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Get(ctx); err == nil {
		t.Error("a canceled waiter got an answer")
	}
	close(block)
}

func TestAPanickingReadFailsItsWaitersAndNobodyElse(t *testing.T) {
	var n atomic.Int64
	f := Of(func(context.Context) (string, error) {
		if n.Add(1) == 1 {
			panic("broken")
		}
		return "2", nil
	})
	if _, err := f.Get(context.Background()); err == nil {
		t.Error("a read that panicked gave an answer")
	}
	if v, err := f.Get(context.Background()); err != nil || v != "2" {
		t.Errorf("the next read gives %q, %v", v, err)
	}
}
