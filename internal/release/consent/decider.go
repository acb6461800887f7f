package consent

import (
	"slices"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
)

// decider holds what is the same for all resources of one decision.
type decider struct {
	in    Input
	until time.Time

	purposes     []purpose
	purposesHeld bool // rule 4
	selfPay      bool // the requester is one from whom self-paid records are withheld
	self         self
	patientOnly  smart.Scopes
	launched     bool // Client is the launch patient
	residual     []residual
	minor        bool // the client is a minor, as far as is known
	withoutChart bool // see Applies

	clients map[fhir.Reference]*voices
	targets map[policy.Datum]*target
	roles   roles // nil until it is asked for
	match   func(smart.Param) bool
	current *stage.Facts
}

// purpose is one stated purpose.
type purpose struct {
	code  string
	known bool
	rule  *policy.PurposeRule
	bound bool
}

// record is one resource with its labels read.
type record struct {
	facts   *stage.Facts
	clients []fhir.Reference // whom it is about
	labels  []fhir.Coding
	marks   policy.Marks
	codes   *policy.Codings // nil until they are asked for
	// within is what the purpose rules say of it, by the place of the purpose; filled when asked.
	within map[string]bool
}

// patientScopes are all scopes of the level patient.
var patientScopes = smart.ParseScopes("patient/*.cruds")

func newDecider(in Input) *decider {
	d := &decider{
		in: in, until: Forever, clients: map[fhir.Reference]*voices{}, targets: map[policy.Datum]*target{},
		launched:    in.Requester.Patient == in.Client && in.Client != fhir.Reference{},
		patientOnly: in.Requester.Scopes.Intersect(patientScopes),
	}
	if in.Granular != nil {
		d.match = func(p smart.Param) bool { return in.Granular(d.current, p) }
	}
	d.readPurposes()
	d.readSelf()
	d.readResidual()
	return d
}

func (d *decider) record(l stage.Labeled) record {
	labels := l.Labels()
	return record{facts: l.Facts(), clients: Concerned(l.Facts(), d.in.Rules), labels: labels, marks: d.in.Rules.Labels.Read(labels)}
}

// Concerned gives the clients whom a record is about: those whom the source names, and every other Patient to whom it refers, but for who
// only acts in it (rule 20). The Consents of each belong into Input.Policies.
func Concerned(f *stage.Facts, rules *Rules) []fhir.Reference {
	if f == nil || rules == nil {
		return nil
	}
	clients := f.Clients
	for i := range f.References {
		ref := &f.References[i]
		if ref.Value.Type != "Patient" || slices.Contains(clients, ref.Value) || rules.Acts(ref.Path) {
			continue
		}
		clients = append(slices.Clip(clients), ref.Value)
	}
	return clients
}

// readPurposes applies rule 4 and looks up what the purposes mean.
func (d *decider) readPurposes() {
	req, tree := d.in.Requester, d.in.Rules.Purposes
	d.purposesHeld = knownKind(req.Kind) && len(req.Purposes) > 0
	for _, c := range req.Purposes {
		p := purpose{known: tree.Known(c), bound: true}
		if p.known {
			p.code = c.Code
			p.rule, p.bound = tree.Rule(c.Code)
		}
		registered := slices.ContainsFunc(req.Registered, func(r fhir.Coding) bool { return r.Key() == c.Key() })
		d.purposesHeld = d.purposesHeld && registered && !(p.known && tree.Never(string(req.Kind), p.code))
		d.purposes = append(d.purposes, p)
		d.selfPay = d.selfPay || d.isSelfPay(p)
	}
}

func (d *decider) isSelfPay(p purpose) bool {
	rule := d.in.Rules.Labels.SelfPay
	if string(d.in.Requester.Kind) != rule.Kind {
		return false
	}
	return !p.known || slices.ContainsFunc(rule.Purposes, func(a string) bool { return d.in.Rules.Purposes.Below(p.code, a) })
}

// clientSide tells whether the requester is the client, the family or an app of theirs: whom a clinician's hold concerns.
func (d *decider) clientSide() bool {
	return d.in.Requester.Kind == requester.KindPatient || d.in.Requester.Person != fhir.Reference{}
}

func knownKind(k requester.Kind) bool {
	switch k {
	case requester.KindProvider, requester.KindPayer, requester.KindPatient, requester.KindEmployer, requester.KindOther:
		return true
	}
	return false
}

// scope applies rule 3.
func (d *decider) scope(r *record) Reason {
	d.current = r.facts
	scopes := d.in.Requester.Scopes
	ask := smart.Ask{Type: r.facts.Type, Permission: d.in.Permission, Match: d.match}
	directory := r.facts.Origin.Directory
	if !directory && (r.facts.Subject != d.in.Client || !d.in.mayReach()) {
		return OtherPatient
	}
	ask.InLaunchChart = d.launched
	if scopes.Allows(ask) {
		return ""
	}
	ask.InLaunchChart = true
	if !directory && !d.launched && d.in.Requester.Patient != (fhir.Reference{}) && scopes.Allows(ask) {
		return OtherPatient
	}
	return Scope
}

// throughPatientScope tells whether a patient/ scope allows the resource: the only way of self-access (rule 6).
func (d *decider) throughPatientScope(r *record) bool {
	d.current = r.facts
	return d.patientOnly.Allows(smart.Ask{Type: r.facts.Type, Permission: d.in.Permission, InLaunchChart: d.launched, Match: d.match})
}

// notice remembers that the answer changes at t.
func (d *decider) notice(t time.Time) {
	if t.After(d.in.Now) && t.Before(d.until) {
		d.until = t
	}
}
