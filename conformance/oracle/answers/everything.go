package answers

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// bounds are what the operations' start and end leave.
type bounds struct {
	given bool
	asked span
}

// take reads start or end: a date or a time.
func (b *bounds) take(w *World, name, value string) bool {
	s, ok := dateSpan(value, w.Zone)
	b.given = true
	if name == "start" {
		b.asked.from = s.from
	} else {
		b.asked.to = s.to
	}
	return ok
}

// mostEverything is how many records one page holds; where no count is asked for, all of them.
const mostEverything = 5000

// everything is Patient/{id}/$everything: all of one client's view, the Patient first, in pages.
func (a *Asker) everything(id string, pairs [][2]string, strict bool) Answer {
	if !a.covered("Patient", "rs") {
		return failed(403, "")
	}
	q := &query{resourceType: "Patient", count: mostEverything}
	var types []string
	var since *span
	var b bounds
	for _, pair := range pairs {
		name, value := pair[0], pair[1]
		ok := true
		switch {
		case value == "" || name == "_format" || name == "_pretty":
			continue
		case name == "_type":
			types = append(types, strings.Split(value, ",")...)
		case name == "_since":
			s, good := dateSpan(value, a.Zone)
			since, ok = &s, good
		case name == "start" || name == "end":
			ok = b.take(a.World, name, value)
		case name == "_count":
			n, err := strconv.Atoi(value)
			q.count, q.countGiven, ok = min(n, mostEverything), true, err == nil && n >= 0
		case strict:
			ok = false
		default:
			if !slices.Contains(q.ignored, name) {
				q.ignored = append(q.ignored, name)
			}
			continue
		}
		if !ok {
			return failed(400, "")
		}
		q.self = append(q.self, pair)
	}
	v := a.View(a.Who, "Patient/"+id, "rs")
	if v == nil || v.Records["Patient/"+id] == nil {
		return failed(404, "")
	}
	var found []hit
	kept := maps.Clone(v.Records)
	maps.DeleteFunc(kept, func(_ string, r Object) bool { return !a.within(v, r, since, b) })
	a.addStaff(kept, func(r Object) bool { return a.within(v, r, since, b) })
	for ref, r := range kept {
		if len(types) == 0 || slices.Contains(types, typeOf(ref)) {
			found = append(found, hit{r, place{v.Client, v.Records}})
		}
	}
	slices.SortFunc(found, func(x, y hit) int { return strings.Compare(everythingKey(v, x.r), everythingKey(v, y.r)) })
	return a.pages(q, found, "rs")
}

// everythingKey is the place in the order: the Patient first, then by type and id.
func everythingKey(v *View, r Object) string {
	if refOf(r) == v.Client {
		return ""
	}
	return refOf(r)
}

// addStaff adds those of the practice's staff and sites to whom the records refer, and who are wanted.
func (a *Asker) addStaff(records map[string]Object, wanted func(Object) bool) {
	for before := -1; before != len(records); {
		before = len(records)
		for _, r := range maps.Clone(records) {
			eachReference(r, func(to string) {
				if staff := a.Directory[to]; staff != nil && a.allowed(a.Who, "rs", staff) && wanted(staff) {
					records[to] = staff
				}
			})
		}
	}
}

// within says whether a record is of the time that is asked for. A Provenance is as its targets are.
func (a *Asker) within(v *View, r Object, since *span, b bounds) bool {
	if r["resourceType"] == "Provenance" && (since != nil || b.given) {
		return slices.ContainsFunc(list(r["target"]), func(t any) bool {
			target := v.Records[referenceOf(t)]
			return target != nil && target["resourceType"] != "Provenance" && a.within(v, target, since, b)
		})
	}
	if since != nil {
		changed, ok := dateSpan(text(child(r["meta"], "lastUpdated")), a.Zone)
		if !ok || changed.from.Before(since.from) {
			return false
		}
	}
	happened, dated := a.when(r)
	dated = dated && r["resourceType"] != "Consent" // it speaks of what was done while it holds, not of the day on which it was signed
	return !b.given || !dated || happened.overlaps(b.asked)
}
