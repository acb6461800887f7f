package consent

import (
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
)

// permits tells whether everything holds that a permit states of the record, but for its labels. Unknown never matches (rule 12).
func (d *decider) permits(n *node, r *record) bool {
	for _, group := range n.rule.Classes {
		if !slices.ContainsFunc(group, func(c policy.Class) bool { return ofClass(c, r.facts) == same }) {
			return false
		}
	}
	for _, group := range n.rule.Codes {
		if !slices.ContainsFunc(group, r.codings(d.in.Rules).Has) {
			return false
		}
	}
	for _, p := range n.rule.DataPeriods {
		if p.Unread || !permittedTime(r.facts.When, p.Interval) {
			return false
		}
	}
	for _, group := range n.data {
		if !slices.ContainsFunc(group, func(t *target) bool { return t.permits(r.facts) }) {
			return false
		}
	}
	return true
}

// denies tells whether everything that a deny states of the record may hold. Unknown always matches (rule 12).
func (d *decider) denies(n *node, r *record) bool {
	for _, group := range n.rule.Classes {
		if !slices.ContainsFunc(group, func(c policy.Class) bool { return ofClass(c, r.facts) != other }) {
			return false
		}
	}
	for _, group := range n.rule.Codes {
		if !slices.ContainsFunc(group, r.codings(d.in.Rules).MayHave) {
			return false
		}
	}
	for _, p := range n.rule.DataPeriods {
		if !p.Unread && !deniedTime(r.facts.When, p.Interval) {
			return false
		}
	}
	for _, group := range n.data {
		if !slices.ContainsFunc(group, func(t *target) bool { return t.denies(r.facts, d.in.Rules) }) {
			return false
		}
	}
	return deniesLabels(n.rule.Labels, n.rule.LabelsOfPermit, r)
}

// definitions is where FHIR's own definitions are; that of a resource type is called by its name.
const definitions = "http://hl7.org/fhir/StructureDefinition/"

// ofClass compares a record with a content class. A record that states no profile, or a document that states no format, is unknown.
func ofClass(c policy.Class, f *stage.Facts) likeness {
	switch c.Kind {
	case policy.ClassType:
		switch {
		case c.Name == f.Type:
			return same
		case c.Name == "Binary" && f.Type == "DocumentReference":
			return unknown // its content may be one, and goes where it goes (design rule 22)
		}
		return other
	case policy.ClassProfile:
		return ofProfile(c.Name, f)
	case policy.ClassFormat:
		if slices.Contains(f.Formats, c.Name) {
			return same
		}
		if len(f.Formats) > 0 || f.Type != "DocumentReference" {
			return other
		}
	}
	return unknown
}

// ofProfile compares a record with a profile, whatever its version. Every record is of the base definition of its type and of no other type's;
// which other profiles one is of that states none is unknown.
func ofProfile(name string, f *stage.Facts) likeness {
	name, _, _ = strings.Cut(name, "|")
	base := definitions + f.Type
	if name == base {
		return same
	}
	if typ, ok := strings.CutPrefix(name, definitions); ok && policy.IsResourceType(typ) {
		return other
	}
	found := unknown
	for _, stated := range f.Profiles {
		switch stated, _, _ = strings.Cut(stated, "|"); stated {
		case name:
			return same
		case base:
		default:
			found = other
		}
	}
	return found
}

// codings reads the codes of the record, when they are asked for.
func (r *record) codings(rules *Rules) *policy.Codings {
	if r.codes == nil {
		r.codes = rules.CodingsOf(r.facts.Type, r.facts.Codings, r.labels)
	}
	return r.codes
}

// permittedTime tells whether a permit's dataPeriod reaches the record: an event must lie in it whole, a state overlap it.
func permittedTime(w stage.When, period fhir.Interval) bool {
	switch {
	case w.Timeless:
		return true
	case !w.Known:
		return false
	case !w.State:
		return w.Within(period)
	}
	i, ok := ended(w)
	return ok && i.Overlaps(period)
}

// deniedTime tells whether a deny's dataPeriod may reach the record: any overlap is enough.
func deniedTime(w stage.When, period fhir.Interval) bool {
	if w.Timeless {
		return false
	}
	i := w.Interval
	if w.EndUnknown {
		i.End = time.Time{}
	}
	return !w.Known || i.Overlaps(period)
}

// ended is a state's stretch of time as a permit takes it: one that ended nobody knows when ended when it began.
func ended(w stage.When) (fhir.Interval, bool) {
	if !w.EndUnknown {
		return w.Interval, true
	}
	return fhir.Interval{Start: w.Start, End: w.Start.Add(1)}, !w.Start.IsZero()
}
