package egress

import (
	"errors"
	"sync/atomic"

	"github.com/consentry/gateway/internal/outcome"
)

// budget bounds what answers hold in memory, from when they are encoded until they are written or given up: who asks for much and reads nothing would
// hold as much as there is. The zero budget has no room.
type budget struct {
	most int64
	held atomic.Int64
}

func (b *budget) take(n int64) bool {
	for {
		held := b.held.Load()
		if n > b.most-held {
			return false
		}
		if b.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

func (b *budget) give(n int64) { b.held.Add(-n) }

const (
	defaultAnswerBytes = 512 << 20
	// short is how long an answer may be that takes nothing of the budget: the number of requests at once bounds those, and nobody who holds much can
	// keep them from anybody.
	short = 128 << 10
)

var errFull = errors.New("egress: the answers that are not yet written take too much memory")

// AnswerBytes is what answers hold of Options.AnswerBytes now.
func (e *Egress) AnswerBytes() int64 { return e.budget.held.Load() }

// take takes n bytes of the budget until Close. Bytes that others hold as well count too: nobody knows who lets go of them first.
func (a *Answer) take(b *budget, n int) bool {
	if n <= short {
		return true
	}
	if !b.take(int64(n)) {
		return false
	}
	a.budget, a.taken = b, a.taken+int64(n)
	return true
}

// giveBack gives back what the answer has taken, but for so much.
func (a *Answer) giveBack(but int64) {
	if a.budget != nil {
		a.budget.give(a.taken - but)
		a.taken = but
	}
}

// holding gives the answer if there is room for what it holds. A 304 has no body.
func (e *Egress) holding(a *Answer, n int) *Answer {
	if a.body == nil || a.take(&e.budget, n) {
		return a
	}
	return full()
}

func full() *Answer { return fail(outcome.New(outcome.Unavailable, errFull)) }
