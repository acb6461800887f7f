package ident

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
)

// blockSize is the room of a client key inside an id.
const blockSize = 16

// tagAt is the byte of a block that says what the block holds. In a UUID (RFC 9562, variant 10) its two highest bits are 1 and 0; no tag
// of ours has them so.
const tagAt = 8

const (
	tagText   = 0x40 // low bits: the length, 0 to 15
	tagInt    = 0x01
	tagHandle = 0xC0
)

// ErrClientKey says that a client key does not fit an id and that no table of handles is there for it.
var ErrClientKey = errors.New("ident: the client key does not fit an id")

// Handles keeps the client keys that do not fit an id: a number for each, for ever.
type Handles interface {
	Handle(key string) (uint64, error)
	Key(handle uint64) (key string, known bool)
}

// pack writes a client key into 16 bytes: a UUID as it is, a text of up to 15 bytes or an integer under its tag, anything else by a handle.
func pack(key string, h Handles) (b [blockSize]byte, err error) {
	if u, ok := parseUUID(key); ok {
		return u, nil
	}
	if len(key) < blockSize {
		b[tagAt] = tagText | byte(len(key))
		copy(b[:tagAt], key)
		if len(key) > tagAt {
			copy(b[tagAt+1:], key[tagAt:])
		}
		return b, nil
	}
	if n, err := strconv.ParseInt(key, 10, 64); err == nil && strconv.FormatInt(n, 10) == key {
		b[tagAt] = tagInt
		binary.BigEndian.PutUint64(b[:tagAt], uint64(n))
		return b, nil
	}
	if h == nil {
		return b, ErrClientKey
	}
	n, err := h.Handle(key)
	if err != nil {
		return b, err
	}
	b[tagAt] = tagHandle
	binary.BigEndian.PutUint64(b[:tagAt], n)
	return b, nil
}

func unpack(b [blockSize]byte, h Handles) (key string, ok bool) {
	switch tag := b[tagAt]; {
	case tag&0xC0 == 0x80:
		return formatUUID(b), true
	case tag&0xF0 == tagText:
		n := int(tag & 0x0F)
		text := append(append(make([]byte, 0, blockSize), b[:tagAt]...), b[tagAt+1:]...)
		return string(text[:n]), true
	case tag == tagInt:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(b[:tagAt])), 10), true
	case tag == tagHandle && h != nil:
		return h.Key(binary.BigEndian.Uint64(b[:tagAt]))
	}
	return "", false
}

// parseUUID reads the canonical, lower-case form of a UUID of variant 10.
func parseUUID(s string) (u [blockSize]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, false
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(u[:], []byte(digits)); err != nil || u[tagAt]&0xC0 != 0x80 {
		return [blockSize]byte{}, false
	}
	return u, formatUUID(u) == s
}

func formatUUID(u [blockSize]byte) string {
	x := hex.EncodeToString(u[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
