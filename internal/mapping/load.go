package mapping

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/facts"
)

// sourceFile stands beside the maps, and is none.
const sourceFile = "source.yaml"

// shapesDir is where the shapes lie in the profiles folder.
const shapesDir = "maps/shapes"

// Sealer makes the logical ids (package ident): the same four values give the same id for ever.
type Sealer interface {
	Seal(resourceType, client, kind, key string) (string, error)
}

// Options are what the maps need besides their files.
type Options struct {
	Sealer Sealer
	Zone   *time.Location // the practice's
	// Base is the absolute URL of the FHIR service. With it the content of a document that has more than InlineBytes goes by the URL of a Binary;
	// without it all content stands in the document.
	Base        string
	InlineBytes int
}

// Maps are the compiled maps of one source. They are safe for concurrent use.
type Maps struct {
	maps      []*rowMap // in order of their files
	byKind    map[string]*rowMap
	source    source
	types     *facts.Types
	sealer    Sealer
	zone      *time.Location
	base      string
	practice  fhir.Reference
	directory *idCache
	digest    [sha256.Size]byte
}

// loader compiles the maps of a folder.
type loader struct {
	reporter
	fsys    fs.FS
	options Options
	source  source
	shapes  map[string]*shape
	tables  map[string]*yaml.Node
	headers map[string]*header
	types   *facts.Types
	hashed  []byte
	refs    int // how many references were compiled
}

// Load reads and compiles the maps in dir of a folder that is shaped like package profiles: beside dir it uses maps/shapes and
// policies/resources.yaml. The error is Problems, all of them at once.
func Load(fsys fs.FS, dir string, o Options) (*Maps, error) {
	if o.Sealer == nil || o.Zone == nil {
		return nil, errors.New("mapping: no sealer or no zone")
	}
	o.Base = strings.TrimRight(o.Base, "/")
	if o.InlineBytes < 0 || o.InlineBytes > MaxInlineBytes {
		return nil, errInline
	}
	l := &loader{fsys: fsys, options: o, headers: map[string]*header{}, shapes: map[string]*shape{}, tables: map[string]*yaml.Node{}}
	l.files = map[*yaml.Node]string{}
	l.readTypes()
	l.readSource(dir)
	l.readShapes()
	ordered := l.readHeaders(dir)
	if len(ordered) == 0 {
		l.file(dir, "no maps are in this folder: files that end in .yaml, one for each kind of record")
	}
	m := l.compileAll(ordered)
	if err := l.err(); err != nil {
		return nil, err
	}
	return m, nil
}

var errInline = errors.New("mapping: the bound of what stands in a document is negative, or above 1 MiB")

// readTypes reads when a record happened and who authored it.
func (l *loader) readTypes() {
	types, err := facts.LoadTypes(l.fsys)
	if err != nil {
		l.file("policies/resources.yaml", "%s", err)
		return
	}
	l.types = types
	digest := types.Digest()
	l.hashed = append(l.hashed, digest[:]...)
}

// read parses one YAML file and takes it into the digest.
func (l *loader) read(file string) *yaml.Node {
	text, err := fs.ReadFile(l.fsys, file)
	if err != nil {
		l.file(file, "%s", unread(file, err))
		return nil
	}
	sum := sha256.Sum256(text)
	l.hashed = append(append(append(l.hashed, file...), 0), sum[:]...)
	return l.parse(file, text)
}

// unread says why a file of the maps cannot be read.
func unread(file string, err error) string {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return "cannot be read"
	case path.Base(file) == sourceFile:
		return "there is no such file: it says what the source is, and how the gateway proves that it cannot read the psychotherapy notes"
	}
	return "there is no such file"
}

func (l *loader) list(dir string) []string {
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil {
		l.file(dir, "the folder cannot be read")
		return nil
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".yaml") && e.Name() != sourceFile {
			files = append(files, path.Join(dir, e.Name()))
		}
	}
	return files
}

// readHeaders reads all maps of the folder, so that references between them can be resolved in any order.
func (l *loader) readHeaders(dir string) []*header {
	var ordered []*header
	for _, file := range l.list(dir) {
		root := l.read(file)
		if root == nil {
			continue
		}
		h := l.header(file, root)
		if h == nil || h.kind == "" {
			continue
		}
		if twin := l.headers[h.kind]; twin != nil {
			l.at(root, "kind %q is also in %s", h.kind, twin.file)
			continue
		}
		l.headers[h.kind] = h
		ordered = append(ordered, h)
	}
	l.checkNoteTypes(ordered)
	return ordered
}

// checkNoteTypes keeps one map for each note type: two would release a note twice, under two readings.
func (l *loader) checkNoteTypes(ordered []*header) {
	seen := map[string]string{}
	for _, h := range ordered {
		for _, t := range h.noteTypes {
			if other, twice := seen[t]; twice {
				l.at(h.keys["note-types"], "note type %q is also in map %q", t, other)
			}
			seen[t] = h.kind
		}
	}
}

func (l *loader) compileAll(ordered []*header) *Maps {
	m := &Maps{byKind: map[string]*rowMap{}, source: l.source, types: l.types, sealer: l.options.Sealer, zone: l.options.Zone, base: l.options.Base, directory: newIDCache()}
	for _, h := range ordered {
		rm := l.compile(h)
		if rm == nil {
			continue
		}
		m.maps = append(m.maps, rm)
		m.byKind[rm.kind] = rm
	}
	if h := l.headers[kindPractice]; h != nil {
		if id, err := m.sealer.Seal("Organization", "", kindPractice, kindPractice); err == nil {
			m.practice = fhir.Reference{Type: "Organization", ID: id}
		} else {
			l.at(h.node, "the practice's id cannot be made")
		}
	}
	l.hashed = fmt.Appendf(l.hashed, "%s\n%s\n%d", l.options.Zone, l.options.Base, l.options.InlineBytes)
	m.digest = sha256.Sum256(l.hashed)
	return m
}

// Digest changes with every change of the maps, their shapes, the rules of time and authors, the zone, and what says where content goes.
func (m *Maps) Digest() [32]byte { return m.digest }

// Practice is the reference of the practice's own Organization: the one row of the map of kind practice. Zero without such a map.
func (m *Maps) Practice() fhir.Reference { return m.practice }

// Types are the resource types that the maps make, sorted.
func (m *Maps) Types() []string {
	var types []string
	for _, rm := range m.maps {
		if rm.resource != nil {
			types = append(types, rm.resource.typ)
		}
		if rm.provenance != nil {
			types = append(types, "Provenance")
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Kinds are those of the rows that resources of a type are made of.
func (m *Maps) Kinds(typ string) []string {
	var kinds []string
	for _, rm := range m.maps {
		if rm.resource != nil && rm.resource.typ == typ {
			kinds = append(kinds, rm.kind)
		}
	}
	return kinds
}

// Proofs are what ProveSeparation of the source must try (package practice).
func (m *Maps) Proofs() practice.Separation {
	return practice.Separation{Probes: slices.Clone(m.source.probes), Files: m.source.files}
}
