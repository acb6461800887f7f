package oracle

import (
	"slices"
	"strings"
)

// labelsIn are the security labels of a resource, wherever they stand: meta.security, DocumentReference.securityLabel, inline. Those in the provisions
// of a Consent say what it is about.
func labelsIn(body object) []coding {
	var out []coding
	everyObject(body, func(o object) {
		for _, c := range elements(o, "meta.security") {
			out = append(out, codingOf(c))
		}
		if o["resourceType"] == "DocumentReference" {
			for _, concept := range list(o["securityLabel"]) {
				codings := conceptCodings(concept)
				if len(codings) == 0 {
					codings = []coding{{}} // in words only
				}
				out = append(out, codings...)
			}
		}
		if text(o["url"]) == inlineSecurity {
			out = append(out, codingOf(o["valueCoding"]))
		}
	})
	return out
}

// carries says whether the record has the code among its labels, in any code system.
func carries(r record, code string) bool {
	return slices.ContainsFunc(r.labels, func(c coding) bool { return c.code == code })
}

// rule1Psychotherapy: psychotherapy notes and SUD counselling notes are withheld from everybody, always, however somebody has written the code.
func (q *question) rule1Psychotherapy(r record) bool {
	return slices.ContainsFunc(r.labels, func(c coding) bool {
		return slices.ContainsFunc(q.labels.NeverReleased, func(never string) bool { return strings.EqualFold(never, strings.TrimSpace(c.code)) })
	})
}

// rule2Unclassified: no confidentiality label, a type that nobody lists, or about nobody known.
func (q *question) rule2Unclassified(r record) bool {
	_, listed := q.types[typeOf(r.ref)]
	return !listed || len(r.clients) == 0 || q.confidentiality(r) < 0 || q.cannotBeReadWhole(r.body)
}

// cannotBeReadWhole says whether a resource holds what must not be ignored and is not understood, another resource, a label without a code, or
// somebody unknown.
func (q *question) cannotBeReadWhole(body object) bool {
	found := body["contained"] != nil || body["implicitRules"] != nil || q.rule20Stranger(body)
	everyObject(body, func(o object) { found = found || o["modifierExtension"] != nil })
	return found || slices.ContainsFunc(labelsIn(body), func(c coding) bool { return c.code == "" })
}

// rule4Purpose: a purpose is stated, and none that the requester's kind can never hold.
func (q *question) rule4Purpose() bool {
	for _, p := range q.who.purposes {
		for _, never := range q.purposes.Never[q.who.kind] {
			if p.system == actReason && atOrBelow(q.purposes.Tree, p.code, never) {
				return false
			}
		}
	}
	return len(q.who.purposes) > 0
}

// rule5Restricted: the hard restrictions that no Consent lifts.
func (q *question) rule5Restricted(r record) bool {
	if carries(r, q.labels.NoDisclosure) {
		return true
	}
	if carries(r, q.labels.NotToClient) && q.who.kind == "patient" {
		return true
	}
	return carries(r, q.labels.SelfPay.Code) && q.who.kind == q.labels.SelfPay.WithheldFrom && q.selfPayPurpose()
}

// selfPayPurpose says whether the requester asks for payment or operations, or for nobody knows what.
func (q *question) selfPayPurpose() bool {
	for _, p := range q.who.purposes {
		if !q.knownPurpose(p) {
			return true
		}
		for _, withheld := range q.labels.SelfPay.Purposes {
			if atOrBelow(q.purposes.Tree, p.code, withheld) {
				return true
			}
		}
	}
	return false
}
