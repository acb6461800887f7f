package answers

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// World is all that there is to be known.
type World struct {
	Base string
	Zone *time.Location
	Now  time.Time
	// Practice is the reference of the practice's own Organization in the source.
	Practice string
	// Charts are the clients' charts, by "Patient/id".
	Charts map[string]*Chart
	// Directory are the practice's own staff and sites, by reference.
	Directory map[string]Object
	// Identifier is the practice's own, with its system.
	Identifier Object
	// Kinds are the kinds of note by "system|code" of their type.
	Kinds map[string]string
	// consents are the source's, speaking of the records by the ids that leave.
	consents []json.RawMessage
	// contents are those of the attachments that go by the URL of a Binary, by id.
	contents map[string]content
	// source says of which resource of the source a record is, by reference.
	source map[string]string
	views  map[string]map[string]*View
	// ties are the organisations to which the practice's data tie a client, by client.
	ties map[string][]tie
	// disclosures are what every answer gave away, by client.
	disclosures map[string][]*disclosure
	eventViews  map[string]map[string]Object
	newest      Answer // of which a page was given
	// reasons are why or why not a record is released whatever the scopes, by requester and reference.
	reasons map[string]map[string]string
}

// Chart is what everybody could get to know of one client.
type Chart struct {
	Client string
	// Records are what leaves, whole, by reference.
	Records map[string]Object
	// asDecided are the same records as the decision looks at them: with what the source says of them, other clients included.
	asDecided map[string]Object
}

// Seen is what the partner to whom everything is permitted gets.
type Seen struct {
	// Charts are the records by client ("Patient/id"), the Patient among them.
	Charts map[string][]Object
	// Directory are the practice's staff and sites.
	Directory []Object
}

// Learn puts together what the source says and what leaves. source says of which resource of the source ("Type/id") a record is.
func Learn(practice string, source []Object, seen Seen, sourceOf func(Object) string) (*World, error) {
	w := &World{Practice: practice, Charts: map[string]*Chart{}, Directory: map[string]Object{}, source: map[string]string{}, contents: map[string]content{},
		views: map[string]map[string]*View{}, disclosures: map[string][]*disclosure{}, eventViews: map[string]map[string]Object{}, reasons: map[string]map[string]string{}}
	by := map[string]Object{}
	for _, r := range source {
		by[refOf(r)] = r
	}
	for _, r := range seen.Directory {
		w.Directory[refOf(r)] = r
	}
	l := learner{by: by, sourceOf: sourceOf, staff: map[string]string{}}
	for ref, r := range w.Directory {
		l.staff[sourceOf(r)] = ref
		w.source[ref] = sourceOf(r)
	}
	for _, client := range slices.Sorted(maps.Keys(seen.Charts)) {
		if err := l.learnNames(client, seen.Charts[client]); err != nil {
			return nil, err
		}
	}
	for _, client := range slices.Sorted(maps.Keys(seen.Charts)) {
		w.Charts[client] = l.chart(client, seen.Charts[client])
		for _, r := range seen.Charts[client] {
			if err := w.learnContents(by[sourceOf(r)], r); err != nil {
				return nil, err
			}
		}
		for from, ref := range l.names[client] {
			w.source[ref] = from
		}
	}
	w.ties = l.ties(source)
	for _, r := range source {
		if r["resourceType"] == "Consent" {
			w.consents = append(w.consents, l.consent(r))
		}
	}
	return w, nil
}

// Clients are the references of the clients, in the order of the source.
func (w *World) Clients() []string { return w.inOrder(maps.Keys(w.Charts)) }

// Refs are the references of all that is in a client's chart and in the directory, in the order of the source.
func (w *World) Refs(client string) []string {
	return append(w.inOrder(maps.Keys(w.Charts[client].Records)), w.inOrder(maps.Keys(w.Directory))...)
}

// inOrder sorts references by what they are in the source: ids that leave are others each time.
func (w *World) inOrder(refs iter.Seq[string]) []string {
	return slices.SortedFunc(refs, func(a, b string) int { return strings.Compare(w.source[a], w.source[b]) })
}

// learner knows what becomes of the source's references.
type learner struct {
	by       map[string]Object
	sourceOf func(Object) string
	staff    map[string]string            // of the directory, by source reference
	names    map[string]map[string]string // by client and source reference
	patients map[string]string            // by source reference
}

func (l *learner) learnNames(client string, records []Object) error {
	if l.names == nil {
		l.names, l.patients = map[string]map[string]string{}, map[string]string{}
	}
	names := map[string]string{}
	l.names[client] = names
	for _, r := range records {
		from := l.sourceOf(r)
		src := l.by[from]
		if src == nil {
			return fmt.Errorf("a %s has no source", r["resourceType"])
		}
		names[from] = refOf(r)
		if r["resourceType"] == "Patient" {
			l.patients[from] = client
		}
		together(src, r, func(from, to string) {
			if !strings.HasPrefix(from, "Group/") {
				names[from] = to
			}
		})
	}
	return nil
}

// together walks two trees and visits the references that stand at the same place in both.
func together(a, b any, visit func(from, to string)) {
	switch a := a.(type) {
	case []any:
		other, _ := b.([]any)
		if len(other) == len(a) {
			for i := range a {
				together(a[i], other[i], visit)
			}
		}
	case Object:
		if from, to := referenceOf(a), referenceOf(b); from != "" && to != "" {
			visit(from, to)
		}
		for name, v := range a {
			together(v, child(b, name), visit)
		}
	}
}

func (l *learner) chart(client string, records []Object) *Chart {
	c := &Chart{Client: client, Records: map[string]Object{}, asDecided: map[string]Object{}}
	for _, r := range records {
		ref := refOf(r)
		c.Records[ref] = r
		c.asDecided[ref] = l.asDecided(client, r)
	}
	return c
}

// asDecided is a record as the source has it, by the names that leave, in one client's chart. Of several clients the others are named beside; whom only
// records name belongs to the chart as they do.
func (l *learner) asDecided(client string, emitted Object) Object {
	src := clone(l.by[l.sourceOf(emitted)]).(Object)
	out := l.renamed(client, src).(Object)
	out["id"] = emitted["id"]
	labels := append(list(child(emitted["meta"], "security")), list(child(src["meta"], "security"))...)
	out["meta"] = Object{"security": labels}
	switch text(emitted["resourceType"]) {
	case "Patient":
	case "Coverage":
		out["subject"] = Object{"reference": client}
	case "Practitioner", "Organization", "Location", "PractitionerRole":
		out["subject"] = Object{"reference": client}
	default:
		if group := referenceOf(src["subject"]); typeOf(group) == "Group" {
			out["subject"] = Object{"reference": client}
			var others []any
			for _, m := range at(l.by[group], "member.entity") {
				others = append(others, Object{"reference": l.patients[referenceOf(m)]})
			}
			out["alsoAbout"] = others
		}
	}
	return out
}

// renamed puts the references that leave in the place of the source's.
func (l *learner) renamed(client string, v any) any {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			v[i] = l.renamed(client, e)
		}
	case Object:
		if from := referenceOf(v); from != "" {
			if to := l.nameOf(client, from); to != "" {
				v["reference"] = to
			}
		}
		for name, e := range v {
			v[name] = l.renamed(client, e)
		}
	}
	return v
}

func (l *learner) nameOf(client, from string) string {
	if p := l.patients[from]; p != "" {
		return p
	}
	if to := l.staff[from]; to != "" {
		return to
	}
	return l.names[client][from]
}

// consent is a Consent that speaks of clients and records by the names that leave; organisations keep the source's.
func (l *learner) consent(r Object) json.RawMessage {
	out := clone(r).(Object)
	client := l.patients[referenceOf(out["patient"])]
	out["patient"] = Object{"reference": client}
	if to := l.names[client][refOf(r)]; to != "" {
		out["id"] = idOf(to)
	}
	if p := out["provision"]; p != nil {
		l.provision(client, p)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(err) // it was JSON
	}
	return raw
}

func (l *learner) provision(client string, p any) {
	for _, d := range list(child(p, "data")) {
		l.renamed(client, d)
	}
	for _, below := range list(child(p, "provision")) {
		l.provision(client, below)
	}
}
