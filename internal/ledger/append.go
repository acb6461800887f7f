package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/consentry/gateway/internal/store"
)

// Options are what a ledger needs to be opened for writing.
type Options struct {
	// Key signs checkpoints and tips. It is required.
	Key ed25519.PrivateKey
	// CheckpointEvery is the number of records after which a checkpoint is written; 0 means 4096. One is also written when the ledger is
	// opened and when it is closed.
	CheckpointEvery int
	// Now is the clock of the checkpoints; nil means time.Now.
	Now func() time.Time
}

// maxGroup is how many answers one commit takes.
const maxGroup = 256

// Chain is the chain of this process in the ledger's database. One goroutine writes: it commits, in one transaction, whatever came in while the
// last one went to the disk.
type Chain struct {
	db    *store.DB
	write *writer

	mu     sync.RWMutex // held for reading while records are handed over
	closed bool
	queue  chan *pending
	done   chan struct{}
	err    error // of closing; read after done
}

type pending struct {
	ctx    context.Context
	answer []Record
	result chan error
}

// Open opens the ledger, makes it if it is not there, and begins a chain of this process.
func Open(ctx context.Context, p store.Place, o Options) (*Chain, error) {
	if len(o.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("ledger: no signing key")
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = 4096
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	db, err := store.Open(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l := &Chain{db: db, queue: make(chan *pending, maxGroup), done: make(chan struct{})}
	if err := l.begin(ctx, o); err != nil {
		_ = db.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

func (l *Chain) begin(ctx context.Context, o Options) error {
	if err := store.Migrate(ctx, l.db, "ledger", schema); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	w := &writer{options: o, db: l.db, encoder: newEncoder()}
	if _, err := rand.Read(w.head.writer[:]); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	w.stretch.begin(w.head)
	if err := w.connect(ctx); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := w.commit(nil, true); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	l.write = w
	return nil
}

// Append writes the records of an answer; see Ledger.
func (l *Chain) Append(ctx context.Context, answer ...Record) error {
	if len(answer) == 0 {
		return ErrRecord
	}
	for i := range answer {
		if err := answer[i].check(); err != nil {
			return err
		}
	}
	p := &pending{ctx: ctx, answer: answer, result: make(chan error, 1)}
	if err := l.hand(p); err != nil {
		return err
	}
	select {
	case err := <-p.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hand gives records to the writer.
func (l *Chain) hand(p *pending) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	if err := p.ctx.Err(); err != nil {
		return err
	}
	select {
	case l.queue <- p:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// Close writes what is under way and a last checkpoint.
func (l *Chain) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	<-l.done
	return l.err
}

func (l *Chain) run() {
	defer close(l.done)
	group := make([]*pending, 0, maxGroup)
	for first := range l.queue {
		group = l.gather(group[:0], first)
		if len(group) == 0 {
			continue
		}
		err := l.write.commit(group, false)
		for _, p := range group {
			p.result <- err
		}
	}
	l.err = errors.Join(l.write.commit(nil, true), l.write.close(), l.db.Close())
}

// gather takes what waits in the queue, and what comes while it lets others run: as long as that brings something, a commit for more of them
// costs less than several would. Where nobody else is busy it does not wait. An answer whose caller has given up is left out.
func (l *Chain) gather(group []*pending, first *pending) []*pending {
	for p, yielded := first, false; len(group) < maxGroup; {
		switch {
		case p != nil:
			yielded = false
			if err := p.ctx.Err(); err != nil {
				p.result <- err
			} else {
				group = append(group, p)
			}
		case yielded:
			return group
		default:
			runtime.Gosched()
			yielded = true
		}
		select {
		case p = <-l.queue: // nil when closed
		default:
			p = nil
		}
	}
	return group
}
