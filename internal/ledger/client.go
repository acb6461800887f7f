package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrDamaged says that what was read of the ledger is not what was written. Verify names the place.
var ErrDamaged = errors.New("ledger: damaged")

// Of gives the records about one client, chain by chain, each in the order in which it was written. It reads the stretches of the chains in which the
// client may be, as the signed index of each says, and what is newer than the index, and checks their hashes up to a signed head. Any
// damage it meets is ErrDamaged, and no record is given. It does not see that a whole chain is missing: Verify does.
func (r *Reader) Of(ctx context.Context, client string) ([]Entry, error) {
	if client == "" {
		return nil, errors.New("ledger: no client")
	}
	var found []Entry
	err := r.snapshot(ctx, func(q querier) error {
		tips, err := readTips(ctx, q)
		if err != nil {
			return err
		}
		segments, err := readSegments(ctx, q)
		if err != nil {
			return err
		}
		for _, t := range tips {
			if !signed(r.keys, t.message(), t.signature) {
				return ErrDamaged
			}
			s := search{ctx: ctx, q: q, client: client, seen: &r.seen}
			if err := s.chain(t.head, r.trusted(segments[t.writer])); err != nil {
				return err
			}
			found = append(found, s.found...)
			delete(segments, t.writer)
		}
		if len(segments) > 0 {
			return ErrDamaged // the end of a chain is gone
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// trusted are the segments that one of the keys has signed.
func (r *Reader) trusted(all []segment) (list []segment) {
	for _, s := range all {
		if len(s.clients)%fingerprintLength == 0 && signed(r.keys, s.message(), s.signature) {
			list = append(list, s)
		}
	}
	return list
}

// search looks for one client's records.
type search struct {
	ctx    context.Context
	q      querier
	client string
	seen   *memory
	found  []Entry
}

// chain goes along one chain from segment to segment, up to its end, and reads what no segment says to be about others.
func (s *search) chain(end head, segments []segment) error {
	at := head{writer: end.writer}
	for _, one := range segments {
		switch {
		case one.from.seq < at.seq || one.to.seq <= one.from.seq || one.to.seq > end.seq:
			return ErrDamaged // it overlaps another, or the chain was cut
		case one.from.seq == at.seq && one.from.hash != at.hash:
			return ErrDamaged
		case one.from.seq > at.seq:
			if err := s.read(at, one.from); err != nil {
				return err
			}
		}
		if one.may(s.client) {
			if err := s.segment(one); err != nil {
				return err
			}
		}
		at = one.to
	}
	if at.seq == end.seq {
		if at.hash != end.hash {
			return ErrDamaged
		}
		return nil
	}
	return s.tail(at, end)
}

// tail reads what is newer than the index. It grows with each record, so that the next who asks for the client goes on where this one ended: what was
// read is known to be whole, and the chain cannot change behind it.
func (s *search) tail(from, end head) error {
	key := open{from, s.client}
	t, ok := s.seen.take(key)
	if !ok || t.at.seq > end.seq { // nobody has read it, somebody is reading it, or has seen more of it
		t = &tail{at: from, decoder: decoder{only: s.client}}
	}
	before := len(s.found)
	s.found = append(s.found, t.found...)
	if err := s.readOn(&t.at, &t.decoder, end); err != nil {
		return err
	}
	t.found = slices.Clone(s.found[before:])
	s.seen.leave(key, t)
	return nil
}

// segment reads a segment, if it was not read before: it never changes.
func (s *search) segment(one segment) error {
	key := remembered{one.to.hash, s.client}
	if known, ok := s.seen.get(key); ok {
		s.found = append(s.found, known...)
		return nil
	}
	before := len(s.found)
	if err := s.read(one.from, one.to); err != nil {
		return err
	}
	s.seen.put(key, s.found[before:len(s.found):len(s.found)])
	return nil
}

// remembered names what one segment has of one client.
type remembered struct {
	segment Hash
	client  string
}

// maxRemembered bounds what is remembered, in records and the resources that they name.
const maxRemembered = 200_000

// open names the stretch behind a head that has no index yet, as far as it is about one client.
type open struct {
	from   head
	client string
}

// tail is how far such a stretch was read. One at a time goes on with it.
type tail struct {
	at      head
	decoder decoder
	found   []Entry
}

// Of tails so many are remembered, and none that has more names: they are some megabytes each at most.
const (
	maxTails     = 16
	maxTailNames = 1 << 15
)

// memory keeps what was read of the chains and found whole. The zero value is ready.
type memory struct {
	mu    sync.Mutex
	known map[remembered][]Entry
	size  int
	tails map[open]*tail
}

func (m *memory) take(key open) (*tail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tails[key]
	delete(m.tails, key)
	return t, ok
}

func (m *memory) leave(key open, t *tail) {
	if len(t.decoder.names.texts) > maxTailNames {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tails == nil || len(m.tails) >= maxTails {
		m.tails = map[open]*tail{}
	}
	m.tails[key] = t
}

func (m *memory) get(key remembered) ([]Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.known[key]
	return found, ok
}

func (m *memory) put(key remembered, found []Entry) {
	size := 1
	for i := range found {
		size += 4 + len(found[i].Record.Released)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || m.size+size > maxRemembered {
		m.known, m.size = map[remembered][]Entry{}, 0
	}
	m.known[key] = slices.Clone(found)
	m.size += size
}

// read reads the records between two heads. Names begin again behind each segment, so a stretch can be read by itself.
func (s *search) read(from, to head) error {
	return s.readOn(&from, &decoder{only: s.client}, to)
}

// readOn reads on from a head, with the names that were known there, up to another.
func (s *search) readOn(at *head, d *decoder, to head) error {
	rows, err := s.q.QueryContext(s.ctx, `SELECT seq, hash, records FROM commits WHERE writer = $1 AND seq > $2 AND seq <= $3 ORDER BY seq`,
		at.writer[:], int64(at.seq), int64(to.seq))
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c stored
		var hash, records sql.RawBytes
		if err := rows.Scan(&c.seq, &hash, &records); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		c.writer, c.records = at.writer, records
		copy(c.hash[:], hash)
		if err := s.commit(at, d, c); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if *at != to {
		return ErrDamaged
	}
	return nil
}

// commit takes the client's records out of one commit, if it is the one that follows.
func (s *search) commit(at *head, d *decoder, c stored) error {
	if link(c.writer, c.seq, at.hash, c.records) != c.hash {
		return ErrDamaged
	}
	records, err := d.decodeCommit(c.records)
	if err != nil || c.seq != at.seq+uint64(len(records)) {
		return ErrDamaged
	}
	for i, r := range records {
		if r.Client == s.client {
			s.found = append(s.found, Entry{Record: *r, Writer: c.writer, Seq: at.seq + 1 + uint64(i)})
		}
	}
	at.seq, at.hash = c.seq, c.hash
	return nil
}
