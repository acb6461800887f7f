package label

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// record is what is known of one record while a chart is labeled. Sets only grow.
type record struct {
	facts      *stage.Facts
	labels     set
	level      int // confidentiality, 0 for none, as an index into Rules.levels plus 1
	programmes []string
	hold       bool // it cannot be classified without a person
	classified bool // a person did: the source itself gives a confidentiality
	takes      []int
	handled    []int // records whose handling codes it takes: its encounter and episode
}

// set is a small set of labels, displays left out.
type set []fhir.Coding

// add adds a label and tells whether it is new.
func (s *set) add(l fhir.Coding) bool {
	if slices.Contains(*s, l) {
		return false
	}
	*s = append(*s, l)
	return true
}

// board is a chart being labeled.
type board struct {
	rules   *Rules
	records []record
	byRef   map[fhir.Reference]int

	meanings map[fhir.Coding]meaning
}

func newBoard(r *Rules, chart []stage.Candidate) *board {
	b := &board{rules: r, records: make([]record, len(chart)), byRef: make(map[fhir.Reference]int, len(chart)), meanings: map[fhir.Coding]meaning{}}
	for i, c := range chart {
		f := c.Facts()
		if f == nil { // no Candidate at all: it gets no label, and has no body
			b.records[i].facts = &stage.Facts{}
			continue
		}
		b.records[i].facts = f
		b.byRef[fhir.Reference{Type: f.Type, ID: f.ID}] = i
	}
	at := map[int][]int{} // encounter -> what was recorded at it
	for i := range b.records {
		for _, e := range b.encounters(i) {
			at[e] = append(at[e], i)
		}
	}
	for i := range b.records {
		b.connect(i, at)
	}
	return b
}

// encounterPaths are the elements by which records name the encounter or episode that they belong to.
var encounterPaths = []string{"encounter", "context.encounter", "episodeOfCare"}

func (b *board) encounters(i int) []int {
	var list []int
	for _, r := range b.records[i].facts.References {
		if r.Value.Type != "Encounter" && r.Value.Type != "EpisodeOfCare" || !slices.Contains(encounterPaths, r.Path) {
			continue
		}
		if e, ok := b.byRef[r.Value]; ok {
			list = append(list, e)
		}
	}
	return list
}

// connect finds the records from which record i takes labels.
func (b *board) connect(i int, at map[int][]int) {
	rec := &b.records[i]
	t, known := b.rules.types[rec.facts.Type]
	if !known {
		return
	}
	rec.handled = b.encounters(i)
	for _, ref := range rec.facts.Inherits {
		b.take(rec, ref, true)
	}
	for _, r := range rec.facts.References {
		switch {
		case t.Narrative != "" && r.Path == t.Narrative:
			b.take(rec, r.Value, true)
			if e, ok := b.byRef[r.Value]; ok {
				rec.takes = append(rec.takes, b.coded(at[e])...)
			}
		case slices.Contains(t.Takes, r.Path):
			b.take(rec, r.Value, false)
		}
	}
}

// take lets rec take the labels of a record. If it must be there and is not, nobody knows what rec should have taken from it.
func (b *board) take(rec *record, ref fhir.Reference, must bool) {
	if i, ok := b.byRef[ref]; ok {
		rec.takes = append(rec.takes, i)
	} else if must {
		rec.hold = true
	}
}

// coded gives those records that say by a code what they are about: a narrative of the same encounter will speak of them.
func (b *board) coded(list []int) []int {
	var out []int
	for _, i := range list {
		if b.rules.types[b.records[i].facts.Type].Code != "" {
			out = append(out, i)
		}
	}
	return out
}

// own gives each record what it says itself, and what the source says of it.
func (b *board) own() {
	for i := range b.records {
		rec := &b.records[i]
		for _, l := range rec.facts.SourceLabels {
			if l.System == b.rules.levelSystem && b.rules.level(l.Code) > 0 {
				rec.classified = true
				rec.level = max(rec.level, b.rules.level(l.Code))
				continue
			}
			rec.labels.add(fhir.Coding{System: l.System, Code: l.Code})
		}
		b.classify(rec)
		if p := rec.facts.Origin.Programme; p != "" {
			rec.programmes = append(rec.programmes, p)
		}
	}
}

// programmes carries programmes from encounters and episodes to what was recorded at them, and then what they mean.
func (b *board) programmes() {
	for changed := true; changed; {
		changed = false
		for i := range b.records {
			rec := &b.records[i]
			for _, e := range rec.handled {
				for _, p := range b.records[e].programmes {
					if !slices.Contains(rec.programmes, p) {
						rec.programmes = append(rec.programmes, p)
						changed = true
					}
				}
			}
		}
	}
	for i := range b.records {
		rec := &b.records[i]
		for _, p := range rec.programmes {
			g, known := b.rules.programmes[p]
			if !known {
				rec.hold = true
				continue
			}
			g.give(rec)
		}
	}
}

// spread carries labels to where they are taken, over any number of steps.
func (b *board) spread() {
	for changed := true; changed; {
		changed = false
		for i := range b.records {
			rec := &b.records[i]
			for _, j := range rec.takes {
				changed = rec.takeAll(&b.records[j]) || changed
			}
			for _, j := range rec.handled {
				for _, l := range b.records[j].labels {
					if b.rules.handling[l.Code] {
						changed = rec.labels.add(l) || changed
					}
				}
			}
			if rec.inheritsChart() {
				for j := range b.records {
					changed = rec.takeLabels(&b.records[j]) || changed
				}
			}
		}
	}
}

// inheritsChart tells whether nobody knows what the record says: a scan takes the labels of the whole chart until a person classifies it.
func (rec *record) inheritsChart() bool { return rec.facts.InheritsChart && !rec.classified }

func (rec *record) takeLabels(from *record) (changed bool) {
	for _, l := range from.labels {
		changed = rec.labels.add(l) || changed
	}
	if from.level > rec.level {
		rec.level, changed = from.level, true
	}
	return changed
}

// takeAll takes labels and doubt.
func (rec *record) takeAll(from *record) (changed bool) {
	changed = rec.takeLabels(from)
	if from.hold && !rec.hold {
		rec.hold, changed = true, true
	}
	return changed
}

// defaults gives what a record of its type is where nothing says otherwise.
func (b *board) defaults() {
	chartDefaults := set{}
	for i := range b.records {
		rec := &b.records[i]
		t, known := b.rules.types[rec.facts.Type]
		if !known {
			rec.hold = true
			continue
		}
		rec.level = max(rec.level, b.rules.level(t.Confidentiality))
		if !slices.ContainsFunc(rec.labels, b.rules.isSensitivity) {
			for _, l := range t.labels {
				rec.labels.add(l)
				chartDefaults.add(l)
			}
		}
	}
	for i := range b.records {
		if rec := &b.records[i]; rec.inheritsChart() {
			for _, l := range chartDefaults {
				rec.labels.add(l)
			}
		}
	}
}

// final gives the labels of a record: sorted, with exactly one confidentiality, or none if it is unclassified.
func (b *board) final(i int) []fhir.Coding {
	rec := &b.records[i]
	labels := slices.Clone(rec.labels)
	if rec.level > 0 && !rec.hold {
		labels = append(labels, fhir.Coding{System: b.rules.levelSystem, Code: b.rules.levels[rec.level-1]})
	}
	return sorted(labels)
}
