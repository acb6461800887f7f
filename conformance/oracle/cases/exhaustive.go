package cases

import "encoding/json"

// The finite space: one Consent, with a root of each kind under each attribute, and nested in it nothing, one provision, two siblings or one within
// the other, of each type under each attribute; for each requester; over a fixed chart with one resource per kind of label and time.

// axis values of a provision: one attribute each.
var attributes = []func() object{
	func() object { return object{} },
	func() object { return object{"actor": some(recipient(ref(clinic)))} },
	func() object { return object{"actor": some(recipient(ref(otherClinic)))} },
	func() object { return object{"actor": some(recipient(ref("Group/insurers")))} },
	func() object { return object{"purpose": some(code(actReason, "TREAT"))} },
	func() object { return object{"purpose": some(code(actReason, "COC"))} },
	func() object { return object{"purpose": some(code(actReason, "HPAYMT"))} },
	func() object { return object{"securityLabel": some(code(confidentiality, "N"))} },
	func() object { return object{"securityLabel": some(code(confidentiality, "R"))} },
	func() object { return object{"securityLabel": some(code(actCode, "SUD"))} },
	func() object {
		return object{"securityLabel": some(code(confidentiality, "R"), code(actCode, "SUD"), code(actCode, "42CFRPart2"))}
	},
	func() object { return object{"class": some(code(resourceTypes, "DocumentReference"))} },
	func() object { return object{"code": some(concept(code(loinc, progressNote)))} },
	func() object { return object{"dataPeriod": object{"start": "2026"}} },
	func() object { return object{"period": object{"end": "2026-11-20"}} },
	func() object {
		return object{"data": some(object{"meaning": "related", "reference": ref("Encounter/e1")})}
	},
	func() object {
		return object{"data": some(object{"meaning": "authoredby", "reference": ref(therapist)})}
	},
}

// kinds of a root: type and policy rule.
var roots = []struct {
	kind string
	rule object
}{
	{"permit", concept(code(actCode, "OPTIN"))}, {"permit", concept(code(actCode, "42CFRPart2CD"))}, {"deny", concept(code(actCode, "OPTIN"))},
	{"", concept(code(consentPolicy, "hipaa-auth"))}, {"", concept(code(actCode, "OPTOUT"))}, {"", concept(code(consentPolicy, "ssa-827"))},
}

// shapes of what is nested: the type of each provision, and whether the second stands in the first.
var nestings = []struct {
	types  []string
	within bool
}{
	{nil, false}, {[]string{"permit"}, false}, {[]string{"deny"}, false}, {[]string{""}, false},
	{[]string{"permit", "deny"}, false}, {[]string{"permit", "permit"}, false}, {[]string{"deny", "permit"}, true}, {[]string{"permit", "deny"}, true},
}

var requesters = []json.RawMessage{
	encode(asker("provider", "TREAT")), encode(asker("payer", "HPAYMT")), encode(asker("provider", "COC")),
}

// ExhaustiveSize is the number of cases in the space.
var ExhaustiveSize = len(requesters) * len(roots) * len(attributes) * nestedSize()

func nestedSize() int {
	n := 0
	for _, s := range nestings {
		n += power(len(attributes), len(s.types))
	}
	return n
}

func power(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

// Exhaustive walks the whole space in order, until yield returns false.
func Exhaustive(yield func(i int, c Input) bool) {
	for i := range ExhaustiveSize {
		if !yield(i, ExhaustiveCase(i)) {
			return
		}
	}
}

// ExhaustiveCase is the case at a place of the space, 0 to ExhaustiveSize-1.
func ExhaustiveCase(i int) Input {
	take := func(n int) int { v := i % n; i /= n; return v }
	in := Input{At: Now, Zone: zones[0], Resources: fixedChart, Requester: requesters[take(len(requesters))]}
	root := roots[take(len(roots))]
	p := attributes[take(len(attributes))]()
	if root.kind != "" {
		p["type"] = root.kind
	}
	nest(p, i)
	c := object{
		"resourceType": "Consent", "id": "s1", "status": "active", "patient": ref(anna), "scope": concept(code(consentScope, "patient-privacy")),
		"category": some(concept(code(actCode, "IDSCL"))), "policyRule": root.rule, "dateTime": "2026-02-03",
	}
	if len(p) > 0 {
		c["provision"] = p
	}
	in.Consents = []json.RawMessage{encode(c)}
	return in
}

// nest puts the i-th nesting into a root.
func nest(root object, i int) {
	for _, s := range nestings {
		size := power(len(attributes), len(s.types))
		if i >= size {
			i -= size
			continue
		}
		var nested []any
		for _, t := range s.types {
			p := attributes[i%len(attributes)]()
			i /= len(attributes)
			if t != "" {
				p["type"] = t
			} else {
				p["id"] = "untyped"
			}
			nested = append(nested, p)
		}
		if s.within {
			nested[0].(object)["provision"] = nested[1:]
			nested = nested[:1]
		}
		if len(nested) > 0 {
			root["provision"] = nested
		}
		return
	}
}

func recipient(reference object) object {
	return object{"role": concept(code(participation, "IRCP")), "reference": reference}
}

func asker(kind, purpose string) object {
	return object{
		"partnerId": "partner", "kind": kind, "organization": object{"reference": clinic, "identifier": some(npi(clinicNPI))},
		"purpose": some(purpose), "scopes": "system/*.rs",
	}
}
