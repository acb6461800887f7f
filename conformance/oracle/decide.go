package oracle

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Line is the decision about one resource, as `gateway explain --json` writes it.
type Line struct {
	Resource, Decision, Reason, Consent, Provision string
	// Places are all that could be named as Consent and Provision.
	Places []Place
}

// question is all that a decision looks at.
type question struct {
	*codes
	who      requester
	at       time.Time
	zone     *time.Location
	practice string
	chart    []record
	consents []consent
}

// record is one resource of the chart.
type record struct {
	ref     string
	body    object
	labels  []coding
	clients []string // whom it is about, the one in whose chart it stands first
}

// Decide decides about every resource, in the order of the file. The input is that of `gateway explain`: Consents, a chart that is labeled as
// it stands, and the requester file. Without practice the rule on who discloses is not applied; a nil zone is UTC.
func Decide(consents, resources []json.RawMessage, requester json.RawMessage, at time.Time, zone *time.Location, practice string) ([]Line, error) {
	k, err := loadCodes()
	if err != nil {
		return nil, err
	}
	q := &question{codes: k, at: at, zone: zone, practice: practice}
	if zone == nil {
		q.zone = time.UTC
	}
	if q.who, err = readRequester(requester); err != nil {
		return nil, err
	}
	if err := q.readChart(resources); err != nil {
		return nil, err
	}
	for _, raw := range consents {
		q.consents = append(q.consents, q.readConsent(raw))
	}
	var lines []Line
	for _, r := range q.chart {
		lines = append(lines, q.rule22Provenance(r))
	}
	return lines, nil
}

func (q *question) readChart(resources []json.RawMessage) error {
	for _, raw := range resources {
		body, err := decode(raw)
		if err != nil {
			return err
		}
		ref := localReference(text(body["resourceType"]) + "/" + text(body["id"]))
		if ref == "" {
			return errors.New("a resource has no type or no id")
		}
		q.chart = append(q.chart, record{ref: ref, body: body, labels: labelsIn(body)})
	}
	for i := range q.chart {
		q.chart[i].clients = q.clientsOf(q.chart[i])
	}
	return nil
}

// clientsOf is whom a record is about: the client in whose chart it stands, then every other to whom it refers, but for who only acts in it.
func (q *question) clientsOf(r record) []string {
	about := []string{referenceOf(r.body["subject"]), referenceOf(r.body["patient"])}
	for _, subject := range about {
		if subject != "" && typeOf(subject) != "Patient" {
			return nil
		}
	}
	switch typeOf(r.ref) {
	case "Patient":
		about = []string{r.ref}
	case "Provenance":
		for _, t := range q.targets(r) {
			about = append(about, onlyPatients([]string{t.ref, referenceOf(t.body["subject"]), referenceOf(t.body["patient"])})...)
		}
	}
	clients := onlyPatients(about)
	if len(clients) == 0 {
		return nil
	}
	return onlyPatients(append(clients, q.mentioned(r.body)...))
}

// mentioned is who is referred to, but for those who act.
func (q *question) mentioned(v any) []string {
	var out []string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = append(out, q.mentioned(e)...)
		}
	case object:
		out = append(out, localReference(text(v["reference"])))
		for name, e := range v {
			if !q.onlyActs(name) {
				out = append(out, q.mentioned(e)...)
			}
		}
	}
	slices.Sort(out)
	return out
}

func onlyPatients(refs []string) []string {
	var out []string
	for _, ref := range refs {
		if typeOf(ref) == "Patient" && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out
}

// decide takes the rules in their order.
func (q *question) decide(r record) Line {
	l := Line{Resource: r.ref, Decision: "withhold"}
	self := q.rule6SelfAccess(r)
	switch {
	case q.rule1Psychotherapy(r):
		l.Reason = "psychotherapy-note"
	case q.rule2Unclassified(r):
		l.Reason = "unclassified"
	case q.rule3Scope(r, false) != "":
		l.Reason = q.rule3Scope(r, false)
	case q.residualForbids(r) != "":
		l.says(verdict{"token", []Place{{Provision: q.residualForbids(r)}}})
	case !self && !q.rule4Purpose():
		l.Reason = "purpose"
	case q.rule5Restricted(r):
		l.Reason = "restriction"
	case q.refused():
		l.Reason = "denied"
	case self:
		q.selfAccess(r, &l)
	default:
		q.rule20Everyone(r, &l)
	}
	if l.Reason == "permitted" || l.Reason == "self-access" {
		l.Decision = "release"
	}
	return l
}

// refused says whether a Consent's client cannot be told: then the whole snapshot is.
func (q *question) refused() bool {
	return slices.ContainsFunc(q.consents, func(c consent) bool { return c.client == "" })
}

// rule18Together puts the Consents of one client together, for one purpose: any deny withholds; else one permit releases; else nothing does.
func (q *question) rule18Together(r record, client string, purpose coding) verdict {
	best := verdict{reason: "no-consent"}
	rank := []string{"no-consent", "label", "purpose-rule", "permitted", "denied"}
	for _, c := range q.consents {
		if c.client != client {
			continue
		}
		switch v := q.says(c, r, purpose); {
		case v.reason == best.reason:
			best.places = append(best.places, v.places...)
		case slices.Index(rank, v.reason) > slices.Index(rank, best.reason):
			best = v
		}
	}
	return best
}

// rule20Everyone asks for every client of the record and every purpose of the requester.
func (q *question) rule20Everyone(r record, l *Line) {
	var all []verdict
	for _, client := range r.clients {
		for _, purpose := range q.who.purposes {
			all = append(all, q.rule18Together(r, client, purpose))
		}
	}
	decisive := all[0]
	if i := slices.IndexFunc(all, func(v verdict) bool { return v.reason != "permitted" }); i >= 0 {
		decisive = all[i]
	}
	if i := slices.IndexFunc(all, func(v verdict) bool { return v.reason == "denied" }); i >= 0 {
		decisive = all[i]
	}
	decisive.places = nil
	for _, v := range all {
		if v.reason == decisive.reason {
			decisive.places = append(decisive.places, v.places...)
		}
	}
	l.says(decisive)
}

// rule22Provenance lets a Provenance follow its targets: it needs the rules before Consents and no deny of its own, and a target that is released
// under a permit that covers the labels of both.
func (q *question) rule22Provenance(r record) Line {
	l := q.decide(r)
	if typeOf(r.ref) != "Provenance" || l.Reason == "label" && q.rule6SelfAccess(r) {
		return l
	}
	switch l.Reason {
	case "permitted", "self-access", "no-consent", "label", "purpose-rule":
	default:
		return l
	}
	answers := []Line{}
	for _, t := range list(r.body["target"]) {
		d := Line{Decision: "withhold", Reason: "no-consent"}
		if target, found := q.target(r, referenceOf(t)); found {
			d = q.beside(r, target, l.Reason == "self-access")
		}
		d.Resource = r.ref
		if d.Decision == "release" {
			return d
		}
		answers = append(answers, d)
	}
	return answers[0]
}

// beside decides a Provenance by one target.
func (q *question) beside(r, target record, self bool) Line {
	l := q.decide(target)
	if l.Decision == "withhold" || self {
		return l
	}
	both := record{target.ref, target.body, slices.Concat(r.labels, target.labels), onlyPatients(slices.Concat(r.clients, target.clients))}
	l = Line{Decision: "withhold"}
	q.rule20Everyone(both, &l)
	if l.Reason == "permitted" {
		l.Decision = "release"
	}
	return l
}

// target is the one record of a Provenance's chart that is meant.
func (q *question) target(r record, ref string) (record, bool) {
	var found []record
	for _, other := range q.chartOf(r) {
		if other.ref == ref && typeOf(ref) != "Provenance" {
			found = append(found, other)
		}
	}
	if len(found) != 1 {
		return record{}, false
	}
	return found[0], true
}

// targets are the records of the file that a Provenance is about, in its order.
func (q *question) targets(r record) []record {
	var out []record
	for _, t := range list(r.body["target"]) {
		for _, other := range q.chart {
			if other.ref == referenceOf(t) && typeOf(other.ref) != "Provenance" {
				out = append(out, other)
			}
		}
	}
	return out
}
