package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// pair is two charts of one client that differ only in what is withheld from one requester.
type pair struct {
	*base
	seed     uint64
	twin     []entry
	shown    map[fhir.Reference]bool
	withheld []stage.Candidate // of either chart
	signed   []stage.Candidate // the client's Consents, of which partners see extracts only
	rng      *rand.Rand
	// what the twin has otherwise
	removed, added, changed, relinked int
	minimal                           bool
}

// twins makes pairs in two houses, one for each chart.
type twins struct {
	ruleset
	scribe      scribe
	left, right *house
	staff       []stage.Candidate
	versions    int
	current     *base
}

func newTwins(t testing.TB, m mutation) *twins {
	t.Helper()
	w := &twins{left: newHouse(t, m), right: newHouse(t, m)}
	w.ruleset = w.left.ruleset
	w.scribe.ruleset = w.left.ruleset
	directory := stage.Origin{Map: "test", Kind: "staff", Listed: true, Directory: true}
	meta := object{"lastUpdated": "2026-01-01T10:00:00Z"}
	for i := range 2 {
		ref := w.sealed("Practitioner", "", "practitioner", fmt.Sprint(i))
		w.staff = append(w.staff, w.scribe.candidate(entry{ref: ref, origin: directory, body: object{"resourceType": "Practitioner", "id": ref.ID, "meta": meta, "name": []any{object{"family": fmt.Sprint("Staff", i)}}}}))
	}
	ref := w.sealed("Organization", "", "practice", "practice")
	w.staff = append(w.staff, w.scribe.candidate(entry{ref: ref, origin: directory, body: object{"resourceType": "Organization", "id": ref.ID, "meta": meta, "name": "Practice"}}))
	return w
}

// move puts a chart into a house.
func (w *twins) move(h *house, b *base, chart []entry) {
	w.versions++
	partner := w.patient(nonintPartner)
	other := entry{ref: partner, origin: stage.Origin{Map: "test", Kind: "patient", Listed: true},
		body: object{"resourceType": "Patient", "id": partner.ID, "meta": object{"lastUpdated": "2026-01-01T10:00:00Z"}, "name": []any{object{"family": "Poe"}}}}
	h.who = b.who
	h.recorded = nil
	h.records.version = w.versions
	h.records.directory = w.staff
	h.records.documents = b.documents
	h.records.charts[nonintClient] = &mapping.Chart{Candidates: append(w.scribe.candidates(chart), w.scribe.consents(b.documents[nonintClient])...), Ties: b.ties}
	h.records.charts[nonintPartner] = &mapping.Chart{Candidates: []stage.Candidate{w.partner(other)}}
}

func (w *twins) partner(e entry) stage.Candidate {
	// The generator's Candidates are about the first client; the partner's own Patient names itself.
	c := scribe{ruleset: w.ruleset}
	return c.candidateOf(e, w.patient(nonintPartner))
}

// How many pairs in a row begin with the same chart, Consents and requester, and how many of these with the same chart: parsing takes most of
// the time.
const (
	baseUses  = 3
	chartUses = 3 * baseUses
)

// base is the first chart of some pairs, and what its requester sees of it.
type base struct {
	number    uint64
	who       *requester.Requester
	chart     []entry
	documents map[practice.ClientKey][]mapping.ConsentDocument
	ties      []mapping.Tie
	lines     map[fhir.Reference]line
}

// baseOf makes what the pair of a seed begins with, and puts it into the left house.
func (w *twins) baseOf(t testing.TB, seed uint64) *base {
	t.Helper()
	if w.current != nil && w.current.number == seed/baseUses {
		return w.current
	}
	b := &base{number: seed / baseUses}
	c := &clinic{Rand: rand.New(rand.NewPCG(seed/chartUses, 3)), ruleset: w.ruleset}
	b.chart = c.draw()
	c.Rand = rand.New(rand.NewPCG(b.number, 2))
	b.who = c.requester()
	b.documents = map[practice.ClientKey][]mapping.ConsentDocument{nonintClient: c.consents(nonintClient)}
	if c.chance(60) {
		b.documents[nonintPartner] = c.consents(nonintPartner)[:1]
	}
	if c.chance(50) {
		b.ties = []mapping.Tie{{To: fhir.Identifier{System: fhir.SystemNPI, Value: clinicNPI}}}
	}
	w.move(w.left, b, b.chart)
	b.lines = w.lines(t, w.left, b.who)
	w.current = b
	return b
}

// pairOf makes the pair of a seed. It is nil if the twin would not differ, or if the real decision says that what is released would.
func (w *twins) pairOf(t testing.TB, seed uint64) *pair {
	t.Helper()
	b := w.baseOf(t, seed)
	p := &pair{seed: seed, base: b, rng: rand.New(rand.NewPCG(seed, 1)), shown: map[fhir.Reference]bool{}}
	for ref, l := range b.lines {
		if l.shown {
			p.shown[ref] = true
		}
		p.minimal = p.minimal || ref.Type == "Patient" && l.shown && !l.read.Decision.Release
	}
	p.makeTwin(&clinic{Rand: p.rng, ruleset: w.ruleset, chart: b.chart})
	if p.removed+p.added+p.changed+p.relinked == 0 {
		return nil
	}
	w.move(w.right, b, p.twin)
	if !w.sameDecisions(b.lines, w.lines(t, w.right, b.who)) {
		return nil
	}
	for _, chart := range [][]entry{b.chart, p.twin} {
		for _, e := range chart {
			if !p.shown[e.ref] {
				p.withheld = append(p.withheld, w.scribe.candidate(e))
			}
		}
	}
	p.signed = w.scribe.consents(b.documents[nonintClient])
	return p
}

// line is what was decided over one resource, for reading and for searching.
type line struct {
	read, search release.PreviewLine
	shown        bool
}

func (w *twins) lines(t testing.TB, h *house, who *requester.Requester) map[fhir.Reference]line {
	t.Helper()
	all := map[fhir.Reference]line{}
	permissions := []smart.Permission{smart.Read, smart.Search}
	if !strings.Contains(who.Scopes.String()+" ", ".r ") {
		permissions = permissions[:1] // what can be read can be searched
	}
	for _, permission := range permissions {
		preview, err := h.service.Preview(context.Background(), who, permission, nonintClient)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range preview.Lines {
			ref := fhir.Reference{Type: l.Facts.Type, ID: l.Facts.ID}
			// A minimal Patient and the extract of a Consent are shown beside what they go with.
			if l.Shown && !l.Decision.Release && ref != w.patient(nonintClient) && ref.Type != "Consent" {
				t.Errorf("a %s is shown that the decision withholds", ref.Type)
			}
			x := all[ref]
			x.shown = x.shown || l.Shown
			if permission == smart.Read {
				x.read = l
			}
			if permission == smart.Search || len(permissions) == 1 {
				x.search = l
			}
			all[ref] = x
		}
	}
	return all
}

// sameDecisions tells whether what is shown of the one chart is decided alike, under the same labels, in the other, and nothing else is
// released there. A label is inherited and a Consent may speak of what a record refers to, so a withheld resource may rightly have a say in
// that; such twins are not of the kind that the test is about. Consents are the same in both: their extracts follow from what is shown.
func (w *twins) sameDecisions(before, after map[fhir.Reference]line) bool {
	for ref, x := range before {
		y, there := after[ref]
		if x.shown && ref.Type != "Consent" && (!there || !sameDecision(x.read, y.read) || !sameDecision(x.search, y.search)) {
			return false
		}
	}
	for ref, y := range after {
		x := before[ref]
		if !x.shown && ref.Type != "Consent" && (y.read.Decision.Release || y.search.Decision.Release) {
			// One that the decision releases and whose references then keep it back may be in both charts, untouched or not.
			if y.shown || !(x.read.Decision.Release || x.search.Decision.Release) {
				return false
			}
		}
	}
	return true
}

func sameDecision(x, y release.PreviewLine) bool {
	return x.Decision == y.Decision && slices.Equal(x.Labels, y.Labels)
}

// makeTwin makes the other chart.
func (p *pair) makeTwin(c *clinic) {
	if len(p.shown) == 0 && c.chance(30) { // a client of whom nothing is released, and nobody of that number
		p.removed = len(p.chart)
		return
	}
	away := map[fhir.Reference]bool{}
	all := c.chance(20) // nothing that is withheld is there at all
	for _, e := range p.chart {
		if !p.shown[e.ref] && e.ref.Type != "Patient" && (all || c.chance(30)) {
			away[e.ref] = true
			p.removed++
		}
	}
	for _, e := range p.chart {
		switch {
		case away[e.ref]:
		case p.shown[e.ref]:
			p.twin = append(p.twin, p.relink(c, e, away))
		default:
			p.twin = append(p.twin, p.change(c, e))
		}
	}
	if all {
		return
	}
	for range c.IntN(4) {
		p.add(c)
	}
}

// gone tells whether a reference leads to nothing that the requester sees.
func (p *pair) gone(c *clinic, reference object) bool {
	text, _ := reference["reference"].(string)
	ref, ok := fhir.ParseReference(text)
	if !ok {
		return true
	}
	client, ours := c.sealer.Open(ref.Type, ref.ID)
	return !p.shown[ref] && !(ours && client == "") && ref != c.patient(nonintClient)
}

// relink changes in a resource that is shown only what is not: its references to what is withheld or does not exist, and of a minimal Patient
// how to reach the client.
func (p *pair) relink(c *clinic, e entry, away map[fhir.Reference]bool) entry {
	e = e.clone()
	if e.ref.Type == "Patient" && p.minimal {
		c.contact(e.body)
		p.relinked++
		return e
	}
	for _, s := range slots[e.ref.Type] {
		s.filter(e.body, func(reference object) bool {
			if !p.gone(c, reference) {
				return true
			}
			text, _ := reference["reference"].(string)
			ref, _ := fhir.ParseReference(text)
			switch {
			case away[ref] && ref.Type == "Encounter", c.chance(25): // a note on an encounter that is not in the chart is nobody's
				p.relinked++
				return false
			case c.chance(40):
				clear(reference)
				for k, v := range p.elsewhere(c, s) {
					reference[k] = v
				}
				p.relinked++
			}
			return true
		})
		if s.list && c.chance(15) {
			s.put(e.body, p.elsewhere(c, s))
			p.relinked++
		}
	}
	return e
}

// elsewhere is a reference to what is withheld, or to nothing.
func (p *pair) elsewhere(c *clinic, s slot) object {
	typ := pick(c, s.types...)
	for _, e := range p.chart {
		if e.ref.Type == typ && !p.shown[e.ref] && c.chance(40) {
			return object{"reference": e.ref.String(), "display": c.words()}
		}
	}
	return c.lost(typ)
}

// change changes a withheld resource in any way but its id.
func (p *pair) change(c *clinic, e entry) entry {
	if c.chance(30) {
		return e
	}
	p.changed++
	x := entry{ref: e.ref, both: e.both, scan: e.scan, origin: e.origin}
	c.chart = p.chart
	c.write(&x)
	keep := []string{"type", "code", "medicationCodeableConcept", "context", "encounter"} // what others take labels from
	if c.chance(25) {
		keep = nil
	}
	for _, name := range keep {
		if v, ok := e.body[name]; ok {
			x.body[name] = cloneValue(v)
		} else {
			delete(x.body, name)
		}
	}
	old, now := e.body["meta"].(object), x.body["meta"].(object)
	delete(now, "security")
	if v, ok := old["security"]; ok {
		now["security"] = v
	}
	return x
}

// add adds one more withheld resource: another of those that are withheld already, or one that nobody ever gets.
func (p *pair) add(c *clinic) {
	x := entry{ref: c.named("DocumentReference", fmt.Sprint("t", p.added)), origin: c.origin("record")}
	var like []entry
	for _, e := range p.chart {
		if !p.shown[e.ref] && e.ref.Type != "Patient" {
			like = append(like, e)
		}
	}
	if len(like) > 0 && c.chance(70) {
		e := like[c.IntN(len(like))]
		x = p.change(c, e).clone()
		x.ref = c.named(e.ref.Type, fmt.Sprint("t", p.added))
		x.body["id"] = x.ref.ID
	} else {
		c.chart = p.chart
		c.write(&x)
		x.body["meta"].(object)["security"] = []any{object{"system": fhir.SystemActCode, "code": pick(c, "PSYTHPN", "HIPAAPsyNotes")}}
	}
	p.twin = slices.Insert(p.twin, c.IntN(len(p.twin)+1), x)
	p.added++
}
