package egress

import (
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// neverReleased are the codes that let a body out to nobody, whatever the code system says: psychotherapy notes (45 CFR 164.501) and SUD
// counseling notes (42 CFR 2.11). They stand here and not in a setting: nothing turns the guard off.
var neverReleased = [...]string{"PSYTHPN", "HIPAAPsyNotes", fhir.CodeSUDCounselingNote}

// psychotherapyKinds are kinds of record that are psychotherapy notes by their name in any map.
var psychotherapyKinds = [...]string{"psychotherapy", "psychotherapy-note", "psychotherapy-notes", "psychotherapy-stub", "process-note", "sud-counseling-note"}

// Alarm is a hit of the guard: something upstream failed, and a person has to look. It names no client.
type Alarm struct {
	Type  string // resource type
	Map   string // the map that made the resource, or the file
	Table string
	Wall  string // what gave it away: "body", "label", "kind" or "unreadable"
}

// guard is wall 6: it examines every body that is about to leave, independently of the labeler. It looks at labels and origin and never at
// words: the display of CPT 90837 says psychotherapy and may leave.
type guard struct {
	kinds map[string]bool
	alarm func(Alarm)

	mu       sync.RWMutex
	capacity int
	// clean and older are the digests of bodies that were examined and are clean: older is the generation before.
	clean, older map[[sha256.Size]byte]struct{}
}

const defaultGuardCapacity = 1 << 16

func newGuard(kinds []string, capacity int, alarm func(Alarm)) *guard {
	if capacity <= 0 {
		capacity = defaultGuardCapacity
	}
	g := &guard{kinds: make(map[string]bool), alarm: alarm, capacity: (capacity + 1) / 2}
	for _, k := range append(psychotherapyKinds[:], kinds...) {
		g.kinds[strings.ToLower(k)] = true
	}
	g.clean = make(map[[sha256.Size]byte]struct{})
	return g
}

// pass tells whether all may leave. One that may not closes the whole answer.
func (g *guard) pass(released []stage.Released) bool {
	unknown := g.unknown(released)
	ok := true
	for _, r := range released {
		if wall := g.marked(r); wall != "" {
			ok = g.hit(r, wall)
		}
	}
	for _, r := range unknown {
		if wall := look(r); wall != "" {
			ok = g.hit(r, wall)
			continue
		}
		g.remember(r.Digest())
	}
	return ok
}

// look examines a body, and what a Binary holds where that is FHIR itself: its labels are written as in a body.
func look(r stage.Released) (wall string) {
	if wall = examine(sealed.Open(r)); wall != "" {
		return wall
	}
	raw, _ := sealed.Data(r)
	if t, _, _ := strings.Cut(contentTypeOf(r.Facts()), ";"); raw != nil && strings.EqualFold(strings.TrimSpace(t), "application/fhir+json") {
		return examine(raw)
	}
	return ""
}

// marked looks at what every stage may know: the final labels, the labels of the source and the kind.
func (g *guard) marked(r stage.Released) (wall string) {
	f := r.Facts()
	if banned(r.Labels()) || banned(f.SourceLabels) {
		return "label"
	}
	if f.Origin.Kind != "" && g.isPsychotherapy(f.Origin.Kind) {
		return "kind"
	}
	return ""
}

func (g *guard) isPsychotherapy(kind string) bool {
	return g.kinds[kind] || g.kinds[strings.ToLower(kind)]
}

func banned(labels []fhir.Coding) bool {
	for i := range labels {
		if isNeverReleased(labels[i].Code) {
			return true
		}
	}
	return false
}

func isNeverReleased(code string) bool {
	for _, n := range neverReleased {
		if len(code) >= len(n) && strings.EqualFold(strings.TrimSpace(code), n) {
			return true
		}
	}
	return false
}

func (g *guard) hit(r stage.Released, wall string) bool {
	if g.alarm != nil {
		f := r.Facts()
		g.alarm(Alarm{Type: f.Type, Map: f.Origin.Map, Table: f.Origin.Table, Wall: wall})
	}
	return false
}

// unknown are those whose bodies nobody has examined yet.
func (g *guard) unknown(released []stage.Released) (rest []stage.Released) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, r := range released {
		d := r.Digest()
		if _, seen := g.clean[d]; seen {
			continue
		}
		if _, seen := g.older[d]; !seen {
			rest = append(rest, r)
		}
	}
	return rest
}

// remember notes that a body is clean. Two generations bound the memory: a body that falls out is examined again.
func (g *guard) remember(d [sha256.Size]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.clean) >= g.capacity {
		g.older, g.clean = g.clean, make(map[[sha256.Size]byte]struct{}, g.capacity)
	}
	g.clean[d] = struct{}{}
}
