package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// WriterID names a process that writes a chain.
type WriterID [16]byte

// String is the id in hexadecimal.
func (w WriterID) String() string { return hex.EncodeToString(w[:]) }

// link is the hash of a commit in its chain: over the writer, the number of the commit's last record, the hash of the commit before and
// the bytes of the records.
func link(w WriterID, seq uint64, prev Hash, records []byte) Hash {
	h := sha256.New()
	h.Write([]byte("consentry ledger commit 1\n"))
	h.Write(w[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], seq)
	h.Write(n[:])
	h.Write(prev[:])
	h.Write(records)
	return Hash(h.Sum(nil))
}

// head is the end of a chain: number of its last record and hash of its last commit, 0 and zeros for a chain without any.
type head struct {
	writer WriterID
	seq    uint64
	hash   Hash
}

func (h head) append(b []byte) []byte {
	b = append(b, h.writer[:]...)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	return append(b, h.hash[:]...)
}

const headLength = 16 + 8 + sha256.Size

// tip is a chain's head as its writer signs it with every commit, together with the newest checkpoint it has seen. Without the key nobody
// can make a tip that fits a shortened chain.
type tip struct {
	head
	checkpoint uint64 // number of the newest checkpoint when the writer last made one
	signature  []byte
}

func (t tip) message() []byte {
	b := t.head.append([]byte("consentry ledger tip 1\n"))
	return binary.BigEndian.AppendUint64(b, t.checkpoint)
}

// checkpoint is signed over the heads of all chains: it states those that have moved since the checkpoint before, which it names by
// hash. A chain that a checkpoint has named cannot go missing unseen.
type checkpoint struct {
	number    uint64
	prev      Hash
	at        time.Time
	moved     []head // sorted by writer
	signature []byte
}

func (c checkpoint) message() []byte {
	b := binary.BigEndian.AppendUint64([]byte("consentry ledger checkpoint 1\n"), c.number)
	b = append(b, c.prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.at.UnixNano()))
	return append(b, encodeHeads(c.moved)...)
}

func (c checkpoint) hash() Hash { return sha256.Sum256(c.message()) }

func encodeHeads(heads []head) []byte {
	b := make([]byte, 0, len(heads)*headLength)
	for _, h := range heads {
		b = h.append(b)
	}
	return b
}

func decodeHeads(b []byte) ([]head, bool) {
	if len(b)%headLength != 0 {
		return nil, false
	}
	heads := make([]head, 0, len(b)/headLength)
	for ; len(b) > 0; b = b[headLength:] {
		heads = append(heads, head{writer: WriterID(b[:16]), seq: binary.BigEndian.Uint64(b[16:24]), hash: Hash(b[24:headLength])})
	}
	return heads, true
}

// signed tells whether any of the keys has signed the message.
func signed(keys []ed25519.PublicKey, message, signature []byte) bool {
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, signature) {
			return true
		}
	}
	return false
}
