package answers

import (
	"slices"
	"strings"
)

// projection is what _elements and _summary leave of a resource.
type projection struct {
	elements []string
	summary  string
}

// status is 400 for what cannot be asked together.
func (p projection) status(q *query) int {
	if len(p.elements) > 0 && p.summary != "" {
		return 400
	}
	if p.summary == "text" && len(q.includes) > 0 {
		return 400
	}
	return 0
}

// readProjection reads what a read may be asked with.
func readProjection(resourceType string, pairs [][2]string, strict bool) (projection, int) {
	q := &query{resourceType: resourceType}
	given := map[string]bool{}
	for _, pair := range pairs {
		name, value := pair[0], pair[1]
		switch {
		case value == "" || name == "_format" || name == "_pretty":
		case name == "_summary" || name == "_elements":
			if ok, _ := q.take(name, value, nil, nil); !ok || given[name] {
				return projection{}, 400
			}
			given[name] = true
		case strict:
			return projection{}, 400
		}
	}
	if q.projection.summary == "count" || !q.elements() && strict {
		return projection{}, 400
	}
	return q.projection, q.projection.status(q)
}

const subsetted = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

// apply gives what is asked of a resource. What is mandatory or a modifier always stays, and whose it is.
func (p projection) apply(r Object) Object {
	if len(p.elements) == 0 && (p.summary == "" || p.summary == "false" || p.summary == "count") {
		return r
	}
	resourceType := text(r["resourceType"])
	out := Object{}
	for member, v := range r {
		element := elementOf(resourceType, member)
		flags := elementsOf[resourceType][element]
		name := strings.TrimSuffix(element, "[x]")
		keep := strings.ContainsAny(flags, "!?") || slices.Contains([]string{"resourceType", "id", "meta", "subject", "patient"}, member)
		switch {
		case len(p.elements) > 0:
			keep = keep || slices.Contains(p.elements, name) || slices.Contains(p.elements, element) || slices.Contains(p.elements, member)
		case p.summary == "true":
			keep = keep || strings.Contains(flags, "s")
		case p.summary == "text":
			keep = keep || member == "text"
		case p.summary == "data":
			keep = member != "text"
		}
		if keep && p.summary == "true" {
			v, keep = inSummary(v, false)
		}
		if keep {
			out[member] = v
		}
	}
	meta, _ := clone(out["meta"]).(Object)
	if meta == nil {
		meta = Object{}
	}
	meta["tag"] = append(list(meta["tag"]), Object{"system": subsetted, "code": "SUBSETTED"})
	out["meta"] = meta
	return out
}

// inSummary is an element without the data of the Attachments in it.
func inSummary(v any, attachment bool) (any, bool) {
	switch v := v.(type) {
	case []any:
		var out []any
		for _, e := range v {
			if kept, ok := inSummary(e, attachment); ok {
				out = append(out, kept)
			}
		}
		return out, len(out) > 0
	case Object:
		out := Object{}
		for name, e := range v {
			if attachment && name == "data" {
				continue
			}
			if kept, ok := inSummary(e, name == "attachment" || name == "sourceAttachment"); ok {
				out[name] = kept
			}
		}
		return out, len(out) > 0
	}
	return v, true
}

// applyToIncluded is the same for what was included.
func (p projection) applyToIncluded(r Object) Object { return r }
