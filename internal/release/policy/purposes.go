package policy

import (
	"slices"

	"github.com/consentry/gateway/internal/fhir"
)

// Purposes is the tree of purposes of use (profiles/purposes): what lies below what, which purposes are reached only by their name, and
// the rules of minimum necessary.
type Purposes struct {
	system    string
	parent    map[string]string // every known code; "" for a root
	namedOnly map[string]bool
	never     map[string][]string
	unbound   map[string]bool
	rules     map[string]*PurposeRule
}

// PurposeRule says which records a permit for a purpose reaches (45 CFR 164.502(b)).
type PurposeRule struct {
	// MaxAgeMonths is how far back a record's matter may lie; 0 for no limit.
	MaxAgeMonths int
	types        map[string][]fhir.Coding // type -> codes, none for all
	anyType      bool
}

// Known tells whether the coding is a purpose of the tree. Any other is unknown: it matches no permit and every deny (rule 12).
func (p *Purposes) Known(c fhir.Coding) bool {
	_, ok := p.parent[c.Code]
	return ok && c.System == p.system
}

// Below tells whether code is ancestor or lies below it.
func (p *Purposes) Below(code, ancestor string) bool {
	for i := 0; code != "" && i <= len(p.parent); i++ {
		if code == ancestor {
			return true
		}
		code = p.parent[code]
	}
	return false
}

// Reached tells whether a permit for the named purpose reaches code; "" is a permit that names none. Purposes that are reached only by
// naming them are not reached from above (rule 14).
func (p *Purposes) Reached(code, named string) bool {
	for i := 0; i <= len(p.parent); i++ {
		if code == named {
			return true
		}
		if code == "" || p.namedOnly[code] {
			return false
		}
		code = p.parent[code]
	}
	return false
}

// Never tells whether a partner of the kind can never hold the purpose (rule 4).
func (p *Purposes) Never(kind, code string) bool {
	return slices.ContainsFunc(p.never[kind], func(a string) bool { return p.Below(code, a) })
}

// Rule gives the rule of minimum necessary of a purpose: its own or that of its nearest ancestor that has one. bound is false where no
// rule binds; a bound purpose without a rule reaches nothing.
func (p *Purposes) Rule(code string) (rule *PurposeRule, bound bool) {
	for i := 0; code != "" && i <= len(p.parent); i++ {
		if p.unbound[code] {
			return nil, false
		}
		if r := p.rules[code]; r != nil {
			return r, true
		}
		code = p.parent[code]
	}
	return nil, true
}

// Lists tells whether the rule reaches a record of the type; has tells whether a code stands in the record's type, category or code.
func (r *PurposeRule) Lists(resourceType string, has func(fhir.Coding) bool) bool {
	if r == nil {
		return false
	}
	if r.anyType {
		return true
	}
	codes, ok := r.types[resourceType]
	if !ok || len(codes) == 0 {
		return ok
	}
	return slices.ContainsFunc(codes, has)
}

func newPurposes(l *loader, t treeFile, f rulesFile) *Purposes {
	p := &Purposes{
		system: t.System, parent: map[string]string{}, namedOnly: set(t.NamedOnly), never: t.Never,
		unbound: set(f.Unbound), rules: map[string]*PurposeRule{},
	}
	l.need(fileTree, "system", t.System != "")
	l.need(fileTree, "tree", len(t.Tree) > 0)
	for code := range t.Tree {
		p.parent[code] = ""
	}
	for code, children := range t.Tree {
		for _, c := range children {
			l.need(fileTree, "tree: one place only for "+c, p.parent[c] == "")
			p.parent[c] = code
		}
	}
	for code := range p.parent {
		l.need(fileTree, "tree: a root above "+code, p.rooted(code))
	}
	p.check(l, fileTree, "named-only", t.NamedOnly)
	l.need(fileTree, "named-only", len(t.NamedOnly) > 0)
	l.need(fileTree, "never", len(t.Never) > 0)
	for kind, codes := range t.Never {
		p.check(l, fileTree, "never."+kind, codes)
	}
	p.check(l, fileRules, "unbound", f.Unbound)
	l.need(fileRules, "rules", len(f.Rules) > 0)
	for code, rule := range f.Rules {
		p.check(l, fileRules, "rules", []string{code})
		p.rules[code] = newPurposeRule(l, code, rule)
	}
	return p
}

func newPurposeRule(l *loader, code string, f ruleFile) *PurposeRule {
	r := &PurposeRule{MaxAgeMonths: f.MaxAgeMonths, types: map[string][]fhir.Coding{}}
	l.need(fileRules, code+".records", len(f.Records) > 0)
	l.need(fileRules, code+".max-age-months", f.MaxAgeMonths >= 0)
	for _, rec := range f.Records {
		l.need(fileRules, code+".records.type", rec.Type != "")
		r.anyType = r.anyType || rec.Type == "*"
		_, twice := r.types[rec.Type]
		l.need(fileRules, code+".records: one entry only for "+rec.Type, !twice)
		r.types[rec.Type] = nil
		for _, key := range rec.Codes {
			r.types[rec.Type] = append(r.types[rec.Type], coding(key))
		}
	}
	return r
}

// rooted tells whether the code hangs below a root, not on a ring.
func (p *Purposes) rooted(code string) bool {
	for i := 0; i <= len(p.parent); i++ {
		if code = p.parent[code]; code == "" {
			return true
		}
	}
	return false
}

func (p *Purposes) check(l *loader, file, setting string, codes []string) {
	for _, c := range codes {
		_, ok := p.parent[c]
		l.need(file, setting+": "+c, ok)
	}
}
