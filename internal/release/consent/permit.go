package consent

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
)

// permit says what a provision permits for some of the requester's purposes.
func permit(rule *policy.Provision, purposes []fhir.Coding, rules *Rules) Permit {
	return Permit{
		Period:   common(rule.Periods),
		Purposes: sortedCodings(reaching(rule.Purposes, purposes, rules)),
		Classes:  sortedCodings(classCodings(narrowest(rule.Classes))),
		Codes:    sortedCodings(kindCodings(narrowest(rule.Codes), rules)),
	}
}

// common is the stretch of time that lies in all periods.
func common(periods []policy.Period) (all fhir.Interval) {
	for _, p := range periods {
		if p.Start.After(all.Start) {
			all.Start = p.Start
		}
		if !p.End.IsZero() && (all.End.IsZero() || p.End.Before(all.End)) {
			all.End = p.End
		}
	}
	return all
}

// reaching gives the purposes named that reach one of the requester's; the requester's where none is named. What else the form is for may be
// another's business.
func reaching(named, own []fhir.Coding, rules *Rules) []fhir.Coding {
	if named == nil {
		return slices.Clone(own)
	}
	var out []fhir.Coding
	for _, c := range named {
		if rules.Purposes.Known(c) && slices.ContainsFunc(own, func(q fhir.Coding) bool { return rules.Purposes.Reached(q.Code, c.Code) }) {
			out = append(out, c)
		}
	}
	return out
}

// narrowest is one list for several that all must hold: what is in each of them or, where they have nothing in common, the one stated last, by
// the provision itself.
func narrowest[T comparable](groups [][]T) []T {
	if len(groups) == 0 {
		return nil
	}
	last := groups[len(groups)-1]
	var shared []T
	for _, one := range last {
		if !slices.ContainsFunc(groups, func(g []T) bool { return !slices.Contains(g, one) }) {
			shared = append(shared, one)
		}
	}
	if len(shared) == 0 {
		return last
	}
	return shared
}

// classCodings writes classes as a Consent does. What nobody here can read permits nothing.
func classCodings(list []policy.Class) (out []fhir.Coding) {
	for _, c := range list {
		switch c.Kind {
		case policy.ClassType:
			out = append(out, fhir.Coding{System: fhir.SystemResourceTypes, Code: c.Name})
		case policy.ClassProfile:
			out = append(out, fhir.Coding{System: fhir.SystemURI, Code: c.Name})
		case policy.ClassFormat:
			system := "" // of a format code, one of several code systems
			if strings.Contains(c.Name, "/") {
				system = fhir.SystemMIME
			}
			out = append(out, fhir.Coding{System: system, Code: c.Name})
		}
	}
	return out
}

// kindCodings leaves out what permits nothing: a code without a system, and one that no Consent can release.
func kindCodings(list []policy.Code, rules *Rules) (out []fhir.Coding) {
	for _, c := range list {
		if bare := (fhir.Coding{System: c.System, Code: c.Code}); c.System != "" && c.Code != "" && !rules.Labels.Never([]fhir.Coding{bare}) {
			out = append(out, bare)
		}
	}
	return out
}

// sortedCodings gives codings in order, each once, without displays.
func sortedCodings(list []fhir.Coding) []fhir.Coding {
	out := make([]fhir.Coding, 0, len(list))
	for _, c := range list {
		out = append(out, fhir.Coding{System: c.System, Code: c.Code})
	}
	slices.SortFunc(out, func(a, b fhir.Coding) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(out)
}

// key tells two Permits apart, and orders them.
func (p Permit) key() string {
	var b strings.Builder
	for _, t := range []time.Time{p.Period.Start, p.Period.End} {
		b.WriteString(t.UTC().Format("2006-01-02T15:04:05.000000000") + "\n")
	}
	for _, list := range [][]fhir.Coding{p.Purposes, p.Classes, p.Codes} {
		for _, c := range list {
			b.WriteString(c.System + "\t" + c.Code + "\n")
		}
		b.WriteByte('\n')
	}
	return b.String()
}
