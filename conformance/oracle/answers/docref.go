package answers

import (
	"slices"
	"strings"
)

// wanted are the documents that $docref asks for.
type wanted struct {
	client             string
	types, profiles    []string
	b                  bounds
	narrowed, onDemand bool
}

// take understands one parameter. It is not known if there is no such one.
func (d *wanted) take(a *Asker, q *query, name, value string) (ok, known bool) {
	switch name {
	case "patient":
		ok = d.client == "" || d.client == value
		d.client = value
		return ok, true
	case "start", "end":
		d.narrowed = true
		return d.b.take(a.World, name, value), true
	case "type":
		d.types, d.narrowed = append(d.types, split(value)...), true
	case "profile":
		d.profiles, d.narrowed = append(d.profiles, split(value)...), true
	case "on-demand":
		d.onDemand = value == "true"
		return value == "false" || d.onDemand, true
	case "_count":
		return q.take(name, value, a.Zone, a.Claimed)
	default:
		return true, false
	}
	return true, true
}

// docref is DocumentReference/$docref (US Core 6.1): the documents of one client, by time, type and profile; with none of these the current ones.
func (a *Asker) docref(pairs [][2]string, strict bool) Answer {
	if !a.covered("DocumentReference", "s") {
		return failed(403, "")
	}
	q := &query{resourceType: "DocumentReference", count: defaultCount}
	var d wanted
	for _, pair := range pairs {
		if pair[1] == "" || pair[0] == "_format" || pair[0] == "_pretty" {
			continue
		}
		ok, known := d.take(a, q, pair[0], pair[1])
		switch {
		case !ok || !known && strict:
			return failed(400, "")
		case known:
			q.self = append(q.self, pair)
		case !slices.Contains(q.ignored, pair[0]):
			q.ignored = append(q.ignored, pair[0])
		}
	}
	if d.client == "" {
		return failed(400, "required")
	}
	v := a.View(a.Who, "Patient/"+strings.TrimPrefix(d.client, "Patient/"), "s")
	if v == nil || d.onDemand { // nothing is made for the asking
		return a.pages(q, nil, "s")
	}
	var found []hit
	for ref, r := range v.Records {
		if typeOf(ref) == "DocumentReference" && a.isWanted(d, r, v.Client) {
			found = append(found, hit{r, place{v.Client, v.Records}})
		}
	}
	a.order(q, found)
	return a.pages(q, found, "s")
}

func (a *Asker) isWanted(d wanted, r Object, client string) bool {
	switch {
	case !d.narrowed:
		return r["status"] == "current"
	case len(d.types) > 0 && !(criterion{name: "type", values: d.types}).matches(a.Zone, r, client):
		return false
	case len(d.profiles) > 0 && !slices.ContainsFunc(at(r, "meta.profile"), func(p any) bool { return slices.Contains(d.profiles, text(p)) }):
		return false
	}
	return !d.b.given || a.documentWithin(r, d.b.asked)
}

// documentWithin says whether a document's date, or the period that it is about, overlaps.
func (a *Asker) documentWithin(r Object, asked span) bool {
	return slices.ContainsFunc(append(at(r, "date"), at(r, "context.period")...), func(v any) bool {
		s, ok := timeOf(v, a.Zone)
		return ok && s.overlaps(asked)
	})
}
