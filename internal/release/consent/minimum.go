package consent

import (
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/stage"
)

// inRule applies the rule of minimum necessary of a purpose to a record (rule 17).
func (d *decider) inRule(q purpose, r *record) bool {
	if !q.known || q.rule == nil {
		return false
	}
	if in, ok := r.within[q.code]; ok {
		return in
	}
	in := q.rule.Lists(r.facts.Type, func(c fhir.Coding) bool { return isKind(r.facts, c) }) && d.recent(r.facts.When, q.rule.MaxAgeMonths)
	if r.within == nil {
		r.within = make(map[string]bool, len(d.purposes))
	}
	r.within[q.code] = in
	return in
}

// isKind tells whether a code stands in the record's type, category or code.
func isKind(f *stage.Facts, c fhir.Coding) bool {
	return slices.ContainsFunc(f.Codings, func(at stage.At[fhir.Coding]) bool {
		return (at.Path == "code" || at.Path == "category" || at.Path == "type") && at.Value.System == c.System && at.Value.Code == c.Code
	})
}

// recent tells whether a record's matter lies within so many months before the end of today: an event must have begun in them, a state
// overlap them.
func (d *decider) recent(w stage.When, months int) bool {
	if months == 0 || w.Timeless {
		return true
	}
	if !w.Known {
		return false
	}
	if w.State {
		i, ok := ended(w)
		return ok && d.begun(i.Start) && (i.End.IsZero() || d.fresh(i.End, months))
	}
	return !w.Start.IsZero() && d.begun(w.Start) && d.fresh(w.Start, months)
}

// begun tells whether t is today or before. The zero time is.
func (d *decider) begun(t time.Time) bool {
	if t.IsZero() {
		return true
	}
	y, m, day := t.In(d.in.Zone).Date()
	today := time.Date(y, m, day, 0, 0, 0, 0, d.in.Zone)
	d.notice(today)
	return !d.in.Now.Before(today)
}

// fresh tells whether t is not yet so many months ago.
func (d *decider) fresh(t time.Time, months int) bool {
	old := t.In(d.in.Zone).AddDate(0, months, 0)
	d.notice(old)
	return d.in.Now.Before(old)
}
