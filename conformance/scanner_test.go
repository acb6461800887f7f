package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// scanner looks for texts that must not leave, however they are wrapped: as they are, in upper or lower case, in base64 at any alignment (so also
// inside an attachment), percent-encoded, with JSON escapes, in hex, gzipped, and wrapped twice. All texts begin with one of a few prefixes, so
// that one pass for each finds them all.
type scanner struct {
	prefixes [][]byte
	known    map[string]bool // the first keyLength characters of each text, in lower case
	mu       sync.Mutex
	clean    map[string]bool // pieces of answers, and what is encoded in them, in which nothing was found
}

// keyLength is how much of a text makes it unmistakable.
const keyLength = 16

// deepest is how often a text may be wrapped and is still found.
const deepest = 3

func newScanner(texts ...string) *scanner {
	s := &scanner{known: map[string]bool{}, clean: map[string]bool{}}
	prefixes := map[string]bool{}
	for _, text := range texts {
		text = strings.ToLower(text)
		s.known[text[:keyLength]] = true
		if p := text[:3]; !prefixes[p] {
			prefixes[p] = true
			s.prefixes = append(s.prefixes, inEveryCase(p)...)
		}
	}
	return s
}

// inEveryCase gives the ways to write a text in ASCII: to look for each is faster by far than to fold what is searched.
func inEveryCase(text string) [][]byte {
	out := [][]byte{nil}
	for _, c := range []byte(text) {
		ways := []byte{c}
		if upper := c - 'a' + 'A'; 'a' <= c && c <= 'z' {
			ways = append(ways, upper)
		}
		var longer [][]byte
		for _, way := range ways {
			for _, begun := range out {
				longer = append(longer, append(bytes.Clone(begun), way))
			}
		}
		out = longer
	}
	return out
}

// found tells whether any text is in the bytes, in any form.
func (s *scanner) found(haystack []byte) bool {
	return slices.ContainsFunc(pieces(haystack), func(piece []byte) bool {
		return s.once(piece, func() bool { return s.search(piece, deepest) })
	})
}

// pieces are scanned, and remembered, each on its own: the entries of a Bundle, since most stand in many answers. No form of a text goes on behind
// the brace with which an entry begins, except in what is packed: that stays whole.
func pieces(b []byte) (out [][]byte) {
	if bytes.Contains(b, gzipMagic) {
		return [][]byte{b}
	}
	for _, entry := range bytes.Split(b, []byte(`{"fullUrl"`)) {
		out = append(out, bytes.Split(entry, []byte(`{"resource"`))...) // of a batch
	}
	return out
}

// once searches unless the same bytes were clean before.
func (s *scanner) once(b []byte, search func() bool) bool {
	s.mu.Lock()
	clean := s.clean[string(b)]
	s.mu.Unlock()
	if clean {
		return false
	}
	if search() {
		return true
	}
	s.mu.Lock()
	s.clean[string(b)] = true
	s.mu.Unlock()
	return false
}

// search looks in the bytes and in all that they can be unwrapped to.
func (s *scanner) search(b []byte, depth int) bool {
	if s.plain(b) {
		return true
	}
	if depth == 0 {
		return false
	}
	for _, unwrap := range []func([]byte) [][]byte{fromPercent, fromEscapes, fromGzip} {
		for _, inner := range unwrap(b) {
			if s.search(inner, depth-1) {
				return true
			}
		}
	}
	return slices.ContainsFunc(encoded(b), func(run []byte) bool {
		search := func() bool {
			return slices.ContainsFunc(decode(run), func(inner []byte) bool { return s.search(inner, depth-1) })
		}
		if depth < deepest {
			return search()
		}
		return s.once(run, search)
	})
}

func (s *scanner) plain(b []byte) bool {
	for _, p := range s.prefixes {
		for rest := b; ; {
			i := bytes.Index(rest, p)
			if i < 0 {
				break
			}
			if end := i + keyLength; end <= len(rest) && s.known[strings.ToLower(string(rest[i:end]))] {
				return true
			}
			rest = rest[i+1:]
		}
	}
	return false
}

// encoded are the runs of base64's alphabet, and so of hex's, that are long enough. Runs that are broken into lines are joined.
func encoded(b []byte) [][]byte {
	if bytes.IndexByte(b, '\n') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), nil), []byte("\n"), nil)
	}
	return runs(b, 20, &base64Alphabet)
}

// decode decodes a run from each place where a text may begin. A run that is a resource's id is none of base64: it is told by its length and its
// alphabet.
func decode(run []byte) (out [][]byte) {
	out = fromHex(run)
	if isID(run) {
		return out
	}
	run = bytes.ReplaceAll(bytes.ReplaceAll(run, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
	for shift := range 4 {
		if decoded, err := base64.RawStdEncoding.DecodeString(string(run[shift : len(run)-oneLeft(len(run)-shift)])); err == nil || len(decoded) > 0 {
			out = append(out, decoded)
		}
	}
	return out
}

// oneLeft is 1 if so many characters end in one that stands for nothing.
func oneLeft(n int) int {
	if n%4 == 1 {
		return 1
	}
	return 0
}

// alphabet says which bytes belong to it.
type alphabet [256]bool

func alphabetOf(letters string) (a alphabet) {
	for _, c := range []byte(letters) {
		a[c] = true
	}
	return a
}

const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

var (
	base64Alphabet = alphabetOf(digits + lower + strings.ToUpper(lower) + "+/-_")
	hexAlphabet    = alphabetOf(digits + "abcdefABCDEF")
	idAlphabet     = alphabetOf("234567" + lower)
)

// runs are the stretches of an alphabet that are long enough.
func runs(b []byte, least int, in *alphabet) [][]byte {
	var out [][]byte
	start := 0
	for i, c := range b {
		if in[c] {
			continue
		}
		if i-start >= least {
			out = append(out, b[start:i])
		}
		start = i + 1
	}
	if len(b)-start >= least {
		out = append(out, b[start:])
	}
	return out
}

// isID tells whether a run holds nothing but sealed ids, with the types before them.
func isID(run []byte) bool {
	if i := bytes.LastIndexByte(run, '/'); i >= 0 && i < 24 {
		run = run[i+1:]
	}
	return len(run) == 64 && len(runs(run, 64, &idAlphabet)) == 1
}

func fromPercent(b []byte) [][]byte {
	if !bytes.ContainsRune(b, '%') {
		return nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			if c, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(c))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return [][]byte{out}
}

var jsonEscape = regexp.MustCompile(`\\u00[0-9A-Fa-f]{2}`)

func fromEscapes(b []byte) [][]byte {
	if !bytes.Contains(b, []byte(`\u00`)) {
		return nil
	}
	return [][]byte{jsonEscape.ReplaceAllFunc(b, func(e []byte) []byte {
		c, _ := strconv.ParseUint(string(e[4:]), 16, 8)
		return []byte{byte(c)}
	})}
}

func fromHex(b []byte) [][]byte {
	var out [][]byte
	for _, run := range runs(b, 32, &hexAlphabet) {
		for shift := range 2 {
			part := run[shift:]
			if decoded, err := hex.DecodeString(string(part[:len(part)/2*2])); err == nil {
				out = append(out, decoded)
			}
		}
	}
	return out
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// fromGzip unpacks every gzip stream that begins in the bytes.
func fromGzip(b []byte) [][]byte {
	var out [][]byte
	for rest := b; ; {
		i := bytes.Index(rest, gzipMagic)
		if i < 0 {
			return out
		}
		rest = rest[i:]
		if r, err := gzip.NewReader(bytes.NewReader(rest)); err == nil {
			inner, _ := io.ReadAll(io.LimitReader(r, 1<<24)) // what can be read of a stream that is cut off counts
			out = append(out, inner)
		}
		rest = rest[1:]
	}
}

// hear scans an answer whole: status, headers, body.
func (s *scanner) hear(a *answer) bool {
	if s.found(strconv.AppendInt(nil, int64(a.status), 10)) {
		return true
	}
	for name, values := range a.header {
		if s.found([]byte(name)) || slices.ContainsFunc(values, func(v string) bool { return s.found([]byte(v)) }) {
			return true
		}
	}
	return s.found(a.body)
}

func TestTheScannerFindsATextInEveryForm(t *testing.T) {
	const text = "cnryabcdefghijklmnopqrst7"
	s := newScanner(text, "NR-abcdefghijklmn")
	body := func(inner string) string { return `{"resourceType":"DocumentReference","description":"` + inner + `"}` }
	escaped := func(f string) string {
		var b strings.Builder
		for i := range len(text) {
			fmt.Fprintf(&b, f, text[i])
		}
		return b.String()
	}
	zipped := func(x string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, x)
		_ = w.Close()
		return b.String()
	}
	forms := map[string]string{
		"as it is":             body(text),
		"the other kind":       body("Ref. NR-abcdefghijklmn."),
		"upper case":           body(strings.ToUpper(text)),
		"percent-encoded":      "GET /fhir/Patient?name=" + escaped("%%%02X"),
		"JSON-escaped":         body(escaped(`\u%04x`)),
		"JSON-escaped, upper":  body(escaped(`\u%04X`)),
		"hex":                  body(hex.EncodeToString([]byte("x" + text + "y"))),
		"gzipped":              zipped(body(text)),
		"gzip in base64":       body(base64.StdEncoding.EncodeToString([]byte(zipped(text)))),
		"base64 twice":         body(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("note: " + text))))),
		"base64, in a URL":     body(url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("\xff\xfe" + text)))),
		"base64 without pad":   body(base64.RawURLEncoding.EncodeToString([]byte("??>" + text))),
		"base64 across lines":  body("data:\r\n" + base64.StdEncoding.EncodeToString([]byte(text + text))[:24] + "\r\n" + base64.StdEncoding.EncodeToString([]byte(text + text))[24:]),
		"base64, at the start": body(base64.StdEncoding.EncodeToString([]byte(text + " and more"))),
		"base64, one later":    body(base64.StdEncoding.EncodeToString([]byte("a" + text + " and more"))),
		"base64, two later":    body(base64.StdEncoding.EncodeToString([]byte("ab" + text + " and more"))),
		"base64 after letters": body("abc" + base64.StdEncoding.EncodeToString([]byte("ab"+text+" and more"))),
	}
	for name, form := range forms {
		if !s.found([]byte(form)) {
			t.Errorf("%s: not found", name)
		}
	}
	if !s.hear(&answer{header: map[string][]string{"X-Note": {text}}}) {
		t.Error("in a header: not found")
	}
	for name, clean := range map[string]string{
		"nothing":       body("Continue weekly sessions."),
		"a prefix":      body("cnry cnryabc NR-"),
		"another text":  body("cnryzyxwvutsrqponmlkji"),
		"another, wrap": body(base64.StdEncoding.EncodeToString([]byte("cnryzyxwvutsrqponmlkji"))),
	} {
		if s.found([]byte(clean)) {
			t.Errorf("%s: found", name)
		}
	}
}
