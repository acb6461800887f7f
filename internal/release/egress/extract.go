package egress

import (
	"encoding/json"
	"time"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/fhir/fhirjson"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/facts"
	"github.com/consentry/gateway/internal/release/internal/sealed"
	"github.com/consentry/gateway/internal/release/stage"
)

// ConsentExtract puts an extract in the place of a Consent: what it permits to the one who asks, and what FHIR R4 requires of a Consent. The body
// of the Consent is not read. The extract is written from its Terms alone, so that two Consents with the same Terms are the same bytes, and
// no element that somebody adds to Consents can get into it. It has no meta.lastUpdated, since a change that it does not show would show
// there, and names no profile but its own: it holds less than that of a whole Consent and those of IHE PCF ask for.
func (e *Egress) ConsentExtract(r stage.Released, t *consent.Terms) (stage.Released, bool) {
	old := r.Facts()
	if old == nil || t == nil || old.Type != "Consent" || (fhir.Reference{Type: old.Type, ID: old.ID}) != t.Consent || len(t.Permits) == 0 {
		return stage.Released{}, false
	}
	labels := extractLabels(t)
	text, err := json.Marshal(e.extract(t, labels))
	if err != nil {
		return stage.Released{}, false
	}
	m, err := fhirjson.Parse(text)
	if err != nil {
		return stage.Released{}, false
	}
	body, err := fhirjson.Append(make([]byte, 0, len(text)), m, fhirjson.Projection{})
	if err != nil {
		return stage.Released{}, false
	}
	f, err := facts.Extract(m, facts.Options{Zone: e.zone, Types: e.types, Subject: t.Client, Origin: old.Origin})
	if err != nil || f.Type != old.Type || f.ID != old.ID {
		return stage.Released{}, false
	}
	return sealed.Extract(r, body, f, labels), true
}

// extractLabels are those of every extract: that somebody has agreed to a release of a therapy practice's records is confidential itself. The
// labels of the whole Consent may come from what the extract leaves out.
func extractLabels(t *consent.Terms) []fhir.Coding {
	labels := []fhir.Coding{{System: fhir.SystemConfidentiality, Code: "R"}}
	if t.Part2 {
		labels = append(labels, fhir.Coding{System: fhir.SystemActCode, Code: codePart2})
	}
	return labels
}

// The elements of an extract (FHIR R4 Consent).
type (
	extract struct {
		ResourceType string      `json:"resourceType"`
		ID           string      `json:"id"`
		Meta         meta        `json:"meta"`
		Status       string      `json:"status"`
		Scope        concept     `json:"scope"`
		Category     []concept   `json:"category"`
		Patient      reference   `json:"patient"`
		Organization []reference `json:"organization,omitempty"`
		PolicyRule   concept     `json:"policyRule"` // the invariant ppc-1 asks for a policy or a policyRule
		Provision    provision   `json:"provision"`
	}
	meta struct {
		Profile  []string `json:"profile"`
		Security []coding `json:"security"`
	}
	provision struct {
		Type      string      `json:"type,omitempty"`
		Period    *period     `json:"period,omitempty"`
		Actor     []actor     `json:"actor,omitempty"`
		Purpose   []coding    `json:"purpose,omitempty"`
		Class     []coding    `json:"class,omitempty"`
		Code      []concept   `json:"code,omitempty"`
		Provision []provision `json:"provision,omitempty"`
	}
	actor struct {
		Role      concept   `json:"role"`
		Reference reference `json:"reference"`
	}
	reference struct {
		Reference  string      `json:"reference,omitempty"`
		Identifier *identifier `json:"identifier,omitempty"`
		Display    string      `json:"display,omitempty"`
	}
	identifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	concept struct {
		Coding []coding `json:"coding"`
	}
	coding struct {
		System string `json:"system,omitempty"`
		Code   string `json:"code"`
	}
	period struct {
		Start string `json:"start,omitempty"`
		End   string `json:"end,omitempty"`
	}
)

func (e *Egress) extract(t *consent.Terms, labels []fhir.Coding) extract {
	x := extract{
		ResourceType: "Consent", ID: t.Consent.ID, Meta: meta{Profile: []string{extractProfile}, Security: codings(labels)}, Status: "active",
		Scope: one(fhir.SystemConsentScope, "patient-privacy"), Category: []concept{one(fhir.SystemActCode, "IDSCL")},
		Patient: reference{Reference: t.Client.String()}, PolicyRule: policyRule(t), Provision: e.provisions(t),
	}
	if t.Discloser != (fhir.Identifier{}) {
		x.Organization = []reference{{Identifier: identified(t.Discloser)}}
	}
	return x
}

// policyRule names the law that the Consent was made under, and otherwise what every permit is: an opt-in.
func policyRule(t *consent.Terms) concept {
	switch {
	case t.Part2:
		return one(fhir.SystemActCode, "42CFRPart2CD")
	case t.Authorization:
		return one(fhir.SystemConsentPolicy, "hipaa-auth")
	}
	return one(fhir.SystemActCode, "OPTIN")
}

// provisions writes one permit as the root, and several below a root that says what they have in common: to whom, and from when to when at most.
func (e *Egress) provisions(t *consent.Terms) provision {
	var list []provision
	whole := t.Permits[0].Period
	for _, p := range t.Permits {
		list = append(list, provision{Type: "permit", Period: e.period(p.Period), Purpose: codings(p.Purposes), Class: codings(p.Classes), Code: concepts(p.Codes)})
		whole = around(whole, p.Period)
	}
	root := provision{Period: e.period(whole), Provision: list}
	if len(list) == 1 {
		root = list[0]
	}
	self := reference{Display: t.Recipient.Name, Identifier: identified(t.Recipient.Identifier)}
	root.Actor = []actor{{Role: one(fhir.SystemParticipation, "IRCP"), Reference: self}}
	return root
}

// around is the shortest period that holds both. An open end holds everything.
func around(a, b fhir.Interval) (whole fhir.Interval) {
	if !a.Start.IsZero() && !b.Start.IsZero() {
		whole.Start = a.Start
		if b.Start.Before(a.Start) {
			whole.Start = b.Start
		}
	}
	if !a.End.IsZero() && !b.End.IsZero() {
		whole.End = a.End
		if b.End.After(a.End) {
			whole.End = b.End
		}
	}
	return whole
}

func (e *Egress) period(i fhir.Interval) *period {
	if i.Start.IsZero() && i.End.IsZero() {
		return nil
	}
	return &period{Start: e.starting(i.Start), End: e.ending(i.End)}
}

// starting writes the beginning of a period: as a date where a day of the practice's zone begins.
func (e *Egress) starting(t time.Time) string {
	switch t := t.In(e.zone); {
	case t.IsZero():
		return ""
	case isMidnight(t):
		return t.Format(time.DateOnly)
	default:
		return t.Format(time.RFC3339Nano)
	}
}

// ending writes the end of a period, which FHIR includes in it and an Interval does not (R4 2.24.0.10): the last day, second or millisecond.
func (e *Egress) ending(t time.Time) string {
	switch t := t.In(e.zone); {
	case t.IsZero():
		return ""
	case isMidnight(t):
		return t.AddDate(0, 0, -1).Format(time.DateOnly)
	case t.Nanosecond() == 0:
		return t.Add(-time.Second).Format(time.RFC3339)
	default:
		return t.Add(-time.Millisecond).Format(time.RFC3339Nano)
	}
}

func isMidnight(t time.Time) bool {
	return t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()))
}

func one(system, code string) concept { return concept{Coding: []coding{{system, code}}} }

func codings(list []fhir.Coding) (out []coding) {
	for _, c := range list {
		out = append(out, coding{c.System, c.Code})
	}
	return out
}

func concepts(list []fhir.Coding) (out []concept) {
	for _, c := range list {
		out = append(out, one(c.System, c.Code))
	}
	return out
}

func identified(i fhir.Identifier) *identifier {
	if i == (fhir.Identifier{}) {
		return nil
	}
	return &identifier{i.System, i.Value}
}
