package fhirsource

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/practice/files"
)

// snapshot is the folder as of one instant: who is a client, and what stands in whose chart. It is never changed.
type snapshot struct {
	version string
	files   map[string]*fileIndex
	byRef   map[fhir.Reference]*entry
	clients map[fhir.Reference]practice.ClientKey // by the source's Patient
	patient map[practice.ClientKey]fhir.Reference
	charts  map[practice.ClientKey][]member
	own     map[fhir.Reference]bool // the practice's own staff and sites
	house   fhir.Reference          // the practice
	ties    map[practice.ClientKey][]mapping.Tie
	nobody  map[*entry]bool // what is about nobody known
	// consenting are the clients who have a Consent, sorted.
	consenting []practice.ClientKey
	documents  map[fhir.Reference]*entry // the document whose content a Binary holds
	source     string                    // the FHIR service that was exported, "" where that is not known
	identities identities
}

// member is a resource in a chart, with all whom it is about.
type member struct {
	*entry
	about []practice.ClientKey
}

// outside are the types of those who act: the practice's own stand in its directory, others in the charts that refer to them.
var outside = []string{"Organization", "Practitioner", "PractitionerRole", "Location"}

// link puts together what was read of the files. All that is wrong is reported at once, up to a bound.
func link(index map[string]*fileIndex, ids identities, ours []fhir.Identifier, source string) (*snapshot, error) {
	s := &snapshot{
		files: index, byRef: map[fhir.Reference]*entry{}, clients: map[fhir.Reference]practice.ClientKey{}, patient: map[practice.ClientKey]fhir.Reference{},
		charts: map[practice.ClientKey][]member{}, own: map[fhir.Reference]bool{}, ties: map[practice.ClientKey][]mapping.Tie{},
		nobody: map[*entry]bool{}, identities: ids, source: source,
	}
	k := &linker{snapshot: s}
	k.needed()
	for e := range k.all() {
		k.know(e)
	}
	k.findHouse(ours)
	k.shareOut()
	for e := range k.all() {
		k.place(e)
	}
	slices.Sort(s.consenting)
	s.consenting = slices.Compact(s.consenting)
	s.version = versionOf(index, source)
	return s, errors.Join(k.problems...)
}

// versionOf names what the files hold, and the service by whose address they refer to each other.
func versionOf(index map[string]*fileIndex, source string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(source), source)
	for _, name := range slices.Sorted(maps.Keys(index)) {
		fmt.Fprintf(h, "%d:%s%x", len(name), name, index[name].digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// linker is a snapshot that is being put together.
type linker struct {
	*snapshot
	problems []error
}

func (k *linker) problem(e *entry, format string, args ...any) {
	if len(k.problems) < maxProblems {
		k.problems = append(k.problems, files.Problem{File: e.file.Name, Line: int(e.line), Why: fmt.Sprintf(format, args...)})
	}
}

// all yields the entries of all files, in a fixed order.
func (s *snapshot) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			for _, e := range s.files[name].entries {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// needed refuses a folder without the files that every practice has: an export that was copied in part.
func (k *linker) needed() {
	for _, typ := range []string{"Patient", "Consent", "Organization"} {
		if !slices.ContainsFunc(slices.Collect(maps.Values(k.files)), func(f *fileIndex) bool { return f.file.Type == typ }) {
			k.problems = append(k.problems, files.Problem{File: typ + ".ndjson", Why: "is missing"})
		}
	}
}

// know notes that a resource is there.
func (k *linker) know(e *entry) {
	if first := k.byRef[e.ref]; first != nil {
		k.problem(e, "has the id of another %s, in %s:%d", e.ref.Type, first.file.Name, first.line)
		return
	}
	k.byRef[e.ref] = e
	if e.ref.Type != "Patient" {
		return
	}
	key, ok := practice.CanonicalClient(practice.Value{Type: practice.Text, Text: e.ref.ID})
	if _, twice := k.patient[key]; !ok || twice {
		k.problem(e, "has the id of another Patient in another case")
		return
	}
	k.clients[e.ref], k.patient[key] = key, e.ref
}

// findHouse finds the Organization that is the practice, and whoever and whatever belongs to it.
func (k *linker) findHouse(ours []fhir.Identifier) {
	for e := range k.all() {
		ref := e.ref
		if ref.Type != "Organization" || e.links == nil || !slices.ContainsFunc(e.links.identifiers, func(i fhir.Identifier) bool { return slices.Contains(ours, i) }) {
			continue
		}
		if k.house != (fhir.Reference{}) {
			k.problem(e, "has an identifier of the practice as another Organization has")
			return
		}
		k.house = ref
	}
	if k.house == (fhir.Reference{}) {
		k.problems = append(k.problems, files.Problem{File: "Organization.ndjson", Why: "holds no Organization with one of practice.identifiers: nobody can tell who discloses"})
		return
	}
	k.own[k.house] = true
	for grown := true; grown; {
		grown = false
		for ref, e := range k.byRef {
			if k.own[ref] || e.links == nil || !slices.ContainsFunc(e.links.organization, func(o fhir.Reference) bool { return k.own[o] }) {
				continue
			}
			k.own[ref], grown = true, true
			for _, p := range e.links.practitioner {
				k.own[p] = true
			}
		}
	}
}

// place puts a resource into the charts of all whom it is about.
func (k *linker) place(e *entry) {
	if slices.Contains(outside, e.ref.Type) || e.ref.Type == typeBinary || k.byRef[e.ref] != e {
		return
	}
	about := k.about(e)
	if e.ref.Type == "Consent" && len(about) != 1 {
		k.problem(e, "is a Consent whose client cannot be told")
		return
	}
	if len(about) == 0 {
		k.nobody[e] = true
		return
	}
	for _, c := range about {
		k.charts[c] = append(k.charts[c], member{e, about})
		k.tie(c, e)
	}
	if e.ref.Type == "Consent" {
		k.consenting = append(k.consenting, about...)
	}
}

// about gives the clients whom a resource is about, nobody if any of them cannot be told. A Provenance is about whom its targets here are
// about.
func (k *linker) about(e *entry) []practice.ClientKey {
	var all []practice.ClientKey
	for _, ref := range e.clients {
		people := []fhir.Reference{ref}
		if g := k.byRef[ref]; ref.Type == "Group" && g != nil && g.links != nil {
			people = g.links.members
		}
		for _, p := range people {
			key, known := k.clients[p]
			if !known {
				return nil
			}
			all = append(all, key)
		}
	}
	if e.ref.Type == "Provenance" && e.links != nil {
		for _, t := range e.links.targets {
			if target := k.byRef[t]; target != nil && t.Type != "Provenance" {
				all = append(all, k.about(target)...)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tie notes the organisations that a resource ties to a client, by their identifiers, and when.
func (k *linker) tie(c practice.ClientKey, e *entry) {
	if e.links == nil {
		return
	}
	note := func(ids []fhir.Identifier, during fhir.Interval) {
		for _, id := range ids {
			k.ties[c] = append(k.ties[c], mapping.Tie{To: id, During: during})
		}
	}
	for _, t := range e.links.ties {
		note(t.ids, t.during)
		to := k.byRef[t.to]
		if to != nil && t.to.Type == "PractitionerRole" && to.links != nil && len(to.links.ties) == 1 {
			role := to.links.ties[0]
			t.to, t.during = role.to, t.during.And(role.during)
			to = k.byRef[t.to]
		}
		if to != nil && t.to.Type == "Organization" && to.links != nil && !k.own[t.to] {
			note(to.links.identifiers, t.during)
		}
	}
}

// directory are the practice's own staff and sites, in a fixed order.
func (s *snapshot) directory() []*entry {
	var all []*entry
	for ref := range s.own {
		if e := s.byRef[ref]; e != nil {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.ref.Type, b.ref.Type), cmp.Compare(a.ref.ID, b.ref.ID))
	})
	return all
}
