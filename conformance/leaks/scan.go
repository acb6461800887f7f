package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// needles finds secret texts in bytes, in whatever form: as they are, in upper case, in hex, percent-encoded, with JSON or XML escapes, and in
// base64 at any alignment. Every form of every text is kept by the first characters of its middle.
type needles struct {
	exact, folded map[string]bool
	begin         [1 << 16]bool // the first two bytes of each
}

// window is how much of a form makes it unmistakable.
const window = 12

func newNeedles(secrets []string) *needles {
	n := &needles{exact: map[string]bool{}, folded: map[string]bool{}}
	for _, s := range secrets {
		n.fold(s)
		n.fold(hex.EncodeToString([]byte(s)))
		for _, escape := range []string{"%%%02x", `\u%04x`, "&#x%x;", "&#%d;"} {
			var b strings.Builder
			for i := range len(s) {
				fmt.Fprintf(&b, escape, s[i])
			}
			n.fold(b.String())
		}
		for _, text := range []string{s, strings.ToUpper(s)} {
			for before := range 3 { // where the text may begin in a group of three bytes; the characters that depend on its neighbours are cut off
				e := base64.StdEncoding.EncodeToString(append(make([]byte, before), text...))
				e = strings.TrimRight(e[4*((before+2)/3):], "=")
				if e = e[:len(e)-2]; len(e) >= window {
					n.add(n.exact, e)
				}
			}
		}
	}
	return n
}

func (n *needles) fold(s string) { n.add(n.folded, strings.ToLower(s)) }

func (n *needles) add(to map[string]bool, s string) {
	if len(s) < window {
		return
	}
	to[s[:window]] = true
	n.begin[uint16(s[0])<<8|uint16(s[1])] = true
}

// in tells whether a secret is in the bytes, or in what they unpack to.
func (n *needles) in(b []byte) bool {
	if n.flat(b) {
		return true
	}
	if len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b {
		if r, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			inner, _ := io.ReadAll(io.LimitReader(r, 1<<24)) // what can be read of a broken stream counts
			if n.in(inner) {
				return true
			}
		}
	}
	var tree any
	found := false
	if json.Unmarshal(b, &tree) == nil { // texts that are encoded twice, or with escapes in between
		eachString(tree, "", func(_, text string) {
			found = found || n.flat([]byte(text))
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && len(text) >= 16 && !sealedID.MatchString(text) {
				found = found || n.in(decoded)
			}
		})
	}
	return found
}

func (n *needles) flat(b []byte) bool {
	lower := bytes.ToLower(b)
	for i := 0; i+window <= len(b); i++ {
		if n.begin[uint16(b[i])<<8|uint16(b[i+1])] && n.exact[string(b[i:i+window])] {
			return true
		}
	}
	for i := 0; i+window <= len(lower); i++ { // folding can change the length
		if n.begin[uint16(lower[i])<<8|uint16(lower[i+1])] && n.folded[string(lower[i:i+window])] {
			return true
		}
	}
	return false
}
