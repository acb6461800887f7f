package policy

import (
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
)

// words are the codings that a Consent is read by, as "system|code".
type words struct {
	scope                      string
	notRelease, release        map[string]bool
	dissent, assent            map[string]bool
	authorization              map[string]bool
	part2                      string
	recipient, custodian, does map[string]bool
}

func newWords(l *loader, f consentsFile) words {
	w := words{scope: f.Scope, part2: f.Part2, notRelease: map[string]bool{}}
	for _, c := range f.NotRelease.Codes {
		w.notRelease[f.NotRelease.System+"|"+c] = true
	}
	w.release = set(f.Release)
	w.dissent = set(f.PolicyRules.Dissent)
	w.assent = set(f.PolicyRules.Assent)
	w.authorization = set(f.Authorization)
	w.recipient = set(f.Roles.Recipient)
	w.custodian = set(f.Roles.Custodian)
	w.does = set(f.Actions)
	l.need(fileConsents, "scope", f.Scope != "")
	l.need(fileConsents, "categories-not-release", f.NotRelease.System != "" && len(f.NotRelease.Codes) > 0)
	l.need(fileConsents, "part2-rule", f.Part2 != "")
	for name, m := range map[string]map[string]bool{
		"categories-release": w.release, "policy-rules.dissent": w.dissent, "policy-rules.assent": w.assent,
		"authorization-rules": w.authorization, "roles.recipient": w.recipient, "roles.custodian": w.custodian, "actions": w.does,
	} {
		l.need(fileConsents, name, len(m) > 0)
	}
	return w
}

func newRepresentatives(l *loader, f representativesFile, labels *Labels) Representatives {
	r := Representatives{majority: f.MajorityAge, relationships: map[string]bool{}}
	for code, rel := range f.Relationships {
		r.relationships[code] = rel.MinorOnly
	}
	l.need(fileRepresentatives, "majority-age", f.MajorityAge > 0)
	l.need(fileRepresentatives, "relationships", len(f.Relationships) > 0)
	for _, key := range f.MinorConfidential {
		m, ok := labels.sensitivity[coding(key)]
		l.need(fileRepresentatives, "minor-confidential: "+key, ok)
		r.Confidential |= m.below
	}
	return r
}

// any tells whether one of the codings is in the set.
func anyOf(m map[string]bool, codings []fhir.Coding) bool {
	return slices.ContainsFunc(codings, func(c fhir.Coding) bool { return m[c.Key()] })
}

// coding reads "system|code".
func coding(key string) fhir.Coding {
	i := strings.LastIndexByte(key, '|')
	return fhir.Coding{System: key[:max(i, 0)], Code: key[i+1:]}
}

func set(keys []string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}
