package main

// slot is an optional element that holds references.
type slot struct {
	path  string // "author", "context.encounter"
	list  bool
	types []string
	in    string // the backbone element's own member that holds the reference, for a list of those
}

// slots are the optional references of each type, those that labels follow and those that they do not.
var slots = map[string][]slot{
	"Encounter": {{path: "partOf", types: []string{"Encounter"}}, {path: "serviceProvider", types: []string{"Organization"}},
		{path: "participant", list: true, in: "individual", types: []string{"Practitioner", "RelatedPerson"}}, {path: "diagnosis", list: true, in: "condition", types: []string{"Condition"}}},
	"DocumentReference": {{path: "author", list: true, types: []string{"Practitioner", "Organization"}}, {path: "context.encounter", list: true, types: []string{"Encounter"}},
		{path: "context.related", list: true, types: []string{"Condition", "Observation", "DocumentReference"}}, {path: "custodian", types: []string{"Organization"}}},
	"Condition":         {{path: "encounter", types: []string{"Encounter"}}, {path: "recorder", types: []string{"Practitioner"}}},
	"Observation":       {{path: "encounter", types: []string{"Encounter"}}, {path: "performer", list: true, types: []string{"Practitioner", "Organization"}}, {path: "derivedFrom", list: true, types: []string{"Observation", "DocumentReference"}}},
	"MedicationRequest": {{path: "encounter", types: []string{"Encounter"}}, {path: "requester", types: []string{"Practitioner"}}, {path: "reasonReference", list: true, types: []string{"Condition"}}},
	"Procedure":         {{path: "encounter", types: []string{"Encounter"}}, {path: "performer", list: true, in: "actor", types: []string{"Practitioner"}}, {path: "reasonReference", list: true, types: []string{"Condition"}}},
	"CarePlan":          {{path: "encounter", types: []string{"Encounter"}}, {path: "addresses", list: true, types: []string{"Condition"}}, {path: "goal", list: true, types: []string{"Goal"}}, {path: "author", types: []string{"Practitioner"}}},
	"Goal":              {{path: "addresses", list: true, types: []string{"Condition"}}, {path: "expressedBy", types: []string{"Practitioner", "RelatedPerson"}}},
	"Provenance":        {{path: "entity", list: true, in: "what", types: []string{"DocumentReference"}}, {path: "target", list: true, types: []string{"DocumentReference", "Condition", "Encounter", "Observation"}}},
}

// holder is the object that holds the slot's element, made if need be.
func (s slot) holder(body object) (object, string) {
	const context = "context."
	if len(s.path) > len(context) && s.path[:len(context)] == context {
		in, ok := body["context"].(object)
		if !ok {
			in = object{}
			body["context"] = in
		}
		return in, s.path[len(context):]
	}
	return body, s.path
}

// put adds a reference.
func (s slot) put(body, reference object) {
	var value any = reference
	switch s.in {
	case "":
	case "what":
		value = object{s.in: reference, "role": "source"}
	default:
		value = object{s.in: reference}
	}
	h, name := s.holder(body)
	if !s.list {
		h[name] = value
		return
	}
	old, _ := h[name].([]any)
	h[name] = append(old, value)
}

// filter keeps of the slot's references those for which keep says yes, and takes away what is empty then. What is to be kept may be
// changed in place.
func (s slot) filter(body object, keep func(reference object) bool) {
	h, name := s.holder(body)
	of := func(v any) object {
		o := v.(object)
		if s.in != "" {
			o = o[s.in].(object)
		}
		return o
	}
	switch v := h[name].(type) {
	case object:
		if !keep(of(v)) {
			delete(h, name)
		}
	case []any:
		var kept []any
		for _, x := range v {
			if keep(of(x)) {
				kept = append(kept, x)
			}
		}
		h[name] = kept
		if len(kept) == 0 {
			delete(h, name)
		}
	}
	if in, ok := body["context"].(object); ok && len(in) == 0 {
		delete(body, "context")
	}
}
