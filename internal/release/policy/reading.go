package policy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/strictyaml"
)

// The files of a Reading, below the folder of profiles.
const (
	fileConsents        = "policies/consents.yaml"
	fileCodes           = "policies/codes.yaml"
	fileRepresentatives = "policies/representatives.yaml"
	fileResources       = "policies/resources.yaml"
	fileTree            = "purposes/tree.yaml"
	fileRules           = "purposes/rules.yaml"
	fileSensitivity     = "labels/sensitivity.yaml"
)

// Reading is how Consents, purposes and labels are read, as the profiles state it. It is immutable and safe for concurrent use.
type Reading struct {
	Labels          *Labels
	Purposes        *Purposes
	Representatives Representatives

	words   words
	systems codeSystems
	types   map[string]resourceFile
	acting  map[string]bool // the elements that name who only acts in a record
	digest  [sha256.Size]byte
}

// Digest changes with every change of the files that the Reading was made from.
func (r *Reading) Digest() [sha256.Size]byte { return r.digest }

// ListsType tells whether profiles/policies/resources.yaml lists the resource type. One that it does not list is unclassified (rule 2).
func (r *Reading) ListsType(resourceType string) bool {
	_, ok := r.types[resourceType]
	return ok
}

// HasAuthors tells whether records of the type have an element that names who authored them: for any other, no author is not unknown.
func (r *Reading) HasAuthors(resourceType string) bool { return len(r.types[resourceType].Authors) > 0 }

// Acts tells whether a reference at the path names somebody who acts in a record, not somebody whom it is about (rule 20).
func (r *Reading) Acts(path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		if r.acting[name] {
			return true
		}
	}
	return false
}

// Representatives says who may act for a client (45 CFR 164.502(g)).
type Representatives struct {
	majority      int
	relationships map[string]bool // v3-RoleCode code -> minor-only
	// Confidential are the sensitivities of a minor's records that a representative does not see in self-access.
	Confidential Mask
}

// Relationship tells whether a relationship (a v3-RoleCode code) gives authority, and whether only until majority.
func (r Representatives) Relationship(code string) (minorOnly, ok bool) {
	minorOnly, ok = r.relationships[code]
	return minorOnly, ok
}

// Majority is the instant at which somebody born on a day that begins at birth comes of age: the beginning of the birthday in the
// practice's zone.
func (r Representatives) Majority(birth time.Time, zone *time.Location) time.Time {
	return birth.In(zone).AddDate(r.majority, 0, 0)
}

// LoadReading reads the folders policies, purposes and labels below fsys. What is missing, empty or unknown is an error, all at once.
func LoadReading(fsys fs.FS) (*Reading, error) {
	l := loader{fsys: fsys}
	var (
		consents        consentsFile
		codes           codesFile
		representatives representativesFile
		resources       resourcesFile
		tree            treeFile
		rules           rulesFile
		sensitivity     sensitivityFile
	)
	l.load(fileConsents, &consents)
	l.load(fileCodes, &codes)
	l.load(fileRepresentatives, &representatives)
	l.load(fileResources, &resources)
	l.load(fileTree, &tree)
	l.load(fileRules, &rules)
	l.load(fileSensitivity, &sensitivity)
	if err := l.err(); err != nil {
		return nil, err
	}
	r := &Reading{types: resources.Types}
	r.Labels = newLabels(&l, sensitivity)
	r.Purposes = newPurposes(&l, tree, rules)
	r.Representatives = newRepresentatives(&l, representatives, r.Labels)
	r.words = newWords(&l, consents)
	r.systems = newCodeSystems(&l, codes)
	r.acting = set(resources.Acting)
	l.need(fileResources, "types", len(r.types) > 0)
	l.need(fileResources, "acting", len(r.acting) > 0)
	copy(r.digest[:], l.sum.Sum(nil))
	return r, l.err()
}

// loader reads YAML files strictly and gathers their problems.
type loader struct {
	fsys     fs.FS
	problems []error
	sum      hashWriter
}

func (l *loader) load(name string, into any) {
	data, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		l.problem(name, "cannot be read: %v", err)
		return
	}
	l.sum.add(name, data)
	if err := strictyaml.Read(name, data, into); err != nil {
		l.problems = append(l.problems, err)
	}
}

func (l *loader) problem(file, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s: "+format, append([]any{file}, args...)...))
}

// need reports a setting that is missing, empty or wrong.
func (l *loader) need(file, setting string, ok bool) {
	if !ok {
		l.problem(file, "%s is missing, empty or unknown", setting)
	}
}

func (l *loader) err() error { return errors.Join(l.problems...) }
