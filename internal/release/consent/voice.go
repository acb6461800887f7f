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
	policy *policy.Policy
	root   *node
}

// node is a provision as far as it depends on the record only. A provision that does not reach the requester is silent.
type node struct {
	rule     *policy.Provision
	effect   policy.Effect
	data     [][]*target
	exempt   bool // not bound by the purpose rules (rule 17)
	children []*node
}

// finding is what a Consent says of one record: the deepest matches of each branch.
type finding struct {
	deny    *node
	permits []*node
	near    *node // a permit that matches in everything but the labels that the record would have to carry
}

func (f *finding) reset() { f.deny, f.near, f.permits = nil, nil, f.permits[:0] }

// voices prepares the Consents of a client, once.
func (d *decider) voices(c fhir.Reference) *voices {
	if v, ok := d.clients[c]; ok {
		return v
	}
	v := &voices{}
	d.clients[c] = v
	set := d.in.Policies[c]
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
				v.byPurpose[i] = append(v.byPurpose[i], voice{policy: p, root: root})
			}
		}
	}
	return v
}

// mayPermit applies rules 7 and 8: whether the permits of a Consent count at all.
func (d *decider) mayPermit(p *policy.Policy, c fhir.Reference) bool {
	if !p.Active || p.Silenced || p.Doubt || p.Patient != c || p.NotBefore.After(d.in.Now) {
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
	return who == c || who.Type == "RelatedPerson" && c == d.in.Client && d.authority(who)
}

// node leaves out what does not reach the requester; nil if nothing is left.
func (d *decider) node(p *policy.Policy, rule *policy.Provision, q purpose, permits bool, c fhir.Reference) *node {
	if rule == nil {
		return nil
	}
	n := &node{rule: rule, exempt: p.Authorization && len(rule.Classes)+len(rule.Codes) > 0}
	switch {
	case rule.Effect == policy.Permit && permits && d.permitReaches(rule, q):
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

// walk resolves each branch to its deepest match (rule 11) and tells whether anything matched. A permit is an exception from a deny only
// where it releases: one that does not cover the labels, or that the purpose rules stop, leaves the record to the deny.
func (v *voice) walk(d *decider, n *node, q purpose, r *record) bool {
	matched, before := false, len(d.found.permits)
	for _, child := range n.children {
		matched = v.walk(d, child, q, r) || matched
	}
	if matched {
		own := d.found.permits[before:]
		if n.effect == policy.Deny && d.found.deny == nil && len(own) > 0 && denies(n, r) && !d.judge(v.policy, own, q, r).Release {
			d.found.deny = n
		}
		return true
	}
	switch {
	case n.effect == policy.Deny && denies(n, r):
		if d.found.deny == nil {
			d.found.deny = n
		}
		return true
	case n.effect == policy.Permit && permits(n, r):
		if !carries(n.rule.Labels, r) {
			d.found.near = n
			return false
		}
		d.found.permits = append(d.found.permits, n)
		return true
	}
	return false
}

// ask puts one record before the Consents of one client, for one purpose (rule 18).
func (d *decider) ask(list []voice, q purpose, r *record) Decision {
	answer := Decision{Reason: NoConsent}
	for i := range list {
		v := &list[i]
		d.found.reset()
		v.walk(d, v.root, q, r)
		if n := d.found.deny; n != nil {
			return Decision{Reason: Denied, Consent: v.policy.ID, Provision: n.rule.Path}
		}
		var one Decision
		switch near := d.found.near; {
		case len(d.found.permits) > 0:
			one = d.judge(v.policy, d.found.permits, q, r)
		case near != nil:
			one = Decision{Reason: Label, Consent: v.policy.ID, Provision: near.rule.Path}
		}
		if rank[one.Reason] > rank[answer.Reason] {
			answer = one
		}
	}
	return answer
}

// judge applies rules 16 and 17 to the permits of one Consent that match a record.
func (d *decider) judge(p *policy.Policy, matching []*node, q purpose, r *record) Decision {
	answer := Decision{Reason: Label, Consent: p.ID, Provision: matching[0].rule.Path}
	if !d.covers(p, matching, r) {
		return answer
	}
	answer.Reason = PurposeRule
	reaching := matching[:0:0]
	for _, n := range matching {
		if !q.bound || n.exempt || d.inRule(q, r) {
			reaching = append(reaching, n)
		}
	}
	if !d.covers(p, reaching, r) {
		return answer
	}
	answer.Release, answer.Reason, answer.Provision = true, Permitted, reaching[0].rule.Path
	for i, n := range reaching {
		if d.covers(p, reaching[i:i+1], r) {
			answer.Provision = n.rule.Path
			break
		}
	}
	return answer
}
