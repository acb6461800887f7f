package answers

import (
	"maps"
	"slices"
)

// Knows says whether the oracle knows a type's search parameter.
func Knows(resourceType, name string) bool {
	_, ok := knows(resourceType, name)
	return ok
}

// Names are the names of a type's search parameters.
func Names(resourceType string) []string {
	return append(slices.Sorted(maps.Keys(parameters[resourceType])), slices.Sorted(maps.Keys(everyType))...)
}

// Kind is the kind of a parameter.
func Kind(resourceType, name string) string {
	p, _ := knows(resourceType, name)
	return p.kind
}

// Tokens are values to search by for a token parameter: codes that stand in a chart or in the directory, written in each of the ways, and one that
// does not.
func Tokens(resourceType, name string, w *World, client string) []string {
	p, _ := knows(resourceType, name)
	out := []string{"nothing"}
	for _, ref := range w.Refs(client) {
		r := w.Directory[ref]
		if r == nil {
			r = w.Charts[client].Records[ref]
		}
		if typeOf(ref) != resourceType {
			continue
		}
		for _, v := range p.values(r) {
			for _, t := range tokens(p, v) {
				out = append(out, t.code)
				if name == "_id" {
					continue
				}
				out = append(out, t.system+"|"+t.code)
				if t.system != "" {
					out = append(out, "|"+t.code)
				}
			}
		}
	}
	return out
}

// Withheld are records that somebody has and this requester must not get.
func (a *Asker) Withheld() (out []Object) {
	for _, client := range a.Clients() {
		v := a.View(a.Who, client, "s")
		for _, ref := range a.Refs(client) {
			if r := a.Charts[client].Records[ref]; r != nil && (v == nil || v.Records[ref] == nil) {
				out = append(out, r)
			}
		}
	}
	return out
}

// OfType are the references of a client's records of a type, in the order of the source.
func (w *World) OfType(client, resourceType string) []string {
	return slices.DeleteFunc(w.inOrder(maps.Keys(w.Charts[client].Records)), func(ref string) bool { return typeOf(ref) != resourceType })
}

// Value is how a search asks for what a record has for a parameter: the first of its values, or "".
func (w *World) Value(client, ref, name string) string {
	r := w.Directory[ref]
	if r == nil {
		r = w.Charts[client].Records[ref]
	}
	p, _ := knows(typeOf(ref), name)
	for _, v := range p.values(r) {
		switch p.kind {
		case "token":
			switch all := tokens(p, v); {
			case len(all) == 0:
			case name == "_id" || all[0].system == "":
				return all[0].code
			default:
				return all[0].system + "|" + all[0].code
			}
		case "date":
			if s := text(v); s != "" {
				return s
			}
			if s := text(child(v, "start")); s != "" {
				return "ge" + s
			}
		case "string":
			if all := strings1(v); len(all) > 0 {
				return all[0]
			}
		case "reference":
			return referenceOf(v)
		}
	}
	return ""
}
