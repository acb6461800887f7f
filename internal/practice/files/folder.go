package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/practice"
)

// Listing is what lies in a folder at one instant.
type Listing struct {
	Dir   string // with symbolic links followed, so that all files are of one folder even if a link is moved meanwhile
	Files []Stat // sorted by name
	// Manifest is the folder's manifest, nil without one.
	Manifest *Manifest
	at       time.Time
	manifest Stat
}

// Stat tells one state of a file from another.
type Stat struct {
	Name string
	Type string // the resource type that the name says
	info os.FileInfo
}

// Problem is a place in the folder that cannot be right, and why, without a value.
type Problem struct {
	File string
	Line int // 0 for the whole file
	Why  string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Why
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Why)
}

// exportLog is what a bulk data client writes beside the files about the export itself.
const exportLog = "log.ndjson"

// ending is how the names of the files end.
const ending = ".ndjson"

// List says what lies in the folder now. An error that wraps practice.ErrUnavailable says that the folder cannot be read; any other is a
// Problem of the folder, or several.
func List(folder string) (*Listing, error) {
	l := &Listing{at: time.Now()}
	var err error
	if l.Dir, err = filepath.EvalSymlinks(folder); err != nil {
		return nil, unavailable(err)
	}
	entries, err := os.ReadDir(l.Dir)
	if err != nil {
		return nil, unavailable(err)
	}
	var problems []error
	for _, e := range entries {
		if !strings.Contains(strings.ToLower(e.Name()), ending) || e.Name() == exportLog {
			continue
		}
		s, err := l.stat(e.Name())
		if err != nil {
			problems = append(problems, err)
			continue
		}
		l.Files = append(l.Files, s)
	}
	if err := l.readManifest(); err != nil {
		problems = append(problems, err)
	}
	return l, errors.Join(problems...)
}

// stat looks at one file. A name that says no type is refused rather than passed over: the file could hold a denial.
func (l *Listing) stat(name string) (Stat, error) {
	base, isPlain := strings.CutSuffix(name, ending)
	if !isPlain {
		return Stat{}, Problem{File: name, Why: "is not plain NDJSON: unpack it, or take it away"}
	}
	end := strings.IndexFunc(base, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(base)
	}
	if end == 0 || base[0] < 'A' || base[0] > 'Z' {
		return Stat{}, Problem{File: name, Why: "does not begin with a resource type, as in Patient.000.ndjson"}
	}
	info, err := os.Stat(filepath.Join(l.Dir, name))
	if err != nil {
		return Stat{}, unavailable(err)
	}
	if !info.Mode().IsRegular() {
		return Stat{}, Problem{File: name, Why: "is no file"}
	}
	return Stat{Name: name, Type: base[:end], info: info}, nil
}

// Bytes is how much lies in the folder.
func (l *Listing) Bytes() (n int64) {
	for _, s := range l.Files {
		n += s.info.Size()
	}
	return n
}

// Age is how long ago anything in the folder was written last.
func (l *Listing) Age() time.Duration {
	var newest time.Time
	for _, s := range l.Files {
		if t := s.info.ModTime(); t.After(newest) {
			newest = t
		}
	}
	return l.at.Sub(newest)
}

// Same tells whether the folder is, as far as the file system says, as it was.
func (l *Listing) Same(before *Listing) bool {
	return before != nil && l.Dir == before.Dir && slices.EqualFunc(l.Files, before.Files, Stat.Same) && l.manifest.Same(before.manifest)
}

// settling is how coarse a file system's clock may be: of a file that was written less than this before it was read, a later write may not
// show.
const settling = 2 * time.Second

// Settled tells whether each file had rested when the folder was listed, so that a later change shows in its time.
func (l *Listing) Settled() bool {
	for _, s := range append(slices.Clone(l.Files), l.manifest) {
		if s.info != nil && l.at.Sub(lastChange(s.info)) < settling {
			return false
		}
	}
	return true
}

// Same tells whether the file system says that a file is as it was.
func (s Stat) Same(o Stat) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info
	}
	return s.Name == o.Name && os.SameFile(s.info, o.info) && s.info.Size() == o.info.Size() && lastChange(s.info).Equal(lastChange(o.info)) &&
		s.info.ModTime().Equal(o.info.ModTime())
}

// unavailable keeps of an error of the file system what names the file.
func unavailable(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = fmt.Errorf("%s: %w", filepath.Base(p.Path), p.Err)
	}
	return fmt.Errorf("files: %w: %w", practice.ErrUnavailable, err)
}
