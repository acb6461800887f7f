// Package seal closes what the authorization server gives a browser to carry (the state of a page, a code), so that nobody can read, change or make
// one. It keeps nothing: every process with the key opens what another has closed, and that something is used once is for others to see to.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// KeySize is the length of the key in bytes.
const KeySize = 32

// ErrOpen says that a text is not of this key and use, or that its time is over.
var ErrOpen = errors.New("seal: the text does not open")

// Box closes and opens. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
	now  func() time.Time
}

// New makes a Box.
func New(key []byte, now func() time.Time) (*Box, error) {
	if len(key) != KeySize {
		return nil, errors.New("seal: the key has not 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block) // good for 2^32 texts of one key (NIST SP 800-38D, 8.3)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Box{aead, now}, nil
}

type content[V any] struct {
	Until int64 `json:"u"`
	Value V     `json:"v"`
}

// Close closes a value until the time is over. A text of one use does not open for another.
func (b *Box) Close(use string, until time.Time, value any) (string, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // no browser reads it, and a URL has to hold it
	if err := encoder.Encode(content[any]{until.Unix(), value}); err != nil {
		return "", errors.New("seal: the value has no JSON")
	}
	return base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, plain.Bytes(), []byte(use))), nil
}

// Open opens a text into the value. Whatever is wrong, the error is the same.
func (b *Box) Open(use, text string, value any) error {
	closed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return ErrOpen
	}
	plain, err := b.aead.Open(nil, nil, closed, []byte(use))
	if err != nil {
		return ErrOpen
	}
	var c content[json.RawMessage]
	if json.Unmarshal(plain, &c) != nil || !b.now().Before(time.Unix(c.Until, 0)) || json.Unmarshal(c.Value, value) != nil {
		return ErrOpen
	}
	return nil
}
