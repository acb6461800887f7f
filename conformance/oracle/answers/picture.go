package answers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Rules are what is known of a practice besides its records.
type Rules struct {
	// Kinds are the kinds of note that may leave, by "system|code": each code of the type must be of one.
	Kinds map[string]string
	// Labels are those that a record has for a code of its own, by "system|code".
	Labels map[string][]string
}

// Picture compares what the partner gets to whom everything is permitted with the source itself: each record of each client is there, but notes of a kind
// that may not leave; nobody else's is; and each says what the source says, but for what never leaves (narratives, titles, versions) and content that
// goes by a URL. Of the labels it checks the confidentiality, the source's own, those for codes, and the programme of the encounter. It names the
// differences by type and element.
func Picture(source []Object, seen Seen, sourceOf func(Object) string, rules Rules) []string {
	c := picture{comparison: comparison{}, rules: rules, by: map[string]Object{}}
	for _, r := range source {
		c.by[refOf(r)] = r
	}
	staff := map[string]string{}
	for _, r := range seen.Directory {
		staff[sourceOf(r)] = refOf(r)
	}
	for _, client := range slices.Sorted(maps.Keys(seen.Charts)) {
		names, emitted := maps.Clone(staff), map[string]Object{}
		for _, r := range seen.Charts[client] {
			names[sourceOf(r)], emitted[sourceOf(r)] = refOf(r), r
		}
		c.chart(client, names, emitted)
	}
	return c.found
}

type picture struct {
	comparison
	rules Rules
	by    map[string]Object // the source, by reference
}

// chart compares one client's chart. names are those that leave, by the source's.
func (c *picture) chart(client string, names map[string]string, emitted map[string]Object) {
	own := ""
	for from, to := range names {
		if to == client {
			own = from
		}
	}
	want := map[string]Object{}
	for ref, r := range c.by {
		if c.about(r, own) && c.mayLeave(r) {
			want[ref] = c.left(r)
		}
	}
	for changed := true; changed; { // what refers to what is not there
		changed = false
		for ref, r := range want {
			kept, ok := strip(r, func(to string) bool {
				return want[to] != nil || names[to] != "" && emitted[to] == nil || inDirectory(typeOf(to))
			})
			if !ok {
				delete(want, ref)
				changed = true
			} else if len(encode(kept)) != len(encode(r)) {
				want[ref], changed = kept, true
			}
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(want)) {
		if emitted[ref] == nil {
			c.say("a %s of the source does not leave", typeOf(ref))
			continue
		}
		c.record(client, names, want[ref], emitted[ref])
	}
	for ref, r := range emitted {
		if want[ref] == nil && !inDirectory(typeOf(ref)) {
			c.say("a %s is in a chart where it does not belong", r["resourceType"])
		}
	}
}

// about says whether a resource of the source is about a client: by its subject, as a member of a group, or by what it is of.
func (c *picture) about(r Object, client string) bool {
	if refOf(r) == client {
		return true
	}
	for _, whose := range slices.Concat(list(r["subject"]), list(r["patient"]), list(r["beneficiary"])) {
		ref := referenceOf(whose)
		if ref == client || slices.ContainsFunc(at(c.by[ref], "member.entity"), func(m any) bool { return referenceOf(m) == client }) {
			return true
		}
	}
	return r["resourceType"] == "Provenance" && slices.ContainsFunc(list(r["target"]), func(t any) bool {
		target := c.by[referenceOf(t)]
		return target != nil && target["resourceType"] != "Provenance" && c.about(target, client)
	})
}

func (c *picture) mayLeave(r Object) bool {
	switch r["resourceType"] {
	case "DocumentReference":
		codes := at(r, "type.coding")
		return len(codes) > 0 && !slices.ContainsFunc(codes, func(t any) bool { return c.rules.Kinds[text(child(t, "system"))+"|"+text(child(t, "code"))] == "" })
	case "Group", "Device", "Binary":
		return false
	}
	return true
}

// left is a resource without what never leaves.
func (c *picture) left(r Object) Object {
	out := clone(r).(Object)
	delete(out, "text")
	if out["resourceType"] == "DocumentReference" {
		delete(out, "description")
		for _, a := range at(out, "content.attachment") {
			delete(a.(Object), "title")
		}
	}
	if numbers := list(out["identifier"]); out["resourceType"] == "Patient" && len(numbers) > 0 {
		out["identifier"] = slices.DeleteFunc(numbers, func(n any) bool {
			return slices.ContainsFunc(at(n, "type.coding.code"), func(code any) bool { return slices.Contains([]any{"SS", "DL", "PPN"}, code) })
		})
	}
	return out
}

// record compares one record with the source.
func (c *picture) record(client string, names map[string]string, want, got Object) {
	source := c.by[refOf(want)]
	c.labels(source, got)
	want, got = c.named(client, names, want).(Object), c.named(client, names, clone(got)).(Object)
	for _, name := range members(want, got) {
		w, g := want[name], got[name]
		switch name {
		case "id":
			continue
		case "meta":
			if text(child(g, "lastUpdated")) != text(child(source["meta"], "lastUpdated")) {
				c.say("a %s has another lastUpdated", got["resourceType"])
			}
			continue
		case "content":
			w, g = withoutContent(w), withoutContent(g)
		case "provision", "organization":
			if got["resourceType"] == "Consent" { // organisations that a Consent names get their identifiers
				w, g = withoutIdentifiers(w), withoutIdentifiers(g)
			}
		}
		if !bytes.Equal(encode(w), encode(g)) {
			c.say("%s of a %s is not that of the source (there: %v, there: %v)", name, got["resourceType"], g != nil, w != nil)
		}
	}
}

// named puts the names that leave in the place of the source's; a group's record is each member's own.
func (c *picture) named(client string, names map[string]string, v any) any {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			v[i] = c.named(client, names, e)
		}
	case Object:
		if from := referenceOf(v); strings.HasPrefix(from, "Group/") {
			return Object{"reference": client}
		} else if names[from] != "" {
			v["reference"] = names[from]
		}
		for name, e := range v {
			v[name] = c.named(client, names, e)
		}
	}
	return v
}

// withoutIdentifiers leaves the references that have an identifier beside it.
func withoutIdentifiers(v any) any {
	v = clone(v)
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case Object:
			if referenceOf(v) != "" {
				delete(v, "identifier")
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	return v
}

// withoutContent leaves out of attachments what differs when the content goes by a URL: that is asked for and compared by itself.
func withoutContent(v any) any {
	v = clone(v)
	for _, a := range at(v, "attachment") {
		for _, name := range []string{"data", "url", "size", "hash", "creation"} {
			delete(a.(Object), name)
		}
	}
	return v
}

// labels says which labels are missing.
func (c *picture) labels(source, got Object) {
	has := at(got, "meta.security.code")
	if !slices.ContainsFunc(has, func(l any) bool { return slices.Contains([]any{"N", "R", "V"}, l) }) {
		c.say("a %s has no confidentiality", got["resourceType"])
	}
	var must []any
	must = append(must, at(source, "meta.security.code")...)
	for _, encounter := range append(list(source["encounter"]), at(source, "context.encounter")...) {
		for _, l := range at(c.by[referenceOf(encounter)], "meta.security.code") {
			if l == part2 {
				must = append(must, l)
			}
		}
	}
	eachCoding(source, func(key string) {
		if source["resourceType"] == "Consent" {
			return
		}
		for _, l := range c.rules.Labels[key] {
			must = append(must, l)
		}
	})
	for _, l := range must {
		if !slices.Contains(has, l) {
			c.say("a %s lacks the label %s", got["resourceType"], fmt.Sprint(l))
		}
	}
}

// eachCoding visits the codes in a tree as "system|code".
func eachCoding(v any, visit func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			eachCoding(e, visit)
		}
	case Object:
		if text(v["code"]) != "" {
			visit(text(v["system"]) + "|" + text(v["code"]))
		}
		for _, e := range v {
			eachCoding(e, visit)
		}
	}
}
