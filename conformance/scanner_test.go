package conformance

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// scanner looks for texts that must not leave, however they are wrapped: as they are, in upper or lower case, in base64 at any alignment (so also
// inside an attachment), percent-encoded, with JSON escapes, in hex, gzipped, and wrapped twice. All texts begin with one of a few prefixes, so
// that one pass finds them all.
type scanner struct {
	prefixes [][]byte
	known    map[string]bool // the first keyLength characters of each text, in lower case
	mu       sync.Mutex
	seen     map[[32]byte]bool // haystacks that were clean
	scanned  int
}

// keyLength is how much of a text makes it unmistakable.
const keyLength = 16

func newScanner(texts ...string) *scanner {
	s := &scanner{known: map[string]bool{}, seen: map[[32]byte]bool{}}
	prefixes := map[string]bool{}
	for _, text := range texts {
		text = strings.ToLower(text)
		s.known[text[:keyLength]] = true
		if p := text[:3]; !prefixes[p] {
			prefixes[p] = true
			s.prefixes = append(s.prefixes, []byte(p))
		}
	}
	return s
}

// found tells whether any text is in the bytes, in any form.
func (s *scanner) found(haystack []byte) bool {
	sum := sha256.Sum256(haystack)
	s.mu.Lock()
	s.scanned++
	clean := s.seen[sum]
	s.mu.Unlock()
	if clean {
		return false
	}
	if s.search(haystack, 3) {
		return true
	}
	s.mu.Lock()
	s.seen[sum] = true
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
	for _, unwrap := range []func([]byte) [][]byte{fromBase64, fromPercent, fromEscapes, fromHex, fromGzip} {
		for _, inner := range unwrap(b) {
			if s.search(inner, depth-1) {
				return true
			}
		}
	}
	return false
}

func (s *scanner) plain(b []byte) bool {
	b = bytes.ToLower(b)
	for _, p := range s.prefixes {
		for rest := b; ; {
			i := bytes.Index(rest, p)
			if i < 0 {
				break
			}
			if end := i + keyLength; end <= len(rest) && s.known[string(rest[i:end])] {
				return true
			}
			rest = rest[i+1:]
		}
	}
	return false
}

// fromBase64 decodes every run of the alphabet from each of four places: a text may begin anywhere in what was encoded. Runs that are broken
// into lines are joined. A run that is a resource's id is none: it is told by its length and its alphabet.
func fromBase64(b []byte) [][]byte {
	if bytes.IndexByte(b, '\n') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), nil), []byte("\n"), nil)
	}
	var out [][]byte
	for _, run := range runs(b, 20, isBase64) {
		if isID(run) {
			continue
		}
		run = bytes.ReplaceAll(bytes.ReplaceAll(run, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
		for shift := range 4 {
			if decoded, err := base64.RawStdEncoding.DecodeString(string(run[shift : len(run)-oneLeft(len(run)-shift)])); err == nil || len(decoded) > 0 {
				out = append(out, decoded)
			}
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

// runs are the stretches of an alphabet that are long enough.
func runs(b []byte, least int, in func(byte) bool) [][]byte {
	var out [][]byte
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && in(b[i]) {
			continue
		}
		if i-start >= least {
			out = append(out, b[start:i])
		}
		start = i + 1
	}
	return out
}

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isID tells whether a run holds nothing but sealed ids, with the types before them.
func isID(run []byte) bool {
	if i := bytes.LastIndexByte(run, '/'); i >= 0 && i < 24 {
		run = run[i+1:]
	}
	if len(run) != 64 {
		return false
	}
	for _, c := range run {
		if !('a' <= c && c <= 'z' || '2' <= c && c <= '7') {
			return false
		}
	}
	return true
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
	for _, run := range runs(b, 32, isHex) {
		for shift := range 2 {
			part := run[shift:]
			if decoded, err := hex.DecodeString(string(part[:len(part)/2*2])); err == nil {
				out = append(out, decoded)
			}
		}
	}
	return out
}

// fromGzip unpacks every gzip stream that begins in the bytes.
func fromGzip(b []byte) [][]byte {
	var out [][]byte
	for rest := b; ; {
		i := bytes.Index(rest, []byte{0x1f, 0x8b, 8})
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
	var head bytes.Buffer
	fmt.Fprintln(&head, a.status)
	_ = a.header.WriteSubset(&head, map[string]bool{"Date": true})
	return s.found(head.Bytes()) || s.found(a.body)
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
