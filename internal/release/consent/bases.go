package consent

import (
	"time"

	"github.com/consentry/gateway/internal/fhir"
)

// Basis is what permits one resource for one stated purpose: a Consent, and the provision in it.
type Basis struct {
	Consent   fhir.Reference
	Provision string
	Purpose   fhir.Coding
}

// Bases gives, for each resource of the chart that res releases by Consent, what permits it for each purpose stated. until is when an answer
// changes, which may be before res.ValidUntil.
func Bases(in Input, res Result) (bases [][]Basis, until time.Time) {
	bases, until = make([][]Basis, len(in.Chart)), res.ValidUntil
	if in.Requester == nil || len(res.Decisions) != len(in.Chart) {
		return bases, until
	}
	for _, q := range in.Requester.Purposes {
		one := res
		if len(in.Requester.Purposes) > 1 { // a Decision names one Consent, and each purpose may have its own
			forOne := in
			forOne.Requester = in.Requester.For(q)
			one = Decide(forOne)
		}
		if one.ValidUntil.Before(until) {
			until = one.ValidUntil
		}
		for i, d := range one.Decisions {
			if d.Release && res.Decisions[i].Release && d.Consent != (fhir.Reference{}) {
				bases[i] = append(bases[i], Basis{Consent: d.Consent, Provision: d.Provision, Purpose: q})
			}
		}
	}
	return bases, until
}
