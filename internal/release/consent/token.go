package consent

import (
	"slices"
	"strconv"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/smart"
)

// What a token itself takes away. It adds nothing, and it replaces nothing: whatever the rules withhold they withhold all the same.

// mayReach tells whether the token is for this client.
func (in *Input) mayReach() bool {
	return in.Requester.Only == fhir.Reference{} || in.Requester.Only == in.Client
}

// names tells whether the permits of a Consent count: where the token names Consents, those of the others fall. Every deny of every Consent stands.
func (in *Input) names(p *policy.Policy) bool {
	return in.Requester.Consents == nil || slices.ContainsFunc(in.Requester.Consents, p.IsCalled)
}

// residual is a rule of the token's own (IHE PCF 1.1). It is read as a provision of a Consent is: what it states must all match, of the values of one
// attribute any, and what is unknown matches what forbids and nothing that permits.
type residual struct {
	place   string // "residual[1]"
	permit  bool
	labels  *policy.LabelSet // nil for any
	periods []policy.Period
	data    []*target
	// elsewhere says that it names a resource that is not in this chart.
	elsewhere bool
}

func (d *decider) readResidual() {
	for i, rule := range d.in.Requester.Residual {
		one := residual{place: "residual[" + strconv.Itoa(i) + "]", permit: rule.Permit}
		whole := !rule.Unread
		if whole {
			whole = d.readRule(&one, rule)
		}
		if whole || !rule.Permit {
			d.residual = append(d.residual, one)
		}
	}
}

// readRule tells whether nothing of the rule is unknown.
func (d *decider) readRule(to *residual, rule smart.ResidualRule) (whole bool) {
	whole = true
	if len(rule.Labels) > 0 {
		to.labels = d.in.Rules.Labels.Listed(rule.Labels)
		whole = !to.labels.Unread
	}
	for _, p := range rule.Periods {
		i, err := fhir.ParsePeriod(p.Start, p.End, d.in.Zone)
		backwards := !i.Start.IsZero() && !i.End.IsZero() && !i.Start.Before(i.End)
		period := policy.Period{Interval: i, Unread: err != nil || backwards}
		to.periods, whole = append(to.periods, period), whole && !period.Unread
	}
	for _, datum := range rule.Data {
		meaning, known := meanings[datum.Meaning]
		t := d.target(policy.Datum{Meaning: meaning, Reference: datum.Reference, Unread: !known || datum.Reference == fhir.Reference{}}, d.in.Client)
		to.data, whole = append(to.data, t), whole && !t.Unread
		to.elsewhere = to.elsewhere || meaning != policy.AuthoredBy && d.find(datum.Reference) == nil
	}
	return whole
}

var meanings = map[string]policy.Meaning{"instance": policy.Instance, "related": policy.Related, "dependents": policy.Dependents, "authoredby": policy.AuthoredBy}

// forbids names the token's rule that forbids a record, "" for none: of those that match the last one counts, so that a permit takes back what stands
// before it and nothing that stands behind it.
func (d *decider) forbids(r *record) (place string) {
	if len(d.residual) == 0 {
		return ""
	}
	if r.facts.Origin.Directory && r.marks.Confidentiality == 0 {
		staff := *r // has no label to lack: as little confidential as can be
		staff.marks.Confidentiality = 1
		r = &staff
	}
	for _, rule := range slices.Backward(d.residual) {
		switch {
		case rule.permit && d.takesBack(&rule, r):
			return ""
		case !rule.permit && d.concerns(&rule, r):
			return rule.place
		}
	}
	return ""
}

// concerns tells whether everything that a rule which forbids states of the record may hold. In the chart of one of several clients whom a record is
// about it goes by an id of its own: there, what is not in this chart may be this record.
func (d *decider) concerns(rule *residual, r *record) bool {
	when := func(p policy.Period) bool { return p.Unread || deniedTime(r.facts.When, p.Interval) }
	is := func(t *target) bool { return t.denies(r.facts, d.in.Rules) }
	return (rule.labels == nil || deniesLabels(rule.labels, false, r)) &&
		(len(rule.periods) == 0 || slices.ContainsFunc(rule.periods, when)) &&
		(len(rule.data) == 0 || rule.elsewhere && len(r.clients) > 1 || slices.ContainsFunc(rule.data, is))
}

// takesBack tells whether everything holds that a rule which permits states of the record. Labels that it lists must reach and cover those of the
// record as if it were a Consent of its own; one that lists none says nothing of labels.
func (d *decider) takesBack(rule *residual, r *record) bool {
	when := func(p policy.Period) bool { return permittedTime(r.facts.When, p.Interval) }
	is := func(t *target) bool { return t.permits(r.facts) }
	return (rule.labels == nil || d.reachesLabels(rule.labels, r) && d.coveredBy(rule.labels, r)) &&
		(len(rule.periods) == 0 || slices.ContainsFunc(rule.periods, when)) &&
		(len(rule.data) == 0 || slices.ContainsFunc(rule.data, is))
}

// coveredBy tells whether a list of labels alone covers all of the record that are to be named (rule 16).
func (d *decider) coveredBy(s *policy.LabelSet, r *record) bool {
	var c cover
	c.add(s)
	return d.covers(&policy.Policy{NamesSensitivity: s.Sensitive}, c, r)
}
