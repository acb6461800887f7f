package answers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Requester is who asks.
type Requester struct {
	// Name tells requesters apart.
	Name string
	// Registered is the name in the register, empty for none.
	Registered string
	// Who is the requester as a file of `gateway explain` gives it, without the scopes.
	Who Object
	// Scopes are those of the token.
	Scopes string
}

// View is what one requester may see of one chart, by reference.
type View struct {
	Client  string
	Records map[string]Object
	// terms are those of the Consents by which something is shown; under are the Consents of each record.
	terms map[string]*terms
	under map[string][]string
}

// represents says whether the requester is another person than the client.
func (q *Requester) represents(client string) bool {
	person := text(q.Who["person"])
	return person != "" && person != client
}

// permission is what a scope must give: r, s or both.
type permission string

// View is what the requester sees of a client: nil if it may not know of the client.
func (w *World) View(q *Requester, client string, p permission) *View {
	key := q.Name + " " + string(p)
	if w.views[key] == nil {
		w.views[key] = w.allViews(q, p)
	}
	return w.views[key][client]
}

func (w *World) allViews(q *Requester, p permission) map[string]*View {
	all := w.decide(q, p)
	views := map[string]*View{}
	for client, chart := range w.Charts {
		if v := w.view(q, p, chart, all); len(v.Records) > 0 {
			views[client] = v
		}
	}
	return views
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("not JSON: ", err))
	}
	return raw
}

// view takes what is released of a chart, takes out references to what is not, to a fixpoint, and adds the minimal Patient and the extracts of Consents.
// A whole Consent is for its client alone (rule 22).
func (w *World) view(q *Requester, p permission, chart *Chart, all map[string]decided) *View {
	v := &View{Client: chart.Client, Records: map[string]Object{}}
	for ref, r := range chart.Records {
		if d := all[ref]; d.released && (typeOf(ref) != "Consent" || d.self) {
			v.Records[ref] = r
		}
	}
	w.minimalPatient(q, p, chart, v)
	for changed := true; changed; {
		changed = false
		for _, ref := range slices.Sorted(maps.Keys(v.Records)) {
			if typeOf(ref) == "Consent" && !q.represents(chart.Client) {
				continue // as its client signed it, whatever it names
			}
			left, ok := strip(v.Records[ref], func(to string) bool { return w.leads(q, p, v, to) })
			switch {
			case !ok || inDirectory(typeOf(ref)) && !v.named(ref) || typeOf(ref) == "Consent" && !bytes.Equal(encode(left["provision"]), encode(v.Records[ref]["provision"])):
				delete(v.Records, ref)
				changed = true
			case len(encode(left)) != len(encode(v.Records[ref])):
				v.Records[ref] = left
				changed = true
			}
		}
	}
	if _, only := v.Records[chart.Client]; only && len(v.Records) == 1 && !all[chart.Client].released {
		delete(v.Records, chart.Client)
	}
	w.extracts(q, p, v, all)
	return v
}

// named says whether something in the view refers to a record.
func (v *View) named(ref string) bool {
	for other, r := range v.Records {
		found := false
		eachReference(r, func(to string) { found = found || to == ref })
		if found && other != ref {
			return true
		}
	}
	return false
}

// leads says whether a reference leads to something that the requester can see.
func (w *World) leads(q *Requester, p permission, v *View, to string) bool {
	if v.Records[to] != nil || to == v.Client {
		return true // whose record it is anything says
	}
	r := w.Directory[to]
	own := q.Who["kind"] == "patient" && q.Who["patient"] == v.Client // who treated them is a part of it, whatever the app may (45 CFR 164.524)
	return r != nil && (own || w.given(q, p, r, "patient"))
}

// minimal are the elements of a Patient who is shown because something else is.
var minimal = []string{"resourceType", "id", "meta", "identifier", "active", "name", "gender", "birthDate"}

func (w *World) minimalPatient(q *Requester, p permission, chart *Chart, v *View) {
	whole := chart.Records[chart.Client]
	if v.Records[chart.Client] != nil || len(v.Records) == 0 || whole == nil || !w.allowed(q, p, whole) {
		return
	}
	small := Object{}
	for _, name := range minimal {
		if e, there := whole[name]; there {
			small[name] = e
		}
	}
	v.Records[chart.Client] = small
}

// allowed says whether the scopes allow a resource, whatever any Consent says. Those for one patient end with the chart.
func (w *World) allowed(q *Requester, p permission, r Object) bool {
	if w.Directory[refOf(r)] != nil {
		return w.given(q, p, r, "")
	}
	return w.given(q, p, r, "patient")
}

// given says whether some scope of the levels system and user, or of one more, allows a resource.
func (w *World) given(q *Requester, p permission, r Object, level string) bool {
	for _, one := range string(p) {
		found := false
		for _, s := range readScopes(scopesFor(q.Scopes, string(one))) {
			found = found || (s.level != "patient" || s.level == level) && s.allows(r)
		}
		if !found {
			return false
		}
	}
	return true
}

// clients are those of whom the requester may know.
func (w *World) clients(q *Requester, p permission) []string {
	var out []string
	for _, client := range slices.Sorted(maps.Keys(w.Charts)) {
		if w.View(q, client, p) != nil {
			out = append(out, client)
		}
	}
	return out
}

// scopesFor are the scopes that give a permission, written as scopes to read.
func scopesFor(scopes, permission string) string {
	var out []string
	for s := range strings.FieldsSeq(scopes) {
		head, query, granular := strings.Cut(s, "?")
		target, perms, _ := strings.Cut(head, ".")
		if !strings.Contains(perms, permission) {
			continue
		}
		s = target + ".r"
		if granular {
			s += "?" + query
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// scope is one of the scopes that scopesFor writes.
type scope struct {
	level, resourceType string
	conditions          []string
}

func readScopes(scopes string) (out []scope) {
	for s := range strings.FieldsSeq(scopes) {
		head, query, _ := strings.Cut(s, "?")
		level, rest, _ := strings.Cut(head, "/")
		one := scope{level: level, resourceType: strings.TrimSuffix(rest, ".r")}
		for c := range strings.SplitSeq(query, "&") {
			if c != "" {
				one.conditions = append(one.conditions, c)
			}
		}
		out = append(out, one)
	}
	return out
}

func (s scope) covers(resourceType string) bool {
	return s.resourceType == "*" || s.resourceType == resourceType
}

func (s scope) allows(r Object) bool {
	if !s.covers(text(r["resourceType"])) {
		return false
	}
	for _, c := range s.conditions {
		name, value, _ := strings.Cut(c, "=")
		if !(criterion{name: name, values: strings.Split(value, ",")}).matches(nil, r, "") {
			return false
		}
	}
	return true
}
