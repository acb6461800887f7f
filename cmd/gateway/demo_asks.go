package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/smart"
)

// storyPartner is a partner of the story with its token.
type storyPartner struct {
	*story
	partner    demoPartner
	token      string
	permitting []string // the Consents that permitted something in the last pull
}

func (s *story) as(partner string) (*storyPartner, error) {
	p := s.demo.partner(partner)
	token, err := s.demo.fetchToken(s.ctx, p)
	return &storyPartner{story: s, partner: p, token: token}, err
}

func (a *storyPartner) get(pathAndQuery string) (*answer, error) {
	got, err := a.demo.get(a.ctx, a.token, pathAndQuery)
	if err == nil {
		a.seen.Write(got.body)
		a.seen.WriteByte('\n')
	}
	return got, err
}

// ask makes one request, says what came, and how to make it again: while the demo serves, the line gives the same.
func (a *storyPartner) ask(pathAndQuery string) error {
	got, err := a.get(pathAndQuery)
	if err != nil {
		return err
	}
	note := ""
	if got.status == http.StatusForbidden {
		note = " (as it should be: the partner has no scope for this type)"
	}
	a.say("   GET %s -> %d, %s%s", shorten(pathAndQuery), got.status, counts(got.types), note)
	a.say("   %s", a.demo.curl(a.partner, pathAndQuery))
	return nil
}

func (a *storyPartner) askEach(all ...string) error {
	for _, one := range all {
		if err := a.ask(one); err != nil {
			return err
		}
	}
	return nil
}

// pulled are the types that a pull asks for, each with the Provenance of what it finds.
var pulled = []string{"Patient", "Encounter", "Condition", "MedicationRequest", "Observation", "Procedure", "CarePlan", "Goal", "DocumentReference", "Consent"}

func documents(patient fhir.Reference) string {
	return clientSearch("DocumentReference", patient, "_count=200", "_revinclude=Provenance:target")
}

// pull asks for one client's whole chart, type by type, and says what came, and of every resource of the chart why it came or did not.
func (a *storyPartner) pull(client practice.ClientKey) (patient fhir.Reference, err error) {
	preview, err := a.preview(client)
	if err != nil {
		return patient, err
	}
	patient = preview.Patient
	came := map[fhir.Reference]bool{}
	refused := 0
	for _, t := range pulled {
		got, err := a.get(clientSearch(t, patient, "_count=200", "_revinclude=Provenance:target"))
		if err != nil {
			return patient, err
		}
		if got.status == http.StatusForbidden {
			refused++
		}
		for _, r := range got.resources {
			came[r] = true
		}
	}
	a.say("   %s asks for one client: GET %s, and the same of %d more types, each with its Provenance", a.partner.ID,
		shorten(clientSearch(pulled[0], patient)), len(pulled)-1)
	if refused > 0 {
		a.say("   refused: %d of these %d requests, with 403: the partner has no scope for the type", refused, len(pulled))
	}
	types := map[string]int{}
	for r := range came {
		types[r.Type]++
	}
	a.say("   released: %d resources: %s", len(came), counts(types))
	a.account(preview, came)
	return patient, nil
}

// preview decides over the chart beside the requests, since no partner is ever told a reason.
func (a *storyPartner) preview(client practice.ClientKey) (*release.Preview, error) {
	purpose := ""
	if len(a.partner.Purposes) > 0 {
		purpose = a.partner.Purposes[0]
	}
	r, err := a.demo.requesterFor(a.ctx, a.partner.ID, purpose, client)
	if err != nil {
		return nil, err
	}
	return a.demo.service.Preview(a.ctx, r, smart.Search, client)
}

// fate is what became of a resource, and why.
type fate struct{ what, reason, consent, provision string }

// account says of every resource of the chart what became of it: the numbers add up to the chart.
func (a *storyPartner) account(p *release.Preview, came map[fhir.Reference]bool) {
	fates, noted := a.fates(p, came), map[string]bool{}
	a.say("   what became of the %d resources of the client's chart, and why:", len(p.Lines))
	for _, f := range slices.SortedFunc(maps.Keys(fates), func(x, y fate) int {
		return cmp.Or(cmp.Compare(order(x.what), order(y.what)), cmp.Compare(sum(fates[y]), sum(fates[x])), strings.Compare(fmt.Sprint(x), fmt.Sprint(y)))
	}) {
		a.say("   %5d %-9s  %-11s  %s: %s", sum(fates[f]), f.what, f.reason, f.why(), counts(fates[f]))
		noted[f.what] = true
	}
	if noted[inPart] {
		a.say("   in part: of the client no more than who it is about; of a Consent an extract of what it permits this partner")
	}
	if noted[keptBack] {
		a.say("   kept back: a Consent by which nothing leaves, people and organisations to whom nothing released refers, and what would be incomplete")
	}
}

// fates counts the resources of each type by what became of them and why.
func (a *storyPartner) fates(p *release.Preview, came map[fhir.Reference]bool) map[fate]map[string]int {
	fates := map[fate]map[string]int{}
	a.permitting = nil
	for _, l := range p.Lines {
		f := fate{leaves(l, came[fhir.Reference{Type: l.Facts.Type, ID: l.Facts.ID}]), string(l.Decision.Reason), "", l.Decision.Provision}
		if l.Decision.Consent != (fhir.Reference{}) {
			f.consent = shortRef(l.Decision.Consent)
		}
		if l.Decision.Release && f.consent != "" && !slices.Contains(a.permitting, f.consent) {
			a.permitting = append(a.permitting, f.consent)
		}
		if fates[f] == nil {
			fates[f] = map[string]int{}
		}
		fates[f][l.Facts.Type]++
	}
	return fates
}

func order(what string) int {
	return slices.Index([]string{whole, inPart, keptBack, withheld}, what)
}

// why names the Consent and provision that decided, or what decided in their place.
func (f fate) why() string {
	if f.consent != "" {
		return "by " + strings.TrimSpace(f.consent+" "+f.provision)
	}
	switch consent.Reason(f.reason) {
	case consent.NoConsent:
		return "no active Consent permits it to this partner"
	case consent.Restriction:
		return "a restriction, which no Consent outweighs"
	case consent.Scope:
		return "the partner has no scope for it"
	}
	return "by rule"
}

func sum(of map[string]int) int {
	total := 0
	for _, n := range of {
		total += n
	}
	return total
}
