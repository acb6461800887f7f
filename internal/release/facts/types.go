package facts

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/strictyaml"
)

// typesFile says when a record happened, who authored it and who acts in it, as data that a privacy officer can read.
const typesFile = "policies/resources.yaml"

// Types reads, for each resource type that the gateway knows, when a record happened and who authored it. The zero Types lists none.
type Types struct {
	types  map[string]*spec
	acting []string
	digest [sha256.Size]byte
}

// spec is one line of the file; see its comment.
type spec struct {
	Time     []string `yaml:"time"`     // the elements that say when it happened; the first that is present counts
	State    bool     `yaml:"state"`    // it is a state rather than an event
	End      string   `yaml:"end"`      // of a state, the element at which it ended
	Status   string   `yaml:"status"`   // of a state, its status
	Ongoing  []string `yaml:"ongoing"`  // the values of its status for which it still goes on
	Timeless bool     `yaml:"timeless"` // it has no time of its own
	Authors  []string `yaml:"authors"`  // the elements that name who authored it
	Code     []string `yaml:"code"`     // the elements that say what it is

	periods map[string]bool // the elements of Time that are a Period, whose end is the end of the state
}

// resources is the file.
type resources struct {
	Types  map[string]*spec `yaml:"types"`  // by resource type; one that is not listed is unclassified and withheld
	Acting []string         `yaml:"acting"` // the elements that name who only acts in a record
}

// LoadTypes reads policies/resources.yaml below fsys.
func LoadTypes(fsys fs.FS) (*Types, error) {
	text, err := fs.ReadFile(fsys, typesFile)
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	var file resources
	if err := strictyaml.Read(typesFile, text, &file); err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	if len(file.Types) == 0 || len(file.Acting) == 0 {
		return nil, fmt.Errorf("facts: %s lists no type, or nobody who acts", typesFile)
	}
	var problems []error
	for name, s := range file.Types {
		if s == nil {
			return nil, fmt.Errorf("facts: %s says nothing of %s", typesFile, name)
		}
		problems = append(problems, s.check(name))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Types{types: file.Types, acting: file.Acting, digest: sha256.Sum256(text)}, nil
}

// check holds a line against FHIR's definition of the type: an element that does not exist is a spelling mistake.
func (s *spec) check(name string) error {
	shape := fhirjson.ShapeNamed(name)
	if shape == nil {
		return fmt.Errorf("facts: %s: %s is no resource type", typesFile, name)
	}
	s.periods = map[string]bool{}
	var problems []error
	for _, p := range slices.Concat(s.Time, s.Authors, s.Code, nonEmpty(s.End), nonEmpty(s.Status)) {
		e := shape.Find(p)
		if e == nil {
			problems = append(problems, fmt.Errorf("facts: %s: %s has no element %s", typesFile, name, p))
			continue
		}
		s.periods[p] = e.Option == nil && e.Type == "Period"
	}
	if s.Timeless == (len(s.Time) > 0) {
		problems = append(problems, fmt.Errorf("facts: %s: %s is to be timeless or to have a time", typesFile, name))
	}
	if s.State && s.Status == "" {
		problems = append(problems, fmt.Errorf("facts: %s: the state %s has no status", typesFile, name))
	}
	return errors.Join(problems...)
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// Lists tells whether the type is one that the gateway knows. What it does not know is unclassified and withheld.
func (t *Types) Lists(resourceType string) bool {
	if t == nil {
		return false
	}
	_, ok := t.types[resourceType]
	return ok
}

// All gives every type that the gateway knows, in no order.
func (t *Types) All() iter.Seq[string] { return maps.Keys(t.types) }

// Digest identifies the version of the file.
func (t *Types) Digest() [sha256.Size]byte { return t.digest }

// Authors appends the references at the elements that name who authored the record. One that cannot be resolved is the zero Reference.
func (t *Types) Authors(dst []fhir.Reference, f *stage.Facts) []fhir.Reference {
	s := t.types[f.Type]
	if s == nil {
		return dst
	}
	for i := range f.References {
		if r := &f.References[i]; slices.Contains(s.Authors, r.Path) {
			dst = append(dst, r.Value)
		}
	}
	return dst
}

// When says when the record happened, from the Dates and Codings in f. present tells whether an element is there that holds no date
// that can be read (an onset as an age or a text); nil means that there are none.
func (t *Types) When(f *stage.Facts, present func(path string) bool) stage.When {
	s, ok := t.types[f.Type]
	if !ok {
		return stage.When{}
	}
	if s.Timeless {
		return stage.When{Timeless: true}
	}
	w := stage.When{State: s.State}
	for _, path := range s.Time {
		i, dated := dateAt(f, path)
		if !dated && (present == nil || !present(path)) {
			continue
		}
		w.Interval, w.Known = i, dated
		if s.State && dated {
			s.end(&w, f, s.periods[path], present)
		}
		break
	}
	if !w.Start.IsZero() && !w.End.IsZero() && w.End.Before(w.Start) {
		w.Interval, w.Known = fhir.Interval{}, false
	}
	return w
}

// end says when a state ended: at its own end element, at the end of its period, or else by its status.
func (s *spec) end(w *stage.When, f *stage.Facts, period bool, present func(string) bool) {
	stated := fhir.Interval{}
	if period && s.End == "" {
		stated = w.Interval
	}
	w.End = stated.End
	if s.End != "" {
		if i, ok := dateAt(f, s.End); ok {
			w.End = i.End
		} else if present != nil && present(s.End) {
			w.EndUnknown = true
		}
	}
	if w.End.IsZero() && !w.EndUnknown && !slices.ContainsFunc(f.Codings, s.isOngoing) {
		w.EndUnknown = true
	}
}

func (s *spec) isOngoing(c stage.At[fhir.Coding]) bool {
	return c.Path == s.Status && slices.Contains(s.Ongoing, c.Value.Code)
}

// dateAt gives what the dates at path cover together, those of a Timing below it included.
func dateAt(f *stage.Facts, path string) (fhir.Interval, bool) {
	var all fhir.Interval
	found := false
	for i := range f.Dates {
		d := &f.Dates[i]
		if below, ok := strings.CutPrefix(d.Path, path); !ok || below != "" && below != ".event" && below != ".repeat.bounds" {
			continue
		}
		if !found {
			all, found = d.Value, true
			continue
		}
		if d.Value.Start.IsZero() || !all.Start.IsZero() && d.Value.Start.Before(all.Start) {
			all.Start = d.Value.Start
		}
		if d.Value.End.IsZero() || !all.End.IsZero() && d.Value.End.After(all.End) {
			all.End = d.Value.End
		}
	}
	return all, found
}
