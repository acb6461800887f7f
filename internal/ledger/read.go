package ledger

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/consentry/gateway/internal/store"
)

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Reader reads the ledger beside the processes that write it.
type Reader struct {
	db   *store.DB
	keys []ed25519.PublicKey
	seen memory
}

// OpenReader opens the ledger, which must be there. keys are the public keys of all signing keys that the ledger has had.
func OpenReader(ctx context.Context, p store.Place, keys ...ed25519.PublicKey) (*Reader, error) {
	if len(keys) == 0 {
		return nil, errors.New("ledger: no verification key")
	}
	db, err := store.OpenToRead(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &Reader{db: db, keys: keys}, nil
}

// Close closes the database.
func (r *Reader) Close() error { return r.db.Close() }

// snapshot calls read with a transaction: what it sees does not move.
func (r *Reader) snapshot(ctx context.Context, read func(querier) error) error {
	return r.db.Snapshot(ctx, func(tx *sql.Tx) error { return read(tx) })
}

// stored is one row of the table of commits.
type stored struct {
	writer  WriterID
	seq     uint64 // of the last record
	hash    Hash
	records []byte
}

// readCommits goes through all chains, one after the other, each in order.
func readCommits(ctx context.Context, q querier) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		rows, err := q.QueryContext(ctx, `SELECT writer, seq, hash, records FROM commits ORDER BY writer, seq`)
		if err != nil {
			yield(stored{}, fmt.Errorf("ledger: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var s stored
			var writer, hash sql.RawBytes
			if err := rows.Scan(&writer, &s.seq, &hash, &s.records); err != nil {
				yield(stored{}, fmt.Errorf("ledger: %w", err))
				return
			}
			copy(s.writer[:], writer) // one of another length fits no tip and no link
			copy(s.hash[:], hash)
			if !yield(s, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(stored{}, fmt.Errorf("ledger: %w", err))
		}
	}
}

func readTips(ctx context.Context, q querier) ([]tip, error) {
	rows, err := q.QueryContext(ctx, `SELECT writer, seq, hash, checkpoint, signature FROM tips ORDER BY writer`)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var tips []tip
	for rows.Next() {
		var t tip
		var writer, hash []byte
		if err := rows.Scan(&writer, &t.seq, &hash, &t.checkpoint, &t.signature); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		copy(t.writer[:], writer)
		copy(t.hash[:], hash)
		tips = append(tips, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return tips, nil
}

func readCheckpoints(ctx context.Context, q querier, after uint64) ([]checkpoint, error) {
	rows, err := q.QueryContext(ctx, `SELECT number, prev, at, moved, signature FROM checkpoints WHERE number > $1 ORDER BY number`, int64(after))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []checkpoint
	for rows.Next() {
		var c checkpoint
		var prev, moved []byte
		var at int64
		if err := rows.Scan(&c.number, &prev, &at, &moved, &c.signature); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		copy(c.prev[:], prev)
		c.at = time.Unix(0, at).UTC()
		c.moved, _ = decodeHeads(moved) // heads that cannot be read fit no signature
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return all, nil
}

// folded is what all checkpoints together say of the heads. Only the writer keeps one; it never holds what is not committed.
type folded struct {
	heads map[WriterID]head
	last  checkpoint
}

// read takes in the checkpoints that were written since the last time.
func (f *folded) read(ctx context.Context, q querier) error {
	if f.heads == nil {
		f.heads = map[WriterID]head{}
	}
	fresh, err := readCheckpoints(ctx, q, f.last.number)
	if err != nil {
		return err
	}
	for _, c := range fresh {
		for _, h := range c.moved {
			f.heads[h.writer] = h
		}
		f.last = c
	}
	return nil
}
