package consent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/consentry/gateway/conformance/oracle/cases"
)

// minimized is the smallest case found on which engine and oracle still differ, with the rules of section 5 that it still touches.
func (e *engine) minimized(in cases.Input) string {
	d, ok := e.differ(in)
	if !ok {
		return ""
	}
	c := small{in: in, kinds: kinds(d), docs: [][]any{decoded(in.Consents), decoded(in.Resources), decoded([]json.RawMessage{in.Requester})}}
	for c.shrink(e) {
	}
	d, _ = e.differ(c.in)
	var b strings.Builder
	fmt.Fprintf(&b, "smallest, at %s in zone %s, practice %q, touching rules %s:\n%s", c.in.At.Format("2006-01-02T15:04:05Z07:00"), c.in.Zone, c.in.Practice, c.rules(), d)
	for _, doc := range slices.Concat(c.in.Consents, c.in.Resources, []json.RawMessage{c.in.Requester}) {
		fmt.Fprintf(&b, "  %s\n", doc)
	}
	return b.String()
}

// small is a case that is being made smaller: Consents, resources and the requester as decoded JSON.
type small struct {
	in    cases.Input
	docs  [][]any
	kinds []string // how the two differ: one of these must stay
}

// kinds are the differences without what they are about: what each decides and why.
func kinds(differences string) []string {
	var out []string
	for line := range strings.Lines(differences) {
		_, line, _ = strings.Cut(line, ": ")
		ours, theirs, _ := strings.Cut(line, "; ")
		ours, _, _ = strings.Cut(ours, " {")
		theirs, _, _ = strings.Cut(theirs, " [")
		out = append(out, ours+"; "+theirs)
	}
	return out
}

func decoded(raws []json.RawMessage) []any {
	out := make([]any, len(raws))
	for i, raw := range raws {
		if json.Unmarshal(raw, &out[i]) != nil {
			out[i] = nil
		}
	}
	return out
}

// shrink tries to leave out each element once, and tells whether any could be.
func (c *small) shrink(e *engine) bool {
	smaller := false
	for k := range c.docs {
		for i := 0; i < len(c.docs[k]); {
			if k < 2 && c.try(e, func() { c.docs[k] = slices.Delete(slices.Clone(c.docs[k]), i, i+1) }) {
				smaller = true
				continue
			}
			for _, without := range reduced(c.docs[k][i]) {
				if c.try(e, func() { c.docs[k] = slices.Clone(c.docs[k]); c.docs[k][i] = without }) {
					smaller = true
					break
				}
			}
			i++
		}
	}
	return smaller
}

// try makes a change and takes it back if the two agree after it, or cannot read the case any more.
func (c *small) try(e *engine, change func()) bool {
	in, docs := c.in, slices.Clone(c.docs)
	change()
	c.in.Consents, c.in.Resources, c.in.Requester = encoded(c.docs[0]), encoded(c.docs[1]), encoded(c.docs[2])[0]
	d, ok := e.differ(c.in)
	if ok && slices.ContainsFunc(kinds(d), func(k string) bool { return slices.Contains(c.kinds, k) }) {
		return true
	}
	c.in, c.docs = in, docs
	return false
}

func encoded(docs []any) []json.RawMessage {
	out := make([]json.RawMessage, len(docs))
	for i, d := range docs {
		out[i], _ = json.Marshal(d)
	}
	return out
}

// reduced gives every value that v is with one member or item left out.
func reduced(v any) []any {
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			without := clone(v)
			if delete(without, name); len(without) > 0 {
				out = append(out, without)
			}
			for _, r := range reduced(inner) {
				with := clone(v)
				with[name] = r
				out = append(out, with)
			}
		}
	case []any:
		for i, inner := range v {
			if len(v) > 1 {
				out = append(out, slices.Delete(slices.Clone(v), i, i+1))
			}
			for _, r := range reduced(inner) {
				with := slices.Clone(v)
				with[i] = r
				out = append(out, with)
			}
		}
	}
	return out
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// touches says which rules speak of a word of FHIR.
var touches = []struct{ word, rules string }{
	{`"status":"`, "7"}, {`"dateTime"`, "7"}, {`"performer"`, "7"}, {`"verification"`, "7"}, {`"organization":[`, "7"}, {`"modifierExtension"`, "8"},
	{`"implicitRules"`, "8"}, {`"policyRule"`, "9"}, {`"provision":[`, "10 11"}, {`"class":[`, "12"}, {`"code":[`, "12"}, {`"dataPeriod"`, "12"},
	{`"action"`, "13"}, {`"actor"`, "13"}, {`"purpose"`, "4 14 17"}, {`"data":[`, "15"}, {`"securityLabel"`, "16"}, {`"security"`, "1 2 5 16"},
	{`"period"`, "19"}, {`"Patient/ben"`, "20"}, {`"Provenance"`, "22"}, {`"scopes"`, "3"}, {`"person"`, "6"}, {`"RelatedPerson"`, "6 7"},
}

func (c *small) rules() string {
	var text strings.Builder
	for _, doc := range slices.Concat(c.in.Consents, c.in.Resources, []json.RawMessage{c.in.Requester}) {
		text.Write(doc)
	}
	var rules []string
	for _, t := range touches {
		if strings.Contains(text.String(), t.word) {
			rules = append(rules, strings.Fields(t.rules)...)
		}
	}
	slices.Sort(rules)
	return strings.Join(slices.Compact(rules), ", ")
}
