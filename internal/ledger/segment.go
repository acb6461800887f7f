package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
)

// segment is the index of a stretch of one chain, from one checkpoint to the next: whom it is about. It is signed, so it cannot hide a record: one
// that was changed or removed only means that its stretch is read.
type segment struct {
	from, to  head   // the heads before and behind it
	clients   []byte // sorted fingerprints, one for each client
	signature []byte
}

const fingerprintLength = 8

// fingerprint is enough of a client to find the stretches to read. Two clients with one fingerprint cost a stretch read in vain.
func fingerprint(client string) [fingerprintLength]byte {
	sum := sha256.Sum256([]byte(client))
	return [fingerprintLength]byte(sum[:])
}

func (s *segment) message() []byte {
	b := s.from.append([]byte("consentry ledger segment 1\n"))
	b = s.to.append(b)
	return append(b, s.clients...)
}

// may tells whether records about a client may be in the segment.
func (s *segment) may(client string) bool {
	of := fingerprint(client)
	for b := s.clients; len(b) >= fingerprintLength; b = b[fingerprintLength:] {
		if [fingerprintLength]byte(b) == of {
			return true
		}
	}
	return false
}

// segmentOf makes the index of a stretch.
func segmentOf(from, to head, clients map[string]struct{}, key ed25519.PrivateKey) *segment {
	s := &segment{from: from, to: to, clients: make([]byte, 0, len(clients)*fingerprintLength)}
	all := make([][fingerprintLength]byte, 0, len(clients))
	for c := range maps.Keys(clients) {
		all = append(all, fingerprint(c))
	}
	slices.SortFunc(all, func(a, b [fingerprintLength]byte) int { return slices.Compare(a[:], b[:]) })
	for _, f := range slices.Compact(all) {
		s.clients = append(s.clients, f[:]...)
	}
	s.signature = ed25519.Sign(key, s.message())
	return s
}

const insertSegment = `INSERT INTO segments (writer, last, hash, after, prev, clients, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)`

func (w *writer) writeSegment(ctx context.Context, s *segment) error {
	_, err := w.conn.ExecContext(ctx, insertSegment, s.to.writer[:], int64(s.to.seq), s.to.hash[:], int64(s.from.seq), s.from.hash[:], s.clients, s.signature)
	return err
}

// readSegments gives the segments of all chains, those of each in order.
func readSegments(ctx context.Context, q querier) (map[WriterID][]segment, error) {
	rows, err := q.QueryContext(ctx, `SELECT writer, last, hash, after, prev, clients, signature FROM segments ORDER BY writer, last`)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[WriterID][]segment{}
	for rows.Next() {
		var s segment
		var writer, hash, prev []byte
		if err := rows.Scan(&writer, &s.to.seq, &hash, &s.from.seq, &prev, &s.clients, &s.signature); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		copy(s.to.writer[:], writer)
		s.from.writer = s.to.writer
		copy(s.to.hash[:], hash)
		copy(s.from.hash[:], prev)
		all[s.to.writer] = append(all[s.to.writer], s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return all, nil
}

// stretch notes, while the writer goes along, whom the chain is about since the last checkpoint.
type stretch struct {
	from    head
	clients map[string]struct{}
}

func (s *stretch) note(client string) {
	if client == "" {
		return
	}
	if s.clients == nil {
		s.clients = map[string]struct{}{}
	}
	s.clients[client] = struct{}{}
}

// begin starts anew behind a checkpoint.
func (s *stretch) begin(at head) {
	s.from = at
	clear(s.clients)
}
