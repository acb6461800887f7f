package main

import (
	"slices"
	"strings"
)

func includeRows(p *probe) {
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			base := plain(t.name, f.of.ID)
			values := []string{"_include=*", "_include:iterate=*", "_revinclude=*", "_revinclude:iterate=*", "_include:recurse=*", "_with=subject", "_assoc=subject",
				"_include=" + t.name + ":*", "_include:iterate=" + t.name + ":patient&_revinclude:iterate=Provenance:target"}
			for _, param := range slices.Concat(t.params, t.named(t.includes)) {
				values = append(values, "_include="+t.name+":"+param)
			}
			for _, other := range p.s.clientTypes() {
				for _, param := range []string{"patient", "subject", "encounter", "target"} {
					if other.has(param) {
						values = append(values, "_revinclude="+other.name+":"+param)
					}
				}
			}
			for _, v := range values {
				for r := get(strings.Replace(base, "_count=200", "_count=50", 1) + "&" + v); r.path != ""; {
					a := c.do(r)
					p.within(c, r, a)
					b, _ := a.bundle()
					r = get(b.next)
				}
			}
		}
	}
}

// named are the parameters that values of _include name beside the type.
func (t resourceType) named(values []string) []string {
	var out []string
	for _, v := range values {
		if param, ours := strings.CutPrefix(v, t.name+":"); ours && !t.has(param) {
			out = append(out, param)
		}
	}
	return out
}

// linkedIncludes looks at what is included for who names it: a practitioner or site whom only a withheld record names must not come, though
// the directory has them.
func linkedIncludes(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			own, more := plain(t.name, f.of.ID), []string{"_include=*", "_include=*&_include:iterate=Provenance:*&_revinclude=Provenance:target", "_revinclude=*&_revinclude:iterate=Provenance:target"}
			for _, v := range t.includes {
				more = append(more, "_include="+v)
			}
			for _, v := range t.revincludes {
				more = append(more, "_revinclude="+v)
			}
			for _, q := range more {
				requests := []request{get(own + "&" + q)}
				if q == more[0] {
					_, query, _ := strings.Cut(own, "?")
					requests = append(requests, form(t.name+"/_search", query+"&"+q), form(t.name+"/_search?"+q, query), get("Patient/"+f.of.ID+"/"+t.name+"?"+q), get(strings.Replace(own, "_count=200", "_count=1", 1)+"&"+q))
				}
				for _, r := range requests {
					a := c.do(r)
					p.within(c, r, a)
					if b, ok := a.bundle(); ok {
						found += p.linked(f, r, b)
					}
				}
			}
		}
	}
	p.need(found > 0, "nothing that is included")
}

// linked reports what is included and neither named by another entry nor names one. It gives how many are included.
func (p *probe) linked(f focus, r request, b bundle) (included int) {
	named, there := map[string]bool{}, map[string]bool{}
	for _, e := range b.entries {
		there[e.ref()] = true
		for _, ref := range e.references() {
			named[ref] = true
		}
	}
	for _, e := range b.entries {
		if e.mode != "include" {
			continue
		}
		included++
		if !named[e.ref()] && !slices.ContainsFunc(e.references(), func(ref string) bool { return there[ref] }) {
			p.leak("%s gets a %s that nothing in the answer names, by %s", f.who.ID, e.typ, r.name())
		}
	}
	return included
}

func revincludeProvenance(p *probe) {
	found := 0
	for _, f := range p.focuses() {
		c := p.as(f.who)
		for _, t := range p.s.clientTypes() {
			r := get(plain(t.name, f.of.ID) + "&_revinclude=Provenance:target")
			b, ok := c.do(r).bundle()
			if !ok || !slices.Contains(t.revincludes, "Provenance:target") {
				continue
			}
			for _, e := range b.entries {
				if e.typ != "Provenance" {
					continue
				}
				found++
				if _, ok := f.own[e.ref()]; !ok {
					p.leak("%s gets a Provenance with %s that a search for Provenance withholds", f.who.ID, t.name)
				}
				if targets := e.texts("target.reference"); !slices.ContainsFunc(targets, func(target string) bool { return slices.Contains(b.refs(), target) }) {
					p.leak("%s gets a Provenance with %s of something that is not in the answer", f.who.ID, t.name)
				}
			}
		}
	}
	p.need(found > 0, "no Provenance")
}

func includeBeyondScope(p *probe) {
	tried := 0
	for _, f := range p.focuses() {
		for _, t := range p.s.clientTypes() {
			if len(f.own.ofType(t.name)) == 0 {
				continue
			}
			c, ok := p.scoped(f.who, "system/"+t.name+".rs")
			if !ok {
				continue
			}
			for _, v := range []string{"_revinclude=Provenance:target", "_include=*", "_include=" + t.name + ":encounter", "_include=" + t.name + ":patient", "_revinclude=*", "_include:iterate=" + t.name + ":*"} {
				tried++
				r := get(plain(t.name, f.of.ID) + "&" + v)
				b, _ := c.do(r).bundle()
				for _, e := range b.entries {
					if e.typ != t.name && e.typ != "OperationOutcome" {
						p.leak("%s with a scope for %s alone gets a %s, by %s", f.who.ID, t.name, e.typ, r.name())
					}
				}
			}
			for _, other := range f.own {
				if other.typ != t.name {
					if a := c.get(other.ref()); a.status == 200 {
						p.leak("%s with a scope for %s alone reads a %s", f.who.ID, t.name, other.typ)
					}
					break
				}
			}
		}
	}
	p.need(tried > 0, "no scope")
}
