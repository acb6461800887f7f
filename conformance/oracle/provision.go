package oracle

import (
	"slices"
	"strings"
)

// truth is the answer to whether an attribute matches.
type truth int

const (
	no truth = iota
	unknown
	yes
)

// rule12 : unknown never matches a permit and always matches a deny.
func (t truth) rule12(deny bool) bool { return t == yes || deny && t == unknown }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// anyOf: the values of one attribute are alternatives. An absent attribute matches.
func anyOf[T any](values []T, f func(T) truth) truth {
	if len(values) == 0 {
		return yes
	}
	best := no
	for _, v := range values {
		best = max(best, f(v))
	}
	return best
}

// matcher is one Consent and one record, for one purpose.
type matcher struct {
	*question
	consent consent
	record  record
	purpose coding
	root    provision
}

// rule11Resolve resolves a branch to its deepest match first; among siblings deny wins. It gives the kind that speaks, or "", and who says so.
// Where permits do not count they are as if they did not match.
func (m matcher) rule11Resolve(p provision, mayPermit bool) (kind string, paths []string) {
	for _, b := range p.below {
		k, at := m.rule11Resolve(b, mayPermit)
		if k == "deny" && kind == "permit" {
			kind, paths = "", nil
		}
		if k != "" && (kind == "" || kind == k) {
			kind, paths = k, append(paths, at...)
		}
	}
	switch {
	case kind != "":
		return kind, paths
	case p.kind == "deny" && m.denies(p), p.kind == "permit" && mayPermit && m.permits(p):
		return p.kind, []string{p.path}
	}
	return "", nil
}

func (m matcher) denies(p provision) bool {
	return m.attributes(p, true) && m.rule16Deny(p).rule12(true)
}

func (m matcher) permits(p provision) bool {
	return m.attributes(p, false) && m.rule16Permit(p) && m.rule17Reaches(p)
}

// nearMiss is why no permit matched, and which ones nearly did: purpose-rule, label or no-consent.
func (m matcher) nearMiss() (reason string, paths []string) {
	nearly := map[string][]string{}
	m.root.every(func(p provision) {
		switch {
		case p.kind != "permit" || !m.attributes(p, false):
		case !m.rule16Permit(p):
			nearly["label"] = append(nearly["label"], p.path)
		case !m.rule17Reaches(p):
			nearly["purpose-rule"] = append(nearly["purpose-rule"], p.path)
		}
	})
	for _, reason := range []string{"purpose-rule", "label"} {
		if len(nearly[reason]) > 0 {
			return reason, nearly[reason]
		}
	}
	return "no-consent", nil
}

// attributes: everything but the labels, with what is inherited (rule 10): purpose is replaced by the nearest that states it, everything else
// only narrows, so each ancestor's must match too.
func (m matcher) attributes(p provision, deny bool) bool {
	for _, o := range p.chain {
		if deny && o["modifierExtension"] != nil {
			continue // rule 8: what cannot be read counts as matching
		}
		for _, t := range []truth{
			m.rule7And19Period(o), m.rule13Action(o), m.rule13Actor(o), m.class(o), m.code(o), m.rule12DataPeriod(o, deny), m.rule15Data(o, deny),
		} {
			if !t.rule12(deny) {
				return false
			}
		}
	}
	if !deny && !m.who.tied.include(m.consent.client) && !m.namesRecipient(p) {
		return false // rule 13
	}
	return m.rule14Purpose(rule10Nearest(p, "purpose"), deny).rule12(deny)
}

// rule10Nearest is the provision of the chain whose value of a replaced attribute holds: the nearest that states it.
func rule10Nearest(p provision, attribute string) object {
	for _, o := range slices.Backward(p.chain) {
		if len(list(o[attribute])) > 0 {
			return o
		}
	}
	return object{}
}

// rule7And19Period: now lies inside the provision's period.
func (m matcher) rule7And19Period(o object) truth {
	v, stated := o["period"]
	if !stated {
		return yes
	}
	s, ok := surely(v, m.zone)
	if !ok {
		return unknown
	}
	return truthOf(s.holds(m.at))
}

// class: the record's type, profile or format is one of those listed.
func (m matcher) class(o object) truth {
	return anyOf(list(o["class"]), func(v any) truth {
		c := codingOf(v)
		switch {
		case c.system == resourceTypes && c.code == "Binary" && typeOf(m.record.ref) == "DocumentReference":
			return unknown // its content may be one, which goes where it goes
		case c.system == resourceTypes && isResourceType(c.code):
			return truthOf(c.code == typeOf(m.record.ref))
		case c.system == profileURI:
			return m.ofProfile(c.code)
		case slices.Contains(formatSystems, c.system):
			return m.ofFormat(c.code)
		}
		return unknown
	})
}

// ofProfile: every record is of the base definition of its type and of no other type's; one that states no other profile may be of any.
func (m matcher) ofProfile(profile string) truth {
	withoutVersion := func(s string) string { s, _, _ = strings.Cut(s, "|"); return s }
	base := "http://hl7.org/fhir/StructureDefinition/" + typeOf(m.record.ref)
	stated := []string{}
	for _, p := range elements(m.record.body, "meta.profile") {
		if p := withoutVersion(text(p)); p != base {
			stated = append(stated, p)
		}
	}
	switch {
	case withoutVersion(profile) == base, slices.Contains(stated, withoutVersion(profile)):
		return yes
	case len(stated) == 0 && !isResourceType(strings.TrimPrefix(withoutVersion(profile), "http://hl7.org/fhir/StructureDefinition/")):
		return unknown
	}
	return no
}

// ofFormat: the content type or format code of a document; one that states none may be of any.
func (m matcher) ofFormat(format string) truth {
	stated := slices.Concat(elements(m.record.body, "content.attachment.contentType"), elements(m.record.body, "content.format.code"))
	switch {
	case slices.Contains(stated, any(format)):
		return yes
	case len(stated) == 0 && typeOf(m.record.ref) == "DocumentReference":
		return unknown
	}
	return no
}

// code: one of the codes stands somewhere in the record. Whether it does is unknown where a code says no system that we know, in the Consent or in
// what the record is, and where the record has the same code without a system.
func (m matcher) code(o object) truth {
	return anyOf(list(o["code"]), func(v any) truth {
		codings := conceptCodings(v)
		if len(codings) == 0 {
			return unknown
		}
		return anyOf(codings, func(c coding) truth {
			if c.system == "" || c.code == "" {
				return unknown
			}
			best := no
			if !m.listedSystem(c.system) || m.isUnknownWhat(m.record) {
				best = unknown
			}
			for _, has := range append(everyCoding(m.record.body), m.record.labels...) {
				best = max(best, m.likeCode(has, c))
			}
			return best
		})
	})
}

// rule12DataPeriod: an event lies whole inside for a permit and overlaps for a deny; for a state overlap is enough for both.
func (m matcher) rule12DataPeriod(o object, deny bool) truth {
	v, stated := o["dataPeriod"]
	if !stated {
		return yes
	}
	w := m.rule12When(m.record.body, m.zone)
	s, ok := surely(v, m.zone)
	switch {
	case !ok:
		return unknown
	case w.timeless:
		return truthOf(!deny)
	case !w.known:
		return unknown
	case deny:
		return truthOf(w.deny.overlaps(s))
	case w.state:
		return truthOf(w.permit.overlaps(s))
	}
	return truthOf(w.permit.inside(s))
}
