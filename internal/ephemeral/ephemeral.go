// Package ephemeral keeps what may be forgotten after a while: client assertions already used, and how often somebody asked, in memory for one process
// or in Redis for all replicas.
//
// It holds only what can deny: an entry that somebody forges can refuse a request and never open one. Nothing about a client is in it, and
// keys are stored as digests. Whatever goes wrong is an error whose result denies, also for a caller who overlooks the error.
package ephemeral

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

var (
	// ErrUnavailable says that the store could not answer. The caller denies.
	ErrUnavailable = errors.New("ephemeral: the store is not available")
	// ErrFull says that the store took no more: it never forgets one entry early to take another.
	ErrFull = errors.New("ephemeral: the store is full")
	// ErrArgument says that a duration is not above zero, or a limit below it.
	ErrArgument = errors.New("ephemeral: a duration must be above zero, and a limit not below it")
)

// ClockSkew is how far the clocks of processes that share a store may lie apart. What is good for one use is remembered so much longer than the process
// that takes it would take it again: another may take it later.
const ClockSkew = 2 * time.Minute

// Verdict is what Admit says of an event. The zero value refuses.
type Verdict struct {
	Admitted bool
	// Limit is which of the limits an event that is not admitted went beyond, and After when the window of that one ends.
	Limit int
	After time.Duration
}

// Limit is how many events of one key there may be in a window, which begins with its first event. Without Events any number is taken, and none
// is counted.
type Limit struct {
	Key    string
	Events int
	Window time.Duration
	// Look says that the event is not one of the key's: whether one more would be admitted is all that is asked.
	Look bool
}

func (l Limit) check() error {
	if l.Events < 0 || l.Events > 0 && l.Window <= 0 {
		return ErrArgument
	}
	return nil
}

// Store is the ephemeral state.
type Store interface {
	// Seen tells whether the key was seen within its time, and remembers it for ttl from now on. True means replay: refuse.
	Seen(ctx context.Context, key string, ttl time.Duration) (bool, error)
	// Admit tells whether one more event is within all limits. It is counted for each in turn, up to the first that it goes beyond.
	Admit(ctx context.Context, limits ...Limit) (Verdict, error)
	// Ready tells whether the store answers.
	Ready(ctx context.Context) error
	Close() error
}

// The two uses have keys apart.
const (
	useSeen = "seen:"
	useTake = "take:"
)

// stored stands for a key: of one length, and telling nothing to whoever reads the store.
type stored struct {
	use    string
	digest [sha256.Size]byte
}

func storedKey(use, key string) stored { return stored{use: use, digest: sha256.Sum256([]byte(key))} }

func (s stored) String() string { return s.use + hex.EncodeToString(s.digest[:]) }
