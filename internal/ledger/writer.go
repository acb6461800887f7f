package ledger

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// writer holds the end of this process's chain. Only the goroutine of SQLite uses it.
type writer struct {
	options Options
	conn    *sql.Conn
	insert  *sql.Stmt // a commit's records
	sign    *sql.Stmt // the tip
	encoder *encoder
	bytes   []byte // of the commit under way

	head       head
	checkpoint uint64 // the newest that this writer made
	since      int    // records since then
	folded     folded
	stretch    stretch
	lost       bool // a commit failed: what the database holds is to be read before the next
}

const (
	insertCommit = `INSERT INTO commits (writer, seq, hash, records) VALUES (?, ?, ?, ?)`
	upsertTip    = `INSERT INTO tips (writer, seq, hash, checkpoint, signature) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, checkpoint = excluded.checkpoint, signature = excluded.signature`
)

func (w *writer) connect(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	if w.insert, err = conn.PrepareContext(ctx, insertCommit); err != nil {
		return errors.Join(err, conn.Close())
	}
	if w.sign, err = conn.PrepareContext(ctx, upsertTip); err != nil {
		return errors.Join(err, w.insert.Close(), conn.Close())
	}
	return nil
}

// close gives the connection back. An open statement would keep SQLite from folding its log into the database.
func (w *writer) close() error { return errors.Join(w.insert.Close(), w.sign.Close(), w.conn.Close()) }

// commit writes the records of a group, the new tip and, where it is time, a checkpoint in one transaction. It fails for all or for none. The
// callers' contexts do not reach it: a commit under way is never torn.
func (w *writer) commit(group []*pending, withCheckpoint bool) (err error) {
	ctx := context.Background()
	if err := w.recover(ctx); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if _, err := w.conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	next, err := w.write(ctx, group, withCheckpoint)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, _ = w.conn.ExecContext(ctx, `ROLLBACK`)
		w.encoder.forget()
		w.lost = true
		return fmt.Errorf("ledger: %w", err)
	}
	w.since += int(next.seq - w.head.seq)
	if next.checkpoint != w.checkpoint {
		w.since = 0
		w.encoder.forget() // a damaged record takes those after it along only as far as here
		w.stretch.begin(next.head)
	}
	w.head, w.checkpoint = next.head, next.checkpoint
	return nil
}

// recover finds out, after a commit that failed, whether it has come into the database all the same, and goes on from there.
func (w *writer) recover(ctx context.Context) error {
	if !w.lost {
		return nil
	}
	_, _ = w.conn.ExecContext(ctx, `ROLLBACK`) // fails where no transaction is open
	var t tip
	var hash []byte
	err := w.conn.QueryRowContext(ctx, `SELECT seq, hash, checkpoint FROM tips WHERE writer = ?`, w.head.writer[:]).Scan(&t.seq, &hash, &t.checkpoint)
	if err != nil {
		return err
	}
	if len(hash) != len(t.hash) || t.seq < w.head.seq {
		return errors.New("the chain of this process is not what it wrote")
	}
	w.head.seq, w.head.hash, w.lost = t.seq, Hash(hash), false
	if t.checkpoint != w.checkpoint {
		w.checkpoint = t.checkpoint
		w.stretch.begin(w.head)
	}
	return nil
}

// write runs inside the transaction and gives the tip that it leads to.
func (w *writer) write(ctx context.Context, group []*pending, withCheckpoint bool) (tip, error) {
	next := tip{head: w.head, checkpoint: w.checkpoint}
	b := w.bytes[:0]
	for _, p := range group {
		for i := range p.answer {
			b = appendRecord(b, w.encoder.encode(&p.answer[i]))
			w.stretch.note(p.answer[i].Client)
			next.seq++
		}
	}
	w.bytes = b
	if len(b) > 0 {
		next.hash = link(next.writer, next.seq, next.hash, b)
		if _, err := w.insert.ExecContext(ctx, next.writer[:], int64(next.seq), next.hash[:], b); err != nil {
			return tip{}, err
		}
	}
	if withCheckpoint || w.since+int(next.seq-w.head.seq) >= w.options.CheckpointEvery {
		var err error
		if next.checkpoint, err = w.writeCheckpoint(ctx, next.head); err != nil {
			return tip{}, err
		}
		if next.seq > w.stretch.from.seq {
			if err := w.writeSegment(ctx, segmentOf(w.stretch.from, next.head, w.stretch.clients, w.options.Key)); err != nil {
				return tip{}, err
			}
		}
	}
	signature := ed25519.Sign(w.options.Key, next.message())
	_, err := w.sign.ExecContext(ctx, next.writer[:], int64(next.seq), next.hash[:], int64(next.checkpoint), signature)
	return next, err
}

// writeCheckpoint signs the heads that have moved since the last checkpoint of any process. A tip of another process that this key has
// not signed, or that lies before what a checkpoint has named, is not signed over: Verify must see it.
func (w *writer) writeCheckpoint(ctx context.Context, own head) (uint64, error) {
	if err := w.folded.read(ctx, w.conn); err != nil {
		return 0, err
	}
	tips, err := readTips(ctx, w.conn)
	if err != nil {
		return 0, err
	}
	key := []ed25519.PublicKey{w.options.Key.Public().(ed25519.PublicKey)}
	c := checkpoint{number: w.folded.last.number + 1, at: w.options.Now().UTC().Truncate(time.Microsecond), moved: []head{own}}
	if w.folded.last.number > 0 {
		c.prev = w.folded.last.hash()
	}
	for _, t := range tips {
		had, known := w.folded.heads[t.writer]
		if t.writer == own.writer || known && t.seq <= had.seq || !signed(key, t.message(), t.signature) {
			continue
		}
		c.moved = append(c.moved, t.head)
	}
	slices.SortFunc(c.moved, func(a, b head) int { return slices.Compare(a.writer[:], b.writer[:]) })
	_, err = w.conn.ExecContext(ctx, `INSERT INTO checkpoints (number, prev, at, moved, signature) VALUES (?, ?, ?, ?, ?)`,
		int64(c.number), c.prev[:], c.at.UnixNano(), encodeHeads(c.moved), ed25519.Sign(w.options.Key, c.message()))
	return c.number, err
}
