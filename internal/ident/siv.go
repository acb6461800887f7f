package ident

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"sync"
)

// siv is AES-SIV (RFC 5297) with one string of associated data, which may be empty but is always there. Every row of a chart gets an id, so
// what follows from the key alone is made once, and sealing allocates nothing: that is why it is written out here. The tests hold it against
// the RFC and against Tink, byte for byte. It is safe for concurrent use.
type siv struct {
	mac, ctr cipher.Block
	k1, k2   block // the subkeys of CMAC: for a last block that is full, and for one that is padded
	zero     block // what S2V starts from, CMAC of the zero block, already doubled
	work     sync.Pool
}

type block [aes.BlockSize]byte

// scratch is what one call works in. The ciphers are behind an interface, so what they are given would be allocated anew each time.
type scratch struct {
	x, v, counter block
	text          []byte
}

// newSIV takes a key of which the first half is for S2V and the second for CTR (RFC 5297, 2.2).
func newSIV(key []byte) (*siv, error) {
	mac, err := aes.NewCipher(key[:len(key)/2])
	if err != nil {
		return nil, fmt.Errorf("ident: %w", err)
	}
	ctr, err := aes.NewCipher(key[len(key)/2:])
	if err != nil {
		return nil, fmt.Errorf("ident: %w", err)
	}
	s := &siv{mac: mac, ctr: ctr}
	s.work.New = func() any { return new(scratch) }
	mac.Encrypt(s.k1[:], s.k1[:]) // NIST SP 800-38B, 6.1
	s.k1.double()
	s.k2 = s.k1
	s.k2.double()
	w := new(scratch)
	s.cmac(w, s.zero[:])
	s.zero = w.x
	s.zero.double()
	return s, nil
}

// double multiplies by x in GF(2^128) (RFC 5297, 2.3).
func (b *block) double() {
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	carry := high >> 63
	binary.BigEndian.PutUint64(b[:8], high<<1|low>>63)
	binary.BigEndian.PutUint64(b[8:], low<<1^carry*0x87)
}

// cmac leaves the AES-CMAC of data in w.x (NIST SP 800-38B, 6.2).
func (s *siv) cmac(w *scratch, data []byte) {
	x := w.x[:]
	clear(x)
	for len(data) > aes.BlockSize {
		subtle.XORBytes(x, x, data[:aes.BlockSize])
		s.mac.Encrypt(x, x)
		data = data[aes.BlockSize:]
	}
	subtle.XORBytes(x, x, data)
	if len(data) == aes.BlockSize {
		subtle.XORBytes(x, x, s.k1[:])
	} else {
		x[len(data)] ^= 0x80
		subtle.XORBytes(x, x, s.k2[:])
	}
	s.mac.Encrypt(x, x)
}

// s2v leaves the synthetic initialization vector in w.v (RFC 5297, 2.4).
func (s *siv) s2v(w *scratch, plain, ad []byte) {
	s.cmac(w, ad)
	d := s.zero
	subtle.XORBytes(d[:], d[:], w.x[:])
	w.text = append(w.text[:0], plain...)
	if over := len(plain) - aes.BlockSize; over >= 0 {
		subtle.XORBytes(w.text[over:], w.text[over:], d[:])
	} else {
		d.double()
		w.text = append(w.text, d[len(plain):]...)
		subtle.XORBytes(w.text, w.text[:len(plain)], d[:len(plain)])
		w.text[len(plain)] ^= 0x80
	}
	s.cmac(w, w.text)
	w.v = w.x
}

// crypt appends the encryption, or decryption, of text under the vector w.v (RFC 5297, 2.5).
func (s *siv) crypt(w *scratch, dst, text []byte) []byte {
	w.counter = w.v
	w.counter[8] &= 0x7f
	w.counter[12] &= 0x7f
	for len(text) > 0 {
		n := min(len(text), aes.BlockSize)
		s.ctr.Encrypt(w.x[:], w.counter[:])
		dst = append(dst, text[:n]...)
		end := dst[len(dst)-n:]
		subtle.XORBytes(end, end, w.x[:n])
		text = text[n:]
		for i := aes.BlockSize - 1; i >= 0; i-- {
			if w.counter[i]++; w.counter[i] != 0 {
				break
			}
		}
	}
	return dst
}

// seal appends the vector and the encrypted text: the same for the same text and associated data.
func (s *siv) seal(dst, plain, ad []byte) []byte {
	w := s.work.Get().(*scratch)
	defer s.work.Put(w)
	s.s2v(w, plain, ad)
	return s.crypt(w, append(dst, w.v[:]...), plain)
}

// open gives what was sealed with the same associated data; ok is false for anything else.
func (s *siv) open(sealed, ad []byte) (plain []byte, ok bool) {
	if len(sealed) < aes.BlockSize {
		return nil, false
	}
	w := s.work.Get().(*scratch)
	defer s.work.Put(w)
	copy(w.v[:], sealed)
	plain = s.crypt(w, nil, sealed[aes.BlockSize:])
	s.s2v(w, plain, ad)
	if subtle.ConstantTimeCompare(w.v[:], sealed[:aes.BlockSize]) != 1 {
		return nil, false
	}
	return plain, true
}
