package ledger

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
)

// Records repeat themselves: partners, routes, clients, chart versions and above all the ids of resources. A chain therefore names each
// text once, in the record that has it first, and by a number from then on. The numbers begin again with a record that says so: after a
// restart (every process has its own chain), after a checkpoint, which bounds the damage that one damaged record does, after a failed commit, and
// when maxNames is reached, which bounds memory on both sides.

// maxNames is how many texts a chain names before it begins again.
const maxNames = 1 << 18

// maxName bounds one text.
const maxName = 1 << 12

// errFormat says that the bytes are no record of this chain.
var errFormat = errors.New("ledger: not a record")

// sealedIDs packs the 64 letters of a sealed id (package ident) into 40 bytes.
var sealedIDs = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const (
	sealedLength = 64
	packedLength = 40
)

// The forms of a new name.
const (
	formText   = 0 // length, bytes
	formSealed = 1 // number of the type's name, 40 bytes: "Type/" and a sealed id
)

// namer gives numbers to texts while records are written. Number 0 is the empty text.
type namer struct {
	numbers map[string]uint64
	fresh   []byte // the names that the record under way has first
	added   uint64
}

func newNamer() *namer { return &namer{numbers: map[string]uint64{"": 0}} }

// number gives the text's number, and names it if it has none.
func (n *namer) number(s string) uint64 {
	if i, ok := n.numbers[s]; ok {
		return i
	}
	if typ, id, ok := strings.Cut(s, "/"); ok && len(id) == sealedLength && typ != "" {
		var packed [packedLength]byte
		if m, err := sealedIDs.Decode(packed[:], []byte(id)); err == nil && m == packedLength {
			t := n.number(typ)
			n.fresh = append(n.fresh, formSealed)
			n.fresh = binary.AppendUvarint(n.fresh, t)
			n.fresh = append(n.fresh, packed[:]...)
			return n.add(s)
		}
	}
	n.fresh = append(n.fresh, formText)
	n.fresh = appendText(n.fresh, s)
	return n.add(s)
}

func (n *namer) add(s string) uint64 {
	i := uint64(len(n.numbers))
	n.numbers[strings.Clone(s)] = i // s may be a part of a text that should not be kept
	n.added++
	return i
}

// take ends a record: it gives the new names, encoded.
func (n *namer) take(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, n.added)
	dst = append(dst, n.fresh...)
	n.fresh, n.added = n.fresh[:0], 0
	return dst
}

// names turns numbers into texts while records are read.
type names struct {
	texts []string
}

func (n *names) reset() { n.texts = append(n.texts[:0], "") }

func (n *names) learn(r *reader) {
	for count := r.uvarint(); count > 0 && r.err == nil; count-- {
		if len(n.texts) > 2*maxNames {
			r.err = errFormat
			return
		}
		switch r.byte() {
		case formText:
			n.texts = append(n.texts, r.text())
		case formSealed:
			typ := n.text(r)
			n.texts = append(n.texts, typ+"/"+sealedIDs.EncodeToString(r.take(packedLength)))
		default:
			r.err = errFormat
		}
	}
}

// text reads a number and gives its text.
func (n *names) text(r *reader) string { return n.at(r, r.uvarint()) }

func (n *names) at(r *reader, i uint64) string {
	if r.err != nil || i >= uint64(len(n.texts)) {
		r.err = errFormat
		return ""
	}
	return n.texts[i]
}

// reader takes values off a byte slice. After the first error it gives zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.err = errFormat
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.err != nil || n <= 0 {
		r.err = errFormat
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.err != nil || n <= 0 {
		r.err = errFormat
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > maxName {
		r.err = errFormat
		return ""
	}
	return string(r.take(int(n)))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
