package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/internal/strictyaml"
)

// wordsFile is where the profiles say in plain words what a scope means.
const wordsFile = "launch/words.yaml"

// Words say what an app asks for as a client understands it.
type Words struct {
	Types    []TypeWords `yaml:"types"`    // each resource type, in the order of the page
	Identity string      `yaml:"identity"` // openid
	Offline  string      `yaml:"offline"`  // offline_access; DAYS stands for the number of days
	ReadOnly string      `yaml:"read"`     // a scope that reads and does not search
	Search   string      `yaml:"search"`   // one that searches and does not read
	Limited  string      `yaml:"limited"`  // a granular scope; LIMIT stands for what it is limited to
}

// TypeWords are the words for one resource type.
type TypeWords struct {
	Type string `yaml:"type"` // a FHIR resource type
	Text string `yaml:"text"` // what its resources are to a client
}

// LoadWords reads the words from the profiles.
func LoadWords(profiles fs.FS) (*Words, error) {
	text, err := fs.ReadFile(profiles, wordsFile)
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	w := &Words{}
	if err := strictyaml.Read(wordsFile, text, w); err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	if len(w.Types) == 0 || w.Identity == "" || !strings.Contains(w.Offline, "DAYS") || w.ReadOnly == "" || w.Search == "" || !strings.Contains(w.Limited, "LIMIT") {
		return nil, errors.New("launch: " + wordsFile + " lacks types, identity, offline with DAYS, read, search, or limited with LIMIT")
	}
	for _, t := range w.Types {
		if t.Type == "" || t.Text == "" {
			return nil, errors.New("launch: " + wordsFile + ": a type needs its name and its text")
		}
	}
	return w, nil
}

// Type are the words for a resource type. One that has none is called by its name: nothing is asked for in silence.
func (w *Words) Type(typ string) string {
	for _, t := range w.Types {
		if t.Type == typ {
			return t.Text
		}
	}
	return typ
}

// order is the place of a scope's type on the page.
func (w *Words) order(scope string) int {
	for i, t := range w.Types {
		if strings.HasPrefix(scope, "patient/"+t.Type+".") {
			return i
		}
	}
	return len(w.Types)
}

// limits say what a scope does not reach.
func (w *Words) limits(c smart.Scope) string {
	var said []string
	for _, p := range c.Params {
		_, code, coded := strings.Cut(p.Value, "|")
		if !coded {
			code = p.Value
		}
		said = append(said, p.Name+" = "+code)
	}
	var out []string
	if len(said) > 0 {
		out = append(out, strings.ReplaceAll(w.Limited, "LIMIT", strings.Join(said, ", ")))
	}
	switch c.Permissions {
	case string(smart.Read):
		out = append(out, w.ReadOnly)
	case string(smart.Search):
		out = append(out, w.Search)
	}
	return strings.Join(out, "; ")
}

func (w *Words) offline(d time.Duration) string {
	return strings.ReplaceAll(w.Offline, "DAYS", fmt.Sprint(int(d.Hours()/24)))
}
