package ledger

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consentry/gateway/internal/store"
)

// writer holds the end of this process's chain. Only the goroutine of Chain uses it.
type writer struct {
	options Options
	db      *store.DB
	conn    *sql.Conn // nil after a failure, until the next commit
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

// The tip moves on from the one that this process knows, and from no other: a commit that was given up may still come into the database.
const (
	insertCommit = `INSERT INTO commits (writer, seq, hash, records) VALUES ($1, $2, $3, $4)`
	upsertTip    = `INSERT INTO tips (writer, seq, hash, checkpoint, signature) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, checkpoint = excluded.checkpoint, signature = excluded.signature
		WHERE tips.seq = $6 AND tips.hash = $7`
)

var errMoved = errors.New("the chain of this process has moved on without it")

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	if w.insert, err = conn.PrepareContext(ctx, insertCommit); err != nil {
		return errors.Join(err, w.close())
	}
	if w.sign, err = conn.PrepareContext(ctx, upsertTip); err != nil {
		return errors.Join(err, w.close())
	}
	return nil
}

// close gives the connection back. An open statement would keep SQLite from folding its log into the database.
func (w *writer) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.insert, w.sign} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	w.conn, w.insert, w.sign = nil, nil, nil
	return errors.Join(errs...)
}

// commit writes the records of a group, the new tip and, where it is time, a checkpoint in one transaction. It fails for all or for none. The
// callers' contexts do not reach it: a commit under way is never torn.
func (w *writer) commit(group []*pending, withCheckpoint bool) (err error) {
	ctx, cancel := w.db.Bounded(context.Background())
	defer cancel()
	if err := w.recover(ctx); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	next, err := w.transaction(ctx, group, withCheckpoint)
	if err != nil {
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

func (w *writer) transaction(ctx context.Context, group []*pending, withCheckpoint bool) (tip, error) {
	if _, err := w.conn.ExecContext(ctx, w.db.Begin()); err != nil {
		return tip{}, err
	}
	next, err := w.write(ctx, group, withCheckpoint)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		w.rollback()
	}
	return next, err
}

// rollback ends what is left of a transaction that failed, whose time may be over. It fails where none is open.
func (w *writer) rollback() {
	ctx, cancel := w.db.Bounded(context.Background())
	defer cancel()
	_, _ = w.conn.ExecContext(ctx, `ROLLBACK`)
}

// recover finds out, after a commit that failed, whether it has come into the database all the same, and goes on from there.
func (w *writer) recover(ctx context.Context) error {
	if !w.lost {
		return nil
	}
	_ = w.close() // the connection may be broken: then the database makes another
	if err := w.connect(ctx); err != nil {
		return err
	}
	var t tip
	var hash []byte
	err := w.conn.QueryRowContext(ctx, `SELECT seq, hash, checkpoint FROM tips WHERE writer = $1`, w.head.writer[:]).Scan(&t.seq, &hash, &t.checkpoint)
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
	return next, w.writeTip(ctx, next)
}

func (w *writer) writeTip(ctx context.Context, next tip) error {
	signature := ed25519.Sign(w.options.Key, next.message())
	done, err := w.sign.ExecContext(ctx, next.writer[:], int64(next.seq), next.hash[:], int64(next.checkpoint), signature, int64(w.head.seq), w.head.hash[:])
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errMoved, err)
	}
	return nil
}

// writeCheckpoint signs the heads that have moved since the last checkpoint of any process. A tip of another process that this key has
// not signed, or that lies before what a checkpoint has named, is not signed over: Verify must see it.
func (w *writer) writeCheckpoint(ctx context.Context, own head) (uint64, error) {
	if err := w.db.Alone(ctx, w.conn, "checkpoints"); err != nil {
		return 0, err
	}
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
	_, err = w.conn.ExecContext(ctx, `INSERT INTO checkpoints (number, prev, at, moved, signature) VALUES ($1, $2, $3, $4, $5)`,
		int64(c.number), c.prev[:], c.at.UnixNano(), encodeHeads(c.moved), ed25519.Sign(w.options.Key, c.message()))
	return c.number, err
}
