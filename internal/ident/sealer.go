package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash"
	"strconv"
	"sync"
)

// KeySize is the length of the id key in bytes: 64 for AES-256-SIV (RFC 5297). The key never rotates, since partners keep the ids.
const KeySize = 64

// macSize is the length of what an id says of (kind, key).
const macSize = 8

// idLength is the length of an id: 16 bytes of vector and what it says, in base32.
const idLength = (blockSize + blockSize + macSize) * 8 / 5

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Sealer makes and opens FHIR ids. It is safe for concurrent use.
type Sealer struct {
	siv     *siv
	work    sync.Pool // of *sealing
	handles Handles
}

// sealing is what one Seal works in.
type sealing struct {
	mac    hash.Hash // HMAC-SHA-256 with a key of its own, whose state after the key costs two blocks of SHA-256 to make
	of     record
	plain  []byte // what an id says of it; a row's Provenance is sealed right after its record, under the same key
	sealed []byte
	text   [idLength]byte
}

// NewSealer takes the id key (KeySize bytes) and the table of the client keys that do not fit an id, nil for none.
func NewSealer(key []byte, handles Handles) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("ident: the id key has %d bytes, want %d", len(key), KeySize)
	}
	siv, err := newSIV(key)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("consentry resource key"))
	macKey := mac.Sum(nil)
	s := &Sealer{siv: siv, handles: handles}
	s.work.New = func() any { return &sealing{mac: hmac.New(sha256.New, macKey)} }
	return s, nil
}

// Seal gives the id of the resource that stands in client's chart (client "" for the practice's directory) under a map's kind and key:
// 64 characters of [a-z2-7], always the same for the same four values.
func (s *Sealer) Seal(resourceType, client, kind, key string) (string, error) {
	w := s.work.Get().(*sealing)
	defer s.work.Put(w)
	if of := (record{client, kind, key}); of != w.of || len(w.plain) == 0 {
		if err := s.name(w, of); err != nil {
			return "", err
		}
	}
	w.sealed = s.siv.seal(w.sealed[:0], w.plain, []byte(resourceType))
	encoding.Encode(w.text[:], w.sealed)
	return string(w.text[:]), nil
}

// record is what is sealed.
type record struct{ client, kind, key string }

// name brings a record into the form in which it is sealed.
func (s *Sealer) name(w *sealing, of record) error {
	w.of, w.plain = record{}, w.plain[:0]
	b, err := pack(of.client, s.handles)
	if err != nil {
		return err
	}
	w.of, w.plain = of, w.digest(append(w.plain, b[:]...), of.kind, of.key)
	return nil
}

// Open gives the client in whose chart the resource of this type and id would stand, "" for the directory. ok is false for an id that
// this gateway did not make for this type. That an id opens does not say that the resource exists.
func (s *Sealer) Open(resourceType, id string) (client string, ok bool) {
	if len(id) != idLength {
		return "", false
	}
	sealed, err := encoding.DecodeString(id)
	if err != nil {
		return "", false
	}
	plain, ok := s.siv.open(sealed, []byte(resourceType))
	if !ok || len(plain) != blockSize+macSize {
		return "", false
	}
	return unpack([blockSize]byte(plain[:blockSize]), s.handles)
}

// digest appends which resource of a client's an id is of.
func (w *sealing) digest(dst []byte, kind, key string) []byte {
	w.sealed = strconv.AppendInt(w.sealed[:0], int64(len(kind)), 10)
	w.sealed = append(append(append(w.sealed, ':'), kind...), key...)
	w.mac.Reset()
	w.mac.Write(w.sealed)
	w.sealed = w.mac.Sum(w.sealed[:0])
	return append(dst, w.sealed[:macSize]...)
}
