package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/spelling"
)

const (
	maxDocument = 1 << 20 // bytes of a file that is one JSON object
	maxNesting  = 8
)

// bom begins a text file that some editors write (RFC 8259, section 8.1, lets a reader pass over it).
var bom = []byte("\xef\xbb\xbf")

// document is a file that is one JSON object, with the problems found in it.
type document struct {
	name     string
	text     []byte
	lines    map[string]int // the line of each member, by its path
	problems []error
}

// decode reads a file into a struct. members are the names that each object may have, by its path: what the file says and nobody takes is a
// problem, as is a member that stands twice.
func decode(f File, members map[string][]string, into any) *document {
	d := &document{name: f.Name, lines: map[string]int{}}
	if f.Reader == nil {
		d.say(1, "the file is missing")
		return d
	}
	text, err := io.ReadAll(io.LimitReader(f.Reader, maxDocument+1))
	d.text = bytes.TrimPrefix(text, bom)
	switch {
	case err != nil:
		d.say(1, "the file cannot be read")
	case len(text) > maxDocument:
		d.say(1, "the file is too large")
	case len(bytes.TrimSpace(d.text)) == 0:
		d.say(1, "the file is empty")
	default:
		d.walk(members)
		if !d.failed() {
			d.fill(into)
		}
	}
	return d
}

func (d *document) failed() bool { return len(d.problems) > 0 }

func (d *document) err() error { return errors.Join(d.problems...) }

func (d *document) say(line int, text string) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d: %s", d.name, line, text))
}

// problem says what is wrong with a member, in its line.
func (d *document) problem(member, text string) { d.say(max(1, d.lines[member]), text) }

func (d *document) lineAt(offset int64) int {
	return 1 + bytes.Count(d.text[:min(int(offset), len(d.text))], []byte("\n"))
}

// fill decodes a text that is known to be one object with known members.
func (d *document) fill(into any) {
	err := json.Unmarshal(d.text, into)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		is, _, _ := strings.Cut(wrong.Value, " ") // a number may stand behind it
		d.say(d.lineAt(wrong.Offset), wrong.Field+" takes another type than "+is)
	} else if err != nil {
		d.say(1, "not JSON")
	}
}

// walk looks at the tokens for what a decoder lets pass.
func (d *document) walk(members map[string][]string) {
	w := walker{document: d, json: json.NewDecoder(bytes.NewReader(d.text)), members: members}
	w.json.UseNumber()
	t, err := w.json.Token()
	switch {
	case err == nil && t != json.Delim('{'):
		d.say(w.line(), "not a JSON object")
	case err != nil || !w.object("", 1):
		w.broken()
	default:
		if _, err := w.json.Token(); !errors.Is(err, io.EOF) {
			d.say(w.line(), "more than one JSON object")
		}
	}
}

type walker struct {
	*document
	json    *json.Decoder
	members map[string][]string
	deep    bool
}

func (w *walker) line() int { return w.lineAt(w.json.InputOffset()) }

func (w *walker) broken() {
	if w.deep {
		w.say(w.line(), "nested too deep")
		return
	}
	w.say(w.line(), "not JSON")
}

// object walks an object whose opening brace is read. It is false where the text is no JSON.
func (w *walker) object(path string, depth int) bool {
	seen := map[string]bool{}
	for w.json.More() {
		t, err := w.json.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return false
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		known, taken := w.members[path]
		switch {
		case seen[name]:
			w.say(w.line(), at+" stands twice")
		case !slices.Contains(known, name) && taken:
			w.say(w.line(), fmt.Sprintf("unknown member %q%s", name, spelling.DidYouMean(name, known)))
		}
		seen[name] = true
		if w.lines[at] == 0 {
			w.lines[at] = w.line()
		}
		if !w.value(at, depth+1) {
			return false
		}
	}
	_, err := w.json.Token()
	return err == nil
}

func (w *walker) value(path string, depth int) bool {
	t, err := w.json.Token()
	if w.deep = depth > maxNesting; err != nil || w.deep {
		return false
	}
	switch t {
	case json.Delim('{'):
		return w.object(path, depth)
	case json.Delim('['):
		for w.json.More() {
			if !w.value(path, depth+1) {
				return false
			}
		}
		_, err := w.json.Token()
		return err == nil
	}
	return true
}
