package fhirsource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/strictyaml"
)

// Notes says which kinds of note a folder may hold: an allow-list. A kind that it does not list is withheld and counted by `gateway check`.
// The zero value lists none.
type Notes struct {
	codes         map[string]noteKind // by "system|code"
	psychotherapy map[string]bool
	withheld      []string
}

// noteKind is what a code says a note is.
type noteKind struct {
	name     string
	withheld bool
}

// notesFile is the file as clinic IT writes it.
type notesFile struct {
	// Listed are the kinds that may be read, each with its codes, "system|code".
	Listed map[string][]string `yaml:"listed"`
	// Withheld are kinds that somebody has looked at, and that stay.
	Withheld map[string][]string `yaml:"withheld"`
	// Psychotherapy are the codes by which this practice's system marks notes that are to be kept apart. Such a line is not even read in.
	Psychotherapy []string `yaml:"psychotherapy"`
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// LoadNotes reads the allow-list. All that is wrong with it is reported at once.
func LoadNotes(path string) (*Notes, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file notesFile
	var problems []error
	for _, p := range strictyaml.Decode(text, &file) {
		problems = append(problems, fmt.Errorf("%s:%d: %s", path, p.Line, p.Text))
	}
	n := &Notes{codes: map[string]noteKind{}, psychotherapy: map[string]bool{}}
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", filepath.Base(path), fmt.Sprintf(format, args...)))
	}
	for withheld, kinds := range map[bool]map[string][]string{false: file.Listed, true: file.Withheld} {
		for name, codes := range kinds {
			switch {
			case !kindName.MatchString(name):
				bad("a kind is made of a-z, 0-9 and -, unlike %q", name)
			case !withheld && saysPsychotherapyNote(name):
				bad("kind %q is psychotherapy by its name and never read (45 CFR 164.501)", name)
			}
			for _, code := range codes {
				if _, twice := n.codes[code]; twice || !isCode(code) {
					bad("%q stands twice, or is no code of the form system|code", code)
				}
				n.codes[code] = noteKind{name, withheld}
			}
			if withheld {
				n.withheld = append(n.withheld, name)
			}
		}
	}
	for _, code := range file.Psychotherapy {
		if _, twice := n.codes[code]; twice || !isCode(code) {
			bad("%q is a kind as well, or is no code of the form system|code", code)
		}
		n.psychotherapy[code] = true
	}
	if len(file.Listed) == 0 {
		bad("listed is missing or empty: it names the kinds of note that may be read")
	}
	slices.Sort(n.withheld)
	return n, errors.Join(problems...)
}

func isCode(s string) bool {
	system, code, ok := strings.Cut(s, "|")
	return ok && system != "" && code != ""
}

// Withheld are the kinds that are never released.
func (n *Notes) Withheld() []string { return n.withheld }

// verdict says what the allow-list makes of a resource.
type verdict uint8

const (
	unlisted verdict = iota
	listed
	withheld
)

// noteElement gives the element that says what kind of note a resource is; ok is false for a resource that is no note.
func noteElement(f *stage.Facts, m proto.Message) (path string, ok bool) {
	switch f.Type {
	case "DocumentReference":
		return "type", true
	case "DiagnosticReport":
		// Results are structured data, a report in prose is a note.
		return "code", hasElement(m, "presentedForm")
	}
	return "", false
}

// judge says which kind of note a resource is and whether that is listed. Each of its codes has to be listed: a second one could say that it
// is something else.
func (n *Notes) judge(f *stage.Facts, m proto.Message) (kind string, v verdict) {
	path, isNote := noteElement(f, m)
	if !isNote {
		return "", listed
	}
	for _, c := range f.Codings {
		if c.Path != path {
			continue
		}
		k, known := n.codes[c.Value.Key()]
		switch {
		case !known:
			return c.Value.Key(), unlisted
		case k.withheld:
			return k.name, withheld
		case kind == "":
			kind, v = k.name, listed
		}
	}
	if kind == "" {
		kind = "(no code)"
	}
	return kind, v
}
