package oracle

import "slices"

// rule13Action: access and disclose are what we do.
func (q *question) rule13Action(o object) truth {
	return anyOf(list(o["action"]), func(v any) truth {
		found := no
		codings := conceptCodings(v)
		for _, c := range codings {
			switch {
			case c.in(q.reading.Actions):
				found = yes
			case c.system != consentAction || !slices.Contains([]string{"collect", "use", "correct"}, c.code):
				found = max(found, unknown)
			}
		}
		if len(codings) == 0 {
			return unknown
		}
		return found
	})
}

// rule13Actor: one of the recipients named is the requester. A custodian is no recipient.
func (q *question) rule13Actor(o object) truth {
	var recipients []truth
	for _, a := range list(o["actor"]) {
		if t, recipient := q.actor(a); recipient {
			recipients = append(recipients, t)
		}
	}
	return anyOf(recipients, func(t truth) truth { return t })
}

// actor says whether an actor is the requester, and whether it is a recipient at all. Unknown is what rule 8 cannot resolve.
func (q *question) actor(a any) (t truth, recipient bool) {
	roles := conceptCodings(child(a, "role"))
	recipientRole, custodian := anyIn(roles, q.reading.Roles.Recipient), anyIn(roles, q.reading.Roles.Custodian)
	reference := child(a, "reference")
	switch {
	case child(a, "modifierExtension") != nil, recipientRole == custodian:
		return unknown, true
	case custodian:
		return unknown, q.practice != "" && !q.isPractice(reference)
	case slices.ContainsFunc(q.who.parties, func(p party) bool { return p.is(reference) }):
		return yes, true
	case resolves(reference):
		return no, true
	}
	return unknown, true
}

// resolves says whether we can tell whom a reference means, though it is not the requester.
func resolves(reference any) bool {
	if text(child(reference, "reference")) == "" {
		system, value := identifierOf(reference)
		return system != "" && value != ""
	}
	return slices.Contains([]string{"Organization", "Practitioner", "Patient", "RelatedPerson"}, typeOf(referenceOf(reference)))
}

// namesRecipient says whether the provision or an ancestor names a recipient.
func (q *question) namesRecipient(p provision) bool {
	return slices.ContainsFunc(p.chain, func(o object) bool {
		return slices.ContainsFunc(list(o["actor"]), func(a any) bool { _, recipient := q.actor(a); return recipient })
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
		it := focus == m.record.ref
		refersToIt := m.refers(m.record.ref, focus)
		itRefersTo := m.refers(focus, m.record.ref)
		switch child(d, "meaning") {
		case "instance":
			return truthOf(it)
		case "related":
			whole := slices.Contains([]string{"Encounter", "EpisodeOfCare", "CarePlan"}, typeOf(focus))
			return truthOf(it || itRefersTo || refersToIt && (deny || whole))
		case "dependents":
			return truthOf(it || refersToIt || itRefersTo && deny)
		case "authoredby":
			return m.authoredBy(focus)
		}
		return unknown
	})
}

// refers says whether a record of the chart refers to another.
func (q *question) refers(from, to string) bool {
	return slices.ContainsFunc(q.chart, func(r record) bool { return r.ref == from && slices.Contains(references(r.body), to) })
}

// authoredBy says whether the party is an author of the record; without an author nobody knows.
func (m matcher) authoredBy(who string) truth {
	var authors []truth
	for _, path := range m.types[typeOf(m.record.ref)].Authors {
		for _, a := range elements(m.record.body, path) {
			switch referenceOf(a) {
			case who:
				authors = append(authors, yes)
			case "":
				authors = append(authors, unknown)
			default:
				authors = append(authors, no)
			}
		}
	}
	if len(authors) == 0 {
		return unknown
	}
	return slices.Max(authors)
}
