package oracle

import (
	"fmt"
	"slices"
)

// named says whether a Consent is one of those whose permits count: all, where the token names none; else those that it names by reference or by
// business identifier.
func (q *question) named(c consent) bool {
	if q.who.consents == nil {
		return true
	}
	names := []string{c.ref}
	for _, i := range list(c.body["identifier"]) {
		system, value := text(child(i, "system")), text(child(i, "value"))
		if system == "" || value == "" {
			continue
		}
		names = append(names, system+"|"+value, system+"#"+value)
		if system == "urn:ietf:rfc:3986" {
			names = append(names, value)
		}
	}
	return slices.ContainsFunc(names, func(name string) bool { return name != "" && slices.Contains(q.who.consents, name) })
}

// residualForbids goes through the token's own rules (IHE PCF) and gives the place of the one that forbids the record, if one does: of those that
// match it the last.
func (q *question) residualForbids(r record) (place string) {
	for i, v := range q.who.residual {
		rule, _ := v.(object)
		permit := rule["type"] == "permit"
		switch {
		case permit && isRule(rule) && q.isKnown(rule) && q.residualMatches(rule, r, false) == yes && q.rule16Residual(rule, r):
			place = ""
		case !permit && (!isRule(rule) || q.residualMatches(rule, r, true) != no):
			place = fmt.Sprintf("residual[%d]", i)
		}
	}
	return place
}

// isRule says whether a rule is of the form that IHE gives it, with nothing else in it.
func isRule(rule object) bool {
	if !onlyHas(rule, "type", "securityLabel", "dataPeriod", "data") || rule["type"] != "forbid" && rule["type"] != "permit" {
		return false
	}
	for name, right := range map[string]func(object) bool{"securityLabel": isLabel, "dataPeriod": isPeriod, "data": isData} {
		v, stated := rule[name]
		if stated && len(list(v)) == 0 {
			return false
		}
		for _, one := range list(v) {
			if o, ok := one.(object); !ok || !right(o) {
				return false
			}
		}
	}
	return true
}

func isLabel(c object) bool {
	return onlyHas(c, "id", "system", "version", "code", "display", "userSelected") && text(c["code"]) != "" && isText(c["system"])
}

func isPeriod(p object) bool {
	return onlyHas(p, "id", "start", "end") && isText(p["start"]) && isText(p["end"]) && text(p["start"])+text(p["end"]) != ""
}

func isData(d object) bool {
	if !onlyHas(d, "id", "meaning", "reference") || text(d["meaning"]) == "" {
		return false
	}
	o, ok := d["reference"].(object)
	if !ok {
		return text(d["reference"]) != ""
	}
	return onlyHas(o, "id", "reference", "type", "identifier", "display") && isText(o["reference"]) && isText(o["type"])
}

// onlyHas says whether an object has no other members than these, and none that is null.
func onlyHas(o object, names ...string) bool {
	for name, v := range o {
		if v == nil || !slices.Contains(names, name) {
			return false
		}
	}
	return o != nil
}

// isText says whether a value is a text or absent.
func isText(v any) bool {
	_, ok := v.(string)
	return ok || v == nil
}

// isKnown says whether everything in a rule is something that we know: with anything else a permit permits nothing.
func (q *question) isKnown(rule object) bool {
	for _, p := range list(rule["dataPeriod"]) {
		if _, ok := surely(p, q.zone); !ok {
			return false
		}
	}
	for _, d := range list(rule["data"]) {
		if residualReference(d) == "" {
			return false
		}
	}
	return len(q.ofKind(residualLabels(rule), "unknown")) == 0
}

// residualMatches says whether a rule means the record: everything that it states must match, of the values of one attribute any.
func (q *question) residualMatches(rule object, r record, deny bool) truth {
	m := matcher{question: q, record: r, consent: consent{client: r.clients[0]}}
	period := anyOf(list(rule["dataPeriod"]), func(p any) truth { return m.rule12DataPeriod(object{"dataPeriod": p}, deny) })
	data := anyOf(list(rule["data"]), func(d any) truth { return m.residualDatum(d, deny) })
	label := yes // a permit's are looked at by rule 16
	if deny {
		label = anyOf(residualLabels(rule), m.residualForbidsLabel)
	}
	return min(period, data, label)
}

func residualLabels(rule object) []coding {
	var out []coding
	for _, v := range list(rule["securityLabel"]) {
		out = append(out, codingOf(v))
	}
	return out
}

// residualForbidsLabel: a confidentiality means it and higher, a sensitivity it and what lies below.
func (m matcher) residualForbidsLabel(c coding) truth {
	switch {
	case m.labelKind(c) == "unknown" || len(m.ofKind(m.record.labels, "unknown")) > 0:
		return unknown
	case m.labelKind(c) == "confidentiality":
		return truthOf(m.confidentiality(m.record) >= m.rank([]coding{c}))
	}
	return truthOf(m.carriesOne([]coding{c}))
}

// residualReference is what a rule's data refer to, "" where that or the meaning is unknown.
func residualReference(d any) string {
	reference := child(d, "reference")
	if s, ok := reference.(string); ok {
		reference = object{"reference": s}
	}
	ref, said := referenceOf(reference), text(child(reference, "type"))
	if said != "" && said != typeOf(ref) || !slices.Contains([]string{"instance", "related", "dependents", "authoredby"}, text(child(d, "meaning"))) {
		return ""
	}
	return ref
}

// residualDatum is rule 15. Of a record about several clients what is not in this chart may be meant: there it has another id.
func (m matcher) residualDatum(d any, deny bool) truth {
	ref := residualReference(d)
	here := func(other record) bool { return other.ref == ref }
	absent := len(m.record.clients) > 1 && child(d, "meaning") != "authoredby" && !slices.ContainsFunc(m.chartOf(m.record), here)
	if ref == "" || absent && deny {
		return unknown
	}
	return m.rule15Data(object{"data": object{"meaning": child(d, "meaning"), "reference": object{"reference": ref}}}, deny)
}

// rule16Residual: the labels that a permit lists reach the record and cover all of its that are to be named. One that lists none says nothing of them.
func (q *question) rule16Residual(rule object, r record) bool {
	listed := residualLabels(rule)
	if len(listed) == 0 {
		return true
	}
	m := matcher{question: q, record: r}
	limit, sensitive := slices.Index(q.labels.Confidentiality.Order, q.labels.Confidentiality.PermitDefault), false
	switch isLevel := func(c coding) bool { return c.system == q.labels.Confidentiality.System }; {
	case slices.ContainsFunc(listed, isLevel):
		limit = q.rank(listed)
	case !m.carriesOne(listed):
		return false
	}
	for _, c := range listed {
		sensitive = sensitive || q.labelKind(c) == "sensitivity" || slices.Contains(q.labels.NeverReleased, c.code)
	}
	if q.confidentiality(r) > limit || len(q.ofKind(r.labels, "unknown")) > 0 || carries(r, q.labels.Part2) && !slices.Contains(listed, coding{actCode, q.labels.Part2}) {
		return false
	}
	tree := q.labels.Sensitivity.Tree
	return !slices.ContainsFunc(q.ofKind(r.labels, "sensitivity"), func(s coding) bool {
		named := slices.ContainsFunc(q.ofKind(listed, "sensitivity"), func(n coding) bool { return atOrBelow(tree, s.code, n.code) })
		must := slices.ContainsFunc(q.labels.Sensitivity.ToBeNamed, func(top string) bool { return atOrBelow(tree, s.code, top) })
		return !named && (sensitive || must)
	})
}
