package egress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"
	"sync"
)

// tagger makes entity tags: a keyed digest of what is released. Without the key nobody can tell from a tag what was guessed about a
// body, and no version or sequence number of the source leaves.
type tagger struct {
	macs sync.Pool
}

func newTagger(key []byte) *tagger {
	key = append([]byte(nil), key...)
	t := &tagger{}
	t.macs.New = func() any { return hmac.New(sha256.New, key) }
	return t
}

// tagSize is how much of the digest a tag shows.
const tagSize = 16

// weak is the weak entity tag of what feed writes (FHIR R4 3.1.0.1.3 wants weak ones). Kinds keep tags of a resource and of a page that
// holds it apart.
func (t *tagger) weak(kind string, feed func(hash.Hash)) string {
	m := t.macs.Get().(hash.Hash)
	m.Reset()
	m.Write([]byte(kind))
	m.Write([]byte{0})
	feed(m)
	var sum [sha256.Size]byte
	m.Sum(sum[:0])
	t.macs.Put(m)
	b := make([]byte, 0, 32)
	b = append(b, `W/"`...)
	b = base64.RawURLEncoding.AppendEncode(b, sum[:tagSize])
	b = append(b, '"')
	return string(b)
}

// matches tells whether an If-None-Match header names the tag, by weak comparison (RFC 9110 section 13.1.2).
func matches(ifNoneMatch, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for ifNoneMatch != "" {
		var one string
		one, ifNoneMatch, _ = strings.Cut(ifNoneMatch, ",")
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
