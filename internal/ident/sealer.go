package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash"
	"strconv"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

// KeySize is the length of the id key in bytes: 64 for AES-256-SIV (RFC 5297). The key never rotates, since partners keep the ids.
const KeySize = 64

// macSize is the length of what an id says of (kind, key).
const macSize = 8

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Sealer makes and opens FHIR ids. It is safe for concurrent use.
type Sealer struct {
	siv     *subtle.AESSIV
	macs    sync.Pool // of hash.Hash: HMAC-SHA-256 with a key of its own
	handles Handles
}

// NewSealer takes the id key (KeySize bytes) and the table of the client keys that do not fit an id, nil for none.
func NewSealer(key []byte, handles Handles) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("ident: the id key has %d bytes, want %d", len(key), KeySize)
	}
	siv, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, fmt.Errorf("ident: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("consentry resource key"))
	macKey := mac.Sum(nil)
	s := &Sealer{siv: siv, handles: handles}
	s.macs.New = func() any { return hmac.New(sha256.New, macKey) }
	return s, nil
}

// Seal gives the id of the resource that stands in client's chart (client "" for the practice's directory) under a map's kind and key:
// 64 characters of [a-z2-7], always the same for the same four values.
func (s *Sealer) Seal(resourceType, client, kind, key string) (string, error) {
	block, err := pack(client, s.handles)
	if err != nil {
		return "", err
	}
	plain := s.mac(append(make([]byte, 0, blockSize+macSize), block[:]...), kind, key)
	sealed, err := s.siv.EncryptDeterministically(plain, []byte(resourceType))
	if err != nil {
		return "", fmt.Errorf("ident: %w", err)
	}
	return encoding.EncodeToString(sealed), nil
}

// Open gives the client in whose chart the resource of this type and id would stand, "" for the directory. ok is false for an id that
// this gateway did not make for this type. That an id opens does not say that the resource exists.
func (s *Sealer) Open(resourceType, id string) (client string, ok bool) {
	if len(id) != 64 {
		return "", false
	}
	sealed, err := encoding.DecodeString(id)
	if err != nil {
		return "", false
	}
	plain, err := s.siv.DecryptDeterministically(sealed, []byte(resourceType))
	if err != nil || len(plain) != blockSize+macSize {
		return "", false
	}
	return unpack([blockSize]byte(plain[:blockSize]), s.handles)
}

// mac says which resource of a client's an id is of. The state of an HMAC after its key costs two blocks of SHA-256 to make, so it is kept.
func (s *Sealer) mac(dst []byte, kind, key string) []byte {
	m := s.macs.Get().(hash.Hash)
	defer s.macs.Put(m)
	m.Reset()
	var buf [96]byte
	b := strconv.AppendInt(buf[:0], int64(len(kind)), 10)
	b = append(append(append(b, ':'), kind...), key...)
	m.Write(b)
	return append(dst, m.Sum(b[:0])[:macSize]...)
}
