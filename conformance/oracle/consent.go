package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
)

// consent is one Consent of the file.
type consent struct {
	ref      string // "Consent/id", as far as it can be told
	client   string // "Patient/x", "" if it cannot be told
	readable bool
	body     object
}

// verdict is what one Consent, or all of a client's, say: the reason and every provision that says so.
type verdict struct {
	reason string
	places []Place
}

// Place is a provision of a Consent; of a Consent that cannot be parsed there is none.
type Place struct{ Consent, Provision string }

// says puts a verdict into a line: any of the places could be named for it.
func (l *Line) says(v verdict) {
	l.Reason, l.Places, l.Consent, l.Provision = v.reason, v.places, "", ""
	if len(v.places) > 0 {
		l.Consent, l.Provision = v.places[0].Consent, v.places[0].Provision
	}
}

func (q *question) readConsent(raw json.RawMessage) consent {
	body, err := decode(raw)
	if err != nil || body["resourceType"] != "Consent" {
		return consent{}
	}
	c := consent{ref: localReference("Consent/" + text(body["id"])), body: body, readable: wellFormed(body)}
	if p := referenceOf(body["patient"]); typeOf(p) == "Patient" && slices.Contains([]string{"", "Patient"}, text(child(body["patient"], "type"))) {
		c.client = p
	}
	return c
}

// provision is one provision of a Consent with all its ancestors.
type provision struct {
	path  string
	kind  string   // permit, deny or silent
	chain []object // the root, and so on down to this one
	kinds []string // the kind of each of them
	below []provision
}

// says is what one Consent says about a record: denied, permitted, or why not permitted.
func (q *question) says(c consent, r record, purpose coding) verdict {
	if !c.readable {
		return verdict{"denied", []Place{{Consent: c.ref}}} // rule 8
	}
	if c.body["status"] != "active" {
		return verdict{reason: "no-consent"} // rule 7: it says nothing at all
	}
	m := matcher{q, c, r, purpose, q.rule9Root(c)}
	mayPermit := q.named(c) && q.rule7PermitsCount(c) && !q.rule8OnlyDenies(c)
	if kind, paths := m.rule11Resolve(m.root, mayPermit); kind != "" {
		return verdict{map[string]string{"deny": "denied", "permit": "permitted"}[kind], c.places(paths)}
	}
	if mayPermit {
		reason, paths := m.nearMiss()
		return verdict{reason, c.places(paths)}
	}
	return verdict{reason: "no-consent"}
}

func (c consent) places(paths []string) []Place {
	var out []Place
	for _, p := range paths {
		out = append(out, Place{c.ref, p})
	}
	return out
}

// rule7PermitsCount says whether the Consent is one whose permits count. Client, status and period are looked at elsewhere.
func (q *question) rule7PermitsCount(c consent) bool {
	b := c.body
	scopes, categories := conceptCodings(b["scope"]), conceptCodings(b["category"])
	otherScope := slices.ContainsFunc(scopes, func(k coding) bool {
		return k.system == written(q.reading.Scope).system && !k.in([]string{q.reading.Scope})
	})
	notRelease := slices.ContainsFunc(categories, func(k coding) bool {
		return k.system == q.reading.CategoriesNotRelease.System && slices.Contains(q.reading.CategoriesNotRelease.Codes, k.code)
	})
	switch {
	case otherScope || !anyIn(scopes, []string{q.reading.Scope}):
		return false
	case notRelease || !anyIn(categories, q.reading.CategoriesRelease):
		return false
	case q.inFuture(text(b["dateTime"])), unsaid(b, "dateTime"):
		return false
	case slices.ContainsFunc(list(b["performer"]), func(p any) bool { return !q.mayConsent(referenceOf(p), c.client) }):
		return false
	case slices.ContainsFunc(list(b["verification"]), func(v any) bool { return child(v, "verified") != true }):
		return false
	}
	return q.practiceDiscloses(b)
}

func (q *question) inFuture(dateTime string) bool {
	if dateTime == "" {
		return false
	}
	d, ok := rule19Date(dateTime, q.zone)
	return !ok || d.from.After(q.at)
}

// mayConsent says whether a performer is the client or a representative with authority now.
func (q *question) mayConsent(performer, client string) bool {
	return performer == client || q.hasAuthority(performer, client)
}

// practiceDiscloses: `organization` is absent or names this practice. Not applied without a practice.
func (q *question) practiceDiscloses(b object) bool {
	named := list(b["organization"])
	return q.practice == "" || len(named) == 0 || slices.ContainsFunc(named, func(o any) bool { return q.isPractice(o) })
}

func (q *question) isPractice(reference any) bool {
	return text(child(reference, "reference")) == q.practice || referenceOf(reference) != "" && referenceOf(reference) == localReference(q.practice)
}

// rule8OnlyDenies says whether the Consent holds something that we cannot interpret.
func (q *question) rule8OnlyDenies(c consent) bool {
	odd := false
	everyObject(c.body, func(o object) {
		odd = odd || o["modifierExtension"] != nil || o["implicitRules"] != nil
		odd = odd || slices.ContainsFunc(list(o["actor"]), q.rule8OddActor)
		odd = odd || slices.ContainsFunc(list(o["data"]), func(d any) bool { return referenceOf(child(d, "reference")) == "" || child(d, "meaning") == nil })
	})
	root := q.rule9Root(c)
	return odd || untypedBelow(root) || root.kind == "silent" && !q.ruleIn(c, q.reading.PolicyRules.Assent)
}

// untypedBelow says whether there is a nested provision without a type.
func untypedBelow(p provision) bool {
	return slices.ContainsFunc(p.below, func(b provision) bool { return b.kind == "silent" || untypedBelow(b) })
}

// ruleIn says whether the Consent is made under one of the policy rules.
func (q *question) ruleIn(c consent, rules []string) bool {
	return anyIn(conceptCodings(c.body["policyRule"]), rules)
}

// rule9Root is the root with everything below it. An untyped root under a dissent is a deny; every other untyped provision is silent.
func (q *question) rule9Root(c consent) provision {
	root, _ := c.body["provision"].(object)
	if root == nil {
		root = object{}
	}
	p := provision{path: "provision"}
	p.grow(root, func() string {
		if q.ruleIn(c, q.reading.PolicyRules.Dissent) {
			return "deny"
		}
		return "silent"
	})
	return p
}

func (p *provision) grow(o object, untyped func() string) {
	p.kind = text(o["type"])
	if p.kind == "" {
		p.kind = untyped()
	}
	p.chain = append(p.chain, o)
	p.kinds = append(p.kinds, p.kind)
	for i, b := range list(o["provision"]) {
		nested := provision{path: fmt.Sprintf("%s.provision[%d]", p.path, i), chain: slices.Clone(p.chain), kinds: slices.Clone(p.kinds)}
		inner, _ := b.(object)
		nested.grow(inner, func() string { return "silent" })
		p.below = append(p.below, nested)
	}
}

// every visits a provision and all below it.
func (p provision) every(visit func(provision)) {
	visit(p)
	for _, b := range p.below {
		b.every(visit)
	}
}
