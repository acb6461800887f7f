package oracle

import "slices"

// rule13Action: access and disclose are what we do.
func (q *question) rule13Action(o object) truth {
	return anyOf(list(o["action"]), func(v any) truth {
		codings := conceptCodings(v)
		if anyIn(codings, q.reading.Actions) {
			return yes
		}
		for _, c := range codings {
			if c.system == consentAction && slices.Contains([]string{"collect", "access", "use", "disclose", "correct"}, c.code) {
				return no
			}
		}
		return unknown
	})
}

// rule13Actor: one of the recipients named is the requester. A custodian is no recipient.
func (q *question) rule13Actor(o object) truth {
	var recipients []any
	for _, a := range list(o["actor"]) {
		if q.recipient(a) {
			recipients = append(recipients, a)
		}
	}
	return anyOf(recipients, func(a any) truth {
		if q.rule8OddActor(a) {
			return unknown
		}
		return q.asks(child(a, "reference"))
	})
}

// recipient says whether an actor counts as a recipient: everybody but this practice as custodian.
func (q *question) recipient(a any) bool {
	return q.rule8OddActor(a) || !anyIn(conceptCodings(child(a, "role")), q.reading.Roles.Custodian)
}

// rule8OddActor says whether an actor is one that cannot be interpreted: in another role than recipient or this practice as custodian, or one
// that cannot be resolved.
func (q *question) rule8OddActor(a any) bool {
	roles, reference := conceptCodings(child(a, "role")), child(a, "reference")
	recipient, custodian := anyIn(roles, q.reading.Roles.Recipient), anyIn(roles, q.reading.Roles.Custodian)
	otherCustodian := custodian && q.practice != "" && !q.isPractice(reference)
	return child(a, "modifierExtension") != nil || recipient == custodian || otherCustodian || !resolves(reference)
}

// resolves says whether we can tell whom a reference means: an organisation or a person.
func resolves(reference any) bool {
	kinds := []string{"Organization", "Practitioner", "Patient", "RelatedPerson"}
	said := text(child(reference, "type"))
	if text(child(reference, "reference")) != "" {
		kind := typeOf(referenceOf(reference))
		return slices.Contains(kinds, kind) && (said == "" || said == kind)
	}
	system, value := identifierOf(reference)
	return system != "" && value != "" && (said == "" || slices.Contains(kinds, said))
}

// asks says whether a reference means who asks: the organisation, the practitioner who acts for it, or the person. Whoever acts and is not stated
// is unknown (rule 12).
func (q *question) asks(reference any) truth {
	if q.who.person != "" && referenceOf(reference) == q.who.person {
		return yes
	}
	return max(q.asksAs(reference, "Organization"), q.asksAs(reference, "Practitioner"), q.asksInPerson(reference))
}

// asksAs compares with the organisation or the practitioner. Where the Consent says that it means somebody of another kind it is known not to
// mean them, but for one who has the same number.
func (q *question) asksAs(reference any, kind string) truth {
	someone, missing := q.who.practitioner, unknown
	if kind == "Organization" {
		someone = q.who.organization
	}
	if q.who.person != "" {
		missing = no // the one who acts is known
	}
	found := missing
	if !someone.nobody() {
		found = someone.is(reference)
	}
	switch said := kindOf(reference); {
	case said == "" || said == kind:
		return found
	case found == yes:
		return unknown
	}
	return no
}

// asksInPerson compares with a client or representative who has signed in, whose numbers nobody knows. An organisation that is no client's app is
// nobody of the family.
func (q *question) asksInPerson(reference any) truth {
	said, byNumber := kindOf(reference), referenceOf(reference) == ""
	switch {
	case said == "Organization" || said == "Practitioner":
		return no
	case q.who.person == "":
		return map[bool]truth{true: unknown, false: no}[q.who.kind == "patient"]
	case byNumber && (said == "" || said == typeOf(q.who.person)):
		return unknown
	}
	return no
}

// kindOf is the type that a Reference says it is to, by its reference or in words.
func kindOf(reference any) string {
	if r := referenceOf(reference); r != "" {
		return typeOf(r)
	}
	return text(child(reference, "type"))
}

// namesRecipient says whether the provision or an ancestor names a recipient.
func (q *question) namesRecipient(p provision) bool {
	return slices.ContainsFunc(p.chain, func(o object) bool {
		return slices.ContainsFunc(list(o["actor"]), q.recipient)
	})
}

func (q *question) knownPurpose(p coding) bool {
	return p.system == q.purposes.System && inTree(q.purposes.Tree, p.code)
}

// rule14Purpose: the requester's purpose is one of those stated, or below it; a deny also matches an ancestor of what it names.
func (m matcher) rule14Purpose(o object, deny bool) truth {
	stated := list(o["purpose"])
	if deny && len(stated) == 0 || deny && o["modifierExtension"] != nil {
		return yes
	}
	if !m.knownPurpose(m.purpose) {
		return unknown
	}
	tree, asked := m.purposes.Tree, m.purpose.code
	if len(stated) == 0 {
		return truthOf(!slices.Contains(m.purposes.NamedOnly, asked))
	}
	return anyOf(stated, func(v any) truth {
		named := codingOf(v)
		switch {
		case !m.knownPurpose(named):
			return unknown
		case deny:
			return truthOf(atOrBelow(tree, asked, named.code) || atOrBelow(tree, named.code, asked))
		}
		return truthOf(m.reachedByPermit(asked, named.code))
	})
}

// reachedByPermit goes up from what is asked to what is named; the four are reached only by naming them.
func (m matcher) reachedByPermit(asked, named string) bool {
	for ; asked != ""; asked = parent(m.purposes.Tree, asked) {
		if asked == named {
			return true
		}
		if slices.Contains(m.purposes.NamedOnly, asked) {
			return false
		}
	}
	return false
}

// rule15Data: the record is among the data that the provision names.
func (m matcher) rule15Data(o object, deny bool) truth {
	return anyOf(list(o["data"]), func(d any) truth {
		focus := referenceOf(child(d, "reference"))
		if focus == "" || child(d, "modifierExtension") != nil {
			return unknown
		}
		if m.elsewhere(focus) && child(d, "meaning") != "authoredby" {
			return unknown
		}
		it := truthOf(focus == m.record.ref)
		refersToIt := m.refers(m.record.ref, focus)
		itRefersTo := m.refers(focus, m.record.ref)
		switch child(d, "meaning") {
		case "instance":
			if deny && typeOf(focus) == "Binary" { // it goes where its document goes
				return max(it, refersToIt)
			}
			return it
		case "related":
			if whole := slices.Contains([]string{"Encounter", "EpisodeOfCare", "CarePlan"}, typeOf(focus)); !deny && !whole {
				refersToIt = no
			}
			return max(it, itRefersTo, refersToIt)
		case "dependents":
			if !deny {
				itRefersTo = no
			}
			return max(it, refersToIt, itRefersTo)
		case "authoredby":
			return m.authoredBy(focus)
		}
		return unknown
	})
}

// elsewhere says whether the Consent of another client speaks of what is not in the chart where the record stands: there the record may go by
// another id.
func (m matcher) elsewhere(focus string) bool {
	here := func(r record) bool { return r.ref == focus }
	return m.consent.client != m.record.clients[0] && !slices.ContainsFunc(m.chartOf(m.record), here)
}

// chartOf is the chart that a record stands in.
func (q *question) chartOf(r record) []record {
	var out []record
	for _, other := range q.chart {
		if len(other.clients) > 0 && other.clients[0] == r.clients[0] {
			out = append(out, other)
		}
	}
	return out
}

// refers says whether a record of the chart refers to another. A reference by which nobody can tell what is meant may mean it.
func (m matcher) refers(from, to string) truth {
	best := no
	for _, r := range m.chartOf(m.record) {
		switch {
		case r.ref != from:
		case slices.Contains(references(r.body), to):
			best = max(best, yes)
		case mayMention(r.body, typeOf(to)):
			best = max(best, unknown)
		}
	}
	return best
}

// authoredBy says whether the party is an author of the record; where none is given nobody knows.
func (m matcher) authoredBy(who string) truth {
	var authors []truth
	for _, path := range m.types[typeOf(m.record.ref)].Authors {
		for _, a := range elements(m.record.body, path) {
			authors = append(authors, m.sameParty(referenceOf(a), who))
		}
	}
	switch {
	case len(authors) > 0:
		return slices.Max(authors)
	case len(m.types[typeOf(m.record.ref)].Authors) > 0:
		return unknown
	}
	return no // the type has none
}

// sameParty says whether an author is whom a Consent means. Only one person, organisation or device is known to be no other: not a team, and a role
// only where the file says whose it is.
func (q *question) sameParty(author, meant string) truth {
	single := []string{"Practitioner", "Organization", "Patient", "RelatedPerson", "Device"}
	a, m := typeOf(author), typeOf(meant)
	switch {
	case author == meant:
		return yes
	case author == "":
		return unknown
	case a == m, slices.Contains(single, a) && slices.Contains(single, m):
		return no
	case a == "PractitionerRole" && slices.Contains(single, m):
		return q.inRole(author, meant)
	case m == "PractitionerRole" && slices.Contains(single, a):
		return min(unknown, q.inRole(meant, author)) // but perhaps in another role
	}
	return unknown
}

// inRole says whether somebody is who acts in a role.
func (q *question) inRole(role, who string) truth {
	element := map[string]string{"Practitioner": "practitioner", "Organization": "organization"}[typeOf(who)]
	if element == "" {
		return no
	}
	var answers []truth
	for _, r := range q.chart {
		if r.ref != role {
			continue
		}
		switch holder := referenceOf(r.body[element]); {
		case holder == who && element == "practitioner":
			answers = append(answers, yes)
		case holder == who, typeOf(holder) != typeOf(who):
			answers = append(answers, unknown)
		default:
			answers = append(answers, no)
		}
	}
	if len(answers) == 0 {
		return unknown // nobody knows whose it is
	}
	return slices.Max(answers)
}
