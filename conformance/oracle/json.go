package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// object is a decoded JSON object.
type object = map[string]any

// coding is a FHIR Coding without its display.
type coding struct{ system, code string }

var errJSON = errors.New("not one JSON object")

func decode(raw json.RawMessage) (object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil || o == nil || d.More() {
		return nil, errJSON
	}
	return o, nil
}

func text(v any) string { s, _ := v.(string); return s }

func child(v any, name string) any { o, _ := v.(object); return o[name] }

// unsaid says whether a primitive element is there without a value: what it is nobody knows.
func unsaid(v any, name string) bool { return child(v, name) == nil && child(v, "_"+name) != nil }

// list is the values of an element, whether it repeats or not.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// elements are the values at a path such as "participant.individual".
func elements(v any, path string) []any {
	here := list(v)
	for name := range strings.SplitSeq(path, ".") {
		var next []any
		for _, h := range here {
			next = append(next, list(child(h, name))...)
		}
		here = next
	}
	return here
}

// everyObject visits v and every object in it, in any order.
func everyObject(v any, visit func(object)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			everyObject(e, visit)
		}
	case object:
		visit(v)
		for _, e := range v {
			everyObject(e, visit)
		}
	}
}

var local = regexp.MustCompile(`^([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(/_history/[A-Za-z0-9.-]{1,64})?$`)

// localReference is "Type/id" of a reference within this server, or "".
func localReference(s string) string {
	m := local.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return m[1]
}

func typeOf(reference string) string { t, _, _ := strings.Cut(reference, "/"); return t }

// referenceOf is the local reference that a Reference holds, or "".
func referenceOf(v any) string { return localReference(text(child(v, "reference"))) }

// references are all local references anywhere in v, sorted.
func references(v any) []string {
	var out []string
	everyObject(v, func(o object) {
		if r := localReference(text(o["reference"])); r != "" {
			out = append(out, r)
		}
	})
	slices.Sort(out)
	return out
}

func codingOf(v any) coding { return coding{text(child(v, "system")), text(child(v, "code"))} }

// conceptCodings are the codings of CodeableConcepts.
func conceptCodings(v any) []coding {
	var out []coding
	for _, c := range elements(v, "coding") {
		out = append(out, codingOf(c))
	}
	return out
}

// everyCoding is every Coding anywhere in v. A Quantity, which has a value, is none.
func everyCoding(v any) []coding {
	var out []coding
	everyObject(v, func(o object) {
		if _, quantity := o["value"]; text(o["code"]) != "" && !quantity {
			out = append(out, codingOf(o))
		}
	})
	return out
}
