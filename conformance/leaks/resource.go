package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// sealedID is the form of the gateway's ids.
var sealedID = regexp.MustCompile(`[a-z2-7]{64}`)

// resource is a FHIR resource as JSON.
type resource struct {
	typ, id string
	tree    map[string]any
}

func (r resource) ref() string { return r.typ + "/" + r.id }

// entry is one of a Bundle, with its search mode.
type entry struct {
	resource
	mode, fullURL string
}

// bundle is a Bundle.
type bundle struct {
	total   *int
	next    string
	links   []string
	entries []entry
}

func (b bundle) refs() []string {
	var out []string
	for _, e := range b.entries {
		out = append(out, e.ref())
	}
	return out
}

func (b bundle) matches() []string {
	var out []string
	for _, e := range b.entries {
		if e.mode == "match" {
			out = append(out, e.ref())
		}
	}
	return out
}

func toResource(tree map[string]any) resource {
	r := resource{tree: tree}
	r.typ, _ = tree["resourceType"].(string)
	r.id, _ = tree["id"].(string)
	return r
}

// resource reads a body; ok is false for what is no resource.
func (a *answer) resource() (resource, bool) {
	var tree map[string]any
	if json.Unmarshal(a.body, &tree) != nil {
		return resource{}, false
	}
	r := toResource(tree)
	return r, r.typ != ""
}

// bundle reads a Bundle; ok is false for what is none.
func (a *answer) bundle() (bundle, bool) {
	var raw struct {
		ResourceType string
		Total        *int
		Link         []struct{ Relation, URL string }
		Entry        []struct {
			FullURL  string
			Resource map[string]any
			Search   struct{ Mode string }
		}
	}
	if a.status != 200 || json.Unmarshal(a.body, &raw) != nil || raw.ResourceType != "Bundle" {
		return bundle{}, false
	}
	b := bundle{total: raw.Total}
	for _, l := range raw.Link {
		b.links = append(b.links, l.URL)
		if l.Relation == "next" {
			b.next = l.URL
		}
	}
	for _, e := range raw.Entry {
		b.entries = append(b.entries, entry{resource: toResource(e.Resource), mode: e.Search.Mode, fullURL: e.FullURL})
	}
	return b, true
}

// eachResource visits every resource in a tree, however deep: entries, contained ones, parameters.
func eachResource(tree any, visit func(resource)) {
	switch x := tree.(type) {
	case []any:
		for _, e := range x {
			eachResource(e, visit)
		}
	case map[string]any:
		if r := toResource(x); r.typ != "" {
			visit(r)
		}
		for _, v := range x {
			eachResource(v, visit)
		}
	}
}

// eachString visits every text in a tree, with the name of its member.
func eachString(tree any, name string, visit func(name, text string)) {
	switch x := tree.(type) {
	case string:
		visit(name, x)
	case []any:
		for _, e := range x {
			eachString(e, name, visit)
		}
	case map[string]any:
		for n, v := range x {
			eachString(v, n, visit)
		}
	}
}

// at gives the values at a dotted path, through arrays.
func at(tree any, path string) []any {
	name, rest, more := strings.Cut(path, ".")
	switch x := tree.(type) {
	case []any:
		var out []any
		for _, e := range x {
			out = append(out, at(e, path)...)
		}
		return out
	case map[string]any:
		v, ok := x[name]
		if !ok {
			return nil
		}
		if more {
			return at(v, rest)
		}
		if list, ok := v.([]any); ok {
			return list
		}
		return []any{v}
	}
	return nil
}

// texts are the strings at a path.
func (r resource) texts(path string) []string {
	var out []string
	for _, v := range at(r.tree, path) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (r resource) text(path string) string {
	if all := r.texts(path); len(all) > 0 {
		return all[0]
	}
	return ""
}

// references are all literal references in a resource.
func (r resource) references() []string {
	var out []string
	eachString(r.tree, "", func(name, text string) {
		if name == "reference" && !strings.HasPrefix(text, "#") {
			out = append(out, text)
		}
	})
	return out
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}
