package egress

import "encoding/json"

// examine reads the tokens of an encoded resource and tells what forbids it to leave: "body" for a code of neverReleased that labels it or a part
// of it, "unreadable" for what is no JSON object, "" for nothing.
//
// A code counts wherever a code can stand (any member "code" of the resource, its parts and what it contains), and any text equal to one counts
// inside meta and extensions, where inline labels are. There is one exception: a Consent may name these codes to deny them. In it only meta
// and extensions count.
func examine(body []byte) string {
	s := scanner{b: body}
	s.space()
	found, ok := s.object(0, false)
	s.space()
	switch {
	case !ok || s.i != len(body):
		return "unreadable"
	case found.label || found.named:
		return "body"
	}
	return ""
}

// finding is what a part of a body holds.
type finding struct {
	label bool // a code that labels
	named bool // a code outside meta and extensions: it labels unless the resource is a Consent
}

func (f *finding) add(g finding) {
	f.label = f.label || g.label
	f.named = f.named || g.named
}

// scanner walks over JSON. It is lenient about numbers and literals and strict about structure; what it cannot follow does not leave.
type scanner struct {
	b []byte
	i int
}

// maxDepth bounds the nesting: nothing that we make comes near it.
const maxDepth = 100

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

func (s *scanner) eat(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// text reads a string and gives what stands between its quotes, decoded if it has escapes.
func (s *scanner) text() (t []byte, ok bool) {
	if !s.eat('"') {
		return nil, false
	}
	start, escaped := s.i, false
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			t = s.b[start:s.i]
			s.i++
			if !escaped || len(t) > maxEscaped {
				return t, true
			}
			return unescape(t)
		case '\\':
			escaped = true
			s.i++
		}
		s.i++
	}
	return nil, false
}

// maxEscaped is the length above which no escaped text can be one of the codes: six bytes for each of at most 14, and white space.
const maxEscaped = 512

func unescape(t []byte) ([]byte, bool) {
	quoted := append(append([]byte{'"'}, t...), '"')
	var out string
	if json.Unmarshal(quoted, &out) != nil {
		return nil, false
	}
	return []byte(out), true
}

// object reads an object. label says that it lies in meta or an extension.
func (s *scanner) object(depth int, label bool) (found finding, ok bool) {
	if depth > maxDepth || !s.eat('{') {
		return found, false
	}
	var resource, consent bool
	for first := true; ; first = false {
		if s.eat('}') {
			break
		}
		if !first && !s.eat(',') {
			return found, false
		}
		key, ok := s.text()
		if !ok || !s.eat(':') {
			return found, false
		}
		if string(key) == "resourceType" {
			s.space()
			at := s.i
			typ, ok := s.text()
			if !ok {
				return found, false
			}
			consent = string(typ) == "Consent" && (consent || !resource) // of several names all must say so
			resource = true
			s.i = at
		}
		inside, ok := s.value(depth+1, label || labels(key), isCode(key))
		if !ok {
			return found, false
		}
		found.add(inside)
	}
	if resource { // what its own parts name is settled here
		found.label = found.label || found.named && !consent
		found.named = false
	}
	return found, true
}

// labels tells whether labels stand below a member of this name.
func labels(key []byte) bool {
	switch string(key) {
	case "meta", "extension", "modifierExtension":
		return true
	}
	return false
}

func isCode(key []byte) bool { return string(key) == "code" || string(key) == "valueCode" }

func (s *scanner) value(depth int, label, code bool) (found finding, ok bool) {
	s.space()
	if s.i >= len(s.b) {
		return found, false
	}
	switch s.b[s.i] {
	case '{':
		return s.object(depth, label)
	case '[':
		return s.array(depth, label, code)
	case '"':
		t, ok := s.text()
		if ok && (label || code) && forbidden(t) {
			found = finding{label: label, named: !label}
		}
		return found, ok
	}
	start := s.i
	for s.i < len(s.b) && !ends(s.b[s.i]) {
		s.i++
	}
	return found, s.i > start
}

// ends tells whether c ends a number or a literal.
func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}

func (s *scanner) array(depth int, label, code bool) (found finding, ok bool) {
	if depth > maxDepth || !s.eat('[') {
		return found, false
	}
	for first := true; !s.eat(']'); first = false {
		if !first && !s.eat(',') {
			return found, false
		}
		inside, ok := s.value(depth+1, label, code)
		if !ok {
			return found, false
		}
		found.add(inside)
	}
	return found, true
}

// forbidden tells whether a text is one of the codes.
func forbidden(t []byte) bool {
	const longest = 128
	return len(t) <= longest && isNeverReleased(string(t))
}
