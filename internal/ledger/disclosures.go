package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Filter chooses records. The zero Filter chooses all.
type Filter struct {
	Client string    // "Patient/x"; empty for every client
	Since  time.Time // records at this instant and later
}

// Entry is a record and its place in the ledger.
type Entry struct {
	Record Record
	Writer WriterID
	Seq    uint64
}

// errStop ends a walk whose consumer has had enough.
var errStop = errors.New("stop")

// Disclosures goes through the chosen records, expanded: chain by chain, each in the order in which it was written. It does not verify
// them; Verify does. Records that cannot be read are left out, and so are those after them up to the next checkpoint: the error at the end says
// how many.
func (r *Reader) Disclosures(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := r.snapshot(ctx, func(q querier) error { return disclosures(ctx, q, f, yield) })
		if err != nil && !errors.Is(err, errStop) {
			yield(Entry{}, err)
		}
	}
}

func disclosures(ctx context.Context, q querier, f Filter, yield func(Entry, error) bool) error {
	var current WriterID
	var d decoder
	unread := 0
	for s, err := range readCommits(ctx, q) {
		if err != nil {
			return err
		}
		if s.writer != current {
			current, d = s.writer, decoder{}
		}
		records, err := d.decodeCommit(s.records)
		if err != nil && records == nil {
			unread++ // at least
		}
		for i, r := range records {
			if r == nil {
				unread++
				continue
			}
			if f.Client != "" && r.Client != f.Client || r.At.Before(f.Since) {
				continue
			}
			if !yield(Entry{Record: *r, Writer: s.writer, Seq: s.seq - uint64(len(records)-1-i)}, nil) {
				return errStop
			}
		}
	}
	if unread > 0 {
		return fmt.Errorf("ledger: at least %d records cannot be read and are not among these; run `gateway ledger verify`", unread)
	}
	return nil
}
