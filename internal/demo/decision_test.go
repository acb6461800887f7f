package demo_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/consentry/gateway/internal/demo"
	"github.com/consentry/gateway/internal/fhir"
	"github.com/consentry/gateway/internal/mapping"
	"github.com/consentry/gateway/internal/practice"
	"github.com/consentry/gateway/internal/release/consent"
	"github.com/consentry/gateway/internal/release/label"
	"github.com/consentry/gateway/internal/release/policy"
	"github.com/consentry/gateway/internal/release/stage"
	"github.com/consentry/gateway/internal/requester"
	"github.com/consentry/gateway/internal/smart"
	"github.com/consentry/gateway/profiles"
)

// deciding runs the maps, the label rules and the decision over the practice, without the rest of the gateway.
type deciding struct {
	mapped
	labels  *label.Rules
	reading *policy.Reading
	sets    map[fhir.Reference]policy.Set
	clients map[practice.ClientKey]fhir.Reference
	charts  map[practice.ClientKey]labeled
}

type labeled struct {
	chart []stage.Labeled
	ties  []mapping.Tie
}

func decidePractice(t *testing.T, clients int) *deciding {
	t.Helper()
	labels, err := label.Load(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := policy.LoadReading(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	d := &deciding{mapped: mapPractice(t, clients), labels: labels, reading: reading, sets: map[fhir.Reference]policy.Set{},
		clients: map[practice.ClientKey]fhir.Reference{}, charts: map[practice.ClientKey]labeled{}}
	d.readConsents(t)
	return d
}

func (d *deciding) readConsents(t *testing.T) {
	t.Helper()
	docs, err := d.maps.Consents(context.Background(), d.source, d.practice.Clients)
	if err != nil {
		t.Fatal(err)
	}
	policies := map[fhir.Reference][]*policy.Policy{}
	for _, doc := range docs {
		p, err := policy.Compile(doc.JSON, d.practice.Zone, d.reading)
		if err != nil {
			t.Fatalf("a Consent of client %s: %v", doc.Client, err)
		}
		policies[doc.Patient] = append(policies[doc.Patient], p)
	}
	for _, client := range d.practice.Clients {
		id, err := d.sealer.Seal("Patient", string(client), "patient", string(client))
		if err != nil {
			t.Fatal(err)
		}
		ref := fhir.Reference{Type: "Patient", ID: id}
		d.clients[client], d.sets[ref] = ref, policy.NewSet(policies[ref]...)
	}
}

func (d *deciding) chart(t *testing.T, client practice.ClientKey) labeled {
	t.Helper()
	if c, ok := d.charts[client]; ok {
		return c
	}
	chart, err := d.maps.Chart(context.Background(), d.source, client)
	if err != nil {
		t.Fatal(err)
	}
	c := labeled{d.labels.Apply(chart.Candidates), chart.Ties}
	d.charts[client] = c
	return c
}

// outcome is the decision for one record.
type outcome struct {
	*stage.Facts
	labels []fhir.Coding
	consent.Decision
}

func (o outcome) has(code string) bool {
	for _, l := range o.labels {
		if l.Code == code {
			return true
		}
	}
	return false
}

// ask decides what a partner gets of a client. practitioner is the NPI that its token claims, "" for none.
func (d *deciding) ask(t *testing.T, partner, practitioner string, client practice.ClientKey) []outcome {
	t.Helper()
	c := d.chart(t, client)
	in := consent.Input{Requester: requesterOf(t, partner, practitioner), Permission: smart.Read, Client: d.clients[client], Chart: c.chart, Policies: d.sets,
		Practice: []requester.Party{{Reference: d.maps.Practice()}}, Now: testNow, Zone: d.practice.Zone, Rules: d.reading}
	in.Related = d.related(t, c, in)
	var out []outcome
	for i, decision := range consent.Decide(in).Decisions {
		out = append(out, outcome{c.chart[i].Facts(), c.chart[i].Labels(), decision})
	}
	return out
}

// related says to which of the clients concerned the practice's own data tie the requester.
func (d *deciding) related(t *testing.T, c labeled, in consent.Input) map[fhir.Reference]bool {
	t.Helper()
	concerned := map[fhir.Reference]bool{in.Client: true}
	for _, l := range c.chart {
		for _, ref := range consent.Concerned(l.Facts(), in.Rules) {
			concerned[ref] = true
		}
	}
	related := map[fhir.Reference]bool{}
	for key, ref := range d.clients {
		if concerned[ref] {
			related[ref] = slices.ContainsFunc(d.chart(t, key).ties, func(tie mapping.Tie) bool { return slices.Contains(in.Requester.Organization.Identifiers, tie.To) })
		}
	}
	return related
}

func requesterOf(t *testing.T, id, practitioner string) *requester.Requester {
	t.Helper()
	for _, p := range demo.Partners() {
		if p.ID != id {
			continue
		}
		r := &requester.Requester{PartnerID: p.ID, Kind: requester.Kind(p.Kind), Scopes: smart.ParseScopes(p.Scopes)}
		for _, i := range p.Identifiers {
			r.Organization.Identifiers = append(r.Organization.Identifiers, fhir.Identifier(i))
		}
		for _, purpose := range p.Purposes {
			r.Registered = append(r.Registered, fhir.Coding{System: fhir.SystemActReason, Code: purpose})
		}
		r.Purposes = r.Registered[:1]
		if practitioner != "" {
			r.Practitioner = &requester.Party{Identifiers: []fhir.Identifier{{System: fhir.SystemNPI, Value: practitioner}}}
		}
		return r
	}
	t.Fatalf("no partner %s", id)
	return nil
}

// released counts the released records by type; of a Consent if one is given.
func released(outcomes []outcome, of fhir.Reference) map[string]int {
	types := map[string]int{}
	for _, o := range outcomes {
		if o.Release && (of == fhir.Reference{} || o.Consent == of) {
			types[o.Type]++
		}
	}
	return types
}

// formOf is the Consent that a signed form becomes.
func (d *deciding) formOf(t *testing.T, f demo.SignedForm, kind string) fhir.Reference {
	t.Helper()
	id, err := d.sealer.Seal("Consent", string(f.Client), kind, strconv.FormatInt(f.Release, 10))
	if err != nil {
		t.Fatal(err)
	}
	return fhir.Reference{Type: "Consent", ID: id}
}
