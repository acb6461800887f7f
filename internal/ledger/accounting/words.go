package accounting

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/strictyaml"
)

// Words are the plain words for kinds of record and purposes (profiles/policies/words.yaml).
type Words struct {
	Kinds    map[string]string `yaml:"kinds"`    // by resource type
	Purposes map[string]string `yaml:"purposes"` // by code of v3-ActReason
}

const wordsFile = "policies/words.yaml"

// LoadWords reads the words from the profiles.
func LoadWords(profiles fs.FS) (*Words, error) {
	text, err := fs.ReadFile(profiles, wordsFile)
	if err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	w := &Words{}
	for _, p := range strictyaml.Decode(text, w) {
		err = errors.Join(err, fmt.Errorf("%s:%d: %s", wordsFile, p.Line, p.Text))
	}
	if err == nil && (len(w.Kinds) == 0 || len(w.Purposes) == 0) {
		err = fmt.Errorf("%s: kinds or purposes are missing", wordsFile)
	}
	return w, err
}

const actReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

// purposes gives the words for purposes, "system|code"; one without words stands as it is.
func (w *Words) purposes(list []string) []string {
	if len(list) == 0 {
		return []string{"not stated"}
	}
	out := make([]string, len(list))
	for i, p := range list {
		system, code, _ := strings.Cut(p, "|")
		out[i] = p
		if words := w.Purposes[code]; words != "" && system == actReason {
			out[i] = words
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (w *Words) kinds(types []string) []string {
	out := make([]string, len(types))
	for i, t := range types {
		if out[i] = w.Kinds[t]; out[i] == "" {
			out[i] = t
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
