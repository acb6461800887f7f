package oracle

import (
	"slices"
	"strings"
)

// anybody are the elements, by type, at which FHIR R4 lets a Patient stand, besides the one that says whose the record is and those of who only
// acts. An extension may hold a reference to anything as well.
var anybody = map[string][]string{
	"CarePlan":          {"activity.outcomeReference", "supportingInfo"},
	"CareTeam":          {"participant.member"},
	"Condition":         {"evidence.detail"},
	"DocumentReference": {"context.related", "context.sourcePatientInfo"},
	"MedicationRequest": {"supportingInformation"},
	"Observation":       {"focus"},
	"Provenance":        {"target", "entity.what"},
	"ServiceRequest":    {"supportingInfo"},
}

// rule20Stranger says whether a record refers to a client whom nobody can name, or to somebody who may be one.
func (q *question) rule20Stranger(body object) bool {
	for _, path := range anybody[text(body["resourceType"])] {
		if slices.ContainsFunc(elements(body, path), cannotBeTold) {
			return true
		}
	}
	for name, e := range body {
		whose := slices.Contains([]string{"patient", "subject", "beneficiary"}, name)
		if !q.onlyActs(name) && q.strangerIn(e, whose) {
			return true
		}
	}
	return false
}

// strangerIn looks for references that say that they are to a Patient or a Group, and for references in extensions, but for those of who only acts.
// The one that says whose the record is is read elsewhere.
func (q *question) strangerIn(v any, whose bool) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return q.strangerIn(e, whose) })
	case object:
		if !whose && saysPeople(v) || cannotBeTold(v["valueReference"]) {
			return true
		}
		for name, e := range v {
			if !q.onlyActs(name) && q.strangerIn(e, false) {
				return true
			}
		}
	}
	return false
}

// onlyActs says whether an element names who only acts in a record.
func (q *question) onlyActs(name string) bool {
	return slices.Contains(q.acting, strings.TrimSuffix(name, "Reference"))
}

// saysPeople says whether a reference is, in words or by its URL, to a Patient or Group, but to none whom we know by name.
func saysPeople(o object) bool {
	return typeOf(referenceOf(o)) != "Patient" && slices.ContainsFunc(saidTypes(o), func(t string) bool { return t == "Patient" || t == "Group" })
}

// cannotBeTold says whether a reference leads to nobody here, and does not say what it leads to.
func cannotBeTold(v any) bool {
	o, _ := v.(object)
	return o != nil && len(saidTypes(o)) == 0
}

// saidTypes are the resource types that a reference says it has: by `type`, by its URL, or by its condition.
func saidTypes(o object) []string {
	url, _, _ := strings.Cut(text(o["reference"]), "?")
	url, _, _ = strings.Cut(url, "#")
	url, _, _ = strings.Cut(url, "/_history/")
	var out []string
	for _, s := range slices.Backward(strings.Split(url, "/")) {
		if isResourceType(s) {
			out = append(out, s)
			break
		}
	}
	if t := strings.TrimPrefix(text(o["type"]), "http://hl7.org/fhir/StructureDefinition/"); isResourceType(t) {
		out = append(out, t)
	}
	return out
}
