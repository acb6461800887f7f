package answers

import "slices"

// strip takes out of a resource what refers to something that is not in the view (design section 1): the whole element, what is empty then, and what
// has lost something required. It says whether the resource itself is still whole.
func strip(resource Object, visible func(ref string) bool) (Object, bool) {
	s := stripper{text(resource["resourceType"]), visible}
	out, ok := s.object("", resource)
	return out, ok
}

type stripper struct {
	resourceType string
	visible      func(string) bool
}

// value gives what is left of an element at a path, or false if it is gone.
func (s stripper) value(path string, v any) (any, bool) {
	switch v := v.(type) {
	case []any:
		var left []any
		for _, e := range v {
			if kept, ok := s.value(path, e); ok {
				left = append(left, kept)
			}
		}
		return left, len(left) > 0
	case Object:
		return s.object(path, v)
	}
	return v, true
}

func (s stripper) object(path string, o Object) (Object, bool) {
	if r := referenceOf(o); r != "" && !slices.Contains([]string{"subject", "patient"}, path) && !s.visible(r) {
		return nil, false
	}
	left := Object{}
	for name, v := range o {
		below := name
		if path != "" {
			below = path + "." + name
		}
		kept, ok := s.value(below, v)
		if ok {
			left[name] = kept
		} else if required(s.resourceType, below) {
			return nil, false
		}
	}
	return left, len(left) > 0
}
