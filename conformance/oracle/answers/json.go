package answers

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Object is a decoded JSON object.
type Object = map[string]any

// Decode reads one JSON object; numbers stay as they are written.
func Decode(raw []byte) (Object, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o Object
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil || d.More() {
		return nil, errors.New("not one JSON object")
	}
	return o, nil
}

func text(v any) string { s, _ := v.(string); return s }

func child(v any, name string) any { o, _ := v.(Object); return o[name] }

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// at are the values at a path such as "participant.individual".
func at(v any, path string) []any {
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

// clone copies a tree.
func clone(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case Object:
		out := make(Object, len(v))
		for name, e := range v {
			out[name] = clone(e)
		}
		return out
	}
	return v
}

var localReference = regexp.MustCompile(`^[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}$`)

// referenceOf is the local reference that a Reference holds, or "".
func referenceOf(v any) string {
	if r := text(child(v, "reference")); localReference.MatchString(r) {
		return r
	}
	return ""
}

func typeOf(ref string) string { t, _, _ := strings.Cut(ref, "/"); return t }

func idOf(ref string) string { _, id, _ := strings.Cut(ref, "/"); return id }

func refOf(o Object) string { return text(o["resourceType"]) + "/" + text(o["id"]) }

// eachReference visits every local reference in a tree.
func eachReference(v any, visit func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			eachReference(e, visit)
		}
	case Object:
		if r := referenceOf(v); r != "" {
			visit(r)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			eachReference(v[name], visit)
		}
	}
}
