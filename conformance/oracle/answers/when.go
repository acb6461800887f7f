package answers

import (
	"io/fs"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/profiles"
)

// clinical says when a record of a type happened (profiles/policies/resources.yaml).
type clinical struct {
	Time    []string `yaml:"time"`
	State   bool     `yaml:"state"`
	End     string   `yaml:"end"`
	Status  string   `yaml:"status"`
	Ongoing []string `yaml:"ongoing"`
}

var clinicalTimes = sync.OnceValue(func() map[string]clinical {
	var file struct {
		Types map[string]clinical `yaml:"types"`
	}
	raw, err := fs.ReadFile(profiles.FS, "policies/resources.yaml")
	if err == nil {
		err = yaml.Unmarshal(raw, &file)
	}
	if err != nil {
		panic(err)
	}
	return file.Types
})

// when is the time of a record's matter. It is not there for what has no clinical date, or one that ends before it begins.
func (w *World) when(r Object) (span, bool) {
	s, ok := w.lasts(r)
	return s, ok && (s.from.IsZero() || s.to.IsZero() || s.from.Before(s.to))
}

// lasts is the time from the beginning of a record's matter to its end.
func (w *World) lasts(r Object) (span, bool) {
	t := clinicalTimes()[text(r["resourceType"])]
	v, found := first(r, t.Time...)
	if !found {
		return span{}, false
	}
	s, ok := timeOf(v, w.Zone)
	if !ok || !t.State {
		return s, ok
	}
	if end, found := first(r, t.End); found {
		if e, ok := timeOf(end, w.Zone); ok {
			s.to = e.to
			return s, true
		}
	}
	if text(child(v, "end")) == "" {
		s.to = time.Time{} // as far as anybody knows it goes on
	}
	return s, true
}

// first is the value of the first element that is there; "effective" stands for effectiveDateTime and its siblings too.
func first(r Object, paths ...string) (any, bool) {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if values := at(r, path); len(values) > 0 {
			return values[0], true
		}
		for name, v := range r {
			if rest := []rune(name); strings.HasPrefix(name, path) && unicode.IsUpper(rest[len(path)]) {
				return v, true
			}
		}
	}
	return nil, false
}
