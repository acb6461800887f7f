package consent

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
)

// voices are the Consents of one client, prepared for this requester: one list for each stated purpose.
type voices struct {
	refused   Decision // set where the Consents as a whole withhold
	purposes  []purpose
	byPurpose [][]voice
}

// voice is one Consent with what does not reach this requester now left out.
type voice struct {
	policy  *policy.Policy
	root    *node
	permits []*node // all of its permits, whatever stands below them
}

// node is a provision as far as it depends on the record only. A provision that does not reach the requester is silent.
type node struct {
	rule     *policy.Provision
	effect   policy.Effect
	data     [][]*target
	exempt   bool // not bound by the purpose rules (rule 17)
	children []*node

	fit fit // of a permit: how far it fits the record that is being decided
}

// fit is how far a permit fits a record.
type fit uint8

const (
	unfit     fit = iota // an attribute does not match
	unlabeled            // everything matches but the labels
	unbidden             // the labels are covered too, but the purpose rules stop it
	fits
)

// voices prepares the Consents of a client, once.
func (d *decider) voices(c fhir.Reference) *voices {
	if v, ok := d.clients[c]; ok {
		return v
	}
	v := &voices{}
	d.clients[c] = v
	set := d.in.Policies[c]
	if d.in.Refused {
		v.refused = Decision{Reason: Denied}
		return v
	}
	if !set.Loaded() {
		v.refused = Decision{Reason: NoConsent}
		return v
	}
	if bad := set.Unreadable(); bad != nil {
		v.refused = Decision{Reason: Denied, Consent: bad.ID}
		return v
	}
	purposes := d.purposes
	if len(purposes) == 0 {
		purposes = []purpose{{}} // a representative need not state one: it is unknown
	}
	v.purposes, v.byPurpose = purposes, make([][]voice, len(purposes))
	for _, p := range set.Policies() {
		if !p.Active {
			continue
		}
		if t, ok := p.NextAfter(d.in.Now); ok {
			d.notice(t)
		}
		permits := d.mayPermit(p, c)
		for i, q := range purposes {
			if root := d.node(p, p.Root, q, permits, c); root != nil {
				v.byPurpose[i] = append(v.byPurpose[i], voice{policy: p, root: root, permits: root.permits(nil)})
			}
		}
	}
	return v
}

// mayPermit applies rules 7 and 8, and what the token says: whether the permits of a Consent count at all.
func (d *decider) mayPermit(p *policy.Policy, c fhir.Reference) bool {
	if !d.in.names(p) || !p.Active || p.Silenced || p.Doubt || p.Patient != c || p.NotBefore.After(d.in.Now) {
		return false
	}
	if len(p.Organizations) > 0 && !slices.ContainsFunc(p.Organizations, d.isPractice) {
		return false
	}
	if slices.ContainsFunc(p.Custodians, func(a policy.Party) bool { return !d.isPractice(a) }) {
		return false
	}
	return !slices.ContainsFunc(p.Performers, func(a policy.Party) bool { return !d.maySign(a.Reference, c) })
}

// maySign tells whether somebody may agree for the client: the client, or a representative with authority now.
func (d *decider) maySign(who, c fhir.Reference) bool {
	return who == c || who.Type == "RelatedPerson" && d.authority(who, c)
}

// node leaves out what does not reach the requester; nil if nothing is left.
func (d *decider) node(p *policy.Policy, rule *policy.Provision, q purpose, permits bool, c fhir.Reference) *node {
	if rule == nil {
		return nil
	}
	n := &node{rule: rule, exempt: p.Authorization && len(rule.Classes)+len(rule.Codes) > 0}
	switch {
	case rule.Effect == policy.Permit && permits && d.permitReaches(rule, q, c):
		n.effect = policy.Permit
	case rule.Effect == policy.Deny && d.denyReaches(rule, q):
		n.effect = policy.Deny
	}
	if n.effect != policy.Silent {
		n.data = d.dataTargets(rule.Data, c)
	}
	for _, child := range rule.Children {
		if k := d.node(p, child, q, permits, c); k != nil {
			n.children = append(n.children, k)
		}
	}
	if n.effect == policy.Silent && len(n.children) == 0 {
		return nil
	}
	return n
}

// permits gathers the permits of a branch, the deepest first.
func (n *node) permits(list []*node) []*node {
	for _, child := range n.children {
		list = child.permits(list)
	}
	if n.effect == policy.Permit {
		list = append(list, n)
	}
	return list
}

// fitPermits finds out how far each permit of the Consent fits a record. What the permits name counts together, of those whose attributes
// and confidentiality match: the labels of one record must be covered within one Consent (rule 16).
func (v *voice) fitPermits(d *decider, q purpose, r *record) {
	var cover cover
	for _, n := range v.permits {
		n.fit = unfit
		if d.permits(n, r) {
			n.fit = unlabeled
			if d.reachesLabels(n.rule.Labels, r) {
				n.fit = unbidden
				cover.add(n.rule.Labels)
			}
		}
	}
	covered := d.covers(v.policy, cover, r)
	for _, n := range v.permits {
		switch {
		case n.fit != unbidden:
		case !covered:
			n.fit = unlabeled
		case !q.bound || n.exempt || d.inRule(q, r):
			n.fit = fits
		}
	}
}

// resolve gives the provision that decides a branch: its deepest match first, a deny first among siblings (rule 11). nil if none matches.
func (n *node) resolve(d *decider, r *record) *node {
	var found *node
	for _, child := range n.children {
		k := child.resolve(d, r)
		if k != nil && k.effect == policy.Deny {
			return k
		}
		if found == nil {
			found = k
		}
	}
	switch {
	case found != nil:
		return found
	case n.effect == policy.Deny && d.denies(n, r), n.effect == policy.Permit && n.fit == fits:
		return n
	}
	return nil
}

// says is what one Consent says of a record.
func (v *voice) says(d *decider, q purpose, r *record) Decision {
	v.fitPermits(d, q, r)
	if n := v.root.resolve(d, r); n != nil {
		out := Decision{Release: n.effect == policy.Permit, Reason: Permitted, Consent: v.policy.ID, Provision: n.rule.Path}
		if !out.Release {
			out.Reason = Denied
		}
		return out
	}
	out, best := Decision{Reason: NoConsent}, unfit
	for _, n := range v.permits {
		if n.fit <= best {
			continue
		}
		best = n.fit
		out = Decision{Reason: Label, Consent: v.policy.ID, Provision: n.rule.Path}
		if n.fit > unlabeled {
			out.Reason = PurposeRule
		}
	}
	return out
}

// ask puts one record before the Consents of one client, for one purpose (rule 18).
func (d *decider) ask(list []voice, q purpose, r *record) Decision {
	answer := Decision{Reason: NoConsent}
	for i := range list {
		one := list[i].says(d, q, r)
		if one.Reason == Denied {
			return one
		}
		if rank[one.Reason] > rank[answer.Reason] {
			answer = one
		}
	}
	return answer
}
