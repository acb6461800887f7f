package release

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/stage"
)

// View is what one requester may see of one chart, or of the practice's directory. It is immutable but for its memo, and safe for
// concurrent use. The zero View is empty.
type View struct {
	byType   map[string][]stage.Released // sorted by id
	byRef    map[fhir.Reference]stage.Released
	binaries map[string]attached // by id
	evidence Evidence
	terms    map[fhir.Reference][]*consent.Terms // by resource
	memo     Memo
}

// Resources gives the resources of a type, sorted by id. The caller must not change the slice.
func (v *View) Resources(resourceType string) []stage.Released { return v.byType[resourceType] }

// All gives every resource, sorted by type and id.
func (v *View) All() []stage.Released {
	all := make([]stage.Released, 0, len(v.byRef))
	for _, typ := range slices.Sorted(maps.Keys(v.byType)) {
		all = append(all, v.byType[typ]...)
	}
	return all
}

// Get gives one resource.
func (v *View) Get(ref fhir.Reference) (stage.Released, bool) {
	r, ok := v.byRef[ref]
	return r, ok
}

// attached is a Binary and the document that leads to it.
type attached struct {
	binary   stage.Released
	document fhir.Reference
}

// Binary gives the content of an attachment, and the document that it was released with. Nothing else here leads to a Binary: it is found by its
// id and by nothing else, never searched, counted, included or listed.
func (v *View) Binary(id string) (binary stage.Released, document fhir.Reference, ok bool) {
	a, ok := v.binaries[id]
	return a.binary, a.document, ok
}

// whole gives what is decided by: the resource, and of a Binary the document that it rides with.
func (v *View) whole(ref fhir.Reference) (stage.Released, bool) {
	if ref.Type != "Binary" {
		return v.Get(ref)
	}
	_, document, _ := v.Binary(ref.ID)
	return v.Get(document)
}

// Len is the number of resources.
func (v *View) Len() int { return len(v.byRef) }

// Evidence says how the View came about.
func (v *View) Evidence() Evidence { return v.evidence }

// Terms says what the Consents that permit a resource of the View permit to the requester, as far as the requester may know: none for a client's
// own access and for the directory.
func (v *View) Terms(ref fhir.Reference) []*consent.Terms { return v.terms[ref] }

// Memo keeps answers that are functions of this View alone.
func (v *View) Memo() *Memo { return &v.memo }

// only gives what of the View a search can show. It remembers nothing of the rest.
func (v *View) only(shows func(*stage.Facts) bool) *View {
	out := &View{
		byType: map[string][]stage.Released{}, byRef: map[fhir.Reference]stage.Released{}, evidence: v.evidence, terms: map[fhir.Reference][]*consent.Terms{},
	}
	for typ, of := range v.byType {
		for _, r := range of {
			if !shows(r.Facts()) {
				continue
			}
			ref := fhir.Reference{Type: typ, ID: r.Facts().ID}
			out.byType[typ] = append(out.byType[typ], r)
			out.byRef[ref] = r
			if terms := v.terms[ref]; len(terms) > 0 {
				out.terms[ref] = terms
			}
		}
	}
	return out
}

func newView(resources []stage.Released, e Evidence) *View {
	v := &View{byType: map[string][]stage.Released{}, byRef: make(map[fhir.Reference]stage.Released, len(resources)), evidence: e}
	for _, r := range resources {
		f := r.Facts()
		v.byType[f.Type] = append(v.byType[f.Type], r)
		v.byRef[fhir.Reference{Type: f.Type, ID: f.ID}] = r
	}
	for _, r := range resources {
		v.attach(r)
	}
	for _, of := range v.byType {
		slices.SortFunc(of, func(a, b stage.Released) int { return strings.Compare(a.Facts().ID, b.Facts().ID) })
	}
	return v
}

// attach takes the Binaries of a document into the View. They are there because it is.
func (v *View) attach(r stage.Released) {
	for _, b := range r.Binaries() {
		if v.binaries == nil {
			v.binaries = map[string]attached{}
		}
		v.binaries[b.Facts().ID] = attached{b, fhir.Reference{Type: r.Facts().Type, ID: r.Facts().ID}}
	}
}

// memoEntries and memoBytes bound what one View remembers: a requester could otherwise fill memory with queries that differ in a letter.
const (
	memoEntries = 32
	memoBytes   = 64 << 10
)

// Memo is a small map, bounded in entries and in bytes. The zero value is ready.
type Memo struct {
	mu      sync.RWMutex
	entries map[string]any
	size    int
}

// Get gives what was kept under the key.
func (m *Memo) Get(key string) (any, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.entries[key]
	return v, ok
}

// Put keeps a value that takes about so many bytes of its own. A full memo starts anew; what alone would fill it is not kept.
func (m *Memo) Put(key string, value any, size int) {
	size += len(key)
	if size > memoBytes {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil || len(m.entries) >= memoEntries || m.size+size > memoBytes {
		m.entries, m.size = make(map[string]any, 4), 0
	}
	m.entries[key] = value
	m.size += size
}

// validity is how long an answer may be used: for one state of the records, from the decision to the next change that time brings.
type validity struct {
	version     string // "" where the state has no name
	from, until time.Time
}

// within tells whether the answer is the same at another instant: not beyond the next change, and not before the decision, if a clock goes back.
func (v validity) within(now time.Time) bool { return !now.Before(v.from) && now.Before(v.until) }

func (v validity) holds(version string, now time.Time) bool {
	return version != "" && v.version == version && v.within(now)
}

// lasting is a View and how long it may be used.
type lasting struct {
	validity
	view *View
}

func (l lasting) fits(now time.Time) bool { return l.view != nil && l.within(now) }

// weight is what a View keeps alive: its bodies, most of which it shares with the chart, but only while that is kept too.
func (l lasting) weight() uint32 {
	size := 1024
	for _, r := range l.view.byRef {
		size += r.Size() + 256 + r.DataSize()
	}
	return clamp(size)
}
