package ident

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// PageKeySize is the length of a page key in bytes (AES-256-SIV, RFC 5297).
const PageKeySize = 64

// ErrPage says that a page token was not made by this gateway for this requester and query, or that its key has rotated away.
var ErrPage = errors.New("ident: not a page token of this requester and query")

// Pages seals the positions at which search pages go on. A token is bound to whatever it was sealed with (requester, query): with
// anything else it does not open. It is no proof of access: each page decides anew. The same position, bound to the same, gives the same
// token, so that equal answers are equal to the byte.
type Pages struct {
	sivs []*siv // the first seals, all open
}

// NewPages takes the page keys, the current one first; the older ones still open tokens that are under way.
func NewPages(keys ...[]byte) (*Pages, error) {
	if len(keys) == 0 {
		return nil, errors.New("ident: no page key")
	}
	p := &Pages{}
	for i, k := range keys {
		if len(k) != PageKeySize {
			return nil, fmt.Errorf("ident: page key %d has %d bytes, want %d", i+1, len(k), PageKeySize)
		}
		s, err := newSIV(k)
		if err != nil {
			return nil, err
		}
		p.sivs = append(p.sivs, s)
	}
	return p, nil
}

// RandomPages makes Pages with a key of its own: the tokens end with the process.
func RandomPages() (*Pages, error) {
	key := make([]byte, PageKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return NewPages(key)
}

// Seal makes a token of a position, bound to the given texts.
func (p *Pages) Seal(position []byte, bind ...string) (string, error) {
	return base64.RawURLEncoding.EncodeToString(p.sivs[0].seal(nil, position, binding(bind))), nil
}

// Open gives the position in a token that was sealed with the same texts, or ErrPage.
func (p *Pages) Open(token string, bind ...string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodeToString(sealed) != token { // the decoder passes over line ends; an answer repeats the token in its link
		return nil, ErrPage
	}
	for _, siv := range p.sivs {
		if position, ok := siv.open(sealed, binding(bind)); ok {
			return position, nil
		}
	}
	return nil, ErrPage
}

// binding joins texts so that no two lists of texts give the same bytes.
func binding(texts []string) []byte {
	var b strings.Builder
	for _, t := range texts {
		fmt.Fprintf(&b, "%d:%s", len(t), t)
	}
	return []byte(b.String())
}
